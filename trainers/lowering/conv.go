package lowering

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of Conv over one or two axes and of ConvTranspose over two, by input, weight and bias. ConvTranspose is the gradient of a convolution by its
// input, so its own is that convolution.
func convRules() []rule {
	reads := func(i int) need {
		switch i {
		case 0:
			return inputs(1)
		case 1:
			return inputs(0)
		}
		return nothing
	}
	return []rule{
		{name: "Conv", reads: reads, gradient: convGradient, together: func(c *call, wrt []int) (gradient, error) {
			return convGradients(c, wrt, around{})
		}, forward: func(c *call) (ops.Step, bool) { return convForward(c, around{}) }},
		{name: "ConvTranspose", reads: reads, gradient: convTransposeGradient},
	}
}

// biasGradient sums dy [batch, maps, out…] to db [maps].
func biasGradient(c *call) (gradient, error) {
	out := c.outDims()
	sum := sumBlocks(c.set, c.pool, int(out[0]), int(out[1]), count(out[2:]))
	return gradient{run: func(f *frame) { sum(f.dx.Float32s(), f.dy.Float32s()) }}, nil
}

func convTransposeGradient(c *call, i int) (gradient, error) {
	if i == 2 {
		return biasGradient(c)
	}
	shape, ok := ops.KernelConvTranspose(c.op, c.in, c.out[0])
	if !ok {
		return gradient{}, fmt.Errorf("a gradient of a transposed convolution of %v by %v is %w", c.in[0], c.in[1], ops.ErrUnsupported)
	}
	k := kernels.NewConv(shape)
	if i == 0 {
		return gradient{scratch: k.ForwardScratch(c.pool, false), run: func(f *frame) {
			k.Forward(c.set, c.pool, kernels.ConvForward{X: f.dy.Float32s(), W: f.in[1].Float32s(), Y: f.dx.Float32s(), Scratch: f.scratch})
		}}, nil
	}
	return weightGradient(c, k, func(f *frame) (x, dy []float32) { return f.dy.Float32s(), f.in[0].Float32s() }), nil
}

// weightGradient is that of a convolution by its weight, from its input and the gradient by its result.
func weightGradient(c *call, k *kernels.Conv, given func(*frame) (x, dy []float32)) gradient {
	wanted := kernels.ConvBackward{DW: []float32{}}
	return gradient{scratch: k.BackwardScratch(c.set, c.pool, int(c.dims(0)[0]), wanted), run: func(f *frame) {
		b := kernels.ConvBackward{DW: f.dx.Float32s(), Scratch: f.scratch}
		b.X, b.DY = given(f)
		k.Backward(c.set, c.pool, b)
	}}
}

// around is what a convolution has beside it; nil where there is none.
type around struct {
	up   *kernels.UpsampleShape // of one image
	act  kernels.Activation
	pool *kernels.PoolShape
}

// trainedConv is a convolution that is trained with what is around it.
type trainedConv interface {
	TrainingScratch(kernels.Set, *kernels.Pool, kernels.ConvTraining) int
	ForwardTraining(kernels.Set, *kernels.Pool, kernels.ConvTraining)
	BackwardScratch(kernels.Set, *kernels.Pool, int, kernels.ConvBackward) int
	Backward(kernels.Set, *kernels.Pool, kernels.ConvBackward)
}

// conv is the one of a shape: of doubled planes, where nothing is pooled, that on the planes before.
func (a around) conv(shape kernels.ConvShape) trainedConv {
	if a.up != nil && a.pool == nil {
		if d := kernels.NewDoubled(shape, *a.up); d != nil {
			return d
		}
	}
	return kernels.NewConv(shape)
}

// convForward computes a convolution with what is around it, an image after the other. The places of the greatest of a pooling go to
// c.argmax.
func convForward(c *call, a around) (ops.Step, bool) {
	shape, ok := ops.KernelConv(c.op, c.in)
	if !ok || c.plain {
		return ops.Step{}, false
	}
	k, argmax := a.conv(shape), c.argmax
	n := k.TrainingScratch(c.set, c.pool, kernels.ConvTraining{Upsample: a.up, Pool: a.pool})
	return ops.Step{Scratch: 4 * n, Run: func(f *ops.Frame) error {
		pass := kernels.ConvTraining{X: f.In[0].Float32s(), Upsample: a.up, W: f.In[1].Float32s(), Act: a.act, Pool: a.pool, Argmax: argmax,
			Y: f.Out[0].Float32s(), Scratch: f.ScratchFloats()}
		if len(f.In) > 2 && f.In[2] != nil {
			pass.Bias = f.In[2].Float32s()
		}
		k.ForwardTraining(c.set, c.pool, pass)
		return nil
	}}, true
}

// convGradients makes the gradients by several inputs of a convolution with what is around it together.
func convGradients(c *call, wrt []int, a around) (gradient, error) {
	shape, ok := ops.KernelConv(c.op, c.in)
	if !ok {
		return gradient{}, fmt.Errorf("a gradient of a convolution of %v by %v is %w", c.in[0], c.in[1], ops.ErrUnsupported)
	}
	k := a.conv(shape)
	argmax := c.argmax
	wanted := kernels.ConvBackward{Upsample: a.up, Act: a.act, Pool: a.pool}
	for _, i := range wrt {
		*gradientBy(&wanted, i) = []float32{} // asked for
	}
	return gradient{scratch: k.BackwardScratch(c.set, c.pool, int(c.dims(0)[0]), wanted), run: func(f *frame) {
		if a.pool != nil && argmax == nil {
			panic("lowering: the gradient of a pooling without its forward pass")
		}
		b := kernels.ConvBackward{DY: f.dy.Float32s(), Upsample: a.up, Act: a.act, Pool: a.pool, Argmax: argmax, Scratch: f.scratch}
		for n, i := range wrt {
			if f.all[n] != nil {
				*gradientBy(&b, i) = f.all[n].Float32s()
			}
		}
		if b.DW != nil {
			b.X = f.in[0].Float32s()
		}
		if b.DX != nil {
			b.W = f.in[1].Float32s()
		}
		if a.act.Function != kernels.Identity {
			b.Y = f.y.Float32s()
		}
		k.Backward(c.set, c.pool, b)
	}}, nil
}

// gradientBy is where the gradient by an input of a convolution goes.
func gradientBy(b *kernels.ConvBackward, i int) *[]float32 {
	return [...]*[]float32{&b.DX, &b.DW, &b.DB}[i]
}

func convGradient(c *call, i int) (gradient, error) {
	if i == 2 {
		return biasGradient(c)
	}
	shape, ok := ops.KernelConv(c.op, c.in)
	if !ok {
		return gradient{}, fmt.Errorf("a gradient of a convolution of %v by %v is %w", c.in[0], c.in[1], ops.ErrUnsupported)
	}
	k := kernels.NewConv(shape)
	if i == 0 {
		return gradient{scratch: k.BackwardDataScratch(c.pool), run: func(f *frame) {
			k.BackwardData(c.set, c.pool, f.dy.Float32s(), f.in[1].Float32s(), f.dx.Float32s(), f.scratch)
		}}, nil
	}
	return weightGradient(c, k, func(f *frame) (x, dy []float32) { return f.in[0].Float32s(), f.dy.Float32s() }), nil
}
