package lowering

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of the Reduce family. Where several elements are the greatest or the least they share the gradient evenly. ReduceL2 has
// derivative 0 where the norm is 0, ReduceL1 where the element is.
func reduceRules() []rule {
	byInput := always(inputs(0))
	one := first(1)
	return []rule{
		{name: "ReduceSum", wrt: one, reads: always(nothing), gradient: func(c *call, _ int) (gradient, error) { return spread(c, false) }},
		{name: "ReduceMean", wrt: one, reads: always(nothing), gradient: func(c *call, _ int) (gradient, error) { return spread(c, true) }},
		{name: "ReduceMax", wrt: one, reads: always(inputs(0) | theOutput), gradient: reduceExtreme},
		{name: "ReduceMin", wrt: one, reads: always(inputs(0) | theOutput), gradient: reduceExtreme},
		{name: "ReduceSumSquare", wrt: one, reads: byInput, gradient: reduced(2, func(x, _ float64) float64 { return 2 * x })},
		{name: "ReduceL1", wrt: one, reads: byInput, gradient: reduced(2, func(x, _ float64) float64 {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			}
			return x // 0, or NaN
		})},
		{name: "ReduceL2", wrt: one, reads: always(inputs(0) | theOutput), gradient: reduced(10, func(x, y float64) float64 {
			if y == 0 {
				return 0
			}
			return x / y
		})},
		{name: "ReduceLogSum", wrt: one, reads: always(theOutput), gradient: reduced(40, func(_, y float64) float64 { return math.Exp(-y) })},
		{name: "ReduceLogSumExp", wrt: one, reads: always(inputs(0) | theOutput), gradient: reduced(40, func(x, y float64) float64 { return math.Exp(x - y) })},
	}
}

// keptDims gives the output's shape with the reduced axes kept as 1.
func keptDims(c *call) ([]int64, error) {
	a := c.attrs()
	noop := a.Bool("noop_with_empty_axes")
	a.Bool("keepdims")
	if err := a.Err(); err != nil {
		return nil, err
	}
	axes, ok := c.ints(1)
	if !ok {
		return nil, fmt.Errorf("axes that depend on data are %w in training", ops.ErrUnsupported)
	}
	in := c.dims(0)
	kept := make([]int64, len(in))
	switch {
	case len(axes) == 0 && noop:
		copy(kept, in)
	case len(axes) == 0:
		for i := range kept {
			kept[i] = 1
		}
	default:
		copy(kept, in)
		for _, axis := range axes {
			k, err := ops.Axis(axis, len(in))
			if err != nil {
				return nil, err
			}
			kept[k] = 1
		}
	}
	return kept, nil
}

// spread repeats the gradient over what was summed, divided by how many there were for a mean.
func spread(c *call, mean bool) (gradient, error) {
	kept, err := keptDims(c)
	if err != nil {
		return gradient{}, err
	}
	return spreadFrom(c, kept, mean), nil
}

// spreadFrom is spread where the output has the elements of shape kept.
func spreadFrom(c *call, kept []int64, mean bool) gradient {
	in := c.dims(0)
	expand := expander(kept, in)
	factor := float32(1)
	if n := count(kept); mean && n > 0 && count(in) > 0 {
		factor = float32(1 / float64(count(in)/n))
	}
	if factor == 1 {
		return gradient{run: func(f *frame) { expand(f.dx.Float32s(), f.dy.Float32s()) }}
	}
	n := count(kept)
	return gradient{scratch: n, run: func(f *frame) {
		share := f.scratch[:n]
		c.set.BinaryScalar(nil, kernels.Mul, share, f.dy.Float32s(), factor, false)
		expand(f.dx.Float32s(), share)
	}}
}

// reduced is the gradient of a reduction whose derivative by an element is d(element, result); what the rule does not read is
// 0 there.
func reduced(work int, d func(x, y float64) float64) func(*call, int) (gradient, error) {
	return func(c *call, _ int) (gradient, error) {
		kept, err := keptDims(c)
		if err != nil {
			return gradient{}, err
		}
		in := c.dims(0)
		n := count(in)
		expand := expander(kept, in)
		var x, y, dx []float32
		part := func(lo, hi int) {
			for k := lo; k < hi; k++ {
				var xk, yk float64
				if x != nil {
					xk = float64(x[k])
				}
				if y != nil {
					yk = float64(y[k])
				}
				dx[k] *= float32(d(xk, yk))
			}
		}
		return gradient{scratch: n, run: func(f *frame) {
			x, y, dx = nil, nil, f.dx.Float32s()
			expand(dx, f.dy.Float32s())
			if f.in[0] != nil {
				x = f.in[0].Float32s()
			}
			if f.y != nil {
				y = f.scratch[:n]
				expand(y, f.y.Float32s())
			}
			c.pool.Run(n, work*n, part)
		}}, nil
	}
}

func reduceExtreme(c *call, _ int) (gradient, error) {
	kept, err := keptDims(c)
	if err != nil {
		return gradient{}, err
	}
	return extremeFrom(c, kept), nil
}

// extremeFrom is the gradient of the greatest or least of each group, where the output has the elements of shape kept.
func extremeFrom(c *call, kept []int64) gradient {
	in := c.dims(0)
	n, groups := count(in), count(kept)
	expand, reduce := expander(kept, in), reducer(c.set, c.pool, kept, in)
	return gradient{scratch: n + groups, run: func(f *frame) {
		dx, x := f.dx.Float32s(), f.in[0].Float32s()
		full, share := f.scratch[:n], f.scratch[n:n+groups]
		expand(full, f.y.Float32s())
		for k, v := range x {
			hit := float32(0)
			if v == full[k] {
				hit = 1
			}
			full[k] = hit
		}
		reduce(share, full)
		for g, dy := range f.dy.Float32s() {
			share[g] = dy / share[g]
		}
		expand(dx, share)
		for k, hit := range full {
			if hit == 0 {
				dx[k] = 0
			}
		}
	}}
}
