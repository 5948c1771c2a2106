package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// PRelu: y = x < 0 ? slope·x : x. slope broadcasts to x, whose shape y has.
// 1, 6: a slope of one number a channel · 7: NumPy's broadcasting · 9: integers · 16: types.
// https://onnx.ai/onnx/operators/onnx__PRelu.html

func preluFamily() []Meaning {
	return []Meaning{{Name: "PRelu", Class: Rounds, New: func(*Attrs) Op { return prelu{} },
		Upgrade: map[int64]Rewrite{6: dropConsumed, 7: preluUp7}, Downgrade: map[int64]Rewrite{6: keep, 7: preluDown7}}}
}

// prelu is a function of two elements whose second input broadcasts to the first, not the other way.
type prelu struct{}

func (prelu) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := sameElems(in); err != nil {
		return nil, err
	}
	x, slope := in[0], in[1]
	if x.Ranked() && slope.Ranked() {
		dims, err := BroadcastDims(x.Dims(), slope.Dims())
		if err == nil && len(dims) != x.Rank() {
			err = fmt.Errorf("it has more axes")
		}
		for i := range dims {
			if err == nil && x.Dims()[i].Known() && dims[i].Known() && dims[i] != x.Dims()[i] {
				err = fmt.Errorf("axis %d is larger", i)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("slope %s does not broadcast to the input %s: %w", onnx.ShapeString(slope.Dims()), onnx.ShapeString(x.Dims()), err)
		}
	}
	return []Fact{{Type: x.Type}}, nil
}

func (p prelu) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	if isHalf(t[0].Type) {
		return throughFloat(env, p, in)
	}
	f := pairFuncs{
		float: func(x, slope float64) float64 {
			if x < 0 {
				return slope * x
			}
			return x
		},
		int: func(x, slope int64) int64 {
			if x < 0 {
				return slope * x
			}
			return x
		},
		uint: func(x, _ uint64) uint64 { return x },
	}
	if !f.takes(t[0].Type) {
		return nil, unsupported(t[0].Type)
	}
	y, err := broadcastNew(env, t[0].Type, t)
	if err != nil {
		return nil, err
	}
	f.reduceAll(y, t, 1)
	return []onnx.Value{y}, nil
}

// preluUp7 gives a slope of one number a channel axes of 1 for the spatial axes of x [batch, channels, spatial…].
func preluUp7(r *Rewriter) error {
	x, slope := r.Fact(0), r.Fact(1)
	if sizes, ok := slope.Sizes(); ok && count(sizes) == 1 {
		return r.Keep()
	}
	if !x.Ranked() || !slope.Ranked() {
		return fmt.Errorf("the ranks of both inputs: %w", errUnknown)
	}
	if slope.Rank() == 1 && x.Rank() > 2 {
		axes := make([]int64, x.Rank()-2)
		for i := range axes {
			axes[i] = int64(i + 1)
		}
		r.SetInput(1, r.Emit("Unsqueeze", []string{r.Input(1)}, onnx.AttrInts("axes", axes...)))
	}
	return r.Keep()
}

// preluDown7 writes a slope of one number, or of one a channel of x [batch, channels, spatial…].
func preluDown7(r *Rewriter) error {
	x, slope := r.Fact(0), r.Fact(1)
	sizes, ok := slope.Sizes()
	switch {
	case ok && count(sizes) == 1:
		return r.Keep()
	case !x.Ranked() || !slope.Ranked() || x.Rank() < 2 || slope.Rank() != x.Rank()-1:
		return fmt.Errorf("the slope must be known to be one number or one a channel there")
	}
	var axes []int64
	for i, d := range slope.Dims()[1:] {
		if !isSize(d, 1) {
			return fmt.Errorf("a slope of shape %s is none a channel, which it must be there", onnx.ShapeString(slope.Dims()))
		}
		axes = append(axes, int64(i+1))
	}
	if axes != nil {
		r.SetInput(1, r.Emit("Squeeze", []string{r.Input(1)}, onnx.AttrInts("axes", axes...)))
	}
	return r.Keep()
}
