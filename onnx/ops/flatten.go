package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// Flatten: the same elements as a matrix; the axes before axis become its rows, the others its columns.
// input any [d₀…] → [d₀·…·d(axis-1), d(axis)·…]. axis is from -rank to rank.
// 1: first · 11: a negative axis · 9, 13, 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__Flatten.html

func flattenFamily() []Meaning {
	return []Meaning{{
		Name: "Flatten", Class: Exact,
		New:       func(a *Attrs) Op { return flatten{axis: a.Int("axis")} },
		Downgrade: map[int64]Rewrite{11: positiveAxis(1)},
	}}
}

type flatten struct{ axis int64 }

func (f flatten) cut(rank int) (int, error) {
	axis := f.axis
	if axis < 0 {
		axis += int64(rank)
	}
	if axis < 0 || axis > int64(rank) {
		return 0, fmt.Errorf("axis %d is not from %d to %d", f.axis, -rank, rank)
	}
	return int(axis), nil
}

func (f flatten) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if !x.Ranked() {
		return []Fact{Tensor(x.Elem(), unknownDims(2)...)}, nil
	}
	axis, err := f.cut(x.Rank())
	if err != nil {
		return nil, err
	}
	return []Fact{Tensor(x.Elem(), productDim(x.Dims()[:axis]), productDim(x.Dims()[axis:]))}, nil
}

func (f flatten) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	axis, err := f.cut(len(x.Dims))
	if err != nil {
		return nil, err
	}
	return []onnx.Value{withDims(x, []int64{int64(count(x.Dims[:axis])), int64(count(x.Dims[axis:]))})}, nil
}

func (f flatten) Specialize(_ Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	return copyStep(in[0].Elem())
}

// positiveAxis is a downgrade to versions in which the attribute axis must not be negative. def is its default.
func positiveAxis(def int64) Rewrite {
	return func(r *Rewriter) error {
		a := r.Node.Attribute("axis")
		if a == nil && def >= 0 || a != nil && a.Int >= 0 {
			return r.Keep()
		}
		axis := def
		if a != nil {
			axis = a.Int
		}
		rank, err := r.Rank(0)
		if err != nil {
			return err
		}
		r.Set(onnx.AttrInt("axis", axis+int64(rank)))
		return r.Keep()
	}
}
