package ops

import (
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// LpNormalization: y = x/‖x‖ along an axis, with the sum of absolutes (p=1) or the root of the sum of squares (p=2); zero where that
// is zero. LRN: y = x/(bias + alpha/size·Σx²)^beta, summed over size channels around each of x [batch, C, spatial…].
// MeanVarianceNormalization: y = (x-mean)/(√var+1e-9) over the axes named, together. y has the shape of x.
// LpNormalization 1 · 22: types. LRN 1 · 13: types. MeanVarianceNormalization 9 · 13: types.
// https://onnx.ai/onnx/operators/onnx__LRN.html

func lineNormFamily() []Meaning {
	return []Meaning{
		{Name: "LpNormalization", Class: Rounds, New: newLpNorm},
		{Name: "LRN", Class: Rounds, New: newLRN},
		{Name: "MeanVarianceNormalization", Class: Rounds, New: func(a *Attrs) Op { return meanVariance{a.Ints("axes")} }},
	}
}

// newLpNorm is a function of a line, like Softmax.
func newLpNorm(a *Attrs) Op {
	p := a.Int("p")
	if p != 1 && p != 2 {
		a.Fail("attribute \"p\" is %d, want 1 or 2", p)
	}
	return softmax{name: "LpNormalization", axis: a.Int("axis"), line: func(y, x []float64) {
		norm := 0.0
		for _, v := range x {
			if p == 1 {
				norm += math.Abs(v)
			} else {
				norm += v * v
			}
		}
		if p == 2 {
			norm = math.Sqrt(norm)
		}
		for i, v := range x {
			y[i] = 0
			if norm != 0 {
				y[i] = v / norm
			}
		}
	}}
}

// newLRN is a function of a line of channels.
func newLRN(a *Attrs) Op {
	size := int(min(a.Int("size"), math.MaxInt32))
	alpha, beta, bias := float64(a.Float("alpha")), float64(a.Float("beta")), float64(a.Float("bias"))
	if size < 1 {
		a.Fail("attribute \"size\": %d is not at least 1", size)
	}
	return softmax{name: "LRN", axis: 1, line: func(y, x []float64) {
		for c, v := range x {
			squares := 0.0
			for _, w := range x[max(0, c-(size-1)/2):min(len(x), c+size/2+1)] {
				squares += w * w
			}
			y[c] = v / math.Pow(bias+alpha/float64(size)*squares, beta)
		}
	}}
}

type meanVariance struct{ list []int64 }

func (m meanVariance) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if in[0].Ranked() {
		if _, err := axesOf(m.list, in[0].Rank()); err != nil {
			return nil, err
		}
	}
	return []Fact{{Type: in[0].Type}}, nil
}

func (m meanVariance) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	if isHalf(x.Type) {
		return throughFloat(env, m, in)
	}
	if x.Type != onnx.Float && x.Type != onnx.Double {
		return nil, unsupported(x.Type)
	}
	set, err := reduce{}.axes(m.list, len(x.Dims))
	if err != nil {
		return nil, err
	}
	y, err := env.New(x.Type, x.Dims...)
	if err != nil {
		return nil, err
	}
	strides, groups := reducedStrides(x.Dims, set)
	get, put := floatReader(x), floatWriter(y)
	if err := env.Fits(onnx.Double, []int64{int64(groups)}); err != nil {
		return nil, err
	}
	mean, variance := make([]float64, groups), make([]float64, groups)
	each := func(f func(i, group int)) {
		i := 0
		Walk(x.Dims, func(at []int) {
			f(i, at[0])
			i++
		}, strides)
	}
	n := float64(x.Len() / max(groups, 1))
	each(func(i, g int) { mean[g] += get(i) / n })
	each(func(i, g int) { variance[g] += (get(i) - mean[g]) * (get(i) - mean[g]) / n })
	each(func(i, g int) { put(i, (get(i)-mean[g])/(math.Sqrt(variance[g])+1e-9)) })
	return []onnx.Value{y}, nil
}
