package lowering

import (
	"math"

	"github.com/gonyx/gonyx/onnx/kernels"
)

// Gradients of functions of one number, and of PRelu. At a corner the derivative is that of PyTorch: 0 for Abs and Relu at 0, alpha for LeakyRelu
// and Elu. Sqrt has an infinite one at 0. Floor, Ceil, Round and Sign are constants to gradients.
func unaryRules() []rule {
	byOutput := func(name string, f kernels.Function) rule {
		return rule{name: name, reads: always(theOutput), gradient: func(c *call, _ int) (gradient, error) {
			return derivative(c, kernels.Activation{Function: f})
		}}
	}
	return []rule{
		byOutput("Relu", kernels.Relu),
		byOutput("Sigmoid", kernels.Sigmoid),
		byOutput("Tanh", kernels.Tanh),
		byOutput("Exp", kernels.Exp),
		byOutput("Sqrt", kernels.Sqrt),
		{name: "LeakyRelu", gradient: leakyReluGradient},
		{name: "Neg", reads: always(nothing), gradient: linear(-1)},
		{name: "Abs", reads: always(inputs(0)), gradient: elementwise(2, func(x, _ float64) float64 {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			}
			return x // 0, or NaN
		})},
		{name: "Log", reads: always(inputs(0)), gradient: func(c *call, i int) (gradient, error) {
			return pointwise(c, i, inputs(0), 2, func(p *points, lo, hi int) {
				c.set.Binary(nil, kernels.Div, p.dx[lo:hi], p.dy[lo:hi], p.x[0][lo:hi])
			})
		}},
		{name: "Reciprocal", reads: always(theOutput), gradient: elementwise(4, func(_, y float64) float64 { return -y * y })},
		smooth("Softplus", func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }),
		{name: "Softsign", reads: always(inputs(0)), gradient: elementwise(10, func(x, _ float64) float64 {
			d := 1 + math.Abs(x)
			return 1 / (d * d)
		})},
		smooth("Erf", func(x float64) float64 { return 2 / math.SqrtPi * math.Exp(-x*x) }),
		smooth("Sin", func(x float64) float64 { return math.Cos(x) }),
		smooth("Cos", func(x float64) float64 { return -math.Sin(x) }),
		{name: "Elu", reads: always(theOutput), gradient: eluGradient},
		{name: "Gelu", reads: always(inputs(0)), gradient: geluGradient},
		{name: "HardSigmoid", reads: always(theOutput), gradient: hardSigmoidGradient},
		{name: "HardSwish", reads: always(inputs(0)), gradient: elementwise(4, func(x, _ float64) float64 {
			switch {
			case x <= -3:
				return 0
			case x >= 3:
				return 1
			}
			return x/3 + 0.5
		})},
		{name: "Mish", reads: always(inputs(0)), gradient: elementwise(80, func(x, _ float64) float64 {
			t := math.Tanh(math.Log1p(math.Exp(x)))
			return t + x*(1-t*t)/(1+math.Exp(-x))
		})},
		{name: "Selu", reads: always(theOutput), gradient: seluGradient},
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
		{name: "Celu", reads: always(theOutput), gradient: celuGradient},
		{name: "Swish", reads: always(inputs(0)), gradient: swishGradient},
		{name: "ThresholdedRelu", reads: always(inputs(0)), gradient: thresholdedReluGradient},
		smooth("Tan", func(x float64) float64 { c := math.Cos(x); return 1 / (c * c) }),
		smooth("Sinh", math.Cosh),
		smooth("Cosh", math.Sinh),
		smooth("Asin", func(x float64) float64 { return 1 / math.Sqrt(1-x*x) }),
		smooth("Acos", func(x float64) float64 { return -1 / math.Sqrt(1-x*x) }),
		smooth("Atan", func(x float64) float64 { return 1 / (1 + x*x) }),
		smooth("Asinh", func(x float64) float64 { return 1 / math.Sqrt(x*x+1) }),
		smooth("Acosh", func(x float64) float64 { return 1 / math.Sqrt(x*x-1) }),
		smooth("Atanh", func(x float64) float64 { return 1 / (1 - x*x) }),
		{name: "Floor", stop: true},
		{name: "Ceil", stop: true},
		{name: "Round", stop: true},
		{name: "Sign", stop: true},
	}
}

// smooth is the rule of a function whose derivative by x is d(x).
func smooth(name string, d func(x float64) float64) rule {
	return rule{name: name, reads: always(inputs(0)), gradient: elementwise(40, func(x, _ float64) float64 { return d(x) })}
}

// derivative is the gradient of an activation, from its output.
func derivative(c *call, f kernels.Activation) (gradient, error) {
	return gradient{run: func(fr *frame) {
		c.set.Derivative(c.pool, f, fr.dx.Float32s(), fr.dy.Float32s(), fr.y.Float32s())
	}}, nil
}

// elementwise is the gradient of a function whose derivative is d(x, y); what the rule does not read is 0 there.
func elementwise(work int, d func(x, y float64) float64) func(*call, int) (gradient, error) {
	return func(c *call, i int) (gradient, error) {
		return pointwise(c, i, everything, work, func(p *points, lo, hi int) {
			for k := lo; k < hi; k++ {
				var x, y float64
				if p.x[0] != nil {
					x = float64(p.x[0][k])
				}
				if p.y != nil {
					y = float64(p.y[k])
				}
				p.dx[k] = p.dy[k] * float32(d(x, y))
			}
		})
	}
}

func leakyReluGradient(c *call, i int) (gradient, error) {
	a := c.attrs()
	alpha := a.Float("alpha")
	if err := a.Err(); err != nil {
		return gradient{}, err
	}
	if alpha >= 0 { // the sign of the output is that of the input
		return derivative(c, kernels.Activation{Function: kernels.LeakyRelu, Slope: alpha})
	}
	return pointwise(c, i, inputs(0), 2, func(p *points, lo, hi int) {
		for k := lo; k < hi; k++ {
			p.dx[k] = p.dy[k]
			if !(p.x[0][k] > 0) {
				p.dx[k] *= alpha
			}
		}
	})
}

func eluGradient(c *call, i int) (gradient, error) {
	a := c.attrs()
	alpha := float64(a.Float("alpha"))
	if err := a.Err(); err != nil {
		return gradient{}, err
	}
	return elementwise(2, func(_, y float64) float64 {
		if y > 0 {
			return 1
		}
		return y + alpha
	})(c, i)
}

func celuGradient(c *call, i int) (gradient, error) {
	a := c.attrs()
	alpha := float64(a.Float("alpha"))
	if err := a.Err(); err != nil {
		return gradient{}, err
	}
	return elementwise(2, func(_, y float64) float64 {
		if y > 0 {
			return 1
		}
		return y/alpha + 1
	})(c, i)
}

func swishGradient(c *call, i int) (gradient, error) {
	a := c.attrs()
	alpha := float64(a.Float("alpha"))
	if err := a.Err(); err != nil {
		return gradient{}, err
	}
	return elementwise(40, func(x, _ float64) float64 {
		s := 1 / (1 + math.Exp(-alpha*x))
		return s + alpha*x*s*(1-s)
	})(c, i)
}

func thresholdedReluGradient(c *call, i int) (gradient, error) {
	a := c.attrs()
	alpha := float64(a.Float("alpha"))
	if err := a.Err(); err != nil {
		return gradient{}, err
	}
	return elementwise(2, func(x, _ float64) float64 {
		if x > alpha {
			return 1
		}
		return 0
	})(c, i)
}

func seluGradient(c *call, i int) (gradient, error) {
	a := c.attrs()
	alpha, gamma := float64(a.Float("alpha")), float64(a.Float("gamma"))
	if err := a.Err(); err != nil {
		return gradient{}, err
	}
	return elementwise(2, func(_, y float64) float64 {
		if y > 0 {
			return gamma
		}
		return y + alpha*gamma
	})(c, i)
}

func geluGradient(c *call, i int) (gradient, error) {
	a := c.attrs()
	approximate := a.Str("approximate") == "tanh"
	if err := a.Err(); err != nil {
		return gradient{}, err
	}
	return elementwise(80, func(x, _ float64) float64 {
		if approximate {
			const k = 0.044715
			r := math.Sqrt(2 / math.Pi)
			t := math.Tanh(r * (x + k*x*x*x))
			return 0.5*(1+t) + 0.5*x*(1-t*t)*r*(1+3*k*x*x)
		}
		return 0.5*(1+math.Erf(x/math.Sqrt2)) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
	})(c, i)
}

func hardSigmoidGradient(c *call, i int) (gradient, error) {
	a := c.attrs()
	alpha := float64(a.Float("alpha"))
	a.Float("beta")
	if err := a.Err(); err != nil {
		return gradient{}, err
	}
	return elementwise(2, func(_, y float64) float64 {
		if y > 0 && y < 1 {
			return alpha
		}
		return 0
	})(c, i)
}
