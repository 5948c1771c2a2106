package lowering

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of BatchNormalization with given statistics, y = (x-mean)/√(var+ε)·scale + b per channel, by all of its inputs.
func batchNormRules() []rule {
	return []rule{
		{name: "BatchNormalization", reads: func(i int) need {
			switch i {
			case 0, 3:
				return inputs(1, 4)
			case 1:
				return inputs(0, 3, 4)
			case 4:
				return inputs(0, 1, 3, 4)
			}
			return nothing
		}, gradient: batchNormGradient},
	}
}

func batchNormGradient(c *call, i int) (gradient, error) {
	a := c.attrs()
	epsilon := float64(a.Float("epsilon"))
	a.Float("momentum")
	training := a.Bool("training_mode")
	if err := a.Err(); err != nil {
		return gradient{}, err
	}
	if training {
		return gradient{}, fmt.Errorf("a gradient in training mode is %w", ops.ErrUnsupported)
	}
	dims := c.dims(0)
	batch, channels, inner := 1, 1, 1
	if len(dims) == 1 {
		batch = int(dims[0])
	} else {
		batch, channels, inner = int(dims[0]), int(dims[1]), count(dims[2:])
	}
	n := batch * channels * inner
	if i == 2 {
		sum := sumBlocks(c.set, c.pool, batch, channels, inner)
		return gradient{run: func(f *frame) { sum(f.dx.Float32s(), f.dy.Float32s()) }}, nil
	}
	if i == 0 {
		return gradient{scratch: channels, run: func(f *frame) {
			factor := f.scratch[:channels]
			for k, v := range f.in[4].Float32s() {
				factor[k] = float32(float64(f.in[1].Float32s()[k]) / math.Sqrt(float64(v)+epsilon))
			}
			c.set.BinaryColumn(c.pool, kernels.Mul, f.dx.Float32s(), f.dy.Float32s(), factor, inner, false)
		}}, nil
	}
	var f *frame
	part := func(lo, hi int) {
		dy, dx := f.dy.Float32s(), f.dx.Float32s()
		for k := lo; k < hi; k++ {
			inv := 1 / math.Sqrt(float64(f.in[4].Float32s()[k])+epsilon)
			mean := 0.0
			if f.in[3] != nil {
				mean = float64(f.in[3].Float32s()[k])
			}
			sum := 0.0 // of dy, or of dy·(x-mean)
			for b := range batch {
				at := (b*channels + k) * inner
				if i == 3 {
					sum += c.set.Sum(dy[at : at+inner])
					continue
				}
				x := f.in[0].Float32s()[at : at+inner]
				for j, v := range dy[at : at+inner] {
					sum += float64(v) * (float64(x[j]) - mean)
				}
			}
			switch i {
			case 1:
				dx[k] = float32(sum * inv)
			case 3:
				dx[k] = float32(-sum * float64(f.in[1].Float32s()[k]) * inv)
			case 4:
				dx[k] = float32(-sum / 2 * float64(f.in[1].Float32s()[k]) * inv * inv * inv)
			}
		}
	}
	return gradient{run: func(fr *frame) {
		f = fr
		c.pool.Run(channels, 4*n, part)
	}}, nil
}
