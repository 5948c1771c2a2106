package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// GlobalAveragePool, GlobalMaxPool, GlobalLpPool: the mean, the greatest, the p-norm of every channel.
// X float [batch, channels, spatial…] → Y [batch, channels, 1…].
// 1: first (GlobalLpPool: p is a float) · 2: GlobalLpPool: p is an int · 22: types.
// https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html, …GlobalMaxPool.html, …GlobalLpPool.html

func globalPoolFamily() []Meaning {
	return []Meaning{
		{Name: "GlobalAveragePool", Class: Rounds, New: func(*Attrs) Op {
			return globalPool{func(w window) Op { return averagePool{window: w} }}
		}},
		{Name: "GlobalMaxPool", Class: Exact, New: func(*Attrs) Op {
			return globalPool{func(w window) Op { return maxPool{window: w} }}
		}},
		{Name: "GlobalLpPool", Class: Rounds, New: func(a *Attrs) Op {
			p := readP(a)
			return globalPool{func(w window) Op { return lpPool{window: w, p: p} }}
		}, Upgrade: map[int64]Rewrite{2: floatPUp}, Downgrade: map[int64]Rewrite{2: floatPDown}},
	}
}

// globalPool is a pooling whose kernel is the whole plane.
type globalPool struct{ pool func(w window) Op }

// over gives the pooling for an input, or false where a spatial size is not known.
func (g globalPool) over(x Fact) (Op, bool) {
	sizes, ok := Fact{Type: onnx.TensorType(x.Elem(), x.Dims()[2:]...)}.Sizes()
	if !ok {
		return nil, false
	}
	return g.pool(window{autoPad: "NOTSET", kernel: sizes}), true
}

func (g globalPool) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if !x.Ranked() {
		return []Fact{Unranked(x.Elem())}, nil
	}
	if x.Rank() < 3 {
		return nil, fmt.Errorf("the input has %d axes, want [batch, channels, spatial…]", x.Rank())
	}
	dims := make([]onnx.Dim, x.Rank())
	copy(dims, x.Dims()[:2])
	for i := 2; i < len(dims); i++ {
		if d := x.Dims()[i]; d.Known() && d.Value == 0 {
			return nil, fmt.Errorf("axis %d is empty", i)
		}
		dims[i] = onnx.Fixed(1)
	}
	return []Fact{Tensor(x.Elem(), dims...)}, nil
}

func (g globalPool) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	op, _ := g.over(FactOf(in[0]))
	out, err := op.Eval(env, in)
	if err != nil {
		return nil, err
	}
	return out[:1], nil
}

func (g globalPool) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	if op, ok := g.over(in[0]); ok {
		if s, ok := op.(Specializer); ok {
			return s.Specialize(t, in, consts)
		}
	}
	return Step{}, false
}
