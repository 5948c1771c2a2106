package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// OneHot: for each index a vector along a new axis, values[1] where the index is and values[0] elsewhere; all values[0] for an index outside
// -depth to depth-1. indices numbers, depth a number, values any [2] → the shape of indices with depth put in at axis.
// 9: first · 11: negative axes.
// https://onnx.ai/onnx/operators/onnx__OneHot.html

func oneHotFamily() []Meaning {
	return []Meaning{{Name: "OneHot", Class: Exact, New: func(a *Attrs) Op { return oneHot{axis: a.Int("axis")} }}}
}

type oneHot struct{ axis int64 }

func (o oneHot) Infer(_ *Env, in []Fact) ([]Fact, error) {
	indices, depth, values := in[0], in[1], in[2]
	if err := wantOne(depth, "depth"); err != nil {
		return nil, err
	}
	if err := wantVector(values, "values"); err != nil {
		return nil, err
	}
	if values.Ranked() {
		if d := values.Dims()[0]; d.Known() && d.Value != 2 {
			return nil, fmt.Errorf("values has %d elements, want 2", d.Value)
		}
	}
	if !indices.Ranked() {
		return []Fact{Unranked(values.Elem())}, nil
	}
	axis, err := Axis(o.axis, indices.Rank()+1)
	if err != nil {
		return nil, err
	}
	size := onnx.UnknownDim()
	if depth.Value != nil {
		n, err := depthOf(depth.Value)
		if err != nil {
			return nil, err
		}
		size = onnx.Fixed(n)
	} else if d, ok := elemsOf(depth); ok && len(d) == 1 {
		size = d[0]
	}
	return []Fact{Tensor(values.Elem(), slices.Insert(slices.Clone(indices.Dims()), axis, size)...)}, nil
}

func depthOf(t *onnx.Tensor) (int64, error) {
	v, err := wholeNumbers(t)
	if err != nil {
		return 0, err
	}
	if len(v) != 1 || v[0] < 0 {
		return 0, fmt.Errorf("depth %v is not a size", v)
	}
	return v[0], nil
}

// wholeNumbers reads any tensor of numbers as whole ones; what lies beyond int64 becomes its end.
func wholeNumbers(t *onnx.Tensor) ([]int64, error) {
	v := make([]int64, t.Len())
	switch t.Type {
	case onnx.Float:
		for i, x := range t.Float32s() {
			v[i] = wholeFloat(float64(x))
		}
	case onnx.Double:
		for i, x := range t.Float64s() {
			v[i] = wholeFloat(x)
		}
	case onnx.Int8:
		wholeOf[int8](v, t)
	case onnx.Int16:
		wholeOf[int16](v, t)
	case onnx.Int32:
		wholeOf[int32](v, t)
	case onnx.Int64:
		wholeOf[int64](v, t)
	case onnx.Uint8:
		wholeOf[uint8](v, t)
	case onnx.Uint16:
		wholeOf[uint16](v, t)
	case onnx.Uint32:
		wholeOf[uint32](v, t)
	case onnx.Uint64:
		for i, x := range onnx.View[uint64](t) {
			v[i] = int64(min(x, 1<<63-1))
		}
	default:
		return nil, unsupported(t.Type)
	}
	return v, nil
}

func wholeOf[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](v []int64, t *onnx.Tensor) {
	for i, x := range onnx.View[T](t) {
		v[i] = int64(x)
	}
}

// wholeFloat cuts off what is behind the point. NaN becomes the least number, which is in no range.
func wholeFloat(x float64) int64 {
	switch {
	case x >= 1<<63:
		return 1<<63 - 1
	case x > -(1 << 63):
		return int64(x)
	}
	return -1 << 63
}

func (o oneHot) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	at, values := in[0].(*onnx.Tensor), cellsOf(in[2].(*onnx.Tensor))
	depth, err := depthOf(in[1].(*onnx.Tensor))
	if err != nil {
		return nil, err
	}
	indices, err := wholeNumbers(at)
	if err != nil {
		return nil, err
	}
	axis, err := Axis(o.axis, len(at.Dims)+1)
	if err != nil {
		return nil, err
	}
	dims := slices.Insert(slices.Clone(at.Dims), axis, depth)
	y, err := env.newCells(values.elem, dims)
	if err != nil {
		return nil, err
	}
	y.fill(values)
	block := count(at.Dims[axis:])
	for k, i := range indices {
		if i < 0 {
			i += depth
		}
		if i >= 0 && i < depth {
			y.set((k/block*int(depth)+int(i))*block+k%block, values, 1, 1)
		}
	}
	return []onnx.Value{y.tensor(dims)}, nil
}
