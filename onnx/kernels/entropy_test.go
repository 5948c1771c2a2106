package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The binary cross-entropy and its slope against the formulas in float64, with some elements beyond the bounds.
func TestCrossEntropyAndItsDerivative(t *testing.T) {
	const least, most = 0.1, 0.875
	nan := float32(math.NaN())
	for _, s := range Supported() {
		for n := 0; n <= 70; n++ {
			r := rand.New(rand.NewPCG(2, uint64(n)))
			y, target, dy := make([]float32, n), make([]float32, n), random(r, n)
			for i := range y {
				y[i], target[i] = r.Float32(), float32(r.IntN(5))/4
				switch r.IntN(12) {
				case 0:
					y[i] = least
				case 1:
					y[i] = most
				case 2:
					y[i] = nan
				}
			}
			what := fmt.Sprintf("%v n=%d", s, n)
			got, check := guarded(n, n%5)
			s.CrossEntropy(nil, got, y, target, least, most)
			check(t, what)
			dx, check := guarded(n, n%7)
			s.CrossEntropyDerivative(nil, dx, dy, y, target, least, most)
			check(t, what+": derivative")
			dz, check := guarded(n, n%6)
			s.CrossEntropyOfSigmoid(nil, dz, dy, y, target, least, most)
			check(t, what+": derivative of a sigmoid's")
			for i, v := range y {
				c, g := math.Min(math.Max(float64(v), float64(float32(least))), most), float64(target[i])
				want := -(g*math.Log(c) + (1-g)*math.Log(1-c))
				slope := float64(dy[i]) * (c - g) / (c * (1 - c))
				if v < least || v > most {
					slope = 0
				}
				if v != v {
					want, slope = math.NaN(), math.NaN()
				}
				if d := math.Abs(float64(got[i]) - want); !(d <= 1e-6*(1+want)) && !(v != v && got[i] != got[i]) {
					t.Fatalf("%s: element %d: got %g, want %g", what, i, got[i], want)
				}
				if d := math.Abs(float64(dx[i]) - slope); !(d <= 1e-5*(1+math.Abs(slope))) && !(v != v && dx[i] != dx[i]) {
					t.Fatalf("%s: derivative: element %d: got %g, want %g", what, i, dx[i], slope)
				}
			}
			for i, v := range y { // y = 1/(1+exp(-z)) has the derivative y·(1-y)
				want := float64(dx[i]) * float64(v) * (1 - float64(v))
				if d := math.Abs(float64(dz[i]) - want); !(d <= 1e-5*(1+math.Abs(want))) && !(v != v && dz[i] != dz[i]) {
					t.Fatalf("%s: derivative of a sigmoid's: element %d: got %g, want %g", what, i, dz[i], want)
				}
			}
			if s.CrossEntropyDerivative(nil, dy, dy, y, target, least, most); sameBitsOrNaN(dy, dx) >= 0 {
				t.Fatalf("%s: derivative differs in place", what)
			}
		}
	}
}

// sameBitsOrNaN is the first index at which a and b differ, or -1.
func sameBitsOrNaN(a, b []float32) int {
	for i := range a {
		if !equal(a[i], b[i]) {
			return i
		}
	}
	return -1
}

func TestCrossEntropyIsTheSameInTwoThreads(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	const n = 100003
	r := rand.New(rand.NewPCG(3, 1))
	y, target := make([]float32, n), make([]float32, n)
	for i := range y {
		y[i], target[i] = r.Float32(), r.Float32()
	}
	for _, s := range Supported() {
		one, two := make([]float32, n), make([]float32, n)
		for _, f := range []func(p *Pool, dst []float32){
			func(p *Pool, dst []float32) { s.CrossEntropy(p, dst, y, target, 0.1, 0.9) },
			func(p *Pool, dst []float32) { s.CrossEntropyDerivative(p, dst, target, y, target, 0.1, 0.9) },
			func(p *Pool, dst []float32) { s.CrossEntropyOfSigmoid(p, dst, target, y, target, 0.1, 0.9) },
		} {
			f(nil, one)
			f(pool, two)
			if i := sameBits(one, two); i >= 0 {
				t.Errorf("%v: element %d: got %g with two threads, want %g", s, i, two[i], one[i])
			}
		}
	}
}
