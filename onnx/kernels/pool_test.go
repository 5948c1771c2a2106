package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var poolCases = map[string]PoolShape{
	"2x2 apart":                  {Planes: 5, H: 62, W: 62, OH: 31, OW: 31, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
	"2x2 apart, odd plane":       {Planes: 3, H: 27, W: 27, OH: 13, OW: 13, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
	"2x2 apart, narrow":          {Planes: 3, H: 9, W: 7, OH: 4, OW: 3, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
	"2x2 apart, seven wide":      {Planes: 3, H: 14, W: 14, OH: 7, OW: 7, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
	"2x2 apart, rounded up":      {Planes: 2, H: 9, W: 19, OH: 5, OW: 10, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
	"3x3 with overlap and pads":  {Planes: 2, H: 11, W: 12, OH: 6, OW: 6, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
	"3x2 by single steps":        {Planes: 2, H: 6, W: 7, OH: 4, OW: 6, KH: 3, KW: 2},
	"dilated":                    {Planes: 2, H: 10, W: 12, OH: 6, OW: 6, KH: 3, KW: 3, DilationH: 2, DilationW: 3},
	"dilated with pads":          {Planes: 1, H: 6, W: 6, OH: 4, OW: 4, KH: 3, KW: 3, DilationH: 2, DilationW: 2, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
	"the whole plane":            {Planes: 4, H: 5, W: 5, OH: 1, OW: 1, KH: 5, KW: 5},
	"enough for two threads":     {Planes: 64, H: 64, W: 66, OH: 32, OW: 33, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
	"every width of vector tail": {Planes: 2, H: 4, W: 46, OH: 2, OW: 23, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
}

// eachWindow calls f with every output and every input that it sees, in order.
func eachWindow(sh PoolShape, f func(plane, out, in int)) {
	for p := range sh.Planes {
		for oy := range sh.OH {
			for ox := range sh.OW {
				for ky := range sh.KH {
					for kx := range sh.KW {
						y, x := oy*max(1, sh.StrideH)+ky*max(1, sh.DilationH)-sh.PadTop, ox*max(1, sh.StrideW)+kx*max(1, sh.DilationW)-sh.PadLeft
						if y >= 0 && y < sh.H && x >= 0 && x < sh.W {
							f(p, (p*sh.OH+oy)*sh.OW+ox, y*sh.W+x)
						}
					}
				}
			}
		}
	}
}

func TestMaxPoolAndItsGradient(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	fx, fy := newFence(t, 1<<19), newFence(t, 1<<17)
	for name, sh := range poolCases {
		for _, s := range Supported() {
			for _, p := range []*Pool{nil, pool} {
				for _, end := range []bool{false, true} {
					what := fmt.Sprintf("%s, %v, %d threads", name, s, p.Threads())
					r := rand.New(rand.NewPCG(1, 2))
					n := sh.Planes * sh.OH * sh.OW
					x, y, at := fx.either(sh.Planes*sh.H*sh.W, end), fy.either(n, end), make([]int32, n)
					for i := range x {
						x[i] = float32(r.IntN(9)) - 4 // with equal neighbours
						if r.IntN(50) == 0 {
							x[i] = float32(math.NaN())
						}
						if r.IntN(50) == 0 {
							x[i] = float32(math.Inf(-1))
						}
					}
					want, where := make([]float32, n), make([]int32, n)
					for i := range want {
						want[i], where[i] = float32(math.Inf(-1)), -1
					}
					eachWindow(sh, func(plane, out, in int) {
						v := x[plane*sh.H*sh.W+in]
						if where[out] < 0 || v > want[out] || v != v {
							want[out], where[out] = v, int32(in)
						}
					})
					s.MaxPool(p, sh, x, y, at)
					for i := range want {
						if !equal(y[i], want[i]) || at[i] != where[i] {
							t.Fatalf("%s: element %d: got %g at %d, want %g at %d", what, i, y[i], at[i], want[i], where[i])
						}
					}
					s.MaxPool(p, sh, x, y, nil)
					for i := range want {
						if !equal(y[i], want[i]) {
							t.Fatalf("%s: element %d without argmax: got %g, want %g", what, i, y[i], want[i])
						}
					}
					dy, dx := random(r, n), fill(r, x)
					s.MaxPoolBackward(p, sh, dy, at, dx)
					sums := make([]float32, len(dx))
					for i, a := range at {
						sums[i/(sh.OH*sh.OW)*sh.H*sh.W+int(a)] += dy[i]
					}
					if i := sameBits(dx, sums); i >= 0 {
						t.Fatalf("%s: gradient %d: got %g, want %g", what, i, dx[i], sums[i])
					}
				}
			}
		}
	}
}

func TestAveragePoolAndItsGradient(t *testing.T) {
	for name, sh := range poolCases {
		for _, s := range Supported() {
			for _, includePad := range []bool{false, true} {
				r := rand.New(rand.NewPCG(1, 2))
				n := sh.Planes * sh.OH * sh.OW
				x, y, dy := random(r, sh.Planes*sh.H*sh.W), make([]float32, n), random(r, n)
				dx := make([]float32, len(x))
				area := make([]float64, n)
				if includePad { // every place of the window inside the padded plane
					big := sh
					big.H, big.W = sh.H+sh.PadTop+sh.PadBottom, sh.W+sh.PadLeft+sh.PadRight
					big.PadTop, big.PadLeft = 0, 0
					eachWindow(big, func(_, out, _ int) { area[out]++ })
				} else {
					eachWindow(sh, func(_, out, _ int) { area[out]++ })
				}
				want, grad := make([]float64, n), make([]float64, len(x))
				eachWindow(sh, func(plane, out, in int) {
					i := plane*sh.H*sh.W + in
					want[out] += float64(x[i]) / area[out]
					grad[i] += float64(dy[out]) / area[out]
				})
				s.AveragePool(nil, sh, x, y, includePad)
				s.AveragePoolBackward(nil, sh, dy, dx, includePad)
				for i, w := range want {
					if math.Abs(float64(y[i])-w) > 1e-5 {
						t.Fatalf("%s, %v, includePad=%v: element %d: got %g, want %g", name, s, includePad, i, y[i], w)
					}
				}
				for i, w := range grad {
					if math.Abs(float64(dx[i])-w) > 1e-5 {
						t.Fatalf("%s, %v, includePad=%v: gradient %d: got %g, want %g", name, s, includePad, i, dx[i], w)
					}
				}
			}
		}
	}
}

func TestMaxPoolOfNothing(t *testing.T) {
	// The padding holds the first window, which has no element.
	sh := PoolShape{Planes: 1, H: 1, W: 2, OH: 1, OW: 2, KH: 1, KW: 1, StrideW: 2, PadLeft: 2, PadRight: 0}
	y, at, dx := make([]float32, 2), make([]int32, 2), make([]float32, 2)
	Best().MaxPool(nil, sh, []float32{3, 4}, y, at)
	if !math.IsInf(float64(y[0]), -1) || at[0] != -1 || y[1] != 3 || at[1] != 0 {
		t.Errorf("got %v at %v, want [-Inf 3] at [-1 0]", y, at)
	}
	if Best().MaxPoolBackward(nil, sh, []float32{5, 7}, at, dx); dx[0] != 7 || dx[1] != 0 {
		t.Errorf("gradient: got %v, want [7 0]", dx)
	}
}
