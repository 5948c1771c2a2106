package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// cell is a kernel over buffers of which the first outs are written; want computes them in float64 from what the buffers held.
type cell struct {
	buffers, outs int
	run           func(s Set, x [][]float32)
	want          func(x []float64) []float64
}

func cells() map[string]cell {
	sigma := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	update := func(h, z, n float64) float64 { return (1-sigma(z))*n + sigma(z)*h }
	return map[string]cell{
		"lstm": {6, 2, func(s Set, x [][]float32) { s.LSTMCell(x[0], x[1], x[2], x[3], x[4], x[5]) }, func(x []float64) []float64 {
			c := sigma(x[4])*x[1] + sigma(x[2])*math.Tanh(x[5])
			return []float64{sigma(x[3]) * math.Tanh(c), c}
		}},
		"gru, reset": {3, 1, func(s Set, x [][]float32) { s.GRUReset(x[0], x[1], x[2]) }, func(x []float64) []float64 {
			return []float64{sigma(x[1]) * x[2]}
		}},
		"gru, update": {3, 1, func(s Set, x [][]float32) { s.GRUUpdate(x[0], x[1], x[2]) }, func(x []float64) []float64 {
			return []float64{update(x[0], x[1], math.Tanh(x[2]))}
		}},
		"gru": {7, 1, func(s Set, x [][]float32) { s.GRUCell(x[0], x[1], x[2], x[3], x[4], x[5], x[6]) }, func(x []float64) []float64 {
			return []float64{update(x[0], x[1]+x[4], math.Tanh(x[3]+sigma(x[2]+x[5])*x[6]))}
		}},
	}
}

// Every length, against the formulas in float64, with guards around what is written and between pages that nobody may touch.
func TestCells(t *testing.T) {
	const longest = 1<<15 + 3 // more than assembly takes at once
	lengths := []int{500, longest}
	for n := range 71 {
		lengths = append(lengths, n)
	}
	for name, c := range cells() {
		t.Run(name, func(t *testing.T) {
			fences := make([]fence, c.buffers)
			for i := range fences {
				fences[i] = newFence(t, longest)
			}
			for _, s := range Supported() {
				for _, n := range lengths {
					r := rand.New(rand.NewPCG(7, uint64(n)))
					given := make([][]float32, c.buffers)
					for i := range given {
						given[i] = random(r, n)
						for k := range given[i] {
							switch r.IntN(40) {
							case 0:
								given[i][k] *= 100
							case 1:
								given[i][k] = 0
							}
						}
					}
					what := fmt.Sprintf("%v n=%d", s, n)
					x := make([][]float32, c.buffers)
					var checks []func(*testing.T, string)
					for i := range x {
						var check func(*testing.T, string)
						x[i], check = guarded(n, (n+i)%9)
						copy(x[i], given[i])
						checks = append(checks, check)
					}
					c.run(s, x)
					for _, check := range checks {
						check(t, what)
					}
					for i := range x[c.outs:] {
						if k := sameBits(x[c.outs+i], given[c.outs+i]); k >= 0 {
							t.Fatalf("%s: buffer %d, which is read, was written at %d", what, c.outs+i, k)
						}
					}
					at := make([]float64, c.buffers)
					for k := range n {
						for i := range at {
							at[i] = float64(given[i][k])
						}
						for i, w := range c.want(at) {
							if d := math.Abs(float64(x[i][k]) - w); !(d <= 1e-6*(1+math.Abs(w))) {
								t.Fatalf("%s: buffer %d, element %d: got %g, want %g", what, i, k, x[i][k], w)
							}
						}
					}
					for _, end := range []bool{false, true} {
						y := make([][]float32, c.buffers)
						for i := range y {
							y[i] = fences[i].either(n, end)
							copy(y[i], given[i])
						}
						c.run(s, y)
						for i := range c.outs {
							if k := sameBits(y[i], x[i]); k >= 0 {
								t.Fatalf("%s: buffer %d, element %d depends on where it lies: %g and %g", what, i, k, y[i][k], x[i][k])
							}
						}
					}
				}
			}
		})
	}
}

// NaN goes through; an open or shut gate is one whatever the size of the sum.
func TestCellsAtTheEnds(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, s := range Supported() {
		for n := 1; n < 40; n += 19 {
			all := func(v float32) []float32 {
				x := make([]float32, n)
				for i := range x {
					x[i] = v
				}
				return x
			}
			h, c := all(0), all(3)
			s.LSTMCell(h, c, all(-inf), all(inf), all(inf), all(1))
			if want := float32(math.Tanh(3)); c[n-1] != 3 || math.Abs(float64(h[n-1]-want)) > 1e-6 {
				t.Errorf("%v: a state that is kept: got %g and %g, want 3 and %g", s, c[n-1], h[n-1], want)
			}
			s.LSTMCell(h, c, all(0), all(0), all(0), all(nan))
			if !math.IsNaN(float64(h[n-1])) || !math.IsNaN(float64(c[0])) {
				t.Errorf("%v: NaN: got %g and %g", s, h[n-1], c[0])
			}
			h = all(3)
			if s.GRUUpdate(h, all(inf), all(1)); h[n-1] != 3 {
				t.Errorf("%v: a state that is kept: got %g, want 3", s, h[n-1])
			}
			if s.GRUCell(h, all(0), all(nan), all(0), all(0), all(0), all(1)); !math.IsNaN(float64(h[n-1])) {
				t.Errorf("%v: NaN: got %g", s, h[n-1])
			}
		}
	}
}
