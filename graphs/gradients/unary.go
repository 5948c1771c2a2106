package gradients

import (
	"math"

	"github.com/gonyx/gonyx/graphs"
)

// Gradients of functions of one number. At a corner the derivative is that of PyTorch: 0 for Abs and Relu at 0, alpha for LeakyRelu
// and Elu. Sqrt has an infinite one at 0. Floor, Ceil, Round and Sign are constants to gradients.
func unaryRules() []rule {
	return []rule{
		plain("Relu", func(c *call) graphs.Value { return c.where(c.y[0].Greater(c.number(c.y[0], 0)), c.dy[0]) }),
		plain("Sigmoid", func(c *call) graphs.Value {
			y := c.y[0]
			return c.dy[0].Mul(y).Mul(c.number(y, 1).Sub(y))
		}),
		plain("Tanh", func(c *call) graphs.Value {
			y := c.y[0]
			return c.dy[0].Mul(c.number(y, 1).Sub(y.Square()))
		}),
		plain("Exp", func(c *call) graphs.Value { return c.dy[0].Mul(c.y[0]) }),
		plain("Sqrt", func(c *call) graphs.Value { return c.times(c.dy[0], 0.5).Div(c.y[0]) }),
		plain("Neg", func(c *call) graphs.Value { return c.dy[0].Neg() }),
		plain("Abs", func(c *call) graphs.Value { return c.dy[0].Mul(c.unary("Sign", c.x[0])) }),
		plain("Log", func(c *call) graphs.Value { return c.dy[0].Div(c.x[0]) }),
		plain("Reciprocal", func(c *call) graphs.Value { return c.dy[0].Mul(c.y[0].Square()).Neg() }),
		plain("Softplus", func(c *call) graphs.Value { return c.dy[0].Mul(c.x[0].Sigmoid()) }),
		plain("Softsign", func(c *call) graphs.Value {
			return c.dy[0].Div(c.number(c.x[0], 1).Add(c.x[0].Abs()).Square())
		}),
		plain("Erf", func(c *call) graphs.Value { // 2/√π·e^(-x²)
			return c.times(c.dy[0].Mul(c.x[0].Square().Neg().Exp()), 2/math.SqrtPi)
		}),
		plain("Sin", func(c *call) graphs.Value { return c.dy[0].Mul(c.unary("Cos", c.x[0])) }),
		plain("Cos", func(c *call) graphs.Value { return c.dy[0].Mul(c.unary("Sin", c.x[0])).Neg() }),
		plain("HardSwish", func(c *call) graphs.Value { // 0 below -3, 1 above 3, x/3 + 1/2 between
			x := c.x[0]
			slope := c.times(x, 1.0/3).Add(c.number(x, 0.5))
			below := c.op("LessOrEqual", []graphs.Value{x, c.number(x, -3)})
			above := c.op("GreaterOrEqual", []graphs.Value{x, c.number(x, 3)})
			return c.dy[0].Mul(below.Where(c.number(x, 0), above.Where(c.number(x, 1), slope)))
		}),
		plain("Mish", func(c *call) graphs.Value { // t + x·(1-t²)·σ(x) with t = tanh(softplus(x))
			x := c.x[0]
			t := c.unary("Softplus", x).Tanh()
			return c.dy[0].Mul(t.Add(x.Mul(c.number(x, 1).Sub(t.Square())).Mul(x.Sigmoid())))
		}),
		plain("Tan", func(c *call) graphs.Value { return c.dy[0].Mul(c.number(c.x[0], 1).Add(c.y[0].Square())) }),
		plain("Sinh", func(c *call) graphs.Value { return c.dy[0].Mul(c.unary("Cosh", c.x[0])) }),
		plain("Cosh", func(c *call) graphs.Value { return c.dy[0].Mul(c.unary("Sinh", c.x[0])) }),
		plain("Asin", func(c *call) graphs.Value { return c.dy[0].Div(c.number(c.x[0], 1).Sub(c.x[0].Square()).Sqrt()) }),
		plain("Acos", func(c *call) graphs.Value { return c.dy[0].Div(c.number(c.x[0], 1).Sub(c.x[0].Square()).Sqrt()).Neg() }),
		plain("Atan", func(c *call) graphs.Value { return c.dy[0].Div(c.number(c.x[0], 1).Add(c.x[0].Square())) }),
		plain("Asinh", func(c *call) graphs.Value { return c.dy[0].Div(c.x[0].Square().Add(c.number(c.x[0], 1)).Sqrt()) }),
		plain("Acosh", func(c *call) graphs.Value { return c.dy[0].Div(c.x[0].Square().Sub(c.number(c.x[0], 1)).Sqrt()) }),
		plain("Atanh", func(c *call) graphs.Value { return c.dy[0].Div(c.number(c.x[0], 1).Sub(c.x[0].Square())) }),
		{name: "PRelu", gradient: func(c *call, i int) (graphs.Value, error) {
			x, dy := c.x[0], c.dy[0]
			negative := x.Less(c.number(x, 0))
			if i == 0 {
				return negative.Where(dy.Mul(c.x[1]), dy), nil
			}
			return c.sumTo(c.where(negative, dy.Mul(x)), c.x[1], nil), nil
		}},
		byAlpha("LeakyRelu", func(c *call, alpha float64) graphs.Value {
			return c.x[0].Greater(c.number(c.x[0], 0)).Where(c.dy[0], c.times(c.dy[0], alpha))
		}),
		byAlpha("Elu", func(c *call, alpha float64) graphs.Value {
			y := c.y[0]
			return y.Greater(c.number(y, 0)).Where(c.dy[0], c.dy[0].Mul(y.Add(c.number(y, alpha))))
		}),
		byAlpha("Celu", func(c *call, alpha float64) graphs.Value {
			y := c.y[0]
			return y.Greater(c.number(y, 0)).Where(c.dy[0], c.dy[0].Mul(c.times(y, 1/alpha).Add(c.number(y, 1))))
		}),
		byAlpha("Swish", func(c *call, alpha float64) graphs.Value { // s + αx·s·(1-s) with s = σ(αx)
			inner := c.times(c.x[0], alpha)
			s := inner.Sigmoid()
			return c.dy[0].Mul(s.Add(inner.Mul(s).Mul(c.number(s, 1).Sub(s))))
		}),
		byAlpha("ThresholdedRelu", func(c *call, alpha float64) graphs.Value {
			return c.where(c.x[0].Greater(c.number(c.x[0], alpha)), c.dy[0])
		}),
		{name: "Selu", gradient: seluGradient},
		{name: "Gelu", gradient: geluGradient},
		{name: "HardSigmoid", gradient: hardSigmoidGradient},
		{name: "Floor", stop: true},
		{name: "Ceil", stop: true},
		{name: "Round", stop: true},
		{name: "Sign", stop: true},
	}
}

// byAlpha makes a rule of a function with one attribute.
func byAlpha(name string, gradient func(c *call, alpha float64) graphs.Value) rule {
	return rule{name: name, gradient: func(c *call, _ int) (graphs.Value, error) {
		a := c.attrs()
		alpha := float64(a.Float("alpha"))
		if err := a.Err(); err != nil {
			return absent, err
		}
		return gradient(c, alpha), nil
	}}
}

func seluGradient(c *call, _ int) (graphs.Value, error) {
	a := c.attrs()
	alpha, gamma := float64(a.Float("alpha")), float64(a.Float("gamma"))
	if err := a.Err(); err != nil {
		return absent, err
	}
	y := c.y[0]
	return y.Greater(c.number(y, 0)).Where(c.times(c.dy[0], gamma), c.dy[0].Mul(y.Add(c.number(y, alpha*gamma)))), nil
}

func geluGradient(c *call, _ int) (graphs.Value, error) {
	a := c.attrs()
	approximate := a.Str("approximate") == "tanh"
	if err := a.Err(); err != nil {
		return absent, err
	}
	x := c.x[0]
	one := c.number(x, 1)
	if approximate {
		// ½(1+t) + ½·x·(1-t²)·r·(1+3k·x²) with t = tanh(r·(x + k·x³))
		const k = 0.044715
		r := math.Sqrt(2 / math.Pi)
		square := x.Square()
		t := c.times(x.Mul(one.Add(c.times(square, k))), r).Tanh()
		inner := c.times(one.Add(c.times(square, 3*k)), r)
		d := one.Add(t).Add(x.Mul(one.Sub(t.Square())).Mul(inner))
		return c.times(c.dy[0].Mul(d), 0.5), nil
	}
	// Φ(x) + x·φ(x)
	below := c.times(one.Add(c.unary("Erf", c.times(x, 1/math.Sqrt2))), 0.5)
	density := c.times(c.times(x.Square(), -0.5).Exp(), 1/math.Sqrt(2*math.Pi))
	return c.dy[0].Mul(below.Add(x.Mul(density))), nil
}

func hardSigmoidGradient(c *call, _ int) (graphs.Value, error) {
	a := c.attrs()
	alpha := float64(a.Float("alpha"))
	a.Float("beta")
	if err := a.Err(); err != nil {
		return absent, err
	}
	y := c.y[0]
	inside := c.op("And", []graphs.Value{y.Greater(c.number(y, 0)), y.Less(c.number(y, 1))})
	return c.where(inside, c.times(c.dy[0], alpha)), nil
}
