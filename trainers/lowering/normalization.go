package lowering

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of LayerNormalization, RMSNormalization, InstanceNormalization and GroupNormalization: y = x̂·scale + b with
// x̂ = (x-mean)/√(var+ε) over each line of elements, RMSNormalization without mean and b.
func normalizationRules() []rule {
	reads := func(i int) need {
		if i == 2 {
			return nothing
		}
		return inputs(0, 1)
	}
	var list []rule
	for _, name := range []string{"LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization"} {
		list = append(list, rule{name: name, reads: reads, gradient: normalizationGradient})
	}
	return list
}

// lines is how a normalization sees its input: lines of n neighbours, and a shape under which scale and b broadcast to it.
type lines struct {
	count, n int
	epsilon  float64
	scale    []int64
	centred  bool
}

func linesOf(c *call) (lines, error) {
	a := c.attrs()
	dims := c.dims(0)
	l := lines{epsilon: float64(a.Float("epsilon")), scale: c.dims(1), centred: c.node.OpType != "RMSNormalization"}
	switch c.node.OpType {
	case "LayerNormalization", "RMSNormalization":
		axis := a.Int("axis")
		a.Int("stash_type")
		at, err := ops.Axis(axis, len(dims))
		if err != nil {
			return l, fmt.Errorf("attribute \"axis\": %w", err)
		}
		l.count, l.n = count(dims[:at]), count(dims[at:])
	case "GroupNormalization":
		groups := int(a.Int("num_groups"))
		a.Int("stash_type")
		l.count = int(dims[0]) * groups
	default:
		l.count = int(dims[0] * dims[1])
	}
	if err := a.Err(); err != nil {
		return l, err
	}
	if l.n == 0 { // by channels: scale is [channels]
		l.n = count(dims) / max(1, l.count)
		l.scale = make([]int64, len(dims)-1)
		for i := range l.scale {
			l.scale[i] = 1
		}
		l.scale[0] = dims[1]
	}
	if c.k != 0 {
		return l, fmt.Errorf("a gradient by way of output %d is %w", c.k, ops.ErrUnsupported)
	}
	return l, nil
}

// normalizationGradient: by x it is (g - mean(g) - x̂·mean(g·x̂))/√(var+ε) with g = dy·scale, without mean(g) where the mean was
// not taken off; by scale dy·x̂ and by b dy, summed over what they were repeated along.
func normalizationGradient(c *call, i int) (gradient, error) {
	l, err := linesOf(c)
	if err != nil {
		return gradient{}, err
	}
	dims := c.dims(0)
	total, n := l.count*l.n, l.n
	reduce, expand := reducer(c.set, c.pool, l.scale, dims), expander(l.scale, dims)
	if i == 2 {
		return gradient{run: func(f *frame) { reduce(f.dx.Float32s(), f.dy.Float32s()) }}, nil
	}
	if total == 0 {
		return gradient{run: func(f *frame) { clear(f.dx.Float32s()) }}, nil
	}
	var x, dy, dx, scale []float32
	part := func(lo, hi int) {
		for r := lo; r < hi; r++ {
			x, dy, dx := x[r*n:(r+1)*n], dy[r*n:(r+1)*n], dx[r*n:(r+1)*n]
			mean := 0.0
			if l.centred {
				mean = c.set.Sum(x) / float64(n)
			}
			squares := 0.0
			for _, v := range x {
				d := float64(v) - mean
				squares += d * d
			}
			inv := 1 / math.Sqrt(squares/float64(n)+l.epsilon)
			if i == 1 {
				for k, v := range x {
					dx[k] = float32(float64(dy[k]) * (float64(v) - mean) * inv)
				}
				continue
			}
			scale := scale[r*n : (r+1)*n]
			g, gx := 0.0, 0.0
			for k, v := range x {
				d := float64(dy[k]) * float64(scale[k])
				g += d
				gx += d * (float64(v) - mean) * inv
			}
			g, gx = g/float64(n), gx/float64(n)
			if !l.centred {
				g = 0
			}
			for k, v := range x {
				d := float64(dy[k]) * float64(scale[k])
				dx[k] = float32((d - g - (float64(v)-mean)*inv*gx) * inv)
			}
		}
	}
	return gradient{scratch: total, run: func(f *frame) {
		x, dy = f.in[0].Float32s(), f.dy.Float32s()
		if i == 0 {
			scale, dx = f.scratch[:total], f.dx.Float32s()
			expand(scale, f.in[1].Float32s())
		} else {
			dx = f.scratch[:total]
		}
		c.pool.Run(l.count, 12*total, part)
		if i == 1 {
			reduce(f.dx.Float32s(), dx)
		}
	}}, nil
}
