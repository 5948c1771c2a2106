package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// GatherElements: y[i…] = data[i…] with the index at axis replaced by indices[i…]; a negative one counts from the end.
// data any, indices int32 or int64 of the same rank, no larger than data along the other axes → the shape of indices.
// 11: first · 13: types.
// https://onnx.ai/onnx/operators/onnx__GatherElements.html
//
// GatherND: y[b…, i…, rest…] = data[b…, indices[b…, i…, :]…, rest…]: the last axis of indices holds positions in data.
// data any [b…, D…], indices int64 [b…, I…, k] → [b…, I…, D without the first k…].
// 11: first · 12: batch_dims · 13: types.
// https://onnx.ai/onnx/operators/onnx__GatherND.html

func gatherElementsFamily() []Meaning {
	return []Meaning{
		{Name: "GatherElements", Class: Exact, New: func(a *Attrs) Op { return gatherElements{axis: a.Int("axis")} }},
		{Name: "GatherND", Class: Exact, New: newGatherND},
	}
}

type gatherElements struct{ axis int64 }

func (g gatherElements) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := checkElements(in[0], in[1], g.axis); err != nil {
		return nil, err
	}
	y := Fact{Type: in[1].Type}
	y.Type.Elem = in[0].Elem()
	return []Fact{y}, nil
}

// checkElements holds indices that point along one axis against the data.
func checkElements(x, at Fact, axis int64) error {
	if !x.Ranked() || !at.Ranked() {
		return nil
	}
	if x.Rank() != at.Rank() {
		return fmt.Errorf("indices have %d axes, the data %d", at.Rank(), x.Rank())
	}
	k, err := Axis(axis, x.Rank())
	if err != nil {
		return err
	}
	for i, d := range at.Dims() {
		if have := x.Dims()[i]; i != k && d.Known() && have.Known() && d.Value > have.Value {
			return fmt.Errorf("indices have %d on axis %d, the data %d", d.Value, i, have.Value)
		}
	}
	if indices, ok := at.KnownInts(); ok && x.Dims()[k].Known() {
		return indicesWithin(indices, k, x.Dims()[k].Value)
	}
	return nil
}

func indicesWithin(indices []int64, axis int, size int64) error {
	for _, i := range indices {
		if i < -size || i >= size {
			return indexError(i, axis, size)
		}
	}
	return nil
}

func (g gatherElements) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x, at := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor)
	indices, err := IntsOf(at)
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(at.Dims)
	y, err := env.newCells(x.Type, dims)
	if err != nil {
		return nil, err
	}
	from, k := cellsOf(x), 0
	elementPlaces(x.Dims, at.Dims, g.axis, indices, func(place int) {
		y.set(k, from, place, 1)
		k++
	})
	return []onnx.Value{y.tensor(dims)}, nil
}

// elementPlaces hands on where in data of shape dims each of the indices points.
func elementPlaces(dims, at []int64, axis int64, indices []int64, f func(place int)) {
	steps := Strides(dims)
	axis0, _ := Axis(axis, len(dims))
	step := steps[axis0]
	steps[axis0] = 0
	k := 0
	Walk(at, func(offsets []int) {
		i := indices[k]
		if i < 0 {
			i += dims[axis0]
		}
		k++
		f(offsets[0] + int(i)*step)
	}, steps)
}

type gatherND struct{ batch int64 }

func newGatherND(a *Attrs) Op {
	g := gatherND{batch: a.Int("batch_dims")}
	if g.batch < 0 {
		a.Fail("attribute \"batch_dims\" is %d, want at least 0", g.batch)
	}
	return g
}

func (g gatherND) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x, at := in[0], in[1]
	if !x.Ranked() || !at.Ranked() {
		return []Fact{Unranked(x.Elem())}, nil
	}
	b := int(min(g.batch, 1<<20))
	if x.Rank() == 0 || at.Rank() == 0 || b >= x.Rank() || b >= at.Rank() {
		return nil, fmt.Errorf("data with %d axes and indices with %d do not go with batch_dims %d", x.Rank(), at.Rank(), g.batch)
	}
	for i := range b {
		if _, err := sameDim(x.Dims()[i], at.Dims()[i]); err != nil {
			return nil, fmt.Errorf("batch axis %d: %w", i, err)
		}
	}
	last := at.Dims()[at.Rank()-1]
	if !last.Known() {
		return []Fact{Unranked(x.Elem())}, nil
	}
	if err := checkND(x, at, b); err != nil {
		return nil, err
	}
	return []Fact{Tensor(x.Elem(), slices.Concat(at.Dims()[:at.Rank()-1], x.Dims()[b+int(last.Value):])...)}, nil
}

// checkND holds indices whose last axis, of a known size, are positions in data against the data.
func checkND(x, at Fact, batch int) error {
	k := at.Dims()[at.Rank()-1].Value
	if k < 1 || k > int64(x.Rank()-batch) {
		return fmt.Errorf("the last axis of indices has size %d, want 1 to %d", k, x.Rank()-batch)
	}
	indices, ok := at.KnownInts()
	if !ok {
		return nil
	}
	for n, i := range indices {
		axis := batch + n%int(k)
		if d := x.Dims()[axis]; d.Known() && (i < -d.Value || i >= d.Value) {
			return indexError(i, axis, d.Value)
		}
	}
	return nil
}

// placesND hands on, for every position in indices, where in data of shape dims the block of it starts.
func placesND(dims []int64, at *onnx.Tensor, batch int, f func(n, place int)) {
	indices, k := at.Int64s(), int(at.Dims[len(at.Dims)-1])
	steps := Strides(dims)
	positions := count(at.Dims[:len(at.Dims)-1])
	perBatch := count(at.Dims[batch : len(at.Dims)-1])
	block := count(dims[batch:])
	for n := range positions {
		place := n / perBatch * block
		for j, i := range indices[n*k : (n+1)*k] {
			if i < 0 {
				i += dims[batch+j]
			}
			place += int(i) * steps[batch+j]
		}
		f(n, place)
	}
}

func (g gatherND) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x, at := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor)
	last, b := len(at.Dims)-1, int(g.batch)
	rest := x.Dims[b+int(at.Dims[last]):]
	dims := slices.Concat(at.Dims[:last], rest)
	y, err := env.newCells(x.Type, dims)
	if err != nil {
		return nil, err
	}
	from, block := cellsOf(x), count(rest)
	placesND(x.Dims, at, b, func(n, place int) { y.set(n*block, from, place, block) })
	return []onnx.Value{y.tensor(dims)}, nil
}
