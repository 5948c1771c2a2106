package ops

import (
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// The fast ways of quantized operators: bytes on the kernels, to the bit what Eval gives.

func isByte(t onnx.ElemType) bool { return t == onnx.Int8 || t == onnx.Uint8 }

// points is where a step finds scales or zero points: one, or some in a row. Those that are constants are read once.
type points struct {
	input, n int
	zeros    []int32 // read before
}

// pointsOf says where an input of n elements is; absent ones have none.
func pointsOf(in []Fact, consts []*onnx.Tensor, input int) points {
	p := points{input: input}
	if f := optionalFact(in, input); !f.Absent() {
		sizes, _ := f.Sizes()
		p.n = count(sizes)
		if consts[input] != nil && isByte(f.Elem()) {
			p.zeros = make([]int32, p.n)
			readZeros(p.zeros, consts[input])
		}
	}
	return p
}

// room is how many bytes of scratch zeroPoints needs.
func (p points) room() int {
	if p.zeros != nil {
		return 0
	}
	return roomFor(4 * p.n)
}

// roomFor rounds up to where the next part of scratch is aligned.
func roomFor(bytes int) int { return (bytes + onnx.Alignment - 1) &^ (onnx.Alignment - 1) }

// zeroPoints gives the zero points of a run and what is left of the scratch.
func (p points) zeroPoints(f *Frame, scratch []byte) ([]int32, []byte) {
	if p.zeros != nil || p.n == 0 {
		return p.zeros, scratch
	}
	z := onnx.ElementsOf[int32](scratch[:4*p.n])
	readZeros(z, f.In[p.input])
	return z, scratch[p.room():]
}

func readZeros(z []int32, t *onnx.Tensor) {
	for i, b := range t.Data {
		if z[i] = int32(b); t.Type == onnx.Int8 {
			z[i] = int32(int8(b))
		}
	}
}

// zeroOf gives the one zero point of a run at an index of it; none is 0.
func zeroOf(t *onnx.Tensor, i int) int32 {
	switch {
	case t == nil:
		return 0
	case len(t.Data) == 1:
		i = 0
	}
	if t.Type == onnx.Int8 {
		return int32(int8(t.Data[i]))
	}
	return int32(t.Data[i])
}

// at gives an input of a frame, nil where it is absent.
func (f *Frame) at(i int) *onnx.Tensor {
	if i < len(f.In) {
		return f.In[i]
	}
	return nil
}

// runs spreads scales over a tensor in runs of elements that share one, with the scale's index; ok is false where runs are short.
func (g grain) runs(x, scale Fact) (s grains, total int, ok bool) {
	sizes, ok := x.Sizes()
	scales, ok2 := scale.Sizes()
	if !ok || !ok2 || count(sizes) == 0 {
		return s, 0, false
	}
	s, err := g.over(sizes, scales)
	return s, count(sizes), err == nil && s.block == 0 && (s.size == 1 || s.inner >= 16)
}

// Specialize quantizes floats to bytes, where many in a row share a scale.
func (q quantize) Specialize(t Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	runs, total, ok := q.runs(in[0], in[1])
	out, err := q.Infer(nil, in)
	if !ok || err != nil || in[0].Elem() != onnx.Float || in[1].Elem() != onnx.Float || !isByte(out[0].Elem()) ||
		q.precision != 0 && q.precision != onnx.Float {
		return Step{}, false
	}
	signed := out[0].Elem() == onnx.Int8
	return Step{Run: func(f *Frame) error {
		x, y, scale := f.In[0].Float32s(), f.Out[0].Data, f.In[1].Float32s()
		for i := 0; i < total; i += runs.inner {
			k := runs.at(i)
			t.Set.Quantize(t.Pool, kernels.Quantum{Signed: signed, Zero: zeroOf(f.at(2), k)}, y[i:i+runs.inner], x[i:i+runs.inner], scale[k])
		}
		return nil
	}}, true
}

// Specialize turns bytes into floats, where many in a row share a scale.
func (d dequantize) Specialize(t Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	runs, total, ok := d.runs(in[0], in[1])
	if !ok || !isByte(in[0].Elem()) || in[1].Elem() != onnx.Float || d.to != 0 && d.to != onnx.Float {
		return Step{}, false
	}
	signed := in[0].Elem() == onnx.Int8
	return Step{Run: func(f *Frame) error {
		x, y, scale := f.In[0].Data, f.Out[0].Float32s(), f.In[1].Float32s()
		for i := 0; i < total; i += runs.inner {
			k := runs.at(i)
			t.Set.Dequantize(t.Pool, y[i:i+runs.inner], x[i:i+runs.inner], signed, zeroOf(f.at(2), k), scale[k])
		}
		return nil
	}}, true
}

// Specialize quantizes floats by their own ends.
func (dynamicQuantize) Specialize(t Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	if in[0].Elem() != onnx.Float {
		return Step{}, false
	}
	return Step{Run: func(f *Frame) error {
		x := f.In[0].Float32s()
		scale, zero := dynamicScale(t.Set.MinMax(x))
		if f.Out[0] != nil {
			t.Set.Quantize(t.Pool, kernels.Quantum{Zero: int32(zero)}, f.Out[0].Data, x, scale)
		}
		if f.Out[1] != nil {
			f.Out[1].Float32s()[0] = scale
		}
		if f.Out[2] != nil {
			f.Out[2].Data[0] = zero
		}
		return nil
	}}, true
}

// byteProduct is a product of matrices of bytes on the kernels.
type byteProduct struct {
	t                Target
	p                products
	signedA, signedB bool
	packed           kernels.PackedBytes
	constant         bool // B is packed
	zeroA, zeroB     points
}

// newByteProduct gives the product of inputs a and b with their zero points, or false where the kernels have none of its shape.
func newByteProduct(t Target, in []Fact, consts []*onnx.Tensor, a, zeroA, b, zeroB int) (*byteProduct, bool) {
	sizesA, ok := in[a].Sizes()
	sizesB, ok2 := in[b].Sizes()
	if !ok || !ok2 || !isByte(in[a].Elem()) || !isByte(in[b].Elem()) || count(sizesA) == 0 || count(sizesB) == 0 {
		return nil, false
	}
	p, err := productsOf(sizesA, sizesB)
	if err != nil {
		return nil, false
	}
	o := &byteProduct{
		t: t, p: p, signedA: in[a].Elem() == onnx.Int8, signedB: in[b].Elem() == onnx.Int8,
		zeroA: pointsOf(in, consts, zeroA), zeroB: pointsOf(in, consts, zeroB),
	}
	if len(sizesB) <= 2 && o.zeroA.n <= 1 {
		o.p.m *= len(p.at)
		o.p.at = p.at[:1]
	}
	if !vectorOrOne(in, zeroA) || !vectorOrOne(in, zeroB) {
		return nil, false
	}
	if o.constant = consts[b] != nil && len(o.p.at) == 1; o.constant {
		o.packed = shared(t, consts[b], packedBytesForm{p.k, p.n}, func() kernels.PackedBytes {
			return kernels.PackBytes(onnx.AlignedBytes(kernels.PackedBytesLen(p.k, p.n)), p.k, p.n, consts[b].Data, o.signedB)
		})
	}
	return o, true
}

// packedBytesForm names a right side of bytes that is packed.
type packedBytesForm struct{ k, n int }

// vectorOrOne says whether a scale or zero point is absent, one or a vector.
func vectorOrOne(in []Fact, i int) bool {
	f := optionalFact(in, i)
	sizes, _ := f.Sizes()
	return f.Absent() || count(sizes) == 1 || len(sizes) == 1
}

// sums is how many elements the result has.
func (o *byteProduct) sums() int { return len(o.p.at) * o.p.m * o.p.n }

// scratch is how many bytes run needs.
func (o *byteProduct) scratch() int {
	n := o.zeroA.room() + o.zeroB.room() + roomFor(kernels.ByteGemmScratch(o.p.m, o.p.n, o.p.k))
	if !o.constant {
		n += roomFor(kernels.PackedBytesLen(o.p.k, o.p.n))
	}
	return n
}

// run computes the sums.
func (o *byteProduct) run(f *Frame, a, b []byte, bias, c []int32, scratch []byte) {
	g := kernels.ByteGemm{M: o.p.m, N: o.p.n, K: o.p.k, SignedA: o.signedA, B: o.packed, Bias: bias}
	g.ZeroA, scratch = o.zeroA.zeroPoints(f, scratch)
	g.ZeroB, scratch = o.zeroB.zeroPoints(f, scratch)
	room := roomFor(kernels.ByteGemmScratch(g.M, g.N, g.K))
	g.Scratch, scratch = scratch[:room], scratch[room:]
	for i, at := range o.p.at {
		if !o.constant {
			g.B = kernels.PackBytes(scratch, g.K, g.N, b[at[1]:], o.signedB)
		}
		g.A, g.C = a[at[0]:at[0]+g.M*g.K], c[i*g.M*g.N:(i+1)*g.M*g.N]
		o.t.Set.ByteGemm(o.t.Pool, g)
	}
}

// Specialize multiplies bytes on the kernels, with a constant right side packed once.
func (integerMatMul) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	o, ok := newByteProduct(t, in, consts, 0, 2, 1, 3)
	if !ok {
		return Step{}, false
	}
	return Step{Scratch: o.scratch(), Run: func(f *Frame) error {
		o.run(f, f.In[0].Data, f.In[1].Data, nil, f.Out[0].Int32s(), f.Scratch)
		return nil
	}}, true
}

// Specialize multiplies bytes on the kernels and makes quanta of the sums.
func (qlinearMatMul) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	o, ok := newByteProduct(t, in, consts, qA, qZeroA, qB, qZeroB)
	scales := pointsOf(in, consts, qScaleB)
	if !ok || !isByte(in[qZeroY].Elem()) || !vectorOrOne(in, qScaleB) {
		return Step{}, false
	}
	for _, i := range []int{qScaleA, qScaleY, qZeroY} {
		if one, _ := isOne(in[i]); !one {
			return Step{}, false
		}
	}
	for _, i := range []int{qScaleA, qScaleB, qScaleY} {
		if in[i].Elem() != onnx.Float {
			return Step{}, false
		}
	}
	signed := in[qZeroY].Elem() == onnx.Int8
	sumBytes, scaleBytes := roomFor(4*o.sums()), roomFor(4*scales.n)
	return Step{Scratch: sumBytes + scaleBytes + o.scratch(), Run: func(f *Frame) error {
		sums := onnx.ElementsOf[int32](f.Scratch[:4*o.sums()])
		scale := onnx.ElementsOf[float32](f.Scratch[sumBytes:][:4*scales.n])
		var bias []int32
		if b := f.at(qBias); b != nil {
			bias = b.Int32s()
		}
		o.run(f, f.In[qA].Data, f.In[qB].Data, bias, sums, f.Scratch[sumBytes+scaleBytes:])
		requantScales(scale, f)
		q := kernels.Quantum{Signed: signed, Zero: zeroOf(f.In[qZeroY], 0)}
		if len(scale) == 1 {
			t.Set.Requantize(t.Pool, q, f.Out[0].Data, sums, scale[0])
		} else {
			t.Set.RequantizeColumns(t.Pool, q, f.Out[0].Data, sums, scale)
		}
		return nil
	}}, true
}

// requantScales computes what sums are multiplied with, for each scale of the second factor.
func requantScales(dst []float32, f *Frame) {
	a, y := f.In[qScaleA].Float32s()[0], f.In[qScaleY].Float32s()[0]
	for i, b := range f.In[qScaleB].Float32s() {
		dst[i] = requantScale(a, b, y)
	}
}

// specializeBytes is a pooling of bytes over two axes.
func (m maxPool) specializeBytes(t Target, x Fact) (Step, bool) {
	signed := x.Elem() == onnx.Int8
	x.Type.Elem = onnx.Float
	shape, ok := m.kernelPool(x)
	if !ok {
		return Step{}, false
	}
	return Step{Run: func(f *Frame) error {
		t.Set.MaxPoolBytes(t.Pool, shape, signed, f.In[0].Data, f.Out[0].Data)
		return nil
	}}, true
}
