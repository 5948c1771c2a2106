package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestNormalize(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(31, 32))
	for k := range 120 {
		n := Norm{Size: 1 + r.IntN(300), Epsilon: 1e-3, RMS: k%3 == 0}
		if k < 4 {
			n.Size = 5000
		}
		units := 1 + r.IntN(9)
		if k%2 == 0 {
			n.Plane = 1 + r.IntN(40)
			n.Size = n.Plane * (1 + r.IntN(200))
			channels := n.Size / n.Plane * (1 + r.IntN(3))
			n.Scale, n.Bias = random(r, channels), random(r, channels)
		} else if k%5 > 0 {
			n.Scale = random(r, n.Size)
			if k%5 > 1 {
				n.Bias = random(r, n.Size)
			}
		}
		n.X = random(r, units*n.Size)
		for i := range n.X {
			n.X[i] += 3
		}
		want, scale := make([]float64, len(n.X)), make([]float64, len(n.X))
		for u := range units {
			x := n.X[u*n.Size:][:n.Size]
			mean, variance := 0.0, 0.0
			for _, v := range x {
				mean += float64(v) / float64(n.Size)
			}
			if n.RMS {
				mean = 0
			}
			for _, v := range x {
				variance += (float64(v) - mean) * (float64(v) - mean) / float64(n.Size)
			}
			for i, v := range x {
				at, c := u*n.Size+i, i
				if n.Plane > 0 {
					c = at / n.Plane
				}
				y := (float64(v) - mean) / math.Sqrt(variance+float64(n.Epsilon))
				size := 10 + math.Abs(y)
				if n.Scale != nil {
					y *= float64(n.Scale[c%len(n.Scale)])
					size *= 1 + math.Abs(float64(n.Scale[c%len(n.Scale)]))
				}
				if n.Bias != nil {
					y += float64(n.Bias[c%len(n.Bias)])
				}
				want[at], scale[at] = y, size/math.Sqrt(variance+float64(n.Epsilon))+size
			}
		}
		for _, s := range Supported() {
			what := fmt.Sprintf("%v units=%d size=%d plane=%d rms=%v", s, units, n.Size, n.Plane, n.RMS)
			y, check := guarded(len(n.X), 3)
			m := n
			m.Y = y
			s.Normalize(pool, m)
			check(t, what)
			near(t, what, y, want, scale, 1e-6)
			alone := append([]float32(nil), n.X...)
			m.X, m.Y = alone, alone
			s.Normalize(nil, m)
			if i := sameBits(alone, y); i >= 0 {
				t.Fatalf("%s: element %d: got %g in place and in one thread, want %g", what, i, alone[i], y[i])
			}
		}
	}
}
