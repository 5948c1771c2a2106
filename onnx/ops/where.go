package ops

import (
	"github.com/gonyx/gonyx/onnx"
)

// Where: y = condition ? x : z, element by element. condition bool, x and z any of one type; the three broadcast.
// 9: first · 16: types.
// https://onnx.ai/onnx/operators/onnx__Where.html

func whereFamily() []Meaning {
	return []Meaning{{Name: "Where", Class: Exact, New: func(*Attrs) Op { return where{} }}}
}

type where struct{}

func (where) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := sameElems(in[1:]); err != nil {
		return nil, err
	}
	out, err := inferElementwise(elemOf(in[1:]), in)
	if err != nil {
		return nil, err
	}
	return []Fact{withElems(out, whereElems(in))}, nil
}

// whereElems follows shape vectors that are chosen from by a known condition.
func whereElems(in []Fact) []onnx.Dim {
	a, ok := elemsOf(in[1])
	b, ok2 := elemsOf(in[2])
	if !ok || !ok2 || in[0].Value == nil || in[0].Rank() > 1 {
		return nil
	}
	cond := in[0].Value.Bools()
	n := max(len(cond), len(a), len(b))
	if len(cond) == 0 || len(a) == 0 || len(b) == 0 {
		return nil
	}
	out := make([]onnx.Dim, n)
	for i := range out {
		from := b
		if cond[min(i, len(cond)-1)] {
			from = a
		}
		out[i] = from[min(i, len(from)-1)]
	}
	return out
}

func (where) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	shape, err := BroadcastSizes(t[0].Dims, t[1].Dims, t[2].Dims)
	if err != nil {
		return nil, err
	}
	y, err := env.newCells(t[1].Type, shape)
	if err != nil {
		return nil, err
	}
	cond, a, b := t[0].Bools(), cellsOf(t[1]), cellsOf(t[2])
	i := 0
	Walk(shape, func(at []int) {
		if cond[at[0]] {
			y.set(i, a, at[1], 1)
		} else {
			y.set(i, b, at[2], 1)
		}
		i++
	}, BroadcastStrides(t[0].Dims, shape), BroadcastStrides(t[1].Dims, shape), BroadcastStrides(t[2].Dims, shape))
	return []onnx.Value{y.tensor(shape)}, nil
}
