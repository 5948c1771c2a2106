package gradients

import "github.com/gonyx/gonyx/graphs"

// Gradients of Add, Sub, Mul, Div, Pow, Min, Max, Sum, Mean, Clip and Where, each summed over the axes its input was repeated along.
// Where several inputs of Min or Max are the extreme, they share the gradient evenly. Clip passes the gradient on inside its
// bounds and at them, else to the bound that holds. Pow has derivative 0 by x where the exponent is 0, and by the exponent
// where x is 0.
func arithmeticRules() []rule {
	return []rule{
		{name: "Add", gradient: linear(1, 1)},
		{name: "Sub", gradient: linear(1, -1)},
		{name: "Sum", gradient: linear(1)},
		{name: "Mean", gradient: func(c *call, i int) (graphs.Value, error) {
			return c.times(c.back(c.dy[0], i), 1/float64(len(c.x))), nil
		}},
		{name: "Mul", gradient: func(c *call, i int) (graphs.Value, error) {
			return c.back(c.dy[0].Mul(c.x[1-i]), i), nil
		}},
		{name: "Div", gradient: func(c *call, i int) (graphs.Value, error) {
			d := c.dy[0].Div(c.x[1])
			if i == 1 { // -dy·y/b
				d = d.Mul(c.y[0]).Neg()
			}
			return c.back(d, i), nil
		}},
		{name: "Pow", gradient: powGradient},
		{name: "Max", gradient: extremeGradient},
		{name: "Min", gradient: extremeGradient},
		{name: "Clip", gradient: clipGradient},
		{name: "Where", gradient: func(c *call, i int) (graphs.Value, error) {
			if i == 1 {
				return c.back(c.where(c.x[0], c.dy[0]), i), nil
			}
			return c.back(c.x[0].Where(c.number(c.dy[0], 0), c.dy[0]), i), nil
		}},
	}
}

// linear is the gradient of an operator whose derivative by input i is sign[i], or the last of them.
func linear(sign ...float64) func(*call, int) (graphs.Value, error) {
	return func(c *call, i int) (graphs.Value, error) {
		d := c.back(c.dy[0], i)
		if sign[min(i, len(sign)-1)] < 0 {
			d = d.Neg()
		}
		return d, nil
	}
}

func powGradient(c *call, i int) (graphs.Value, error) {
	x, e := c.x[0], c.x[1]
	elem := x.Fact().Elem()
	if i == 1 { // y·log x
		d := c.dy[0].Mul(c.y[0]).Mul(x.Log())
		zero := c.op("And", []graphs.Value{x.Equal(c.number(x, 0)), c.op("GreaterOrEqual", []graphs.Value{e, c.number(e, 0)})})
		d = zero.Where(c.number(d, 0), d)
		if e.Fact().Elem() != elem {
			d = d.Cast(e.Fact().Elem())
		}
		return c.back(d, i), nil
	}
	if e.Fact().Elem() != elem {
		e = e.Cast(elem)
	}
	// e·x^(e-1)
	zero := e.Equal(c.number(e, 0))
	d := c.dy[0].Mul(e.Mul(x.Pow(e.Sub(c.number(e, 1)))))
	return c.back(zero.Where(c.number(d, 0), d), i), nil
}

func extremeGradient(c *call, i int) (graphs.Value, error) {
	var ties graphs.Value
	elem := c.y[0].Fact().Elem()
	for k, x := range c.x {
		hit := x.Equal(c.y[0]).Cast(elem)
		if k == 0 {
			ties = hit
		} else {
			ties = ties.Add(hit)
		}
	}
	share := c.dy[0]
	if len(c.x) > 1 {
		share = share.Div(ties)
	}
	return c.back(c.where(c.x[i].Equal(c.y[0]), share), i), nil
}

// clipGradient: y = min(max(x, least), most), with the gradient to whichever of the three y is.
func clipGradient(c *call, i int) (graphs.Value, error) {
	x, least, most := c.x[0], c.input(1), c.input(2)
	dy := c.dy[0]
	zero := c.number(dy, 0)
	if most != absent {
		held := x
		if least != absent {
			held = x.Max(least)
		}
		high := held.Greater(most)
		if i == 2 {
			return c.sumTo(high.Where(dy, zero), most, nil), nil
		}
		dy = high.Where(zero, dy)
	}
	if i == 1 {
		return c.sumTo(x.Less(least).Where(dy, zero), least, nil), nil
	}
	if least != absent {
		dy = x.Less(least).Where(zero, dy)
	}
	return dy, nil
}
