package kernels

import (
	"math/rand/v2"
	"testing"
)

// A convolution is its weights times what Unfold writes.
func TestUnfold(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(51, 52))
	for k := range 300 {
		sh := ConvShape{C: 1 + r.IntN(4), OC: 1 + r.IntN(4), H: 1 + r.IntN(20), W: 1 + r.IntN(40), KH: 1 + r.IntN(3), KW: 1 + r.IntN(4),
			StrideH: 1 + r.IntN(3), StrideW: 1 + r.IntN(3), DilationH: 1 + r.IntN(2), DilationW: 1 + r.IntN(2), PadTop: r.IntN(4), PadLeft: r.IntN(4), PadBottom: r.IntN(4), PadRight: r.IntN(4)}
		if k < 2 {
			sh.C, sh.H, sh.W = 40, 60, 60 // for two threads
		}
		if sh.H+sh.PadTop+sh.PadBottom <= (sh.KH-1)*sh.DilationH || sh.W+sh.PadLeft+sh.PadRight <= (sh.KW-1)*sh.DilationW {
			continue
		}
		conv := NewConv(sh)
		oh, ow := conv.Output()
		x, w := random(r, sh.C*sh.H*sh.W), random(r, conv.WeightLen())
		want := convolve(sh, 1, x, w, make([]float32, sh.OC), make([]float32, sh.OC*oh*ow))
		for _, s := range Supported() {
			seen, check := guarded(conv.UnfoldLen(), 3)
			conv.Unfold(s, pool, seen, x)
			check(t, s.String())
			y := make([]float32, sh.OC*oh*ow)
			s.Gemm(nil, Gemm{M: sh.OC, N: oh * ow, K: sh.C * sh.KH * sh.KW, A: w, B: seen, C: y})
			near(t, s.String(), y, want.y, addOne(want.sizeY), 2e-6)
		}
	}
}
