package lowering

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of Conv and ConvTranspose over two axes, by input, weight and bias. ConvTranspose is the gradient of a convolution by its
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
		{name: "Conv", reads: reads, gradient: convGradient},
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
	return gradient{scratch: k.BackwardWeightsScratch(c.pool), run: func(f *frame) {
		k.BackwardWeights(c.set, c.pool, f.dy.Float32s(), f.in[0].Float32s(), f.dx.Float32s(), nil, f.scratch)
	}}, nil
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
	return gradient{scratch: k.BackwardWeightsScratch(c.pool), run: func(f *frame) {
		k.BackwardWeights(c.set, c.pool, f.in[0].Float32s(), f.dy.Float32s(), f.dx.Float32s(), nil, f.scratch)
	}}, nil
}
