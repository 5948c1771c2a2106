package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSums(t *testing.T) {
	f := newFence(t, 10000)
	for _, s := range Supported() {
		r := rand.New(rand.NewPCG(1, 2))
		for _, n := range []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 129, 4095, 4096, 4097, 9001} {
			for _, end := range []bool{false, true} {
				x := fill(r, f.either(n, end))
				sum, square, size := 0.0, 0.0, 0.0
				for _, v := range x {
					sum, square, size = sum+float64(v), square+float64(v)*float64(v), size+math.Abs(float64(v))
				}
				if got := s.Sum(x); math.Abs(got-sum) > 1e-6*size {
					t.Errorf("%v: Sum of %d: got %g, want %g", s, n, got, sum)
				}
				if got := s.SumSquares(x); math.Abs(got-square) > 2e-6*square {
					t.Errorf("%v: SumSquares of %d: got %g, want %g", s, n, got, square)
				}
			}
		}
		if got := s.Sum([]float32{1, float32(math.NaN()), 2}); got == got {
			t.Errorf("%v: Sum with NaN: got %g, want NaN", s, got)
		}
	}
}

func TestColumnSums(t *testing.T) {
	for _, s := range Supported() {
		r := rand.New(rand.NewPCG(1, 2))
		for _, cols := range []int{1, 5, 16, 33} {
			x, dst := random(r, 7*cols), random(r, cols)
			before := append([]float32(nil), dst...)
			s.ColumnSums(dst, x, true)
			plain := make([]float32, cols)
			s.ColumnSums(plain, x, false)
			for j := range cols {
				want := 0.0
				for i := range 7 {
					want += float64(x[i*cols+j])
				}
				if math.Abs(float64(plain[j])-want) > 1e-5 || math.Abs(float64(dst[j])-want-float64(before[j])) > 1e-5 {
					t.Fatalf("%v: column %d of %d: got %g and %g accumulated, want %g and %g", s, j, cols, plain[j], dst[j], want, want+float64(before[j]))
				}
			}
		}
	}
}

func TestSoftmax(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, s := range Supported() {
		r := rand.New(rand.NewPCG(1, 2))
		for _, cols := range []int{1, 2, 9, 16, 40} {
			x := random(r, 6*cols)
			for i := range cols {
				x[cols+i] += 1000  // far beyond the range of exp
				x[2*cols+i] -= 1e6 // far below it
			}
			x[3*cols] = -inf
			if cols > 1 {
				x[4*cols+1] = 80
			} else {
				x[3] = 0
			}
			y, l := make([]float32, len(x)), make([]float32, len(x))
			s.Softmax(nil, y, x, cols)
			s.LogSoftmax(nil, l, x, cols)
			for i := range 6 {
				row := x[i*cols : (i+1)*cols]
				m, sum := math.Inf(-1), 0.0
				for _, v := range row {
					m = max(m, float64(v))
				}
				for _, v := range row {
					sum += math.Exp(float64(v) - m)
				}
				for j, v := range row {
					want := math.Exp(float64(v)-m) / sum
					// x-m is rounded before exp stretches it.
					if got := float64(y[i*cols+j]); math.Abs(got-want) > 4e-7*want*(1+math.Abs(float64(v)-m))+1e-44 {
						t.Fatalf("%v: Softmax row %d of %d, column %d: got %g, want %g", s, i, cols, j, got, want)
					}
					log := float64(v) - m - math.Log(sum)
					if got := float64(l[i*cols+j]); !(math.Abs(got-log) <= 1e-6*(1+math.Abs(log))) && got != log {
						t.Fatalf("%v: LogSoftmax row %d of %d, column %d: got %g, want %g", s, i, cols, j, got, log)
					}
				}
			}
			s.Softmax(nil, x, x, cols)
			if sameBits(x, y) >= 0 {
				t.Fatalf("%v: Softmax differs in place", s)
			}
		}
		nan := make([]float32, 2)
		if s.Softmax(nil, nan, []float32{-inf, -inf}, 2); nan[0] == nan[0] {
			t.Errorf("%v: Softmax of -Inf alone: got %v, want NaN", s, nan)
		}
		if s.Softmax(nil, nan, []float32{0, float32(math.NaN())}, 2); nan[0] == nan[0] {
			t.Errorf("%v: Softmax with NaN: got %v, want NaN", s, nan)
		}
	}
}

func TestTranspose(t *testing.T) {
	fx, fd := newFence(t, 1<<13), newFence(t, 1<<13)
	for _, s := range Supported() {
		r := rand.New(rand.NewPCG(1, 2))
		for rows := 1; rows <= 40; rows++ {
			for _, cols := range []int{1, 2, 7, 8, 9, 16, 23, 64, 130} {
				for _, end := range []bool{false, true} {
					x, dst := fill(r, fx.either(rows*cols, end)), fd.either(rows*cols, end)
					s.Transpose(dst, x, rows, cols)
					for i := range rows {
						for j := range cols {
							if dst[j*rows+i] != x[i*cols+j] {
								t.Fatalf("%v %dx%d: [%d][%d]: got %g, want %g", s, rows, cols, j, i, dst[j*rows+i], x[i*cols+j])
							}
						}
					}
				}
			}
		}
	}
}

func TestMax(t *testing.T) {
	f := newFence(t, 1024)
	r := rand.New(rand.NewPCG(41, 42))
	for _, s := range Supported() {
		for n := range 200 {
			for _, end := range []bool{false, true} {
				x := fill(r, f.either(n, end))
				want := float32(math.Inf(-1))
				for i := range x {
					x[i] -= 9 // below the zeros that lanes may hold
					want = max(want, x[i])
				}
				if got := s.Max(x); got != want {
					t.Fatalf("%v n=%d: got %g, want %g", s, n, got, want)
				}
				if n == 0 {
					continue
				}
				x[r.IntN(n)] = float32(math.NaN())
				if got := s.Max(x); got == got {
					t.Fatalf("%v n=%d with NaN: got %g, want NaN", s, n, got)
				}
			}
		}
		x, y := random(r, 7*33), make([]float32, 33)
		s.ColumnMaxima(y, x)
		for j, got := range y {
			want := x[j]
			for i := range 7 {
				want = max(want, x[i*33+j])
			}
			if got != want {
				t.Errorf("%v: column %d: got %g, want %g", s, j, got, want)
			}
		}
	}
}
