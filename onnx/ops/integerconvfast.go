package ops

import (
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// byteConvolution is a convolution of bytes on the kernels.
type byteConvolution struct {
	t                Target
	k                *kernels.ByteConv
	signedX, signedW bool
	packed           kernels.PackedByteConv
	constant         bool // the weight is packed
	x, w, zeroX      int
	zeroW            points
}

// packedConvForm names a weight of bytes that is packed.
type packedConvForm struct {
	shape kernels.ConvShape
	set   kernels.Set
}

// newByteConvolution gives the convolution of inputs x and w with their zero points, or false where the kernels have none of its shape.
func newByteConvolution(c conv, t Target, in []Fact, consts []*onnx.Tensor, x, zeroX, w, zeroW int) (*byteConvolution, bool) {
	if !isByte(in[x].Elem()) || !isByte(in[w].Elem()) {
		return nil, false
	}
	plainX, plainW := in[x], in[w]
	plainX.Type.Elem, plainW.Type.Elem = onnx.Float, onnx.Float
	shape, ok := KernelConv(c, []Fact{plainX, plainW})
	if !ok {
		return nil, false
	}
	o := &byteConvolution{
		t: t, k: kernels.NewByteConv(shape), signedX: in[x].Elem() == onnx.Int8, signedW: in[w].Elem() == onnx.Int8,
		x: x, w: w, zeroX: zeroX, zeroW: pointsOf(in, consts, zeroW),
	}
	if o.constant = consts[w] != nil; o.constant {
		o.packed = shared(t, consts[w], packedConvForm{shape, t.Set}, func() kernels.PackedByteConv {
			return o.k.Pack(t.Set, onnx.AlignedBytes(o.k.PackedLen()), consts[w].Data, o.signedW)
		})
	}
	return o, true
}

// scratch is how many bytes run needs.
func (o *byteConvolution) scratch() int {
	n := o.zeroW.room() + roomFor(o.k.ForwardScratch(o.t.Pool))
	if !o.constant {
		n += roomFor(o.k.PackedLen())
	}
	return n
}

// run fills in what a run gives and computes it.
func (o *byteConvolution) run(f *Frame, call kernels.ByteConvForward, scratch []byte) {
	call.X, call.SignedX, call.ZeroX, call.W = f.In[o.x].Data, o.signedX, zeroOf(f.at(o.zeroX), 0), o.packed
	call.ZeroW, scratch = o.zeroW.zeroPoints(f, scratch)
	if !o.constant {
		room := roomFor(o.k.PackedLen())
		call.W, scratch = o.k.Pack(o.t.Set, scratch[:room], f.In[o.w].Data, o.signedW), scratch[room:]
	}
	call.Scratch = scratch
	o.k.Forward(o.t.Set, o.t.Pool, call)
}

// Specialize convolves bytes over two axes on the kernels, with constant weights packed once.
func (c integerConv) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	o, ok := newByteConvolution(c.conv, t, in, consts, 0, 2, 1, 3)
	if !ok {
		return Step{}, false
	}
	return Step{Scratch: o.scratch(), Run: func(f *Frame) error {
		o.run(f, kernels.ByteConvForward{C: f.Out[0].Int32s()}, f.Scratch)
		return nil
	}}, true
}

// Specialize convolves bytes over two axes on the kernels, which make quanta of the sums.
func (c qlinearConv) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	o, ok := newByteConvolution(c.conv, t, in, consts, qA, qZeroA, qB, qZeroB)
	scales := pointsOf(in, consts, qScaleB)
	if !ok || !isByte(in[qZeroY].Elem()) {
		return Step{}, false
	}
	signed, biased := in[qZeroY].Elem() == onnx.Int8, !optionalFact(in, qBias).Absent()
	scaleBytes := roomFor(4 * scales.n)
	return Step{Scratch: scaleBytes + o.scratch(), Run: func(f *Frame) error {
		scale := onnx.ElementsOf[float32](f.Scratch[:4*scales.n])
		requantScales(scale, f)
		call := kernels.ByteConvForward{Y: f.Out[0].Data, Scale: scale, Quantum: kernels.Quantum{Signed: signed, Zero: zeroOf(f.In[qZeroY], 0)}}
		if biased {
			call.Bias = f.In[qBias].Int32s()
		}
		o.run(f, call, f.Scratch[scaleBytes:])
		return nil
	}}, true
}
