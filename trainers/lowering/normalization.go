package lowering

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of BatchNormalization with given statistics, y = (x-mean)/√(var+ε)·scale + b per channel, of LayerNormalization and of
// PRelu.
func normalizationRules() []rule {
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
		{name: "LayerNormalization", reads: func(i int) need {
			if i == 2 {
				return nothing
			}
			return inputs(0, 1)
		}, gradient: layerNormGradient},
		{name: "PRelu", reads: always(inputs(0, 1)), gradient: func(c *call, i int) (gradient, error) {
			return pointwise(c, i, inputs(0, 1), 3, func(p *points, lo, hi int) {
				for k := lo; k < hi; k++ {
					x, slope, dy := p.x[0][k], p.x[1][k], p.dy[k]
					switch {
					case i == 0 && x < 0:
						p.dx[k] = dy * slope
					case i == 0:
						p.dx[k] = dy
					case x < 0:
						p.dx[k] = dy * x
					default:
						p.dx[k] = 0
					}
				}
			})
		}},
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

// layerNormGradient: y = x̂·scale + b with x̂ = (x-mean)/√(var+ε) over the last axes;
// dx = (g - mean(g) - x̂·mean(g·x̂))/√(var+ε) with g = dy·scale.
func layerNormGradient(c *call, i int) (gradient, error) {
	a := c.attrs()
	axis, epsilon := a.Int("axis"), float64(a.Float("epsilon"))
	a.Int("stash_type")
	if err := a.Err(); err != nil {
		return gradient{}, err
	}
	if c.k != 0 {
		return gradient{}, fmt.Errorf("a gradient by way of output %d is %w", c.k, ops.ErrUnsupported)
	}
	dims := c.dims(0)
	at, err := ops.Axis(axis, len(dims))
	if err != nil {
		return gradient{}, fmt.Errorf("attribute \"axis\": %w", err)
	}
	if i == 2 {
		return scaled(c, i, 1)
	}
	rows, n := count(dims[:at]), count(dims[at:])
	if rows == 0 || n == 0 {
		return gradient{run: func(f *frame) { clear(f.dx.Float32s()) }}, nil
	}
	scaleDims := c.dims(1)
	expand := expander(scaleDims, dims[at:])
	var x, dy, dx, scale []float32
	// Into dx goes the gradient by x, or for the scale dy·x̂.
	part := func(lo, hi int) {
		for r := lo; r < hi; r++ {
			x, dy, dx := x[r*n:(r+1)*n], dy[r*n:(r+1)*n], dx[r*n:(r+1)*n]
			mean := c.set.Sum(x) / float64(n)
			squares := 0.0
			for _, v := range x {
				d := float64(v) - mean
				squares += d * d
			}
			inv := 1 / math.Sqrt(squares/float64(n)+epsilon)
			if i == 1 {
				for k, v := range x {
					dx[k] = float32(float64(dy[k]) * (float64(v) - mean) * inv)
				}
				continue
			}
			g, gx := 0.0, 0.0
			for k, v := range x {
				d := float64(dy[k]) * float64(scale[k])
				g += d
				gx += d * (float64(v) - mean) * inv
			}
			g, gx = g/float64(n), gx/float64(n)
			for k, v := range x {
				d := float64(dy[k]) * float64(scale[k])
				dx[k] = float32((d - g - (float64(v)-mean)*inv*gx) * inv)
			}
		}
	}
	if i == 0 {
		return gradient{scratch: n, run: func(f *frame) {
			scale = f.scratch[:n]
			expand(scale, f.in[1].Float32s())
			x, dy, dx = f.in[0].Float32s(), f.dy.Float32s(), f.dx.Float32s()
			c.pool.Run(rows, 12*rows*n, part)
		}}, nil
	}
	reduce := reducer(c.set, c.pool, scaleDims, dims)
	return gradient{scratch: rows * n, run: func(f *frame) {
		x, dy, dx = f.in[0].Float32s(), f.dy.Float32s(), f.scratch[:rows*n]
		c.pool.Run(rows, 8*rows*n, part)
		reduce(f.dx.Float32s(), dx)
	}}, nil
}
