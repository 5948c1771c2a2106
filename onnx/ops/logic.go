package ops

import (
	"github.com/gonyx/gonyx/onnx"
)

// And, Or, Xor: y = a op b, element by element, of bool tensors that broadcast. Not: y = !x.
// 1: limited broadcasting by attribute · 7: NumPy's broadcasting. Not 1.
// https://onnx.ai/onnx/operators/onnx__And.html

func logicFamily() []Meaning {
	binary := func(name string, f func(a, b bool) bool) Meaning {
		return Meaning{Name: name, Class: Exact, New: func(*Attrs) Op { return logic{f} }, Upgrade: map[int64]Rewrite{7: broadcastUp7},
			Downgrade: map[int64]Rewrite{7: broadcastDown7}}
	}
	return []Meaning{
		binary("And", func(a, b bool) bool { return a && b }),
		binary("Or", func(a, b bool) bool { return a || b }),
		binary("Xor", func(a, b bool) bool { return a != b }),
		{Name: "Not", Class: Exact, New: func(*Attrs) Op { return not{} }},
	}
}

type logic struct{ f func(a, b bool) bool }

func (l logic) Infer(_ *Env, in []Fact) ([]Fact, error) {
	out, err := inferElementwise(onnx.Bool, in)
	return []Fact{out}, err
}

func (l logic) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	y, err := broadcastNew(env, onnx.Bool, t)
	if err != nil {
		return nil, err
	}
	a, b, out := t[0].Bools(), t[1].Bools(), y.Bools()
	i := 0
	Walk(y.Dims, func(at []int) {
		out[i] = l.f(a[at[0]], b[at[1]])
		i++
	}, BroadcastStrides(t[0].Dims, y.Dims), BroadcastStrides(t[1].Dims, y.Dims))
	return []onnx.Value{y}, nil
}

type not struct{}

func (not) Infer(_ *Env, in []Fact) ([]Fact, error) { return []Fact{{Type: in[0].Type}}, nil }

func (not) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	y, err := env.New(onnx.Bool, x.Dims...)
	if err != nil {
		return nil, err
	}
	out := y.Bools()
	for i, b := range x.Bools() {
		out[i] = !b
	}
	return []onnx.Value{y}, nil
}
