package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// CumSum, CumProd: y[i] = the sum or product of x[0] to x[i] along an axis; from the end with reverse; without x[i] itself with
// exclusive. x and y of one shape; axis int32 or int64, one element. Floats are summed in float64, integers wrap.
// CumSum 11 · 14: types. CumProd 26.
// https://onnx.ai/onnx/operators/onnx__CumSum.html

func cumSumFamily() []Meaning {
	one := func(name string, product bool) Meaning {
		return Meaning{Name: name, Class: Rounds, New: func(a *Attrs) Op {
			return cumulative{exclusive: a.Bool("exclusive"), reverse: a.Bool("reverse"), product: product}
		}}
	}
	return []Meaning{one("CumSum", false), one("CumProd", true)}
}

type cumulative struct{ exclusive, reverse, product bool }

func (c cumulative) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := wantOne(in[1], "axis"); err != nil {
		return nil, err
	}
	if axis, ok := in[1].KnownInts(); ok && in[0].Ranked() {
		if _, err := Axis(axis[0], in[0].Rank()); err != nil {
			return nil, err
		}
	}
	return []Fact{{Type: in[0].Type}}, nil
}

func (c cumulative) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	if isHalf(x.Type) {
		return throughFloat(env, c, in)
	}
	list, err := IntsOf(in[1].(*onnx.Tensor))
	if err != nil {
		return nil, fmt.Errorf("axis: %w", err)
	}
	axis, err := Axis(list[0], len(x.Dims))
	if err != nil {
		return nil, err
	}
	y, err := env.New(x.Type, x.Dims...)
	if err != nil {
		return nil, err
	}
	switch x.Type {
	case onnx.Float:
		accumulate[float32, float64](c, y, x, axis)
	case onnx.Double:
		accumulate[float64, float64](c, y, x, axis)
	case onnx.Int32:
		accumulate[int32, int64](c, y, x, axis)
	case onnx.Int64:
		accumulate[int64, int64](c, y, x, axis)
	case onnx.Uint32:
		accumulate[uint32, uint64](c, y, x, axis)
	case onnx.Uint64:
		accumulate[uint64, uint64](c, y, x, axis)
	default:
		return nil, unsupported(x.Type)
	}
	return []onnx.Value{y}, nil
}

func accumulate[T number, W wide](c cumulative, yt, xt *onnx.Tensor, axis int) {
	y, x := onnx.View[T](yt), onnx.View[T](xt)
	n, inner := int(xt.Dims[axis]), count(xt.Dims[axis+1:])
	if len(x) == 0 {
		return
	}
	for line := range len(x) / n {
		first := line/inner*n*inner + line%inner
		acc := W(0)
		if c.product {
			acc = 1
		}
		for k := range n {
			at := first + k*inner
			if c.reverse {
				at = first + (n-1-k)*inner
			}
			before, v := acc, W(x[at])
			if c.product {
				acc *= v
			} else {
				acc += v
			}
			if c.exclusive {
				y[at] = T(before)
			} else {
				y[at] = T(acc)
			}
		}
	}
}
