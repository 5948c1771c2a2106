package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// Transpose: y[i(perm₀), i(perm₁), …] = x[i₀, i₁, …]: axis k of the result is axis perm[k] of the input. Without perm the axes
// are reversed. data any.
// 1: first · 13, 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__Transpose.html

func transposeFamily() []Meaning {
	return []Meaning{{Name: "Transpose", Class: Exact, New: newTranspose}}
}

type transpose struct{ perm []int64 }

func newTranspose(a *Attrs) Op {
	t := transpose{perm: a.Ints("perm")}
	seen := make([]bool, len(t.perm))
	for _, p := range t.perm {
		if p < 0 || p >= int64(len(seen)) || seen[p] {
			a.Fail("attribute \"perm\": %v is not a permutation of 0 to %d", t.perm, len(t.perm)-1)
			break
		}
		seen[p] = true
	}
	return t
}

func (t transpose) order(rank int) ([]int64, error) {
	if t.perm == nil {
		perm := make([]int64, rank)
		for i := range perm {
			perm[i] = int64(rank - 1 - i)
		}
		return perm, nil
	}
	if len(t.perm) != rank {
		return nil, fmt.Errorf("perm %v has %d axes, the input %d", t.perm, len(t.perm), rank)
	}
	return t.perm, nil
}

func (t transpose) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if !x.Ranked() {
		if t.perm == nil {
			return []Fact{Unranked(x.Elem())}, nil
		}
		return []Fact{Tensor(x.Elem(), unknownDims(len(t.perm))...)}, nil
	}
	perm, err := t.order(x.Rank())
	if err != nil {
		return nil, err
	}
	dims := make([]onnx.Dim, len(perm))
	for i, p := range perm {
		dims[i] = x.Dims()[p]
	}
	return []Fact{Tensor(x.Elem(), dims...)}, nil
}

func (t transpose) strided(dims []int64) (strided, error) {
	perm, err := t.order(len(dims))
	if err != nil {
		return strided{}, err
	}
	l, steps := strided{dims: make([]int64, len(perm)), steps: make([]int, len(perm))}, Strides(dims)
	for i, p := range perm {
		l.dims[i], l.steps[i] = dims[p], steps[p]
	}
	return l, nil
}

func (t transpose) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	l, err := t.strided(x.Dims)
	if err != nil {
		return nil, err
	}
	y, err := l.eval(env, x)
	return []onnx.Value{y}, err
}

// Specialize runs float matrices, and stacks of them, on the kernels.
func (t transpose) Specialize(target Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	dims, _ := in[0].Sizes()
	l, err := t.strided(dims)
	if err != nil || count(dims) == 0 {
		return Step{}, false
	}
	m := l.merged()
	rows, cols := 0, 0
	switch {
	case in[0].Elem() != onnx.Float:
	case len(m.dims) == 2 && m.steps[0] == 1 && m.steps[1] == int(m.dims[0]):
		rows, cols = int(m.dims[1]), int(m.dims[0])
	case len(m.dims) == 3 && m.steps[1] == 1 && m.steps[2] == int(m.dims[1]) && m.steps[0] == int(m.dims[1]*m.dims[2]):
		rows, cols = int(m.dims[2]), int(m.dims[1])
	}
	if rows == 0 {
		return l.step(in[0].Elem())
	}
	return Step{Run: func(f *Frame) error {
		x, y := f.In[0].Float32s(), f.Out[0].Float32s()
		for n := rows * cols; len(x) > 0; x, y = x[n:], y[n:] {
			target.Set.Transpose(y[:n], x[:n], rows, cols)
		}
		return nil
	}}, true
}
