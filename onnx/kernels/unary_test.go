package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var allFunctions = []Activation{
	{}, {Function: Relu}, {Function: LeakyRelu, Slope: 0.3}, {Function: LeakyRelu, Slope: -2}, {Function: Sigmoid}, {Function: Tanh},
	{Function: Exp}, {Function: Log}, {Function: Sqrt}, {Function: Neg}, {Function: Abs},
	{Function: HardSigmoid, Slope: 0.2, Shift: 0.4}, {Function: HardSwish}, {Function: Clip, Slope: -1.5, Shift: 6}, {Function: Round}, {Function: Floor}, {Function: Ceil},
	{Function: Swish, Slope: 1}, {Function: Swish, Slope: -1.7}, {Function: Gelu}, {Function: GeluTanh}, {Function: Mish}, {Function: Elu, Slope: 1.3}, {Function: Softplus}, {Function: Erf},
}

// exact is f in float64 and the error it may have in units in the last place.
func exact(f Activation, x float64) (y, ulp float64) {
	switch f.Function {
	case Exp:
		return math.Exp(x), 1
	case Sigmoid:
		return 1 / (1 + math.Exp(-x)), 3
	case Tanh:
		return math.Tanh(x), 6
	case Log:
		return math.Log(x), 1
	case Sqrt:
		return math.Sqrt(x), 0.5
	case Neg:
		return -x, 0
	case Abs:
		return math.Abs(x), 0
	case LeakyRelu:
		if x < 0 {
			return float64(float32(x) * f.Slope), 0
		}
	case Relu:
		if x < 0 {
			return 0, 0
		}
	case Round, Floor, Ceil, Clip:
		return f.of(x), 0
	case Erf, Softplus:
		return f.of(x), 3
	case Mish:
		return f.of(x), 6
	case Swish:
		return f.of(x), 5
	case HardSigmoid, HardSwish, Gelu, GeluTanh, Elu:
		return f.of(x), 2
	}
	return x, 0
}

// slack is an error in absolute terms that a function may have besides.
func slack(f Activation, x float64) float64 {
	size := math.Abs(x)
	switch f.Function {
	case HardSigmoid:
		return min(1, size+1) * 0x1p-23
	case HardSwish:
		return min(6, size) * 0x1p-23
	case Elu:
		return float64(f.Slope) * 0x1p-23
	case Gelu, GeluTanh:
		return min(100, size) * 0x1p-22
	case Swish: // the product with a slope is rounded before it is raised to
		if f.Slope != 1 {
			return math.Abs(f.of(x))*size*0x1p-22 + 1e-35
		}
		return 1e-35
	case Mish, Softplus:
		return 1e-36
	}
	return 0
}

// ulps is how far got is from want in units in the last place of float32 at want.
func ulps(got float32, want float64) float64 {
	w := float32(want)
	if float64(got) == want || got == w && (math.IsInf(want, 0) || math.IsInf(float64(w), 0)) || got != got && want != want {
		return 0
	}
	_, e := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(e-24, -149))
}

// Every 4099th number there is, with infinities, NaN and both zeros.
func TestFunctionsAreWithinTheirError(t *testing.T) {
	step := uint64(4099)
	if raceEnabled || testing.Short() {
		step = 400009
	}
	special := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32, 1, -1, 88.72283, 88.7229, -87.4, -103.9, -104, 1e-38}
	for _, s := range Supported() {
		for _, f := range allFunctions {
			t.Run(fmt.Sprintf("%v/%v", s, f), func(t *testing.T) {
				worst, at := 0.0, float32(0)
				x, y := make([]float32, 0, 4096), make([]float32, 4096)
				flush := func() {
					s.Unary(nil, f, y[:len(x)], x)
					for i, v := range x {
						want, limit := exact(f, float64(v))
						if f.Function == Sigmoid && v < -87 && math.Abs(float64(y[i])-want) < 2e-38 {
							continue // results below the normal numbers
						}
						if math.Abs(float64(y[i])-want) <= slack(f, float64(v)) {
							continue
						}
						u := ulps(y[i], want)
						if u > worst {
							worst, at = u, v
						}
						if !(u <= limit) {
							t.Fatalf("f(%g): got %g, want %g within %g ulp, off by %g", v, y[i], want, limit, u)
						}
					}
					x = x[:0]
				}
				x = append(x, special...)
				flush()
				for b := uint64(0); b < 1<<32; b += step {
					if x = append(x, math.Float32frombits(uint32(b))); len(x) == cap(x) {
						flush()
					}
				}
				flush()
				t.Logf("worst error %.2f ulp at %g", worst, at)
			})
		}
	}
}

// Every length, offset and position in a vector gives the same bits, and nothing
// but dst is written.
func TestFunctionsAtEveryLengthAndOffset(t *testing.T) {
	fx, fy := newFence(t, 1024), newFence(t, 1024)
	for _, s := range Supported() {
		r := rand.New(rand.NewPCG(1, 2))
		for _, f := range allFunctions {
			for n := 0; n <= 150; n++ {
				offset := r.IntN(17)
				x, checkX := guarded(n, offset)
				dst, check := guarded(n, r.IntN(17))
				fill(r, x)
				s.Unary(nil, f, dst, x)
				what := fmt.Sprintf("%v %v n=%d", s, f, n)
				check(t, what)
				checkX(t, what)
				one := make([]float32, 1)
				for i := range x {
					if s.Unary(nil, f, one, x[i:i+1]); sameBits(one, dst[i:]) >= 0 {
						t.Fatalf("%s: element %d: got %g, want %g as alone", what, i, dst[i], one[0])
					}
				}
				for _, end := range []bool{false, true} {
					a, b := fx.either(n, end), fy.either(n, end)
					copy(a, x)
					s.Unary(nil, f, b, a)
					s.Unary(nil, f, a, a)
					if sameBits(a, b) >= 0 || sameBits(b, dst) >= 0 {
						t.Fatalf("%s: differs in place or elsewhere", what)
					}
				}
			}
		}
	}
}

// The derivative by the result against a difference quotient in float64.
func TestDerivativesAreSlopes(t *testing.T) {
	for _, s := range Supported() {
		for _, f := range []Activation{{}, {Function: Relu}, {Function: LeakyRelu, Slope: 0.3}, {Function: Sigmoid}, {Function: Tanh}, {Function: Exp}, {Function: Sqrt}} {
			for n := 0; n <= 70; n++ {
				r := rand.New(rand.NewPCG(1, uint64(n)))
				x, dy := random(r, n), random(r, n)
				if f.Function == Sqrt {
					s.Unary(nil, Activation{Function: Exp}, x, x)
				}
				y := make([]float32, n)
				s.Unary(nil, f, y, x)
				dx, check := guarded(n, n%5)
				s.Derivative(nil, f, dx, dy, y)
				check(t, fmt.Sprintf("%v %v n=%d", s, f, n))
				for i, v := range x {
					const h = 1e-6
					hi, _ := exact(f, float64(v)+h)
					lo, _ := exact(f, float64(v)-h)
					if f.Function == LeakyRelu && v < 0 { // exact rounds to float32
						hi, lo = float64(f.Slope)*h, -float64(f.Slope)*h
					}
					want := float64(dy[i]) * (hi - lo) / (2 * h)
					if math.Abs(float64(dx[i])-want) > 1e-5*(1+math.Abs(want)) {
						t.Fatalf("%v %v n=%d: element %d: got %g, want %g", s, f, n, i, dx[i], want)
					}
				}
				got := append([]float32(nil), dx...)
				if s.Derivative(nil, f, dy, dy, y); sameBits(dy, got) >= 0 {
					t.Fatalf("%v %v n=%d: differs in place", s, f, n)
				}
			}
		}
	}
}

func TestElementwiseIsTheSameInTwoThreads(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(4, 4))
	const n = 1<<19 + 77
	x, y := random(r, n), random(r, n)
	a, b := make([]float32, n), make([]float32, n)
	for _, s := range Supported() {
		for what, f := range map[string]func(p *Pool, dst []float32){
			"unary":      func(p *Pool, dst []float32) { s.Unary(p, Activation{Function: Sigmoid}, dst, x) },
			"derivative": func(p *Pool, dst []float32) { s.Derivative(p, Activation{Function: Tanh}, dst, x, y) },
			"binary":     func(p *Pool, dst []float32) { s.Binary(p, Div, dst, x, y) },
			"column":     func(p *Pool, dst []float32) { s.BinaryColumn(p, Mul, dst[:1<<19], x[:1<<19], y[:64], 128, false) },
			"softmax":    func(p *Pool, dst []float32) { s.Softmax(p, dst[:1<<19], x[:1<<19], 512) },
		} {
			f(nil, a)
			f(pool, b)
			if i := sameBits(a, b); i >= 0 {
				t.Errorf("%v: %s: element %d: got %g in two threads, want %g", s, what, i, b[i], a[i])
			}
		}
	}
}
