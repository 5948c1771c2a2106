package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// product is g in float64 with, for each element, the sum of the magnitudes that
// went into it, which its rounding error is measured by.
func product(g Gemm, before []float32) (want, scale []float64) {
	want, scale = make([]float64, g.M*g.N), make([]float64, g.M*g.N)
	for i := range g.M {
		for j := range g.N {
			sum, size := 0.0, 0.0
			add := func(v float64) { sum += v; size += math.Abs(v) }
			if g.Accumulate {
				add(float64(before[i*g.LDC+j]))
			}
			if g.RowBias != nil {
				add(float64(g.RowBias[i]))
			}
			if g.ColumnBias != nil {
				add(float64(g.ColumnBias[j]))
			}
			for k := range g.K {
				a, b := i*g.LDA+k, k*g.LDB+j
				if g.TransA {
					a = k*g.LDA + i
				}
				if g.TransB {
					b = j*g.LDB + k
				}
				add(float64(g.A[a]) * float64(g.B[b]))
			}
			want[i*g.N+j], scale[i*g.N+j] = activation(g.Act, sum), size+1
		}
	}
	return want, scale
}

func activation(f Activation, x float64) float64 {
	switch f.Function {
	case Relu:
		return max(x, 0)
	case LeakyRelu:
		if x < 0 {
			return x * float64(f.Slope)
		}
	case Sigmoid:
		return 1 / (1 + math.Exp(-x))
	case Tanh:
		return math.Tanh(x)
	}
	return x
}

// compact is the N columns of the rows of c, without the gaps.
func compact(g Gemm) []float32 {
	x := make([]float32, 0, g.M*g.N)
	for i := range g.M {
		x = append(x, g.C[i*g.LDC:i*g.LDC+g.N]...)
	}
	return x
}

func TestGemmIsTheProduct(t *testing.T) {
	a, b, c := newFence(t, 1<<18), newFence(t, 1<<18), newFence(t, 1<<18)
	bias := newFence(t, 1<<12)
	pool := NewPool(2)
	defer pool.Close()
	sizes := [][3]int{{200, 70, 300}, {17, 300, 500}, {3, 640, 260}, {130, 65, 129}, {50, 200, 700}, {1, 1000, 130}, {2, 129, 200}, {64, 64, 128}}
	for m := 1; m <= 17; m++ {
		for _, n := range []int{1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 100, 129} {
			sizes = append(sizes, [3]int{m, n, 1 + (m*n)%6})
		}
	}
	for _, s := range Supported() {
		t.Run(s.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			acts := []Activation{{}, {Function: Relu}, {Function: LeakyRelu, Slope: 0.3}, {Function: Tanh}, {Function: Sigmoid}}
			for x, size := range sizes {
				if raceEnabled && x%8 != 0 {
					continue // the detector makes the reference loops slow
				}
				for variant := range 8 {
					g := Gemm{M: size[0], N: size[1], K: size[2], TransA: variant&1 != 0, TransB: variant&2 != 0, Accumulate: r.IntN(3) == 0}
					g.Act = acts[r.IntN(len(acts))]
					end := (variant+x)&1 != 0
					gap := r.IntN(3)
					g.LDA, g.LDB, g.LDC = g.K+gap, g.N+gap, g.N+gap
					rowsA, rowsB := g.M, g.K
					if g.TransA {
						g.LDA, rowsA = g.M+gap, g.K
					}
					if g.TransB {
						g.LDB, rowsB = g.K+gap, g.N
					}
					lenA, lenB, lenC := rowsA*g.LDA-gap, rowsB*g.LDB-gap, g.M*g.LDC-gap
					g.A, g.B, g.C = fill(r, a.either(lenA, end)), fill(r, b.either(lenB, end)), fill(r, c.either(lenC, end))
					switch r.IntN(4) {
					case 0:
						g.RowBias = fill(r, bias.either(g.M, end))
					case 1:
						g.ColumnBias = fill(r, bias.either(g.N, end))
					case 2:
						g.RowBias, g.ColumnBias = random(r, g.M), random(r, g.N)
					}
					before := append([]float32(nil), g.C...)
					want, scale := product(g, before)
					if variant&4 != 0 {
						g.Packed = PackB(g.K, g.N, g.B, g.LDB, g.TransB)
						if r.IntN(2) == 0 {
							g.B = nil
						}
					}
					what := fmt.Sprintf("m=%d n=%d k=%d transA=%v transB=%v packed=%v accumulate=%v act=%v", g.M, g.N, g.K, g.TransA, g.TransB, g.Packed != nil, g.Accumulate, g.Act)
					s.Gemm(nil, g)
					got := compact(g)
					near(t, what, got, want, scale, 1e-6+6e-8*float64(g.K))
					for i := range g.M - 1 {
						if n := sameBits(g.C[i*g.LDC+g.N:(i+1)*g.LDC], before[i*g.LDC+g.N:]); n >= 0 {
							t.Fatalf("%s: the gap behind row %d was written", what, i)
						}
					}
					copy(g.C, before)
					s.Gemm(pool, g)
					if i := sameBits(compact(g), got); i >= 0 {
						t.Fatalf("%s: element %d differs between one thread and two", what, i)
					}
				}
			}
		})
	}
}

// Every element is summed in order of k, whatever stands beside it.
func TestGemmRowsDoNotDependOnTheBatch(t *testing.T) {
	const m, n, k = 37, 200, 900
	for _, s := range Supported() {
		r := rand.New(rand.NewPCG(3, 4))
		a, b, bias := random(r, m*k), random(r, k*n), random(r, n)
		packed := PackB(k, n, b, 0, false)
		all, one := make([]float32, m*n), make([]float32, n)
		s.Gemm(nil, Gemm{M: m, N: n, K: k, A: a, B: b, C: all, ColumnBias: bias})
		for i := range m {
			s.Gemm(nil, Gemm{M: 1, N: n, K: k, A: a[i*k:], Packed: packed, C: one, ColumnBias: bias})
			if j := sameBits(one, all[i*n:]); j >= 0 {
				t.Fatalf("%v: row %d, column %d: got %g alone, want %g as in the batch", s, i, j, one[j], all[i*n+j])
			}
		}
	}
}

func TestGemmKeepsNaNAndInfinity(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, s := range Supported() {
		for _, act := range []Activation{{}, {Function: Relu}, {Function: LeakyRelu, Slope: 0.5}} {
			for n := 1; n <= 40; n++ {
				a, b, c := []float32{1, 1}, make([]float32, 2*n), make([]float32, n)
				for j := range n {
					b[j] = []float32{nan, inf, -inf, 2, -2}[j%5]
				}
				s.Gemm(nil, Gemm{M: 1, N: n, K: 2, A: a, B: b, C: c, Act: act})
				for j, got := range c {
					want := []float32{0}
					unaryPortable(act, want, []float32{b[j]})
					if got != want[0] && !(got != got && want[0] != want[0]) {
						t.Fatalf("%v %v n=%d: column %d of %g: got %g, want %g", s, act, n, j, b[j], got, want[0])
					}
				}
			}
		}
	}
}

func TestGemmOfNothing(t *testing.T) {
	for _, s := range Supported() {
		c := []float32{5, 5}
		s.Gemm(nil, Gemm{M: 1, N: 2, K: 0, C: c, ColumnBias: []float32{1, -2}, Act: Activation{Function: Relu}})
		if c[0] != 1 || c[1] != 0 {
			t.Errorf("%v: k=0: got %v, want [1 0]", s, c)
		}
		s.Gemm(nil, Gemm{M: 0, N: 2, K: 3, B: make([]float32, 6)})
	}
}

func TestGemmRefusesShortSlices(t *testing.T) {
	x := make([]float32, 11)
	for name, g := range map[string]Gemm{
		"A":    {M: 3, N: 2, K: 4, A: x, B: x, C: x},
		"B":    {M: 2, N: 3, K: 4, A: x, B: x, C: x},
		"C":    {M: 3, N: 4, K: 2, A: x, B: x, C: x},
		"bias": {M: 2, N: 2, K: 2, A: x, B: x, C: x, RowBias: x[:1]},
		"LDC":  {M: 2, N: 2, K: 2, A: x, B: x, C: x, LDC: 1},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s too short: got no panic", name)
				}
			}()
			Best().Gemm(nil, g)
		}()
	}
}

func TestGemmAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const m, n, k = 64, 256, 300
	a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
	pool := NewPool(2)
	defer pool.Close()
	for _, s := range Supported() {
		for _, p := range []*Pool{nil, pool} {
			for _, trans := range []bool{false, true} {
				if got := testing.AllocsPerRun(20, func() {
					s.Gemm(p, Gemm{M: m, N: n, K: k, A: a, B: b, TransB: trans, C: c})
				}); got != 0 {
					t.Errorf("%v, %d threads, transB=%v: got %g allocations, want 0", s, p.Threads(), trans, got)
				}
			}
		}
	}
}
