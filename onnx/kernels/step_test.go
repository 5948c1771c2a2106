package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// trainingStep is one step of a small detection network by kernels alone: two
// blocks of two convolutions, leaky relu and pooling, two dense layers, backwards
// through all of it, Adam. 2.6 GFLOP for a batch of 16.
type trainingStep struct {
	set                        Set
	pool                       *Pool
	n                          int
	conv                       [4]*Conv
	pooling                    [2]PoolShape
	act                        Activation
	x                          []float32
	y, dy                      [4][]float32 // of the convolutions
	p, dp                      [2][]float32 // of the pooling
	at                         [2][]int32
	h, dh, out, dout           []float32
	weights, grads, mean, squa []float32
	w, g, b, db                [6][]float32
	scratch                    []float32
	steps                      int
}

const features, hidden, outputs = 5408, 256, 32

func newTrainingStep(s Set, p *Pool, n int) *trainingStep {
	t := &trainingStep{set: s, pool: p, n: n, act: Activation{Function: LeakyRelu, Slope: 0.3}}
	shapes := [4]ConvShape{
		{C: 3, H: 64, W: 64, OC: 16, KH: 1, KW: 1}, {C: 16, H: 64, W: 64, OC: 32, KH: 3, KW: 3},
		{C: 32, H: 31, W: 31, OC: 16, KH: 3, KW: 3}, {C: 16, H: 29, W: 29, OC: 32, KH: 3, KW: 3},
	}
	r := rand.New(rand.NewPCG(1, 2))
	sizes := [6]int{4: features * hidden, 5: hidden * outputs}
	biases := [6]int{4: hidden, 5: outputs}
	scratch := 0
	wanted := make([]float32, 1)
	for i, sh := range shapes {
		c := NewConv(sh)
		all := ConvBackward{DX: wanted, DW: wanted, DB: wanted}
		oh, ow := c.Output()
		t.conv[i], sizes[i], biases[i] = c, c.WeightLen(), sh.OC
		t.y[i], t.dy[i] = make([]float32, n*sh.OC*oh*ow), make([]float32, n*sh.OC*oh*ow)
		if i&1 == 1 {
			z := PoolShape{Planes: n * sh.OC, H: oh, W: ow, OH: oh / 2, OW: ow / 2, KH: 2, KW: 2, StrideH: 2, StrideW: 2}
			size := z.Planes * z.OH * z.OW
			all.Pool = &z
			t.pooling[i/2], t.p[i/2], t.dp[i/2], t.at[i/2] = z, make([]float32, size), make([]float32, size), make([]int32, size)
		}
		scratch = max(scratch, c.TrainingScratch(s, p, ConvTraining{Pool: all.Pool}), c.BackwardScratch(s, p, n, all))
	}
	total := 0
	for i := range sizes {
		total += sizes[i] + biases[i]
	}
	t.weights, t.grads, t.mean, t.squa = random(r, total), make([]float32, total), make([]float32, total), make([]float32, total)
	w, g := t.weights, t.grads
	for i := range t.weights {
		w[i] *= 0.05
	}
	for i := range sizes {
		t.w[i], t.b[i], w = w[:sizes[i]], w[sizes[i]:sizes[i]+biases[i]], w[sizes[i]+biases[i]:]
		t.g[i], t.db[i], g = g[:sizes[i]], g[sizes[i]:sizes[i]+biases[i]], g[sizes[i]+biases[i]:]
	}
	t.x = random(r, n*3*64*64)
	t.h, t.dh, t.out, t.dout = make([]float32, n*hidden), make([]float32, n*hidden), make([]float32, n*outputs), make([]float32, n*outputs)
	t.scratch = make([]float32, scratch)
	return t
}

func (t *trainingStep) run() {
	s, p, n := t.set, t.pool, t.n
	in := [4][]float32{t.x, t.y[0], t.p[0], t.y[2]}
	sigmoid := Activation{Function: Sigmoid}
	for i, c := range t.conv {
		f := ConvTraining{X: in[i], W: t.w[i], Bias: t.b[i], Y: t.y[i], Scratch: t.scratch}
		if i&1 == 1 {
			f.Act, f.Pool, f.Argmax, f.Y = t.act, &t.pooling[i/2], t.at[i/2], t.p[i/2]
		}
		c.ForwardTraining(s, p, f)
	}
	s.Gemm(p, Gemm{M: n, N: hidden, K: features, A: t.p[1], B: t.w[4], C: t.h, ColumnBias: t.b[4], Act: sigmoid})
	s.Gemm(p, Gemm{M: n, N: outputs, K: hidden, A: t.h, B: t.w[5], C: t.out, ColumnBias: t.b[5], Act: sigmoid})
	// The loss is Σ out²/2, whose gradient is out.
	s.Derivative(p, sigmoid, t.dout, t.out, t.out)
	s.Gemm(p, Gemm{M: hidden, N: outputs, K: n, A: t.h, TransA: true, B: t.dout, C: t.g[5]})
	s.ColumnSums(t.db[5], t.dout, false)
	s.Gemm(p, Gemm{M: n, N: hidden, K: outputs, A: t.dout, B: t.w[5], TransB: true, C: t.dh})
	s.Derivative(p, sigmoid, t.dh, t.dh, t.h)
	s.Gemm(p, Gemm{M: features, N: hidden, K: n, A: t.p[1], TransA: true, B: t.dh, C: t.g[4]})
	s.ColumnSums(t.db[4], t.dh, false)
	s.Gemm(p, Gemm{M: n, N: features, K: hidden, A: t.dh, B: t.w[4], TransB: true, C: t.dp[1]})
	into := [4][]float32{nil, t.dy[0], t.dp[0], t.dy[2]}
	for i := 3; i >= 0; i-- {
		b := ConvBackward{X: in[i], W: t.w[i], DY: t.dy[i], DX: into[i], DW: t.g[i], DB: t.db[i], Scratch: t.scratch}
		if i&1 == 1 {
			b.DY, b.Y, b.Act, b.Pool, b.Argmax = t.dp[i/2], t.p[i/2], t.act, &t.pooling[i/2], t.at[i/2]
		}
		t.conv[i].Backward(s, p, b)
	}
	t.steps++
	s.UpdateAdam(p, Adam{Step: Step{LearningRate: 0.001}, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, T: t.steps}, t.weights, t.grads, t.mean, t.squa)
}

func (t *trainingStep) loss() float64 { return t.set.SumSquares(t.out) / 2 }

// Training lowers the loss, with the same bits in one thread and two.
func TestATrainingStepIsTheSameInTwoThreads(t *testing.T) {
	if raceEnabled {
		t.Skip("the detector makes the portable set slow")
	}
	pool := NewPool(2)
	defer pool.Close()
	for _, s := range Supported() {
		one, two := newTrainingStep(s, nil, 3), newTrainingStep(s, pool, 3)
		one.run()
		first := one.loss()
		two.run()
		for range 2 {
			one.run()
			two.run()
		}
		if !(one.loss() < 0.9*first) {
			t.Errorf("%v: loss: got %g after three steps, want less than %g", s, one.loss(), 0.9*first)
		}
		if i := sameBits(one.weights, two.weights); i >= 0 {
			t.Errorf("%v: weight %d: got %g in two threads, want %g", s, i, two.weights[i], one.weights[i])
		}
	}
}

func BenchmarkTrainingStep(b *testing.B) {
	for _, s := range Supported() {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%v/n=16,threads=%d", s, threads), func(b *testing.B) {
				p := NewPool(threads)
				defer p.Close()
				t := newTrainingStep(s, p, 16)
				best := time.Hour
				for b.Loop() {
					start := time.Now()
					t.run()
					best = min(best, time.Since(start))
				}
				b.ReportMetric(best.Seconds()*1e3, "best-ms")
			})
		}
	}
}
