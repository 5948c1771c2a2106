package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// quantumOf is the standard's formula in float64.
func quantumOf(v float64, zero, lo, hi int) byte {
	if v != v {
		v = 0
	}
	return byte(int(min(max(math.RoundToEven(v)+float64(zero), float64(lo)), float64(hi))))
}

// wildFloats draws numbers of every size, halves, NaN and infinities.
func wildFloats(r *rand.Rand, x []float32) []float32 {
	for i := range x {
		switch r.IntN(8) {
		case 0:
			x[i] = float32(r.IntN(600)-300) / 2
		case 1:
			x[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, -math.MaxFloat32, 0, float32(math.Copysign(0, -1))}[r.IntN(7)]
		default:
			x[i] = float32(r.NormFloat64() * 100)
		}
	}
	return x
}

// Every set quantizes as the formula says, at all tails, and touches nothing beside its buffers.
func TestQuantize(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	fx, fy, fz := newFence(t, 1<<17), newFence(t, 1<<17), newFence(t, 1<<16)
	for _, set := range Supported() {
		t.Run(set.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			for trial := range 400 {
				n, end := r.IntN(100), r.IntN(2) == 0
				p := pool
				if trial == 0 {
					n = 1 << 17 // shared out
				} else if trial%2 == 0 {
					p = nil
				}
				q, lo, hi := Quantum{Zero: int32(r.IntN(256))}, 0, 255
				if r.IntN(2) == 0 {
					q, lo, hi = Quantum{Signed: true, Zero: int32(r.IntN(256) - 128)}, -128, 127
				}
				x, y := wildFloats(r, fx.either(n, end)), fy.bytesOf(n, end)
				scale := []float32{1, 0.5, 3.7, 0.01, float32(math.Inf(1)), 0}[r.IntN(6)]
				what := fmt.Sprintf("%d elements, scale %v, %+v", n, scale, q)
				set.Quantize(p, q, y, x, scale)
				for i, v := range x {
					if want := quantumOf(float64(v/scale), int(q.Zero), lo, hi); y[i] != want {
						t.Fatalf("%s: quantum of %v: got %d, want %d", what, v, y[i], want)
					}
				}
				ints := fx.intsOf(n, end)
				for i := range ints {
					ints[i] = int32(r.Uint32()) >> r.IntN(32)
				}
				set.Requantize(p, q, y, ints, scale)
				for i, v := range ints {
					if want := quantumOf(float64(float32(v)*scale), int(q.Zero), lo, hi); y[i] != want {
						t.Fatalf("%s: quantum of the sum %v: got %d, want %d", what, v, y[i], want)
					}
				}
				if cols := 1 + r.IntN(50); n > 0 {
					rows := max(1, min(n/cols, 1<<12))
					cols = min(cols, n)
					scales := wildFloats(r, fz.either(cols, end))
					ints, y := ints[:rows*cols], fy.bytesOf(rows*cols, end)
					set.RequantizeColumns(p, q, y, ints, scales)
					for i, v := range ints {
						if want := quantumOf(float64(float32(v)*scales[i%cols]), int(q.Zero), lo, hi); y[i] != want {
							t.Fatalf("%s, %d columns: element %d: got %d, want %d", what, cols, i, y[i], want)
						}
					}
				}
				b, f := anyBytes(r, fy.bytesOf(n, end)), fx.either(n, end)
				set.Dequantize(p, f, b, q.Signed, q.Zero, scale)
				for i, v := range b {
					want := float32(asInt(v, q.Signed)-int64(q.Zero)) * scale
					if f[i] != want && (f[i] == f[i] || want == want) {
						t.Fatalf("%s: number of %d: got %v, want %v", what, v, f[i], want)
					}
				}
				wildFloats(r, f)
				least, greatest := 0.0, 0.0
				for _, v := range f {
					if v == v {
						least, greatest = min(least, float64(v)), max(greatest, float64(v))
					}
				}
				if a, b := set.MinMax(f); float64(a) != least || float64(b) != greatest {
					t.Fatalf("%s: ends: got %v and %v, want %v and %v", what, a, b, least, greatest)
				}
			}
		})
	}
}

func BenchmarkQuantize(b *testing.B) {
	for _, set := range Supported() {
		x, y := random(rand.New(rand.NewPCG(1, 2)), 1<<14), make([]byte, 1<<14)
		b.Run(fmt.Sprintf("%v/n=%d", set, len(x)), func(b *testing.B) {
			b.SetBytes(int64(5 * len(x)))
			for b.Loop() {
				set.Quantize(nil, Quantum{Zero: 128}, y, x, 0.01)
			}
		})
		b.Run(fmt.Sprintf("back/%v/n=%d", set, len(x)), func(b *testing.B) {
			b.SetBytes(int64(5 * len(x)))
			for b.Loop() {
				set.Dequantize(nil, x, y, false, 128, 0.01)
			}
		})
	}
}
