package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// What goes back through pooling and activation on the way is what these give one
// after the other.
func TestConvBackwardThroughActivationAndPooling(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	same := func(c, h, w, oc int) ConvShape {
		return ConvShape{C: c, H: h, W: w, OC: oc, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}
	}
	halves := PoolShape{KH: 2, KW: 2, StrideH: 2, StrideW: 2}
	padded, overlapping := halves, halves
	padded.PadBottom, padded.PadRight = 1, 1
	overlapping.KH, overlapping.KW, overlapping.PadTop, overlapping.PadLeft = 3, 3, 1, 1
	for name, c := range map[string]struct {
		shape  ConvShape
		n      int
		window *PoolShape
		act    Activation
	}{
		"one channel of 28 by 28":        {same(1, 28, 28, 16), 5, &halves, Activation{Function: Relu}},
		"halves of 14 columns":           {same(4, 14, 14, 8), 19, &halves, Activation{Function: Relu}},
		"halves of few columns":          {same(3, 6, 8, 5), 9, &halves, Activation{Function: LeakyRelu, Slope: 0.3}},
		"halves of two columns":          {same(3, 2, 2, 2), 3, &halves, Activation{Function: Tanh}},
		"an odd plane, last row unseen":  {same(2, 21, 37, 9), 2, &halves, Activation{Function: Sigmoid}},
		"windows over the edge":          {same(2, 7, 7, 8), 30, &padded, Activation{Function: Relu}},
		"windows that overlap":           {same(2, 12, 11, 3), 2, &overlapping, Activation{}},
		"activation without pooling":     {same(2, 12, 21, 3), 4, nil, Activation{Function: LeakyRelu, Slope: 0.2}},
		"one map, activation":            {same(6, 28, 28, 1), 4, nil, Activation{Function: Sigmoid}},
		"no zeros behind the planes":     {ConvShape{C: 3, H: 4, W: 6, OC: 2, KH: 1, KW: 1}, 3, &halves, Activation{Function: Relu}},
		"valid, stride 2, several group": {ConvShape{C: 4, H: 19, W: 24, OC: 6, KH: 3, KW: 3, StrideH: 2, StrideW: 2, Groups: 2}, 3, &halves, Activation{Function: Relu}},
	} {
		t.Run(name, func(t *testing.T) {
			conv := NewConv(c.shape)
			oh, ow := conv.Output()
			planes, plane := c.n*c.shape.OC, oh*ow
			r := rand.New(rand.NewPCG(3, 4))
			x, w, y := random(r, c.n*c.shape.C*c.shape.H*c.shape.W), random(r, conv.WeightLen()), random(r, planes*plane)
			for _, s := range Supported() {
				s.Unary(nil, c.act, y, y)
				b := ConvBackward{X: x, W: w, Act: c.act, Y: y, DY: random(r, planes*plane)}
				apart := make([]float32, planes*plane)
				if c.window == nil {
					s.Derivative(nil, c.act, apart, b.DY, b.Y)
				} else {
					z := *c.window
					z.Planes, z.H, z.W = planes, oh, ow
					z.OH, z.OW = (oh+z.PadTop+z.PadBottom-z.KH)/z.StrideH+1, (ow+z.PadLeft+z.PadRight-z.KW)/z.StrideW+1
					n := planes * z.OH * z.OW
					b.Pool, b.Argmax, b.Y, b.DY = &z, make([]int32, n), make([]float32, n), b.DY[:n]
					s.MaxPool(nil, z, y, b.Y, b.Argmax)
					dy := make([]float32, n)
					s.Derivative(nil, c.act, dy, b.DY, b.Y)
					s.MaxPoolBackward(nil, z, dy, b.Argmax, apart)
				}
				results := func(b ConvBackward, p *Pool) map[string][]float32 {
					b.DX, b.DW, b.DB = make([]float32, len(x)), make([]float32, len(w)), make([]float32, c.shape.OC)
					scratch, check := guarded(conv.BackwardScratch(p, c.n, b), 0)
					b.Scratch = scratch
					conv.Backward(s, p, b)
					check(t, "scratch")
					return map[string][]float32{"input": b.DX, "weights": b.DW, "bias": b.DB}
				}
				want := results(ConvBackward{X: x, W: w, DY: apart}, nil)
				for _, p := range []*Pool{nil, pool} {
					for by, got := range results(b, p) {
						if i := sameBits(got, want[by]); i >= 0 {
							t.Errorf("%v, %d threads: gradient by %s: element %d: got %g, want %g as one after the other", s, p.Threads(), by, i, got[i], want[by][i])
						}
					}
				}
			}
		})
	}
}

// The batch is cut in shares by its size alone; every number of images goes.
func TestConvBackwardOfAnyBatch(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	sh := ConvShape{C: 3, H: 9, W: 10, OC: 7, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}
	conv := NewConv(sh)
	oh, ow := conv.Output()
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{1, 2, 7, 8, 9, 23, 200} {
		x, w, dy := random(r, n*sh.C*sh.H*sh.W), random(r, conv.WeightLen()), random(r, n*sh.OC*oh*ow)
		want := convolve(sh, n, x, w, make([]float32, sh.OC), dy)
		for _, s := range Supported() {
			for _, p := range []*Pool{nil, pool} {
				b := ConvBackward{X: x, DY: dy, DW: make([]float32, len(w)), DB: make([]float32, sh.OC)}
				b.Scratch = make([]float32, conv.BackwardScratch(p, n, b))
				conv.Backward(s, p, b)
				what := fmt.Sprintf("%v, %d images, %d threads", s, n, p.Threads())
				near(t, what+": gradient by weights", b.DW, want.dw, want.sizeDW, 2e-6)
				near(t, what+": gradient by bias", b.DB, want.db, want.sizeDB, 2e-6)
			}
		}
	}
}

func TestConvBackwardRefusesSlicesThatDoNotFit(t *testing.T) {
	conv := NewConv(ConvShape{C: 2, H: 4, W: 4, OC: 3, KH: 3, KW: 3})
	x, dy, w := make([]float32, 2*2*16), make([]float32, 2*3*4), make([]float32, conv.WeightLen())
	for name, b := range map[string]ConvBackward{
		"another batch":        {X: x[:32], DY: dy, DW: w},
		"no input":             {DY: dy, DW: w},
		"no weights":           {DY: dy, DX: x},
		"short weights":        {X: x, DY: dy, DW: w[1:]},
		"activation without y": {X: x, DY: dy, DW: w, Act: Activation{Function: Relu}},
		"another pooling":      {X: x, DY: dy, DW: w, Pool: &PoolShape{H: 3, W: 2, OH: 2, OW: 2}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: got no panic", name)
				}
			}()
			b.Scratch = make([]float32, 1<<12)
			conv.Backward(Best(), nil, b)
		}()
	}
}

func TestUnpool(t *testing.T) {
	for _, s := range Supported() {
		r := rand.New(rand.NewPCG(7, 8))
		for n := 1; n <= 40; n++ {
			rows, w, ldd := 1+r.IntN(3), 2*n+r.IntN(2), 2*n+r.IntN(5)
			dy, at := random(r, rows*n), make([]int32, rows*n)
			for i := range at {
				at[i] = int32((2*(i/n)+r.IntN(2))*w + 2*(i%n) + r.IntN(2))
			}
			size := 2*rows*ldd + unpoolSlack
			want, got := make([]float32, size), newFence(t, size)
			dst := got.end(size)
			clear(dst)
			unpoolPortable(want, ldd, dy, at, n, w)
			s.unpool(dst, ldd, dy, at, n, w)
			if i := sameBits(dst, want); i >= 0 {
				t.Fatalf("%v: %d blocks a row: element %d: got %g, want %g", s, n, i, dst[i], want[i])
			}
		}
	}
}
