package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Squeeze: the same elements without some axes of size 1, or without all of them where axes is absent.
// data any, axes int64 [n] or absent.
// 1: axes is an attribute · 11: negative axes · 13: axes is an input · 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__Squeeze.html
//
// Unsqueeze: the same elements with axes of size 1 put in; axes count in the result. data any, axes int64 [n].
// 1: axes is an attribute · 11: negative axes · 13: axes is an input · 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__Unsqueeze.html

func squeezeFamily() []Meaning {
	up := map[int64]Rewrite{13: attrToInput("axes", 1)}
	return []Meaning{
		{
			Name: "Squeeze", Class: Exact, New: func(*Attrs) Op { return squeeze{} }, Upgrade: up,
			Downgrade: map[int64]Rewrite{11: positiveAxes(func(rank, _ int) int { return rank }), 13: inputToAttr("axes", 1)},
		},
		{
			Name: "Unsqueeze", Class: Exact, New: func(*Attrs) Op { return unsqueeze{} }, Upgrade: up,
			Downgrade: map[int64]Rewrite{11: positiveAxes(func(rank, n int) int { return rank + n }), 13: inputToAttr("axes", 1)},
		},
	}
}

// attrToInput moves a list of ints to an int64 input.
func attrToInput(name string, input int) Rewrite {
	return func(r *Rewriter) error {
		if a := r.Take(name); a != nil {
			r.SetInput(input, r.Const(name, onnx.FromInt64s(a.Ints)))
		}
		return r.Keep()
	}
}

// inputToAttr moves an int64 input, the last one, to a list of ints. It must be a constant.
func inputToAttr(name string, input int) Rewrite {
	return func(r *Rewriter) error {
		if r.Input(input) != "" {
			v, ok := r.Fact(input).KnownInts()
			if !ok {
				return fmt.Errorf("%s must be a constant there", name)
			}
			r.Set(onnx.AttrInts(name, slices.Clone(v)...))
		}
		r.Node.Inputs = r.Node.Inputs[:min(input, len(r.Node.Inputs))]
		return r.Keep()
	}
}

// positiveAxes is a downgrade to versions in which the attribute axes must not have negative numbers. rankOf gives the rank
// they count in, from the input's rank and how many there are.
func positiveAxes(rankOf func(rank, axes int) int) Rewrite {
	return func(r *Rewriter) error {
		a := r.Node.Attribute("axes")
		if a == nil || !slices.ContainsFunc(a.Ints, func(n int64) bool { return n < 0 }) {
			return r.Keep()
		}
		rank, err := r.Rank(0)
		if err != nil {
			return err
		}
		axes := slices.Clone(a.Ints)
		for i := range axes {
			if axes[i] < 0 {
				axes[i] += int64(rankOf(rank, len(axes)))
			}
		}
		r.Set(onnx.AttrInts("axes", axes...))
		return r.Keep()
	}
}

type squeeze struct{}

func (squeeze) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	dims, ok := x.Dims(), x.Ranked()
	if len(in) < 2 || in[1].Absent() {
		sizes, known := x.Sizes()
		if !known {
			return []Fact{Unranked(x.Elem())}, nil
		}
		sizes = slices.DeleteFunc(sizes, func(n int64) bool { return n == 1 })
		return []Fact{carryElems(x, Tensor(x.Elem(), onnx.FixedDims(sizes...)...))}, nil
	}
	if in[1].Ranked() && in[1].Rank() > 1 {
		return nil, fmt.Errorf("axes must be a vector")
	}
	axes, known := in[1].KnownInts()
	if !known || !ok {
		n, counted := in[1].Ints()
		if !ok || !counted {
			return []Fact{Unranked(x.Elem())}, nil
		}
		if len(n) > len(dims) {
			return nil, fmt.Errorf("%d axes are to go, the input has %d", len(n), len(dims))
		}
		return []Fact{Tensor(x.Elem(), unknownDims(len(dims)-len(n))...)}, nil
	}
	drop, err := axesOf(axes, len(dims))
	if err != nil {
		return nil, err
	}
	var kept []onnx.Dim
	for i, d := range dims {
		if !slices.Contains(drop, i) {
			kept = append(kept, d)
		} else if d.Known() && d.Value != 1 {
			return nil, fmt.Errorf("axis %d has size %d, only an axis of size 1 can go", i, d.Value)
		}
	}
	return []Fact{carryElems(x, Tensor(x.Elem(), kept...))}, nil
}

// carryElems keeps what is known of the elements where only the shape changes.
func carryElems(x, y Fact) Fact {
	if elems, ok := elemsOf(x); ok {
		return withElems(y, slices.Clone(elems))
	}
	return y
}

func (s squeeze) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) { return reshaped(s, env, in) }

func (squeeze) Specialize(_ Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	return copyStep(in[0].Elem())
}

// reshaped gives the first input in the shape that the operator infers.
func reshaped(op Op, env *Env, in []onnx.Value) ([]onnx.Value, error) {
	out, err := op.Infer(env, factsOf(in))
	if err != nil {
		return nil, err
	}
	sizes, _ := out[0].Sizes()
	return []onnx.Value{withDims(in[0].(*onnx.Tensor), sizes)}, nil
}

type unsqueeze struct{}

func (unsqueeze) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if in[1].Ranked() && in[1].Rank() > 1 {
		return nil, fmt.Errorf("axes must be a vector")
	}
	n, counted := in[1].Ints()
	if !x.Ranked() || !counted {
		return []Fact{Unranked(x.Elem())}, nil
	}
	dims := unknownDims(x.Rank() + len(n))
	axes, known := in[1].KnownInts()
	if !known {
		return []Fact{Tensor(x.Elem(), dims...)}, nil
	}
	put, err := axesOf(axes, len(dims))
	if err != nil {
		return nil, err
	}
	next := 0
	for i := range dims {
		if slices.Contains(put, i) {
			dims[i] = onnx.Fixed(1)
			continue
		}
		dims[i] = x.Dims()[next]
		next++
	}
	return []Fact{carryElems(x, Tensor(x.Elem(), dims...))}, nil
}

func (u unsqueeze) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) { return reshaped(u, env, in) }

func (unsqueeze) Specialize(_ Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	return copyStep(in[0].Elem())
}
