package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// fence is memory for one buffer of a test.
type fence struct{ x []float32 }

// end is n elements that end where the memory ends.
func (f fence) end(n int) []float32 { return f.x[len(f.x)-n:] }

// start is n elements where the memory starts.
func (f fence) start(n int) []float32 { return f.x[:n:n] }

// either is one of both.
func (f fence) either(n int, end bool) []float32 {
	if end {
		return f.end(n)
	}
	return f.start(n)
}

const guard = 12345

// guarded is n elements at an offset from a 64-byte boundary, with guards before
// and behind; check fails if one has changed.
func guarded(n, offset int) (x []float32, check func(t *testing.T, what string)) {
	whole := alignedSlice(n + offset + 64)
	for i := range whole {
		whole[i] = guard
	}
	x = whole[32+offset : 32+offset+n]
	return x, func(t *testing.T, what string) {
		t.Helper()
		for i, v := range whole {
			if (i < 32+offset || i >= 32+offset+n) && v != guard {
				t.Fatalf("%s: element %d of a buffer of %d was overwritten: got %g, want %g", what, i-32-offset, n, v, float32(guard))
			}
		}
	}
}

func random(r *rand.Rand, n int) []float32 { return fill(r, make([]float32, n)) }

func fill(r *rand.Rand, x []float32) []float32 {
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// sameBits is the first index at which a and b differ in a bit, or -1.
func sameBits(a, b []float32) int {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return i
		}
	}
	return -1
}

// near fails unless got is want within rel of scale, element by element.
func near(t *testing.T, what string, got []float32, want, scale []float64, rel float64) {
	t.Helper()
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - w); !(d <= rel*scale[i]) {
			t.Fatalf("%s: element %d: got %g, want %g (off by %g of %g)", what, i, got[i], w, d, scale[i])
		}
	}
}
