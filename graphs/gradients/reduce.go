package gradients

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of the Reduce family. Where several elements are the greatest or the least they share the gradient evenly. ReduceL2 has
// derivative 0 where the norm is 0, ReduceL1 where the element is.
func reduceRules() []rule {
	// of takes what a derivative is made from: x, and y and dy with the reduced axes kept as 1.
	of := func(name string, gradient func(c *call, r reduction) graphs.Value) rule {
		return rule{name: name, first: 1, gradient: func(c *call, _ int) (graphs.Value, error) {
			r, err := c.reduction()
			if err != nil {
				return absent, err
			}
			return gradient(c, r), nil
		}}
	}
	return []rule{
		of("ReduceSum", func(c *call, r reduction) graphs.Value { return c.expandLike(r.keep(c.dy[0]), c.x[0]) }),
		of("ReduceMean", func(c *call, r reduction) graphs.Value {
			return c.expandLike(c.over(r.keep(c.dy[0]), c.x[0], r.axes), c.x[0])
		}),
		of("ReduceMax", func(c *call, r reduction) graphs.Value { return c.shareAmongEqual(r) }),
		of("ReduceMin", func(c *call, r reduction) graphs.Value { return c.shareAmongEqual(r) }),
		of("ReduceSumSquare", func(c *call, r reduction) graphs.Value { return c.times(r.keep(c.dy[0]), 2).Mul(c.x[0]) }),
		of("ReduceL1", func(c *call, r reduction) graphs.Value { return r.keep(c.dy[0]).Mul(c.unary("Sign", c.x[0])) }),
		of("ReduceL2", func(c *call, r reduction) graphs.Value {
			y := r.keep(c.y[0])
			d := r.keep(c.dy[0]).Mul(c.x[0].Div(y))
			return y.Equal(c.number(y, 0)).Where(c.number(d, 0), d)
		}),
		of("ReduceLogSum", func(c *call, r reduction) graphs.Value {
			return c.expandLike(r.keep(c.dy[0]).Mul(r.keep(c.y[0]).Neg().Exp()), c.x[0])
		}),
		of("ReduceLogSumExp", func(c *call, r reduction) graphs.Value {
			return r.keep(c.dy[0]).Mul(c.x[0].Sub(r.keep(c.y[0])).Exp())
		}),
	}
}

// reduction is what a node of the family reduces.
type reduction struct {
	c       *call
	axes    []int64 // all of them where everything is reduced; none where nothing is
	dropped bool    // the output has them not
}

func (c *call) reduction() (reduction, error) {
	a := c.attrs()
	noop, keep := a.Bool("noop_with_empty_axes"), a.Bool("keepdims")
	if err := a.Err(); err != nil {
		return reduction{}, err
	}
	axes, ok := c.ints(1)
	if !ok {
		return reduction{}, fmt.Errorf("a gradient with axes that depend on data is %w", ops.ErrUnsupported)
	}
	rank := len(c.x[0].Dims())
	r := reduction{c: c, dropped: !keep}
	if len(axes) == 0 && !noop {
		for k := range rank {
			r.axes = append(r.axes, int64(k))
		}
	}
	for _, axis := range axes {
		k, err := ops.Axis(axis, rank)
		if err != nil {
			return r, err
		}
		r.axes = append(r.axes, int64(k))
	}
	return r, nil
}

// keep gives a value of the output's shape with the reduced axes as 1.
func (r reduction) keep(v graphs.Value) graphs.Value {
	if !r.dropped || len(r.axes) == 0 {
		return v
	}
	return r.c.op("Unsqueeze", []graphs.Value{v, r.c.indices(r.axes...)})
}

// over divides by the number of elements along axes of x.
func (c *call) over(v, x graphs.Value, axes []int64) graphs.Value {
	n := int64(1)
	for _, k := range axes {
		if d := x.Dims()[k]; d.Known() && n >= 0 {
			n *= d.Value
		} else {
			n = -1
		}
	}
	if n >= 0 {
		return v.Div(c.number(v, float64(n)))
	}
	sizes := c.op("Gather", []graphs.Value{c.shape(x), c.indices(axes...)})
	return v.Div(c.op("ReduceProd", []graphs.Value{sizes}, keepDims(false)).Cast(v.Fact().Elem()))
}

// shareAmongEqual is the gradient of the greatest or least of each group.
func (c *call) shareAmongEqual(r reduction) graphs.Value {
	hit := c.x[0].Equal(r.keep(c.y[0]))
	ties := c.sum(hit.Cast(c.dy[0].Fact().Elem()), true, r.axes...)
	return c.where(hit, r.keep(c.dy[0]).Div(ties))
}
