package lowering

import (
	"math"

	"github.com/gonyx/gonyx/onnx/kernels"
)

// Gradients of Add, Sub, Mul, Div, Pow, Min, Max, Sum, Mean, Clip and Where, each summed over the axes its input was repeated along.
// Where several inputs of Min or Max are the extreme, they share the gradient evenly. Clip passes the gradient on inside its
// bounds and at them (as PyTorch's clamp), else to the bound that holds. Pow has derivative 0 by x where the exponent is 0, and
// by the exponent where x is 0.
func arithmeticRules() []rule {
	return []rule{
		{name: "Add", reads: always(nothing), gradient: linear(1, 1)},
		{name: "Sub", reads: always(nothing), gradient: linear(1, -1)},
		{name: "Sum", reads: always(nothing), gradient: linear(1)},
		{name: "Mean", reads: always(nothing), gradient: func(c *call, i int) (gradient, error) {
			return scaled(c, i, 1/float32(len(c.in)))
		}},
		{name: "Mul", reads: func(i int) need { return inputs(1 - i) }, gradient: mulGradient},
		{name: "Div", reads: divReads, gradient: divGradient},
		{name: "Pow", reads: powReads, gradient: powGradient},
		{name: "Max", gradient: extremeGradient},
		{name: "Min", gradient: extremeGradient},
		{name: "Clip", reads: always(inputs(0, 1, 2)), gradient: clipGradient},
		{name: "Where", reads: always(inputs(0)), gradient: whereGradient},
	}
}

// linear is the gradient of an operator whose derivative by input i is sign[i], or the last of them.
func linear(sign ...float32) func(*call, int) (gradient, error) {
	return func(c *call, i int) (gradient, error) { return scaled(c, i, sign[min(i, len(sign)-1)]) }
}

// scaled is the gradient of an input that goes into the output times a factor.
func scaled(c *call, i int, factor float32) (gradient, error) {
	reduce := reducer(c.set, c.pool, c.dims(i), c.outDims())
	return gradient{run: func(f *frame) {
		dx := f.dx.Float32s()
		reduce(dx, f.dy.Float32s())
		if factor != 1 {
			c.set.BinaryScalar(c.pool, kernels.Mul, dx, dx, factor, false)
		}
	}}, nil
}

func mulGradient(c *call, i int) (gradient, error) {
	return pointwise(c, i, inputs(1-i), 2, func(p *points, lo, hi int) {
		c.set.Binary(nil, kernels.Mul, p.dx[lo:hi], p.dy[lo:hi], p.x[1-i][lo:hi])
	})
}

func divReads(i int) need {
	if i == 0 {
		return inputs(1)
	}
	return inputs(1) | theOutput
}

func divGradient(c *call, i int) (gradient, error) {
	return pointwise(c, i, divReads(i), 4, func(p *points, lo, hi int) {
		dx := p.dx[lo:hi]
		c.set.Binary(nil, kernels.Div, dx, p.dy[lo:hi], p.x[1][lo:hi])
		if i == 1 { // -dy·y/b
			c.set.Binary(nil, kernels.Mul, dx, dx, p.y[lo:hi])
			c.set.Unary(nil, kernels.Activation{Function: kernels.Neg}, dx, dx)
		}
	})
}

func powReads(i int) need {
	if i == 0 {
		return inputs(0, 1)
	}
	return inputs(0, 1) | theOutput
}

func powGradient(c *call, i int) (gradient, error) {
	return pointwise(c, i, powReads(i), 60, func(p *points, lo, hi int) {
		for k := lo; k < hi; k++ {
			x, e := p.x[0][k], p.x[1][k]
			switch {
			case i == 0 && e == 0, i == 1 && x == 0 && e >= 0:
				p.dx[k] = 0
			case i == 0 && e == 2:
				p.dx[k] = p.dy[k] * (2 * x)
			case i == 0:
				p.dx[k] = p.dy[k] * float32(float64(e)*math.Pow(float64(x), float64(e)-1))
			default:
				p.dx[k] = p.dy[k] * float32(float64(p.y[k])*math.Log(float64(x)))
			}
		}
	})
}

func extremeGradient(c *call, i int) (gradient, error) {
	return pointwise(c, i, everything, 4*len(c.in), func(p *points, lo, hi int) {
		for k := lo; k < hi; k++ {
			p.dx[k] = 0
			if p.x[i][k] != p.y[k] {
				continue
			}
			ties := 0
			for _, x := range p.x {
				if x[k] == p.y[k] {
					ties++
				}
			}
			p.dx[k] = p.dy[k] / float32(ties)
		}
	})
}

func clipGradient(c *call, i int) (gradient, error) {
	if i == 0 {
		return clipped(c), nil
	}
	return pointwise(c, i, inputs(0, 1, 2), 4, func(p *points, lo, hi int) {
		bound := func(which int, k int, none float32) float32 {
			if which < len(p.x) && p.x[which] != nil {
				return p.x[which][k]
			}
			return none
		}
		inf := float32(math.Inf(1))
		for k := lo; k < hi; k++ {
			x, least, most := p.x[0][k], bound(1, k, -inf), bound(2, k, inf)
			// y = min(max(x, least), most): which of the three is it?
			winner := 0
			if x < least {
				winner = 1
			}
			if max(x, least) > most {
				winner = 2
			}
			p.dx[k] = 0
			if winner == i {
				p.dx[k] = p.dy[k]
			}
		}
	})
}

// clipped is the gradient by x: bounds have one element each.
func clipped(c *call) gradient {
	inf := float32(math.Inf(1))
	var least, most float32
	var x, dy, dx []float32
	part := func(lo, hi int) {
		x, dy, dx := x[lo:hi], dy[lo:hi], dx[lo:hi]
		for k, v := range x {
			g := dy[k]
			if v < least || v > most {
				g = 0
			}
			dx[k] = g
		}
	}
	return gradient{run: func(f *frame) {
		least, most = -inf, inf
		if len(f.in) > 1 && f.in[1] != nil {
			least = f.in[1].Float32s()[0]
		}
		if len(f.in) > 2 && f.in[2] != nil {
			most = f.in[2].Float32s()[0]
		}
		x, dy, dx = f.in[0].Float32s(), f.dy.Float32s(), f.dx.Float32s()
		c.pool.Run(len(x), 2*len(x), part)
	}}
}

func whereGradient(c *call, i int) (gradient, error) {
	return pointwise(c, i, inputs(0), 2, func(p *points, lo, hi int) {
		for k := lo; k < hi; k++ {
			p.dx[k] = 0
			if (p.x[0][k] != 0) == (i == 1) {
				p.dx[k] = p.dy[k]
			}
		}
	})
}
