package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Every set pools bytes as plain loops do, and touches nothing beside its buffers.
func TestMaxPoolBytes(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	fx, fy := newFence(t, 1<<16), newFence(t, 1<<16)
	for _, set := range Supported() {
		t.Run(set.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 8))
			for trial := range 300 {
				sh := PoolShape{Planes: 1 + r.IntN(3), H: 1 + r.IntN(9), W: 1 + r.IntN(80), KH: 1 + r.IntN(3), KW: 1 + r.IntN(3),
					StrideH: 1 + r.IntN(2), StrideW: 1 + r.IntN(2), DilationH: 1 + r.IntN(2), DilationW: 1, PadTop: r.IntN(2), PadLeft: r.IntN(2), PadRight: r.IntN(2)}
				if r.IntN(2) == 0 {
					sh = PoolShape{Planes: 2, H: 2 + r.IntN(9), W: 2 + r.IntN(80), KH: 2, KW: 2, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1}
				}
				sh.OH, sh.OW = (sh.H+sh.PadTop-(sh.KH-1)*sh.DilationH-1)/sh.StrideH+1, (sh.W+sh.PadLeft+sh.PadRight-sh.KW)/sh.StrideW+1
				if sh.OH < 1 || sh.OW < 1 {
					continue
				}
				signed, end := r.IntN(2) == 0, r.IntN(2) == 0
				x, y := anyBytes(r, fx.bytesOf(sh.Planes*sh.H*sh.W, end)), fy.bytesOf(sh.Planes*sh.OH*sh.OW, end)
				p := pool
				if trial%2 == 0 {
					p = nil
				}
				set.MaxPoolBytes(p, sh, signed, x, y)
				what := fmt.Sprintf("%+v, signed %v", sh, signed)
				for i, got := range y {
					plane, oy, ox := i/(sh.OH*sh.OW), i/sh.OW%sh.OH, i%sh.OW
					want := int64(0)
					if signed {
						want = -128
					}
					for k := range sh.KH * sh.KW {
						iy, ix := oy*sh.StrideH+k/sh.KW*sh.DilationH-sh.PadTop, ox*sh.StrideW+k%sh.KW-sh.PadLeft
						if iy >= 0 && ix >= 0 && iy < sh.H && ix < sh.W {
							want = max(want, asInt(x[(plane*sh.H+iy)*sh.W+ix], signed))
						}
					}
					if asInt(got, signed) != want {
						t.Fatalf("%s: element %d: got %d, want %d", what, i, asInt(got, signed), want)
					}
				}
			}
		})
	}
}

func TestUpsampleBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 50 {
		sh := UpsampleShape{Planes: r.IntN(3), H: 1 + r.IntN(5), W: 1 + r.IntN(9), FactorH: 1 + r.IntN(3), FactorW: 1 + r.IntN(3)}
		x := anyBytes(r, make([]byte, sh.Planes*sh.H*sh.W))
		y := make([]byte, len(x)*sh.FactorH*sh.FactorW)
		Portable.UpsampleBytes(sh, x, y)
		h, w := sh.H*sh.FactorH, sh.W*sh.FactorW
		for i, got := range y {
			if want := x[i/(h*w)*sh.H*sh.W+i/w%h/sh.FactorH*sh.W+i%w/sh.FactorW]; got != want {
				t.Fatalf("%+v: element %d: got %d, want %d", sh, i, got, want)
			}
		}
	}
}
