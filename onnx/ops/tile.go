package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Tile: a tensor repeated along each axis, as a whole. input any [d…], repeats int64 [rank] → [d·repeats…].
// 1: tiles along one axis, both inputs · 6: repeats · 13: types.
// https://onnx.ai/onnx/operators/onnx__Tile.html

func tileFamily() []Meaning {
	return []Meaning{{Name: "Tile", Class: Exact, New: func(*Attrs) Op { return tile{} }, Upgrade: map[int64]Rewrite{6: tileUp6},
		Downgrade: map[int64]Rewrite{6: tileDown6}}}
}

type tile struct{}

func (tile) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if err := wantVector(in[1], "repeats"); err != nil {
		return nil, err
	}
	n, counted := in[1].Ints()
	repeats, known := in[1].KnownInts()
	if known && slices.ContainsFunc(repeats, func(n int64) bool { return n < 0 }) {
		return nil, fmt.Errorf("repeats %v has a negative number", repeats)
	}
	if !x.Ranked() {
		return []Fact{Unranked(x.Elem())}, nil
	}
	if counted && len(n) != x.Rank() {
		return nil, fmt.Errorf("repeats has %d numbers, the input %d axes", len(n), x.Rank())
	}
	dims := unknownDims(x.Rank())
	for i, d := range x.Dims() {
		switch {
		case !counted:
		case d.Known() && n[i].Known():
			total, err := onnx.Elements([]int64{d.Value, n[i].Value})
			if err != nil {
				return nil, err
			}
			dims[i] = onnx.Fixed(total)
		case n[i] == onnx.Fixed(1):
			dims[i] = d
		case d == onnx.Fixed(1):
			dims[i] = n[i]
		}
	}
	return []Fact{Tensor(x.Elem(), dims...)}, nil
}

// strided walks each axis as two, the repeats and the input's own.
func (tile) strided(sizes, repeats []int64) (l strided, dims []int64) {
	steps := Strides(sizes)
	for i, d := range sizes {
		l.dims, l.steps = append(l.dims, repeats[i], d), append(l.steps, 0, steps[i])
		dims = append(dims, repeats[i]*d)
	}
	return l, dims
}

func (t tile) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	l, dims := t.strided(x.Dims, in[1].(*onnx.Tensor).Int64s())
	y, err := l.eval(env, x)
	if err != nil {
		return nil, err
	}
	return []onnx.Value{withDims(y, slices.Clone(dims))}, nil
}

func (t tile) Specialize(_ Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	sizes, ok := in[0].Sizes()
	if !ok || consts[1] == nil {
		return Step{}, false
	}
	l, _ := t.strided(sizes, consts[1].Int64s())
	return l.step(in[0].Elem())
}

// tileUp6 writes tiles along one axis as repeats of all.
func tileUp6(r *Rewriter) error {
	tiles, axis := r.Fact(1).Value, r.Fact(2).Value
	if !r.Fact(0).Ranked() || tiles == nil || axis == nil {
		return fmt.Errorf("tiles and axis: %w", errUnknown)
	}
	n, err := oneNumber(tiles)
	if err != nil {
		return fmt.Errorf("tiles: %w", err)
	}
	a, err := oneNumber(axis)
	if err != nil {
		return fmt.Errorf("axis: %w", err)
	}
	k, err := Axis(int64(a), r.Fact(0).Rank())
	if err != nil {
		return err
	}
	repeats := make([]int64, r.Fact(0).Rank())
	for i := range repeats {
		repeats[i] = 1
	}
	repeats[k] = int64(n)
	r.Node.Inputs = []string{r.Input(0), r.Const("repeats", onnx.FromInt64s(repeats))}
	return r.Keep()
}

// tileDown6 writes repeats as one node for each axis that is repeated.
func tileDown6(r *Rewriter) error {
	repeats, ok := r.Fact(1).KnownInts()
	if !ok {
		return fmt.Errorf("repeats must be a constant there")
	}
	var axes []int
	for i, n := range repeats {
		if n != 1 {
			axes = append(axes, i)
		}
	}
	if axes == nil {
		axes = []int{0}
	}
	if len(repeats) == 0 {
		return fmt.Errorf("a scalar cannot be repeated there")
	}
	x, elem := r.Input(0), r.Fact(0).Elem()
	for i, axis := range axes {
		times, err := scalarOf(elem, float32(repeats[axis]))
		if err != nil {
			return err
		}
		along, err := scalarOf(elem, float32(axis))
		if err != nil {
			return err
		}
		in := []string{x, r.Const("tiles", times), r.Const("axis", along)}
		if i == len(axes)-1 {
			r.EmitTo(r.Node.Outputs[0], "Tile", in)
			break
		}
		x = r.Emit("Tile", in)
	}
	return nil
}

// oneNumber reads the one element of a tensor.
func oneNumber(t *onnx.Tensor) (float64, error) {
	if t.Len() != 1 {
		return 0, fmt.Errorf("%v has not one element", t)
	}
	switch t.Type {
	case onnx.Float:
		return float64(t.Float32s()[0]), nil
	case onnx.Double:
		return t.Float64s()[0], nil
	}
	v, err := IntsOf(t)
	if err != nil {
		return 0, err
	}
	return float64(v[0]), nil
}
