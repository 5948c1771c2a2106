package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// ScatterElements: data with y[i…, with indices[i…] at axis] = updates[i…], or added, multiplied, the smaller or greater of both by
// reduction. data any, indices int32 or int64 and updates of one shape, no larger than data along the other axes.
// 11: first · 16: reduction add, mul · 18: min, max · 13: types. Scatter-9 is its older name.
// https://onnx.ai/onnx/operators/onnx__ScatterElements.html
//
// ScatterND: data with y[indices[i…, :]…, rest…] = updates[i…, rest…], or reduced.
// data any [D…], indices int64 [I…, k], updates [I…, D without the first k…].
// 11: first · 16: reduction add, mul · 18: min, max · 13: types.
// https://onnx.ai/onnx/operators/onnx__ScatterND.html
//
// Where an element is written more than once without a reduction, which write counts is not defined; here the last does.

func scatterFamily() []Meaning {
	reductionDown := map[int64]Rewrite{18: reductionDown18}
	return []Meaning{
		{
			Name: "ScatterElements", Class: Rounds, Downgrade: map[int64]Rewrite{11: scatterDown11, 18: reductionDown18},
			New: func(a *Attrs) Op { return scatterElements{axis: a.Int("axis"), reduction: readReduction(a)} },
		},
		{
			Name: "ScatterND", Class: Rounds, Downgrade: reductionDown,
			New: func(a *Attrs) Op { return scatterND{readReduction(a)} },
		},
		{
			Name: "Scatter", Class: Exact,
			Upgrade: map[int64]Rewrite{11: func(r *Rewriter) error { return r.Replace("ScatterElements") }},
		},
	}
}

func readReduction(a *Attrs) string { return a.OneOf("reduction", "none", "add", "mul", "min", "max") }

func reductionDown18(r *Rewriter) error {
	if a := r.Node.Attribute("reduction"); a != nil && (string(a.Str) == "min" || string(a.Str) == "max") {
		return fmt.Errorf("reduction %s is not there yet", a.Str)
	}
	return r.Keep()
}

func scatterDown11(r *Rewriter) error { return r.Replace("Scatter") }

type scatterElements struct {
	axis      int64
	reduction string
}

func (s scatterElements) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := checkElements(in[0], in[1], s.axis); err != nil {
		return nil, err
	}
	if in[1].Ranked() && in[2].Ranked() {
		if in[1].Rank() != in[2].Rank() {
			return nil, fmt.Errorf("updates have %d axes, the indices %d", in[2].Rank(), in[1].Rank())
		}
		for i, d := range in[2].Dims() {
			if _, err := sameDim(d, in[1].Dims()[i]); err != nil {
				return nil, fmt.Errorf("updates and indices: axis %d: %w", i, err)
			}
		}
	}
	return []Fact{{Type: in[0].Type}}, nil
}

func (s scatterElements) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x, at, updates := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor), in[2].(*onnx.Tensor)
	indices, err := IntsOf(at)
	if err != nil {
		return nil, err
	}
	places := make([]int, 0, len(indices))
	elementPlaces(x.Dims, at.Dims, s.axis, indices, func(place int) { places = append(places, place) })
	return scatterTo(env, x, updates, places, 1, s.reduction)
}

type scatterND struct{ reduction string }

func (s scatterND) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x, at, updates := in[0], in[1], in[2]
	out := []Fact{{Type: x.Type}}
	if !x.Ranked() || !at.Ranked() {
		return out, nil
	}
	if x.Rank() == 0 || at.Rank() == 0 {
		return nil, fmt.Errorf("data and indices must have axes")
	}
	last := at.Dims()[at.Rank()-1]
	if !last.Known() {
		return out, nil
	}
	if err := checkND(x, at, 0); err != nil {
		return nil, err
	}
	want := slices.Concat(at.Dims()[:at.Rank()-1], x.Dims()[last.Value:])
	if !updates.Ranked() {
		return out, nil
	}
	if updates.Rank() != len(want) {
		return nil, fmt.Errorf("updates have %d axes, want %s", updates.Rank(), onnx.ShapeString(want))
	}
	for i, d := range updates.Dims() {
		if _, err := sameDim(d, want[i]); err != nil {
			return nil, fmt.Errorf("updates are %s, want %s", onnx.ShapeString(updates.Dims()), onnx.ShapeString(want))
		}
	}
	return out, nil
}

func (s scatterND) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x, at, updates := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor), in[2].(*onnx.Tensor)
	block := count(x.Dims[at.Dims[len(at.Dims)-1]:])
	var places []int
	placesND(x.Dims, at, 0, func(_, place int) { places = append(places, place) })
	return scatterTo(env, x, updates, places, block, s.reduction)
}

// scatterTo writes blocks of updates to their places in a copy of x.
func scatterTo(env *Env, x, updates *onnx.Tensor, places []int, block int, reduction string) ([]onnx.Value, error) {
	dims := slices.Clone(x.Dims)
	out, err := env.newCells(x.Type, dims)
	if err != nil {
		return nil, err
	}
	out.set(0, cellsOf(x), 0, x.Len())
	if reduction == "none" {
		from := cellsOf(updates)
		for n, place := range places {
			out.set(place, from, n*block, block)
		}
		return []onnx.Value{out.tensor(dims)}, nil
	}
	y := out.tensor(dims)
	if isHalf(x.Type) {
		halfAt(y, updates, places, block, reduction)
		return []onnx.Value{y}, nil
	}
	switch x.Type {
	case onnx.Float:
		reduceAt[float32](y, updates, places, block, reduction)
	case onnx.Double:
		reduceAt[float64](y, updates, places, block, reduction)
	case onnx.Int8:
		reduceAt[int8](y, updates, places, block, reduction)
	case onnx.Int16:
		reduceAt[int16](y, updates, places, block, reduction)
	case onnx.Int32:
		reduceAt[int32](y, updates, places, block, reduction)
	case onnx.Int64:
		reduceAt[int64](y, updates, places, block, reduction)
	case onnx.Uint8:
		reduceAt[uint8](y, updates, places, block, reduction)
	case onnx.Uint16:
		reduceAt[uint16](y, updates, places, block, reduction)
	case onnx.Uint32:
		reduceAt[uint32](y, updates, places, block, reduction)
	case onnx.Uint64:
		reduceAt[uint64](y, updates, places, block, reduction)
	default:
		return nil, fmt.Errorf("reduction %s of element type %v is %w", reduction, x.Type, ErrUnsupported)
	}
	return []onnx.Value{y}, nil
}

func reduceAt[T float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](yt, ut *onnx.Tensor, places []int, block int, reduction string) {
	y, u := onnx.View[T](yt), onnx.View[T](ut)
	for n, place := range places {
		for i := range block {
			y[place+i] = reduced(y[place+i], u[n*block+i], reduction)
		}
	}
}

// halfAt rounds after every step, as the element type itself would.
func halfAt(yt, ut *onnx.Tensor, places []int, block int, reduction string) {
	y, u := onnx.View[uint16](yt), onnx.View[uint16](ut)
	for n, place := range places {
		for i := range block {
			a, b := halfValue(y[place+i], yt.Type), halfValue(u[n*block+i], yt.Type)
			y[place+i] = narrowHalf(float64(reduced(a, b, reduction)), yt.Type)
		}
	}
}

func reduced[T float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](a, b T, reduction string) T {
	switch reduction {
	case "add":
		return a + b
	case "mul":
		return a * b
	case "min":
		return min(a, b)
	}
	return max(a, b)
}
