package kernels

import "math"

// Function is a function of one number. The zero value is Identity.
type Function uint8

const (
	Identity  Function = iota
	Relu               // 0 for x < 0, else x
	LeakyRelu          // Slope·x for x < 0, else x
	Sigmoid            // 1 / (1 + exp(-x))
	Tanh
	Exp
	Log
	Sqrt
	Neg
	Abs
	HardSigmoid // max(0, min(1, Slope·x + Shift))
	HardSwish   // x·max(0, min(1, x/6 + 1/2))
	Clip        // min(Shift, max(Slope, x))
	Round       // to a whole number, halves to an even one
	Floor
	Ceil
	Swish    // x / (1 + exp(-Slope·x))
	Gelu     // x/2·(1 + erf(x/√2))
	GeluTanh // x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
	Mish     // x·tanh(log(1 + exp(x)))
	Elu      // Slope·(exp(x) - 1) for x < 0, else x
	Softplus // log(1 + exp(x))
	Erf
)

// Activation is a function with its parameters. The zero value is the identity.
type Activation struct {
	Function Function
	Slope    float32 // LeakyRelu, HardSigmoid, Swish and Elu; the least of Clip
	Shift    float32 // HardSigmoid; the greatest of Clip
}

// Unary computes dst[i] = f(x[i]). dst and x have one length and may be the same
// slice. NaN gives NaN. Errors, in units in the last place of float32, over all
// arguments: Exp 1, Sigmoid 3, Tanh 6, Log 2, Erf 3, Softplus 3, Mish 6, Swish of
// slope 1 5. Of HardSigmoid, HardSwish and Elu some 2⁻²³ times what is added up, of
// Gelu and GeluTanh 2⁻²² times x. The others are exact.
func (s Set) Unary(p *Pool, f Activation, dst, x []float32) {
	if len(dst) != len(x) {
		panic("kernels: Unary: lengths differ")
	}
	t := unaryTask{set: s, f: f, dst: dst, x: x}
	if parts := p.split(len(dst), f.Function.cost()*len(dst)); parts > 1 && p.begin() {
		p.map1 = t
		p.share(&p.map1, len(dst), parts)
		p.map1 = unaryTask{}
		p.end()
		return
	}
	t.run(0, 0, len(dst))
}

// Derivative computes dst[i] = dy[i]·f'(x) with f' expressed by y[i] = f(x):
// Relu and LeakyRelu take y > 0 for x > 0, so Slope must not be negative. It is
// defined for Identity, Relu, LeakyRelu, Sigmoid, Tanh, Exp and Sqrt; dst may be
// dy or y.
func (s Set) Derivative(p *Pool, f Activation, dst, dy, y []float32) {
	if len(dst) != len(y) || len(dy) != len(y) {
		panic("kernels: Derivative: lengths differ")
	}
	switch f.Function {
	case Identity, Relu, LeakyRelu, Sigmoid, Tanh, Exp, Sqrt:
	default:
		panic("kernels: Derivative: not a function of the result")
	}
	t := unaryTask{set: s, f: f, dst: dst, x: dy, y: y, derivative: true}
	if parts := p.split(len(dst), 2*len(dst)); parts > 1 && p.begin() {
		p.map1 = t
		p.share(&p.map1, len(dst), parts)
		p.map1 = unaryTask{}
		p.end()
		return
	}
	t.run(0, 0, len(dst))
}

// cost is the work of one element in operations, as Pool.split counts it.
func (f Function) cost() int {
	switch f {
	case Sigmoid, Tanh, Exp, Log, Swish, Gelu, GeluTanh, Mish, Elu, Softplus, Erf:
		return 30
	}
	return 2
}

type unaryTask struct {
	set        Set
	f          Activation
	dst, x, y  []float32
	derivative bool
}

func (t *unaryTask) run(_, lo, hi int) {
	if t.derivative {
		t.set.derivative(t.f, t.dst[lo:hi], t.x[lo:hi], t.y[lo:hi])
		return
	}
	t.set.unary(t.f, t.dst[lo:hi], t.x[lo:hi])
}

func unaryPortable(f Activation, dst, x []float32) {
	dst = dst[:len(x)]
	switch f.Function {
	case Identity:
		copy(dst, x)
	case Relu:
		for i, v := range x {
			if v < 0 {
				v = 0
			}
			dst[i] = v
		}
	case LeakyRelu:
		for i, v := range x {
			if v < 0 {
				v *= f.Slope
			}
			dst[i] = v
		}
	case Sigmoid:
		for i, v := range x {
			dst[i] = float32(1 / (1 + math.Exp(-float64(v))))
		}
	case Tanh:
		for i, v := range x {
			dst[i] = float32(math.Tanh(float64(v)))
		}
	case Exp:
		for i, v := range x {
			dst[i] = float32(math.Exp(float64(v)))
		}
	case Log:
		for i, v := range x {
			dst[i] = float32(math.Log(float64(v)))
		}
	case Sqrt:
		for i, v := range x {
			dst[i] = float32(math.Sqrt(float64(v)))
		}
	case Neg:
		for i, v := range x {
			dst[i] = -v
		}
	case Abs:
		for i, v := range x {
			dst[i] = math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
		}
	default:
		for i, v := range x {
			dst[i] = float32(f.of(float64(v)))
		}
	}
}

// of is the function in float64.
func (f Activation) of(x float64) float64 {
	a, b := float64(f.Slope), float64(f.Shift)
	switch f.Function {
	case HardSigmoid:
		return max(0, min(1, a*x+b))
	case HardSwish:
		return x * max(0, min(1, x/6+0.5))
	case Clip:
		return min(b, max(a, x))
	case Round:
		return math.RoundToEven(x)
	case Floor:
		return math.Floor(x)
	case Ceil:
		return math.Ceil(x)
	case Swish:
		return x / (1 + math.Exp(-a*x))
	case Gelu:
		return x / 2 * math.Erfc(-x/math.Sqrt2)
	case GeluTanh:
		return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case Mish:
		return x * math.Tanh(max(x, 0)+math.Log1p(math.Exp(-math.Abs(x))))
	case Elu:
		if x < 0 {
			return a * math.Expm1(x)
		}
		return x
	case Softplus:
		return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
	case Erf:
		return math.Erf(x)
	}
	panic("kernels: Unary: unknown function")
}

func derivativePortable(f Activation, dst, dy, y []float32) {
	dst, dy = dst[:len(y)], dy[:len(y)]
	switch f.Function {
	case Identity:
		copy(dst, dy)
	case Relu:
		for i, v := range y {
			g := dy[i]
			if !(v > 0) {
				g = 0
			}
			dst[i] = g
		}
	case LeakyRelu:
		for i, v := range y {
			g := dy[i]
			if !(v > 0) {
				g *= f.Slope
			}
			dst[i] = g
		}
	case Sigmoid:
		for i, v := range y {
			dst[i] = dy[i] * (float32(1-v) * v)
		}
	case Tanh:
		for i, v := range y {
			dst[i] = dy[i] * (1 - float32(v*v))
		}
	case Exp:
		for i, v := range y {
			dst[i] = dy[i] * v
		}
	case Sqrt:
		for i, v := range y {
			dst[i] = float32(0.5*dy[i]) / v
		}
	}
}
