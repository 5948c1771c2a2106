package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var allOperations = map[string]struct {
	op Operation
	f  func(a, b float64) float64
}{
	"add": {Add, func(a, b float64) float64 { return a + b }},
	"sub": {Sub, func(a, b float64) float64 { return a - b }},
	"mul": {Mul, func(a, b float64) float64 { return a * b }},
	"div": {Div, func(a, b float64) float64 { return a / b }},
	"max": {Max, func(a, b float64) float64 { return max(a, b) }},
	"min": {Min, func(a, b float64) float64 { return min(a, b) }},
}

// equal holds for the same number, and for two NaN.
func equal(a, b float32) bool { return a == b || a != a && b != b }

// Each operation rounds once, so float64 arithmetic rounded to float32 is exact for
// it; values include infinities and NaN.
func TestBinaryAtEveryLength(t *testing.T) {
	fa, fb, fd := newFence(t, 1024), newFence(t, 1024), newFence(t, 1024)
	special := []float32{0, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.MaxFloat32, math.SmallestNonzeroFloat32}
	for _, s := range Supported() {
		for name, o := range allOperations {
			r := rand.New(rand.NewPCG(1, 2))
			for n := 0; n <= 140; n++ {
				end := n&1 == 0
				a, b, dst := fill(r, fa.either(n, end)), fill(r, fb.either(n, end)), fd.either(n, end)
				for i := range n {
					if r.IntN(4) == 0 {
						a[i] = special[r.IntN(len(special))]
					}
					if r.IntN(4) == 0 {
						b[i] = special[r.IntN(len(special))]
					}
				}
				check := func(form string, want func(i int) float64) {
					t.Helper()
					for i, got := range dst {
						if w := float32(want(i)); !equal(got, w) {
							t.Fatalf("%v %s %s n=%d: element %d of %g and %g: got %g, want %g", s, name, form, n, i, a[i], b[i], got, w)
						}
					}
				}
				s.Binary(nil, o.op, dst, a, b)
				check("", func(i int) float64 { return o.f(float64(a[i]), float64(b[i])) })
				for _, v := range append(special, 1.5) {
					s.BinaryScalar(nil, o.op, dst, a, v, false)
					check(fmt.Sprint("scalar ", v), func(i int) float64 { return o.f(float64(a[i]), float64(v)) })
					s.BinaryScalar(nil, o.op, dst, a, v, true)
					check(fmt.Sprint("swapped ", v), func(i int) float64 { return o.f(float64(v), float64(a[i])) })
				}
				copy(dst, a)
				s.Binary(nil, o.op, dst, dst, b)
				check("in place", func(i int) float64 { return o.f(float64(a[i]), float64(b[i])) })
			}
		}
	}
}

func TestBinaryBroadcasts(t *testing.T) {
	const rows, cols, channels = 12, 37, 4
	for _, s := range Supported() {
		for name, o := range allOperations {
			r := rand.New(rand.NewPCG(1, 2))
			a, row, col, dst := random(r, rows*cols), random(r, cols), random(r, channels), make([]float32, rows*cols)
			for _, swapped := range []bool{false, true} {
				f := func(x, y float32) float32 {
					if swapped {
						x, y = y, x
					}
					return float32(o.f(float64(x), float64(y)))
				}
				s.BinaryRow(nil, o.op, dst, a, row, swapped)
				for i, got := range dst {
					if want := f(a[i], row[i%cols]); got != want {
						t.Fatalf("%v %s by row, swapped=%v: element %d: got %g, want %g", s, name, swapped, i, got, want)
					}
				}
				s.BinaryColumn(nil, o.op, dst, a, col, cols, swapped)
				for i, got := range dst {
					if want := f(a[i], col[i/cols%channels]); got != want {
						t.Fatalf("%v %s by column, swapped=%v: element %d: got %g, want %g", s, name, swapped, i, got, want)
					}
				}
			}
		}
	}
}

func TestAxpyRoundsTwice(t *testing.T) {
	for _, s := range Supported() {
		r := rand.New(rand.NewPCG(1, 2))
		for n := 0; n < 80; n++ {
			x := random(r, n)
			dst, check := guarded(n, n%9)
			fill(r, dst)
			want := append([]float32(nil), dst...)
			for i := range want {
				want[i] += float32(0.7 * x[i])
			}
			s.Axpy(nil, dst, 0.7, x)
			check(t, "axpy")
			if i := sameBits(dst, want); i >= 0 {
				t.Fatalf("%v n=%d: element %d: got %g, want %g", s, n, i, dst[i], want[i])
			}
		}
	}
}
