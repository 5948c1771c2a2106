package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// A transposed convolution is the gradient by the input, pair by pair, with its bias.
func TestTransposed(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(13, 14))
	runs, ways := 600, 0
	if raceEnabled {
		runs = 60
	}
	for range runs {
		groups := 1 + r.IntN(2)
		sh := ConvShape{
			C: groups * (1 + r.IntN(4)), OC: groups * (1 + r.IntN(5)), Groups: groups, H: 1 + r.IntN(20), W: 1 + r.IntN(50),
			KH: 1 + r.IntN(4), KW: 1 + r.IntN(5), StrideH: 1 + r.IntN(3), StrideW: 1 + r.IntN(3),
			PadTop: r.IntN(3), PadLeft: r.IntN(3), PadBottom: r.IntN(3), PadRight: r.IntN(3),
		}
		if sh.H+sh.PadTop+sh.PadBottom < sh.KH || sh.W+sh.PadLeft+sh.PadRight < sh.KW {
			continue
		}
		k := NewTransposed(sh)
		if k == nil {
			continue
		}
		ways++
		oh, ow := sh.Output()
		n := 1 + r.IntN(2)
		x, w, bias := random(r, n*sh.OC*oh*ow), random(r, sh.OC*sh.C/groups*sh.KH*sh.KW), random(r, sh.C)
		want := convolve(sh, n, random(r, n*sh.C*sh.H*sh.W), w, make([]float32, sh.OC), x)
		plane := sh.H * sh.W
		for i := range want.dx {
			want.sizeDX[i]++
			want.dx[i] += float64(bias[i/plane%sh.C])
		}
		packed := make([]float32, k.PackedLen())
		k.Pack(packed, w)
		for _, s := range Supported() {
			what := fmt.Sprintf("%v n=%d %+v", s, n, sh)
			y, check := guarded(len(want.dx), 5)
			k.Forward(s, pool, TransposedForward{X: x, Packed: packed, Bias: bias, Y: y, Scratch: make([]float32, k.Scratch(pool))})
			check(t, what)
			near(t, what, y, want.dx, addOne(want.sizeDX), 3e-6)
			plain := append([]float32(nil), y...)
			act := Activation{Function: Sigmoid}
			k.Forward(s, nil, TransposedForward{X: x, Packed: packed, Bias: bias, Act: act, Y: y, Scratch: make([]float32, k.Scratch(nil))})
			s.Unary(nil, act, plain, plain)
			if i := sameBits(y, plain); i >= 0 {
				t.Fatalf("%s: element %d: got %g, want %g as without fusion", what, i, y[i], plain[i])
			}
		}
	}
	if ways < runs/2 {
		t.Errorf("of %d shapes %d have a way, want most", runs, ways)
	}
}
