package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// MatMul: the matrix products of a [batch…, M, K] and b [batch…, K, N] → [batch…, M, N]; the batch axes broadcast. A vector is a
// row on the left and a column on the right, and its axis of 1 is not in the result. Floats are summed in float64, integers wrap.
// 1: first · 9: integers · 13: types.
// https://onnx.ai/onnx/operators/onnx__MatMul.html

func matMulFamily() []Meaning {
	return []Meaning{{Name: "MatMul", Class: Rounds, New: func(*Attrs) Op { return matMul{} }}}
}

type matMul struct{}

func (matMul) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := sameElems(in); err != nil {
		return nil, err
	}
	elem := elemOf(in)
	for i, f := range in {
		if f.Ranked() && f.Rank() == 0 {
			return nil, fmt.Errorf("input %d is a scalar, want a vector, a matrix or more", i)
		}
	}
	if !in[0].Ranked() || !in[1].Ranked() {
		return []Fact{Unranked(elem)}, nil
	}
	a, b := in[0].Dims(), in[1].Dims()
	row, column := len(a) == 1, len(b) == 1
	if row {
		a = []onnx.Dim{onnx.Fixed(1), a[0]}
	}
	if column {
		b = []onnx.Dim{b[0], onnx.Fixed(1)}
	}
	if _, err := sameDim(a[len(a)-1], b[len(b)-2]); err != nil {
		return nil, fmt.Errorf("the rows of %s do not go with the columns of %s: %w", onnx.ShapeString(a), onnx.ShapeString(b), err)
	}
	out, err := BroadcastDims(a[:len(a)-2], b[:len(b)-2])
	if err != nil {
		return nil, err
	}
	if !row {
		out = append(out, a[len(a)-2])
	}
	if !column {
		out = append(out, b[len(b)-1])
	}
	return []Fact{Tensor(elem, out...)}, nil
}

// products says how a MatMul falls into products of matrices m×k and k×n: offsets of the two in each, in order of the result.
type products struct {
	m, n, k int
	at      [][2]int
	out     []int64
}

func productsOf(a, b []int64) (products, error) {
	p := products{}
	row, column := len(a) == 1, len(b) == 1
	if row {
		a = []int64{1, a[0]}
	}
	if column {
		b = []int64{b[0], 1}
	}
	batch, err := BroadcastSizes(a[:len(a)-2], b[:len(b)-2])
	if err != nil {
		return p, err
	}
	p.m, p.k, p.n = int(a[len(a)-2]), int(a[len(a)-1]), int(b[len(b)-1])
	Walk(batch, func(at []int) {
		p.at = append(p.at, [2]int{at[0] * p.m * p.k, at[1] * p.k * p.n})
	}, BroadcastStrides(a[:len(a)-2], batch), BroadcastStrides(b[:len(b)-2], batch))
	p.out = slices.Clone(batch)
	if !row {
		p.out = append(p.out, int64(p.m))
	}
	if !column {
		p.out = append(p.out, int64(p.n))
	}
	return p, nil
}

func (o matMul) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	a, b := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor)
	if isHalf(a.Type) {
		return throughFloat(env, o, in)
	}
	facts, err := o.Infer(env, []Fact{FactOf(a), FactOf(b)})
	if err != nil {
		return nil, err
	}
	sizes, _ := facts[0].Sizes()
	y, err := env.New(a.Type, sizes...)
	if err != nil {
		return nil, err
	}
	if y.Len() == 0 {
		return []onnx.Value{y}, nil
	}
	p, err := productsOf(a.Dims, b.Dims)
	if err != nil {
		return nil, err
	}
	switch a.Type {
	case onnx.Float:
		multiply[float32, float64](p, y, a, b)
	case onnx.Double:
		multiply[float64, float64](p, y, a, b)
	case onnx.Int8:
		multiply[int8, int64](p, y, a, b)
	case onnx.Int16:
		multiply[int16, int64](p, y, a, b)
	case onnx.Int32:
		multiply[int32, int64](p, y, a, b)
	case onnx.Int64:
		multiply[int64, int64](p, y, a, b)
	case onnx.Uint8:
		multiply[uint8, uint64](p, y, a, b)
	case onnx.Uint16:
		multiply[uint16, uint64](p, y, a, b)
	case onnx.Uint32:
		multiply[uint32, uint64](p, y, a, b)
	case onnx.Uint64:
		multiply[uint64, uint64](p, y, a, b)
	default:
		return nil, unsupported(a.Type)
	}
	return []onnx.Value{y}, nil
}

// multiply sums a row of the result at a time, so that b is read in order.
func multiply[T number, W wide](p products, yt, at, bt *onnx.Tensor) {
	y, sums := onnx.View[T](yt), make([]W, p.n)
	for _, offsets := range p.at {
		a, b := onnx.View[T](at)[offsets[0]:], onnx.View[T](bt)[offsets[1]:]
		for i := range p.m {
			clear(sums)
			for l := range p.k {
				v := W(a[i*p.k+l])
				for j := range sums {
					sums[j] += v * W(b[l*p.n+j])
				}
			}
			for j, s := range sums {
				y[j] = T(s)
			}
			y = y[p.n:]
		}
	}
}

// Specialize runs float products on the kernels, with a constant right side packed once. Where it is one matrix, the batch of the
// left side are more rows.
func (matMul) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	return specializeMatMul(kernels.Activation{}, t, in, consts)
}

// specializeMatMul is the products with a bias, a vector that is the third input where there is one, and an activation in their store.
func specializeMatMul(act kernels.Activation, t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	a, ok := in[0].Sizes()
	b, ok2 := in[1].Sizes()
	if !ok || !ok2 || in[0].Elem() != onnx.Float || in[1].Elem() != onnx.Float || count(a) == 0 || count(b) == 0 {
		return Step{}, false
	}
	p, err := productsOf(a, b)
	if err != nil || int64(p.k) != b[max(len(b)-2, 0)] {
		return Step{}, false
	}
	if len(b) <= 2 {
		p.m *= len(p.at)
		p.at = p.at[:1]
	}
	var packed *kernels.PackedB
	if len(p.at) == 1 && consts[1] != nil {
		packed = packB(t, consts[1], p.k, p.n, false)
	}
	var sparse *sparseRows
	if packed != nil {
		sparse = newSparseRows(t, consts[1], p.k, p.n, false)
	}
	biased := len(in) > 2 && !in[2].Absent()
	if len(b) == 1 && biased { // the bias would be along the rows
		return Step{}, false
	}
	return Step{Run: func(f *Frame) error {
		y, a, b := f.Out[0].Float32s(), f.In[0].Float32s(), f.In[1].Float32s()
		var bias []float32
		if biased {
			bias = f.In[2].Float32s()
		}
		if sparse != nil && sparse.run(t, a, y, bias, act) {
			return nil
		}
		for i, at := range p.at {
			g := kernels.Gemm{M: p.m, N: p.n, K: p.k, A: a[at[0] : at[0]+p.m*p.k], C: y[i*p.m*p.n : (i+1)*p.m*p.n],
				ColumnBias: bias, Act: act}
			if packed != nil {
				g.Packed = packed
			} else {
				g.B = b[at[1] : at[1]+p.k*p.n]
			}
			t.Set.Gemm(t.Pool, g)
		}
		return nil
	}}, true
}
