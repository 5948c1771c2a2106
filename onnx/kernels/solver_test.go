package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// optimizer is a rule of CONTRACT.md twice: by the kernels on float32 and written
// down again on one float64 at a time.
type optimizer struct {
	kernel func(s Set, p *Pool, step int, w, g, a, b []float32)
	plain  func(step int, w, g, a, b *float64)
}

func sq(x float64) float64 { return x * x }

var optimizers = map[string]optimizer{
	"sgd": {
		func(s Set, p *Pool, _ int, w, g, _, _ []float32) {
			s.UpdateSGD(p, SGD{Step: Step{LearningRate: 0.01}}, w, g, nil)
		},
		func(_ int, w, g, _, _ *float64) { *w -= 0.01 * *g },
	},
	"sgd with decay and clipping": {
		func(s Set, p *Pool, _ int, w, g, _, _ []float32) {
			s.UpdateSGD(p, SGD{Step: Step{LearningRate: 0.1, WeightDecay: 0.2, Scale: 0.5}}, w, g, nil)
		},
		func(_ int, w, g, _, _ *float64) { *w -= 0.1 * (0.5**g + 0.2**w) },
	},
	"momentum": {
		func(s Set, p *Pool, _ int, w, g, a, _ []float32) {
			s.UpdateSGD(p, SGD{Step: Step{LearningRate: 0.01}, Momentum: 0.9}, w, g, a)
		},
		func(_ int, w, g, a, _ *float64) { *a = 0.9**a + *g; *w -= 0.01 * *a },
	},
	"nesterov": {
		func(s Set, p *Pool, _ int, w, g, a, _ []float32) {
			s.UpdateSGD(p, SGD{Step: Step{LearningRate: 0.01}, Momentum: 0.9, Nesterov: true}, w, g, a)
		},
		func(_ int, w, g, a, _ *float64) { *a = 0.9**a + *g; *w -= 0.01 * (*g + 0.9**a) },
	},
	"rmsprop": {
		func(s Set, p *Pool, _ int, w, g, a, _ []float32) {
			s.UpdateRMSprop(p, RMSprop{Step: Step{LearningRate: 0.01}, Rho: 0.99, Epsilon: 1e-8}, w, g, a, nil)
		},
		func(_ int, w, g, a, _ *float64) {
			*a = 0.99**a + 0.01*sq(*g)
			*w -= 0.01 * *g / (math.Sqrt(*a) + 1e-8)
		},
	},
	"rmsprop with momentum": {
		func(s Set, p *Pool, _ int, w, g, a, b []float32) {
			s.UpdateRMSprop(p, RMSprop{Step: Step{LearningRate: 0.01}, Rho: 0.9, Epsilon: 1e-3, Momentum: 0.8}, w, g, a, b)
		},
		func(_ int, w, g, a, b *float64) {
			*a = 0.9**a + 0.1*sq(*g)
			*b = 0.8**b + *g/(math.Sqrt(*a)+1e-3)
			*w -= 0.01 * *b
		},
	},
	"adam": {
		func(s Set, p *Pool, step int, w, g, a, b []float32) {
			s.UpdateAdam(p, Adam{Step: Step{LearningRate: 0.001, WeightDecay: 0.1}, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, T: step}, w, g, a, b)
		},
		func(step int, w, g, a, b *float64) {
			d := *g + 0.1**w
			*a, *b = 0.9**a+0.1*d, 0.999**b+0.001*sq(d)
			m, v := *a/(1-math.Pow(0.9, float64(step))), *b/(1-math.Pow(0.999, float64(step)))
			*w -= 0.001 * m / (math.Sqrt(v) + 1e-8)
		},
	},
	"adamw": {
		func(s Set, p *Pool, step int, w, g, a, b []float32) {
			s.UpdateAdam(p, Adam{Step: Step{LearningRate: 0.01, WeightDecay: 0.1}, Beta1: 0.8, Beta2: 0.99, Epsilon: 1e-8, T: step, Decoupled: true}, w, g, a, b)
		},
		func(step int, w, g, a, b *float64) {
			*w -= 0.01 * 0.1 * *w
			*a, *b = 0.8**a+0.2**g, 0.99**b+0.01*sq(*g)
			m, v := *a/(1-math.Pow(0.8, float64(step))), *b/(1-math.Pow(0.99, float64(step)))
			*w -= 0.01 * m / (math.Sqrt(v) + 1e-8)
		},
	},
	"adagrad": {
		func(s Set, p *Pool, step int, w, g, a, _ []float32) {
			s.UpdateAdagrad(p, Adagrad{Step: Step{LearningRate: 0.01}, Decay: 0.1, Epsilon: 1e-10, T: step}, w, g, a)
		},
		func(step int, w, g, a, _ *float64) {
			*a += sq(*g)
			*w -= 0.01 / (1 + 0.1*float64(step-1)) * *g / (math.Sqrt(*a) + 1e-10)
		},
	},
	"adadelta": {
		func(s Set, p *Pool, _ int, w, g, a, b []float32) {
			s.UpdateAdadelta(p, Adadelta{Step: Step{LearningRate: 1}, Rho: 0.9, Epsilon: 1e-6}, w, g, a, b)
		},
		func(_ int, w, g, a, b *float64) {
			*a = 0.9**a + 0.1*sq(*g)
			d := math.Sqrt(*b+1e-6) / math.Sqrt(*a+1e-6) * *g
			*b = 0.9**b + 0.1*sq(d)
			*w -= d
		},
	},
}

func TestUpdatesFollowTheirRules(t *testing.T) {
	for _, s := range Supported() {
		for name, o := range optimizers {
			t.Run(fmt.Sprintf("%v/%s", s, name), func(t *testing.T) {
				for _, n := range []int{0, 1, 7, 16, 33, 200} {
					r := rand.New(rand.NewPCG(1, uint64(n)))
					w, g := random(r, n), make([]float32, n)
					a, checkA := guarded(n, 1)
					b, checkB := guarded(n, 2)
					clear(a)
					clear(b)
					want, wa, wb := make([]float64, n), make([]float64, n), make([]float64, n)
					for i, v := range w {
						want[i] = float64(v)
					}
					for step := 1; step <= 20; step++ {
						fill(r, g)
						before := append([]float32(nil), g...)
						o.kernel(s, nil, step, w, g, a, b)
						if sameBits(g, before) >= 0 {
							t.Fatalf("step %d: the gradient was written", step)
						}
						for i := range want {
							v := float64(g[i])
							o.plain(step, &want[i], &v, &wa[i], &wb[i])
							if math.Abs(float64(w[i])-want[i]) > 1e-5*(1+math.Abs(want[i])) {
								t.Fatalf("n=%d, step %d: element %d: got %g, want %g", n, step, i, w[i], want[i])
							}
						}
					}
					checkA(t, name)
					checkB(t, name)
				}
			})
		}
	}
}

// Updates round after every operation, so all sets and any number of threads agree
// to the bit.
func TestUpdatesAreTheSameEverywhere(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	const n = 100_003
	for name, o := range optimizers {
		var first []float32
		for _, s := range Supported() {
			for _, p := range []*Pool{nil, pool} {
				r := rand.New(rand.NewPCG(1, 2))
				w, g, a, b := random(r, n), random(r, n), make([]float32, n), make([]float32, n)
				for step := 1; step <= 3; step++ {
					o.kernel(s, p, step, w, g, a, b)
				}
				if first == nil {
					first = w
				} else if i := sameBits(w, first); i >= 0 {
					t.Errorf("%s: %v, %d threads: element %d: got %g, want %g", name, s, p.Threads(), i, w[i], first[i])
				}
			}
		}
	}
}
