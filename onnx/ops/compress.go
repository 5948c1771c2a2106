package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Compress: the slices along an axis, or without one the elements in order, whose condition is true.
// input any, condition bool [n], n no larger than the axis → count along axis, or [count].
// 9: first · 11: a negative axis.
// https://onnx.ai/onnx/operators/onnx__Compress.html

func compressFamily() []Meaning {
	return []Meaning{{Name: "Compress", Class: Exact, New: func(a *Attrs) Op {
		return compress{axis: a.IntOr("axis", 0), flat: !a.Has("axis")}
	}}}
}

type compress struct {
	axis int64
	flat bool
}

func (c compress) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x, cond := in[0], in[1]
	if err := wantVector(cond, "condition"); err != nil {
		return nil, err
	}
	size, whole := onnx.UnknownDim(), onnx.UnknownDim()
	dims := []onnx.Dim{size}
	axis := 0
	if c.flat && x.Ranked() {
		whole = productDim(x.Dims())
	}
	if !c.flat {
		if !x.Ranked() {
			return []Fact{Unranked(x.Elem())}, nil
		}
		var err error
		if axis, err = Axis(c.axis, x.Rank()); err != nil {
			return nil, err
		}
		dims = slices.Clone(x.Dims())
		whole = dims[axis]
	}
	if cond.Value != nil && cond.Elem() == onnx.Bool {
		n := int64(0)
		for i, b := range cond.Value.Bools() {
			if b {
				n++
				if whole.Known() && int64(i) >= whole.Value {
					return nil, fmt.Errorf("condition %d is true, and there are %d elements", i, whole.Value)
				}
			}
		}
		size = onnx.Fixed(n)
	}
	dims[axis] = size
	return []Fact{Tensor(x.Elem(), dims...)}, nil
}

func (c compress) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x, cond := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor).Bools()
	if c.flat {
		x = withDims(x, []int64{int64(x.Len())})
	}
	var at []int64
	for i, b := range cond {
		if b {
			at = append(at, int64(i))
		}
	}
	return gather{axis: c.axis}.Eval(env, []onnx.Value{x, onnx.FromInt64s(at, int64(len(at)))})
}
