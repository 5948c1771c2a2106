package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// thin is rows of which about one element in every is not zero, with an empty row
// and a full one.
func thin(r *rand.Rand, rows, cols, every int) []float32 {
	x := make([]float32, rows*cols)
	for i := range x {
		row := i / cols
		if row == rows-1 || row > 0 && r.IntN(every) == 0 {
			x[i] = float32(r.NormFloat64())
		}
	}
	return x
}

func TestSparseProductAndGradient(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	fb, fc, fbias := newFence(t, 1<<18), newFence(t, 1<<14), newFence(t, 1<<10)
	var a Sparse
	for _, s := range Supported() {
		r := rand.New(rand.NewPCG(1, 2))
		for _, z := range [][3]int{{1, 1, 1}, {2, 5, 30}, {7, 33, 100}, {9, 700, 257}, {4, 300, 96}, {3, 90, 512}, {40, 400, 300}} {
			rows, cols, n := z[0], z[1], z[2]
			for variant := range 6 {
				end := variant&1 == 0
				x, b, c := thin(r, rows, cols, 10), fill(r, fb.either(cols*n, end)), fc.either(rows*n, end)
				if a.Reset(cols); variant < 3 {
					for i := range rows {
						a.Append(x[i*cols : (i+1)*cols])
					}
				} else {
					for i := range rows {
						var index []int
						var value []float32
						for j, v := range x[i*cols : (i+1)*cols] {
							if v != 0 {
								index, value = append(index, j), append(value, v)
							}
						}
						a.AppendPairs(index, value)
					}
				}
				g := Gemm{M: rows, N: n, K: cols, A: x, LDA: cols, B: b, LDB: n, C: c, LDC: n, Act: []Activation{{}, {Function: Relu}, {Function: Tanh}}[variant%3]}
				if variant != 1 {
					g.ColumnBias = fill(r, fbias.either(n, end))
				}
				what := fmt.Sprintf("%v %v variant %d", s, z, variant)
				want, scale := product(g, nil)
				s.SparseGemm(nil, &a, b, n, c, g.ColumnBias, g.Act)
				near(t, what, c, want, scale, 1e-6+6e-8*float64(cols))
				one := append([]float32(nil), c...)
				if s.SparseGemm(pool, &a, b, n, c, g.ColumnBias, g.Act); sameBits(one, c) >= 0 {
					t.Fatalf("%s: differs in two threads", what)
				}

				dy, dw := random(r, rows*n), random(r, cols*n)
				before := append([]float32(nil), dw...)
				want, scale = product(Gemm{M: cols, N: n, K: rows, A: x, LDA: cols, TransA: true, B: dy, LDB: n, LDC: n, Accumulate: true}, before)
				s.SparseGradient(nil, &a, dy, n, dw)
				near(t, what+": gradient", dw, want, scale, 1e-6+6e-8*float64(rows))
				if s.SparseGradient(pool, &a, dy, n, before); sameBits(dw, before) >= 0 {
					t.Fatalf("%s: gradient differs in two threads", what)
				}
			}
		}
	}
	if got, want := a.Density(), float64(len(a.value))/(40*400); got != want || a.Rows() != 40 || a.Columns() != 400 {
		t.Errorf("density, rows, columns: got %g, %d, %d, want %g, 40, 400", got, a.Rows(), a.Columns(), want)
	}
}

func TestSparseKeepsNaN(t *testing.T) {
	var a Sparse
	a.Reset(2)
	a.Append([]float32{0, float32(math.NaN())})
	for _, s := range Supported() {
		c := make([]float32, 1)
		if s.SparseGemm(nil, &a, []float32{1, 2}, 1, c, nil, Activation{}); c[0] == c[0] {
			t.Errorf("%v: got %g, want NaN", s, c[0])
		}
	}
}

func TestSparseAllocatesNothingOnceGrown(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r := rand.New(rand.NewPCG(1, 2))
	const rows, cols, n = 8, 1000, 128
	x, b, c, dw := thin(r, rows, cols, 50), random(r, cols*n), make([]float32, rows*n), make([]float32, cols*n)
	var a Sparse
	for _, s := range Supported() {
		if got := testing.AllocsPerRun(5, func() {
			a.Reset(cols)
			for i := range rows {
				a.Append(x[i*cols : (i+1)*cols])
			}
			s.SparseGemm(nil, &a, b, n, c, nil, Activation{})
			s.SparseGradient(nil, &a, c, n, dw)
		}); got != 0 {
			t.Errorf("%v: got %g allocations, want 0", s, got)
		}
	}
}

// Elements that are not zero are found wherever they stand, a negative zero is a zero, and a row with too many leaves the matrix alone.
func TestSparseRowsAreFoundWhole(t *testing.T) {
	memory := newFence(t, 256)
	for _, s := range Supported() {
		for _, n := range []int{1, 7, 31, 32, 33, 63, 64, 65, 100, 200} {
			for j := range n {
				row := memory.either(n, j%2 == 0)
				clear(row)
				row[j] = float32(math.NaN())
				row[(j+1)%n] = float32(math.Copysign(0, -1))
				if n == 1 {
					row[0] = 2
				}
				var a Sparse
				a.Reset(n)
				if s.AppendSparse(&a, row, 0) || a.Rows() != 0 || a.Len() != 0 {
					t.Errorf("%v: element %d of %d, none allowed: got %d rows, %d elements", s, j, n, a.Rows(), a.Len())
				}
				if !s.AppendSparse(&a, row, 1) || a.Rows() != 1 || a.Len() != 1 || a.Indices()[0] != j {
					t.Errorf("%v: element %d of %d, one allowed: got %d rows, elements %v", s, j, n, a.Rows(), a.Indices())
				}
			}
		}
	}
}
