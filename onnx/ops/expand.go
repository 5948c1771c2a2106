package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Expand: a tensor repeated to the shape that its own and the one asked for broadcast to; a 1 in either gives way.
// input any, shape int64 [rank].
// 8: first · 13: types.
// https://onnx.ai/onnx/operators/onnx__Expand.html

func expandFamily() []Meaning {
	return []Meaning{{Name: "Expand", Class: Exact, New: func(*Attrs) Op { return expand{} }}}
}

type expand struct{}

func (expand) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if err := wantVector(in[1], "shape"); err != nil {
		return nil, err
	}
	if sizes, ok := in[1].KnownInts(); ok && slices.ContainsFunc(sizes, func(n int64) bool { return n < 0 }) {
		return nil, fmt.Errorf("shape %v has a negative size", sizes)
	}
	shape, ok := in[1].Ints()
	if !x.Ranked() || !ok {
		return []Fact{Unranked(x.Elem())}, nil
	}
	dims, err := BroadcastDims(x.Dims(), shape)
	if err != nil {
		return nil, err
	}
	return []Fact{Tensor(x.Elem(), dims...)}, nil
}

func (expand) strided(sizes, shape []int64) (strided, error) {
	dims, err := BroadcastSizes(sizes, shape)
	if err != nil {
		return strided{}, err
	}
	return strided{dims: dims, steps: BroadcastStrides(sizes, dims)}, nil
}

func (e expand) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	l, err := e.strided(x.Dims, in[1].(*onnx.Tensor).Int64s())
	if err != nil {
		return nil, err
	}
	y, err := l.eval(env, x)
	return []onnx.Value{y}, err
}

func (e expand) Specialize(_ Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	sizes, ok := in[0].Sizes()
	if !ok || consts[1] == nil {
		return Step{}, false
	}
	l, err := e.strided(sizes, consts[1].Int64s())
	if err != nil {
		return Step{}, false
	}
	return l.step(in[0].Elem())
}
