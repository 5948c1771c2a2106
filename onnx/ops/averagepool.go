package ops

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// AveragePool: the mean of every window, of its elements inside the input, or with count_include_pad of those inside the
// padded input, where padding is 0. X float [batch, channels, spatial…] → Y [batch, channels, out…].
// 1: first · 7: count_include_pad · 10: ceil_mode · 11: strides default to 1 in words, too · 19: dilations · 22: types.
// https://onnx.ai/onnx/operators/onnx__AveragePool.html
//
// LpPool: (Σ |x|^p)^(1/p) of every window. Shapes as AveragePool.
// 1: kernel_shape may be left out, p is a float · 2: first · 18: ceil_mode, dilations · 11, 22: words, types.
// https://onnx.ai/onnx/operators/onnx__LpPool.html

func averagePoolFamily() []Meaning {
	return []Meaning{
		{
			Name: "AveragePool", Class: Rounds,
			New:       func(a *Attrs) Op { return averagePool{window: readPool(a), includePad: a.Bool("count_include_pad")} },
			Downgrade: map[int64]Rewrite{7: dropFlags("count_include_pad"), 10: dropFlags("ceil_mode"), 19: plainDilations},
		},
		{
			Name: "LpPool", Class: Rounds,
			New:       func(a *Attrs) Op { return lpPool{window: readPool(a), p: readP(a)} },
			Upgrade:   map[int64]Rewrite{2: floatPUp},
			Downgrade: map[int64]Rewrite{2: floatPDown, 18: both(plainDilations, dropFlags("ceil_mode"))},
		},
	}
}

type averagePool struct {
	window
	includePad bool
}

func (p averagePool) Infer(_ *Env, in []Fact) ([]Fact, error) {
	y, err := p.inferPool(in[0])
	return []Fact{y}, err
}

func (p averagePool) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	if isHalf(in[0].(*onnx.Tensor).Type) {
		return throughFloat(env, p, in)
	}
	return poolFloats(env, p.window, in[0].(*onnx.Tensor), func(get func(int) float64, seen []int, padded float64) float64 {
		sum := 0.0
		for _, i := range seen {
			sum += get(i)
		}
		if p.includePad {
			return sum / padded
		}
		return sum / float64(len(seen))
	})
}

// poolFloats computes a pooling of floats in float64.
func poolFloats(env *Env, w window, x *onnx.Tensor, f func(get func(int) float64, seen []int, padded float64) float64) ([]onnx.Value, error) {
	w, out, err := w.pooled(FactOf(x))
	if err != nil {
		return nil, err
	}
	sizes, _ := Tensor(x.Type, out...).Sizes()
	y, err := env.New(x.Type, sizes...)
	if err != nil {
		return nil, err
	}
	switch x.Type {
	case onnx.Float:
		poolPlanes[float32](w, x, y, f)
	case onnx.Double:
		poolPlanes[float64](w, x, y, f)
	default:
		return nil, unsupported(x.Type)
	}
	return []onnx.Value{y}, nil
}

func poolPlanes[T float32 | float64](w window, xt, yt *onnx.Tensor, f func(get func(int) float64, seen []int, padded float64) float64) {
	x, y := onnx.View[T](xt), onnx.View[T](yt)
	in, out := count(xt.Dims[2:]), count(yt.Dims[2:])
	w.visit(xt.Dims[2:], yt.Dims[2:], func(place int, seen []int, padded float64) {
		for plane := range count(xt.Dims[:2]) {
			get := func(i int) float64 { return float64(x[plane*in+i]) }
			y[plane*out+place] = T(f(get, seen, padded))
		}
	})
}

// Specialize runs two-dimensional float poolings on the kernels.
func (p averagePool) Specialize(t Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	shape, ok := p.kernelPool(in[0])
	if !ok {
		return Step{}, false
	}
	return Step{Run: func(f *Frame) error {
		t.Set.AveragePool(t.Pool, shape, f.In[0].Float32s(), f.Out[0].Float32s(), p.includePad)
		return nil
	}}, true
}

type lpPool struct {
	window
	p float64
}

func readP(a *Attrs) float64 {
	p := a.Int("p")
	if p < 1 {
		a.Fail("attribute \"p\" is %d, want at least 1", p)
	}
	return float64(p)
}

func (p lpPool) Infer(_ *Env, in []Fact) ([]Fact, error) {
	y, err := p.inferPool(in[0])
	return []Fact{y}, err
}

func (p lpPool) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	if isHalf(in[0].(*onnx.Tensor).Type) {
		return throughFloat(env, p, in)
	}
	return poolFloats(env, p.window, in[0].(*onnx.Tensor), func(get func(int) float64, seen []int, _ float64) float64 {
		return norm(p.p, get, seen)
	})
}

func norm(p float64, get func(int) float64, seen []int) float64 {
	sum := 0.0
	for _, i := range seen {
		sum += math.Pow(math.Abs(get(i)), p)
	}
	return math.Pow(sum, 1/p)
}

// floatPUp writes p, a float once, as the whole number it must be.
func floatPUp(r *Rewriter) error {
	if a := r.Take("p"); a != nil {
		if a.Float != float32(int64(a.Float)) {
			return fmt.Errorf("p is %v, only whole numbers are there", a.Float)
		}
		r.Set(onnx.AttrInt("p", int64(a.Float)))
	}
	return r.Keep()
}

func floatPDown(r *Rewriter) error {
	if a := r.Take("p"); a != nil {
		r.Set(onnx.AttrFloat("p", float32(a.Int)))
	}
	return r.Keep()
}
