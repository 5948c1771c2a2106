package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// ArgMax, ArgMin: the index of the greatest or least element along an axis; the first such, or the last with select_last_index. NaN
// is greater and less than any other. data [d…] → int64 [d… with 1 on that axis, or without it where keepdims is 0].
// 1: first · 11: a negative axis · 12: select_last_index · 13: types.
// https://onnx.ai/onnx/operators/onnx__ArgMax.html

func argMaxFamily() []Meaning {
	one := func(name string, least bool) Meaning {
		return Meaning{Name: name, Class: Exact, Downgrade: map[int64]Rewrite{11: positiveAxis(0)}, New: func(a *Attrs) Op {
			return argMax{axis: a.Int("axis"), keep: a.Bool("keepdims"), last: a.Bool("select_last_index"), least: least}
		}}
	}
	return []Meaning{one("ArgMax", false), one("ArgMin", true)}
}

type argMax struct {
	axis              int64
	keep, last, least bool
}

func (a argMax) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if !x.Ranked() {
		return []Fact{Unranked(onnx.Int64)}, nil
	}
	axis, err := Axis(a.axis, x.Rank())
	if err != nil {
		return nil, err
	}
	if isSize(x.Dims()[axis], 0) {
		return nil, errNoElements(axis)
	}
	out := append([]onnx.Dim{}, x.Dims()[:axis]...)
	if a.keep {
		out = append(out, onnx.Fixed(1))
	}
	return []Fact{Tensor(onnx.Int64, append(out, x.Dims()[axis+1:]...)...)}, nil
}

func (a argMax) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	facts, err := a.Infer(env, []Fact{FactOf(x)})
	if err != nil {
		return nil, err
	}
	sizes, _ := facts[0].Sizes()
	y, err := env.New(onnx.Int64, sizes...)
	if err != nil {
		return nil, err
	}
	axis, err := Axis(a.axis, len(x.Dims))
	if err != nil {
		return nil, err
	}
	better := a.order(x)
	if better == nil {
		return nil, unsupported(x.Type)
	}
	n, inner := int(x.Dims[axis]), count(x.Dims[axis+1:])
	for i := range y.Int64s() {
		first := i/inner*n*inner + i%inner
		best := 0
		for k := 1; k < n; k++ {
			if better(first+k*inner, first+best*inner) {
				best = k
			}
		}
		y.Int64s()[i] = int64(best)
	}
	return []onnx.Value{y}, nil
}

// order says whether element i is to be taken over the earlier element j.
func (a argMax) order(x *onnx.Tensor) func(i, j int) bool {
	if isFloat(x.Type) {
		read := floatReader(x)
		return func(i, j int) bool {
			p, q := read(i), read(j)
			if p != p || q != q {
				return q == q || a.last && p != p
			}
			return a.last && p == q || a.least && p < q || !a.least && p > q
		}
	}
	read, signed := intReader(x), isSigned(x.Type)
	if read == nil {
		return nil
	}
	return func(i, j int) bool {
		p, q := read(i), read(j)
		if a.least {
			return a.last && p == q || less(p, q, signed)
		}
		return a.last && p == q || less(q, p, signed)
	}
}

func errNoElements(axis int) error { return fmt.Errorf("axis %d has no elements", axis) }
