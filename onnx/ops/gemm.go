package ops

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// Gemm: y = alpha·a'·b' + beta·c. a [M, K], or [K, M] with transA; b [K, N], or [N, K] with transB; c broadcasts to y [M, N] and
// may be absent. Floats are summed in float64, integers in 64 bits; with factors other than 1 they are scaled in float64.
// 1, 6: c broadcasts by attribute · 7: always · 9: integers · 11: c may be absent · 13: types.
// https://onnx.ai/onnx/operators/onnx__Gemm.html

func gemmFamily() []Meaning {
	return []Meaning{{
		Name: "Gemm", Class: Rounds, New: newGemm,
		Upgrade:   map[int64]Rewrite{7: gemmUp7},
		Downgrade: map[int64]Rewrite{7: gemmDown7, 11: gemmDown11},
	}}
}

type gemm struct {
	alpha, beta    float32
	transA, transB bool
}

func newGemm(a *Attrs) Op {
	return gemm{alpha: a.Float("alpha"), beta: a.Float("beta"), transA: a.Bool("transA"), transB: a.Bool("transB")}
}

func (g gemm) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := sameElems(in); err != nil {
		return nil, err
	}
	var dims [2][2]onnx.Dim
	for i, trans := range []bool{g.transA, g.transB} {
		dims[i] = [2]onnx.Dim{onnx.UnknownDim(), onnx.UnknownDim()}
		if !in[i].Ranked() {
			continue
		}
		if in[i].Rank() != 2 {
			return nil, fmt.Errorf("input %d has %d axes, want a matrix", i, in[i].Rank())
		}
		copy(dims[i][:], in[i].Dims())
		if trans {
			dims[i][0], dims[i][1] = dims[i][1], dims[i][0]
		}
	}
	if _, err := sameDim(dims[0][1], dims[1][0]); err != nil {
		return nil, fmt.Errorf("the rows of input 0 do not go with the columns of input 1: %w", err)
	}
	out := []onnx.Dim{dims[0][0], dims[1][1]}
	if len(in) > 2 && !in[2].Absent() && in[2].Ranked() {
		c := in[2].Dims()
		if len(c) > 2 {
			return nil, fmt.Errorf("c has %d axes, at most 2 broadcast to the result", len(c))
		}
		for i, d := range c {
			o := &out[2-len(c)+i]
			if d.Known() && d.Value != 1 && o.Known() && d.Value != o.Value {
				return nil, fmt.Errorf("c %s does not broadcast to %s", onnx.ShapeString(c), onnx.ShapeString(out))
			}
			if !o.Known() && o.Param == "" && d.Known() && d.Value > 1 {
				*o = d
			}
		}
	}
	return []Fact{Tensor(elemOf(in), out...)}, nil
}

func (g gemm) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	if isHalf(t[0].Type) {
		return throughFloat(env, g, in)
	}
	out, err := g.Infer(env, factsOf(in))
	if err != nil {
		return nil, err
	}
	sizes, _ := out[0].Sizes()
	y, err := env.New(t[0].Type, sizes...)
	if err != nil {
		return nil, err
	}
	if len(t) < 3 {
		t = append(t, nil)
	}
	k := t[0].Dims[1]
	if g.transA {
		k = t[0].Dims[0]
	}
	scaled := g.alpha != 1 || g.beta != 1
	switch elem := y.Type; {
	case elem == onnx.Float:
		general[float32, float64](g, y, t, int(k))
	case elem == onnx.Double:
		general[float64, float64](g, y, t, int(k))
	case elem == onnx.Int32 && scaled:
		general[int32, float64](g, y, t, int(k))
	case elem == onnx.Int64 && scaled:
		general[int64, float64](g, y, t, int(k))
	case elem == onnx.Uint32 && scaled:
		general[uint32, float64](g, y, t, int(k))
	case elem == onnx.Uint64 && scaled:
		general[uint64, float64](g, y, t, int(k))
	case elem == onnx.Int32:
		general[int32, int64](g, y, t, int(k))
	case elem == onnx.Int64:
		general[int64, int64](g, y, t, int(k))
	case elem == onnx.Uint32:
		general[uint32, uint64](g, y, t, int(k))
	case elem == onnx.Uint64:
		general[uint64, uint64](g, y, t, int(k))
	default:
		return nil, unsupported(elem)
	}
	return []onnx.Value{y}, nil
}

// general sums in W, scales and adds c there, and rounds once.
func general[T number, W wide](g gemm, yt *onnx.Tensor, in []*onnx.Tensor, k int) {
	m, n := int(yt.Dims[0]), int(yt.Dims[1])
	y, a, b := onnx.View[T](yt), onnx.View[T](in[0]), onnx.View[T](in[1])
	var c []T
	var strides []int
	if in[2] != nil {
		c, strides = onnx.View[T](in[2]), BroadcastStrides(in[2].Dims, yt.Dims)
	}
	sums := make([]W, n)
	for i := range m {
		clear(sums)
		for l := range k {
			at := i*k + l
			if g.transA {
				at = l*m + i
			}
			v := W(a[at])
			for j := range sums {
				if g.transB {
					sums[j] += v * W(b[j*k+l])
				} else {
					sums[j] += v * W(b[l*n+j])
				}
			}
		}
		for j, s := range sums {
			s *= W(g.alpha)
			if c != nil {
				s += W(g.beta) * W(c[i*strides[0]+j*strides[1]])
			}
			y[i*n+j] = roundTo[T](s)
		}
	}
}

// roundTo converts to the element type: integers wrap, floats that become integers are truncated within range.
func roundTo[T number, W wide](s W) T {
	f, fromFloat := any(s).(float64)
	if !fromFloat {
		return T(s)
	}
	switch bits := 8 * int(unsafe.Sizeof(T(0))); any(T(0)).(type) {
	case int8, int16, int32, int64:
		return T(toInt(f, bits))
	case uint8, uint16, uint32, uint64:
		return T(toUint(f, bits))
	}
	return T(s)
}

// Specialize runs float products on the kernels, with a constant b packed once.
func (g gemm) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	return specializeGemm(g, kernels.Activation{}, t, in, consts)
}

// specializeGemm is a product with an activation in its store.
func specializeGemm(g gemm, act kernels.Activation, t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	a, ok := in[0].Sizes()
	b, ok2 := in[1].Sizes()
	if !ok || !ok2 || in[0].Elem() != onnx.Float || len(a) != 2 || len(b) != 2 || count(a) == 0 || count(b) == 0 || g.alpha != 1 {
		return Step{}, false
	}
	m, k, n := int(a[0]), int(a[1]), int(b[1])
	if g.transA {
		m, k = k, m
	}
	if g.transB {
		n = int(b[0])
	}
	call := kernels.Gemm{M: m, N: n, K: k, TransA: g.transA, TransB: g.transB, Act: act}
	if consts[1] != nil {
		call.Packed, call.TransB = packB(t, consts[1], k, n, g.transB), false
	}
	bias := overlay{}
	if len(in) > 2 && !in[2].Absent() {
		c, ok := in[2].Sizes()
		if !ok || g.beta != 1 {
			return Step{}, false
		}
		bias = overlayOf([]int64{int64(m), int64(n)}, c)
		if bias.kind == overlayNone {
			return Step{}, false
		}
	}
	var sparse *sparseRows
	if !g.transA && (bias.kind == overlayRow || len(in) < 3 || in[2].Absent()) {
		sparse = newSparseRows(t, consts[1], k, n, g.transB)
	}
	return Step{Run: func(f *Frame) error {
		g := call
		g.A, g.C = f.In[0].Float32s(), f.Out[0].Float32s()
		if sparse != nil {
			var row []float32
			if bias.kind == overlayRow {
				row = f.In[2].Float32s()
			}
			if sparse.run(t, g.A, g.C, row, act) {
				return nil
			}
		}
		if g.Packed == nil {
			g.B = f.In[1].Float32s()
		}
		switch bias.kind {
		case overlaySame:
			copy(g.C, f.In[2].Float32s())
			g.Accumulate = true
		case overlayRow:
			g.ColumnBias = f.In[2].Float32s()
		case overlayColumn:
			g.RowBias = f.In[2].Float32s()
		case overlayScalar:
			c := f.In[2].Float32s()[0]
			for i := range g.C {
				g.C[i] = c
			}
			g.Accumulate = true
		}
		t.Set.Gemm(t.Pool, g)
		return nil
	}}, true
}

// packedB is the form of a constant right side that products read.
type packedB struct {
	k, n  int
	trans bool
}

func packB(t Target, b *onnx.Tensor, k, n int, trans bool) *kernels.PackedB {
	return shared(t, b, packedB{k, n, trans}, func() *kernels.PackedB { return kernels.PackB(k, n, b.Float32s(), 0, trans) })
}

// gemmUp7 drops the attribute that allowed c to broadcast, which it may from here on.
func gemmUp7(r *Rewriter) error {
	r.Take("broadcast")
	return r.Keep()
}

// gemmDown7 says by the attribute that c broadcasts, unless it is of the result's shape.
func gemmDown7(r *Rewriter) error {
	c := r.Fact(2)
	switch {
	case c.Ranked() && c.Rank() < 2:
		r.Set(onnx.AttrInt("broadcast", 1))
	case !c.Ranked() || len(r.Out) == 0 || !r.Out[0].Ranked() || slices.Contains(c.Dims(), onnx.UnknownDim()) || !slices.Equal(c.Dims(), r.Out[0].Dims()):
		return fmt.Errorf("c must be known to be a vector or of the result's shape there")
	}
	return r.Keep()
}

// gemmDown11 adds a zero where c is absent. Lifting does not take it away: the result is equal in numbers, not in structure.
func gemmDown11(r *Rewriter) error {
	if r.Input(2) == "" {
		elem := r.Fact(0).Elem()
		if elem == onnx.Undefined {
			return fmt.Errorf("c must be given there, and its element type is not known")
		}
		r.SetInput(2, r.Const("zero", onnx.NewTensor(elem, 1)))
	}
	return r.Keep()
}
