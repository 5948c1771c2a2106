package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func TestGemmTiny(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := NewPool(2)
	defer p.Close()
	for i := range 50 {
		m, n, k := 1+r.IntN(130), 1+r.IntN(130), 1+r.IntN(130)
		a, b := random(r, m*k), random(r, k*n)
		c, d := make([]float32, m*n), make([]float32, m*n)
		Portable.Gemm(nil, Gemm{M: m, N: n, K: k, A: a, B: b, C: c})
		Portable.Gemm(p, Gemm{M: m, N: n, K: k, A: a, Packed: PackB(k, n, b, 0, false), C: d})
		want := 0.0
		for x := range k {
			want += float64(a[x]) * float64(b[x*n])
		}
		if math.Abs(want-float64(c[0])) > 1e-4 || fmt.Sprint(c) != fmt.Sprint(d) {
			t.Fatal(i, m, n, k, want, c[0], d[0])
		}
	}
}
