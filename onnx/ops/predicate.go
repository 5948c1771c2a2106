package ops

import (
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// IsNaN and IsInf: y = whether x is not a number, or infinite; IsInf may look for one sign only. x of floats, y bool of its shape.
// IsNaN 9 · 13, 20: types. IsInf 10 · 20: types.
// https://onnx.ai/onnx/operators/onnx__IsNaN.html

func predicateFamily() []Meaning {
	return []Meaning{
		{Name: "IsNaN", Class: Exact, New: func(*Attrs) Op { return predicate{math.IsNaN} }},
		{Name: "IsInf", Class: Exact, New: func(a *Attrs) Op {
			positive, negative := a.Bool("detect_positive"), a.Bool("detect_negative")
			return predicate{func(x float64) bool { return positive && math.IsInf(x, 1) || negative && math.IsInf(x, -1) }}
		}},
	}
}

type predicate struct{ f func(float64) bool }

func (predicate) Infer(_ *Env, in []Fact) ([]Fact, error) {
	out := Fact{Type: in[0].Type}
	out.Type.Elem = onnx.Bool
	return []Fact{out}, nil
}

func (p predicate) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	if !isFloat(x.Type) {
		return nil, unsupported(x.Type)
	}
	y, err := env.New(onnx.Bool, x.Dims...)
	if err != nil {
		return nil, err
	}
	read, out := floatReader(x), y.Bools()
	for i := range out {
		out[i] = p.f(read(i))
	}
	return []onnx.Value{y}, nil
}
