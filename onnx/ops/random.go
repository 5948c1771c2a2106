package ops

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// RandomNormal, RandomUniform: numbers drawn from a normal distribution of a mean and a deviation (scale), or evenly from low
// to high (not included), in a shape given as an attribute; …Like: in the shape of an input, of its type where dtype is left out.
// With a seed the numbers are the same every time; without one they come from the run's own.
// 1: first · 22: types.
// https://onnx.ai/onnx/operators/onnx__RandomNormal.html, …RandomNormalLike, …RandomUniform, …RandomUniformLike

func randomFamily() []Meaning {
	return []Meaning{
		{Name: "RandomNormal", Class: Random, New: func(a *Attrs) Op { return newRandom(a, drawNormal(a)) }},
		{Name: "RandomUniform", Class: Random, New: func(a *Attrs) Op { return newRandom(a, drawUniform(a)) }},
		{Name: "RandomNormalLike", Class: Random, New: func(a *Attrs) Op { return newRandomLike(a, drawNormal(a)) }},
		{Name: "RandomUniformLike", Class: Random, New: func(a *Attrs) Op { return newRandomLike(a, drawUniform(a)) }},
	}
}

func drawNormal(a *Attrs) func(*rand.Rand) float64 {
	mean, scale := float64(a.Float("mean")), float64(a.Float("scale"))
	return func(r *rand.Rand) float64 { return mean + scale*r.NormFloat64() }
}

func drawUniform(a *Attrs) func(*rand.Rand) float64 {
	low, high := float64(a.Float("low")), float64(a.Float("high"))
	return func(r *rand.Rand) float64 { return low + (high-low)*r.Float64() }
}

type random struct {
	elem onnx.ElemType // Undefined: that of the input
	dims []int64       // nil: those of the input
	draw func(*rand.Rand) float64
	seed *uint64
}

func newRandom(a *Attrs, draw func(*rand.Rand) float64) Op {
	r := random{elem: a.Elem("dtype", onnx.Float), dims: a.Ints("shape"), draw: draw, seed: readSeed(a)}
	if _, err := onnx.Elements(r.dims); err != nil {
		a.Fail("attribute \"shape\": %w", err)
	}
	if r.dims == nil {
		a.Fail("attribute \"shape\" is required")
	}
	return r
}

func newRandomLike(a *Attrs, draw func(*rand.Rand) float64) Op {
	return random{elem: a.Elem("dtype", onnx.Undefined), draw: draw, seed: readSeed(a)}
}

func readSeed(a *Attrs) *uint64 {
	if !a.Has("seed") {
		return nil
	}
	seed := uint64(math.Float32bits(a.Float("seed")))
	return &seed
}

func (r random) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if r.dims != nil {
		return []Fact{Tensor(r.elem, onnx.FixedDims(r.dims...)...)}, nil
	}
	y := Fact{Type: in[0].Type}
	if r.elem != onnx.Undefined {
		y.Type.Elem = r.elem
	}
	return []Fact{y}, nil
}

func (r random) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	elem, dims := r.elem, r.dims
	if dims == nil {
		x := in[0].(*onnx.Tensor)
		dims = x.Dims
		if elem == onnx.Undefined {
			elem = x.Type
		}
	}
	y, err := env.New(elem, slices.Clone(dims)...)
	if err != nil {
		return nil, err
	}
	source := env.Rand
	switch {
	case r.seed != nil:
		source = rand.New(rand.NewPCG(*r.seed, 0x6f6e6e78))
	case source == nil:
		source = rand.New(rand.NewPCG(0, 0x6f6e6e78))
	}
	switch {
	case elem == onnx.Float:
		for i, v := 0, y.Float32s(); i < len(v); i++ {
			v[i] = float32(r.draw(source))
		}
	case elem == onnx.Double:
		for i, v := 0, y.Float64s(); i < len(v); i++ {
			v[i] = r.draw(source)
		}
	case isHalf(elem):
		for i, v := 0, onnx.View[uint16](y); i < len(v); i++ {
			v[i] = narrowHalf(r.draw(source), elem)
		}
	default:
		return nil, unsupported(elem)
	}
	return []onnx.Value{y}, nil
}
