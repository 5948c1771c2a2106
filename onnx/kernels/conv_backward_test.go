package kernels

import (
	"fmt"
	"math"
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
		up     *UpsampleShape
	}{
		"one channel of 28 by 28":        {same(1, 28, 28, 16), 5, &halves, Activation{Function: Relu}, nil},
		"halves of 14 columns":           {same(4, 14, 14, 8), 19, &halves, Activation{Function: Relu}, nil},
		"halves of few columns":          {same(3, 6, 8, 5), 9, &halves, Activation{Function: LeakyRelu, Slope: 0.3}, nil},
		"halves of two columns":          {same(3, 2, 2, 2), 3, &halves, Activation{Function: Tanh}, nil},
		"an odd plane, last row unseen":  {same(2, 21, 37, 9), 2, &halves, Activation{Function: Sigmoid}, nil},
		"windows over the edge":          {same(2, 7, 7, 8), 30, &padded, Activation{Function: Relu}, nil},
		"windows that overlap":           {same(2, 12, 11, 3), 2, &overlapping, Activation{}, nil},
		"activation without pooling":     {same(2, 12, 21, 3), 4, nil, Activation{Function: LeakyRelu, Slope: 0.2}, nil},
		"one map, activation":            {same(6, 28, 28, 1), 4, nil, Activation{Function: Sigmoid}, nil},
		"no zeros behind the planes":     {ConvShape{C: 3, H: 4, W: 6, OC: 2, KH: 1, KW: 1}, 3, &halves, Activation{Function: Relu}, nil},
		"valid, stride 2, several group": {ConvShape{C: 4, H: 19, W: 24, OC: 6, KH: 3, KW: 3, StrideH: 2, StrideW: 2, Groups: 2}, 3, &halves, Activation{Function: Relu}, nil},
		"upsampled by 2":                 {same(8, 28, 28, 1), 3, nil, Activation{Function: Relu}, &UpsampleShape{Planes: 8, H: 14, W: 14, FactorH: 2, FactorW: 2}},
		"upsampled, pooled":              {ConvShape{C: 3, H: 16, W: 12, OC: 9, KH: 3, KW: 3}, 9, &halves, Activation{Function: Relu}, &UpsampleShape{Planes: 3, H: 8, W: 4, FactorH: 2, FactorW: 3}},
		"upsampled, stride 2":            {ConvShape{C: 2, H: 16, W: 12, OC: 3, KH: 3, KW: 3, StrideH: 2, StrideW: 2}, 4, nil, Activation{}, &UpsampleShape{Planes: 2, H: 8, W: 6, FactorH: 2, FactorW: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			conv := NewConv(c.shape)
			oh, ow := conv.Output()
			planes, plane := c.n*c.shape.OC, oh*ow
			r := rand.New(rand.NewPCG(3, 4))
			size := c.shape.C * c.shape.H * c.shape.W
			if c.up != nil {
				size /= c.up.FactorH * c.up.FactorW
			}
			x, w := random(r, c.n*size), random(r, conv.WeightLen())
			for _, s := range Supported() {
				bias := random(r, c.shape.OC)
				large, f := x, ConvTraining{X: x, W: w, Bias: bias, Act: c.act, Upsample: c.up}
				if c.up != nil {
					sh := *c.up
					sh.Planes *= c.n
					large = make([]float32, len(x)*sh.FactorH*sh.FactorW)
					s.Upsample(nil, sh, x, large)
				}
				y := make([]float32, planes*plane)
				conv.Forward(s, nil, ConvForward{X: large, W: w, Bias: bias, Act: c.act, Y: y, Scratch: make([]float32, conv.ForwardScratch(nil, false))})
				b := ConvBackward{X: x, W: w, Act: c.act, Y: y, DY: random(r, planes*plane), Upsample: c.up}
				apart := make([]float32, planes*plane)
				if c.window == nil {
					s.Derivative(nil, c.act, apart, b.DY, b.Y)
				} else {
					z := *c.window
					z.Planes, z.H, z.W = planes, oh, ow
					z.OH, z.OW = (oh+z.PadTop+z.PadBottom-z.KH)/z.StrideH+1, (ow+z.PadLeft+z.PadRight-z.KW)/z.StrideW+1
					n := planes * z.OH * z.OW
					argmax := make([]int32, n)
					b.Pool, b.Argmax, b.Y, b.DY = &z, make([]int32, n), make([]float32, n), b.DY[:n]
					s.MaxPool(nil, z, y, b.Y, argmax)
					dy := make([]float32, n)
					s.Derivative(nil, c.act, dy, b.DY, b.Y)
					s.MaxPoolBackward(nil, z, dy, argmax, apart)
				}
				for _, p := range []*Pool{nil, pool} {
					f := f
					f.Pool, f.Argmax, f.Y = b.Pool, b.Argmax, make([]float32, len(b.Y))
					var check func(*testing.T, string)
					f.Scratch, check = guarded(conv.TrainingScratch(s, p, f), 0)
					for i := range f.Scratch {
						f.Scratch[i] = float32(math.NaN())
					}
					conv.ForwardTraining(s, p, f)
					check(t, "scratch")
					if i := sameBits(f.Y, b.Y); i >= 0 {
						t.Fatalf("%v, %d threads: forward: element %d: got %g, want %g as one after the other", s, p.Threads(), i, f.Y[i], b.Y[i])
					}
				}
				results := func(b ConvBackward, p *Pool) map[string][]float32 {
					b.DX, b.DW, b.DB = make([]float32, len(b.X)), make([]float32, len(w)), make([]float32, c.shape.OC)
					scratch, check := guarded(conv.BackwardScratch(s, p, c.n, b), 0)
					b.Scratch = scratch
					conv.Backward(s, p, b)
					check(t, "scratch")
					return map[string][]float32{"input": b.DX, "weights": b.DW, "bias": b.DB}
				}
				want := results(ConvBackward{X: large, W: w, DY: apart}, nil)
				if c.up != nil {
					sh, dx := *c.up, make([]float32, len(x))
					sh.Planes *= c.n
					s.UpsampleBackward(nil, sh, want["input"], dx)
					want["input"] = dx
				}
				for _, p := range []*Pool{nil, pool} {
					for by, got := range results(b, p) {
						what := fmt.Sprintf("%v, %d threads: gradient by %s", s, p.Threads(), by)
						if by == "bias" { // summed before the pooling spreads it
							wide, size := make([]float64, len(got)), make([]float64, len(got))
							for i, v := range want[by] {
								wide[i], size[i] = float64(v), 1+math.Abs(float64(v))
							}
							near(t, what, got, wide, size, 1e-5)
							continue
						}
						if i := sameBits(got, want[by]); i >= 0 {
							t.Errorf("%s: element %d: got %g, want %g as one after the other", what, i, got[i], want[by][i])
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
				b.Scratch = make([]float32, conv.BackwardScratch(s, p, n, b))
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

// What is computed on the planes before a doubling is what is computed on those after.
func TestDoubled(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	for name, sh := range map[string]ConvShape{
		"3 by 3, same":           {C: 3, H: 14, W: 20, OC: 5, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
		"3 by 3, valid":          {C: 8, H: 16, W: 16, OC: 16, KH: 3, KW: 3},
		"one channel":            {C: 16, H: 28, W: 28, OC: 1, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
		"one row and one column": {C: 2, H: 2, W: 2, OC: 3, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
		"odd result":             {C: 2, H: 8, W: 10, OC: 3, KH: 4, KW: 4},
		"5 by 3, uneven pads":    {C: 2, H: 8, W: 40, OC: 9, KH: 5, KW: 3, PadTop: 3, PadLeft: 0, PadBottom: 1, PadRight: 2},
		"a row":                  {C: 2, H: 4, W: 12, OC: 3, KH: 1, KW: 5, PadLeft: 2, PadRight: 2},
	} {
		t.Run(name, func(t *testing.T) {
			up := UpsampleShape{Planes: sh.C, H: sh.H / 2, W: sh.W / 2, FactorH: 2, FactorW: 2}
			d := NewDoubled(sh, up)
			if d == nil {
				t.Fatal("got nil, want a convolution")
			}
			const n = 11
			r := rand.New(rand.NewPCG(8, 9))
			oh, ow := sh.Output()
			x, w, bias, dy := random(r, n*sh.C*up.H*up.W), random(r, sh.OC*sh.C*sh.KH*sh.KW), random(r, sh.OC), random(r, n*sh.OC*oh*ow)
			large := make([]float32, 4*len(x))
			all := up
			all.Planes *= n
			Portable.Upsample(nil, all, x, large)
			want := convolve(sh, n, large, w, bias, dy)
			fold := func(v []float64) []float64 { // of planes one after the other
				sums := make([]float64, len(v)/4)
				for i, v := range v {
					plane, y, x := i/(sh.H*sh.W), i/sh.W%sh.H, i%sh.W
					sums[(plane*up.H+y/2)*up.W+x/2] += v
				}
				return sums
			}
			for _, s := range Supported() {
				var first map[string][]float32
				for _, p := range []*Pool{nil, pool} {
					what := fmt.Sprintf("%v, %d threads: ", s, p.Threads())
					f := ConvTraining{X: x, W: w, Bias: bias, Upsample: &up, Y: make([]float32, len(dy))}
					b := ConvBackward{X: x, W: w, DY: dy, Upsample: &up, DX: make([]float32, len(x)), DW: make([]float32, len(w)), DB: make([]float32, sh.OC)}
					var checks [2]func(*testing.T, string)
					f.Scratch, checks[0] = guarded(d.TrainingScratch(s, p, f), 0)
					b.Scratch, checks[1] = guarded(d.BackwardScratch(s, p, n, b), 0)
					for _, z := range [][]float32{f.Scratch, b.Scratch} {
						for i := range z {
							z[i] = float32(math.NaN())
						}
					}
					d.ForwardTraining(s, p, f)
					checks[0](t, what+"scratch")
					near(t, what+"forward", f.Y, want.y, want.sizeY, 4e-6)
					d.Backward(s, p, b)
					checks[1](t, what+"scratch")
					near(t, what+"gradient by input", b.DX, fold(want.dx), addOne(fold(want.sizeDX)), 4e-6)
					near(t, what+"gradient by weights", b.DW, want.dw, want.sizeDW, 4e-6)
					near(t, what+"gradient by bias", b.DB, want.db, want.sizeDB, 4e-6)
					// With an activation it is the same from the activation's gradient.
					act := Activation{Function: Tanh}
					y := random(r, len(dy))
					apart := make([]float32, len(dy))
					s.Derivative(nil, act, apart, dy, y)
					q, z := b, b
					q.DY, q.DX, q.DW, q.DB = apart, make([]float32, len(x)), make([]float32, len(w)), make([]float32, sh.OC)
					z.Act, z.Y = act, y
					z.DX, z.DW, z.DB = make([]float32, len(x)), make([]float32, len(w)), make([]float32, sh.OC)
					d.Backward(s, p, q)
					d.Backward(s, p, z)
					got := map[string][]float32{"y": f.Y, "dx": b.DX, "dw": b.DW, "db": b.DB}
					for by, v := range map[string][2][]float32{"input": {z.DX, q.DX}, "weights": {z.DW, q.DW}, "bias": {z.DB, q.DB}} {
						if i := sameBits(v[0], v[1]); i >= 0 {
							t.Errorf("%sgradient by %s through an activation: element %d: got %g, want %g", what, by, i, v[0][i], v[1][i])
						}
					}
					for name, v := range got {
						if first != nil && sameBits(v, first[name]) >= 0 {
							t.Errorf("%s%s differs from one thread", what, name)
						}
					}
					first = got
				}
			}
		})
	}
	for name, sh := range map[string]ConvShape{
		"a point":  {C: 2, H: 4, W: 4, OC: 3, KH: 1, KW: 1},
		"a stride": {C: 2, H: 4, W: 4, OC: 3, KH: 3, KW: 3, StrideW: 2},
		"groups":   {C: 2, H: 4, W: 4, OC: 4, KH: 3, KW: 3, Groups: 2},
	} {
		if NewDoubled(sh, UpsampleShape{Planes: 2, H: 2, W: 2, FactorH: 2, FactorW: 2}) != nil {
			t.Errorf("%s: got a convolution, want nil", name)
		}
	}
}
