package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
)

// convolution computes in float64, pair by pair, the result y of n images, the
// gradients dx, dw and db of Σ y·dy, and for each the sum of magnitudes.
type convolution struct {
	y, dx, dw, db                 []float64
	sizeY, sizeDX, sizeDW, sizeDB []float64
}

func convolve(sh ConvShape, n int, x, w, bias, dy []float32) convolution {
	sh = NewConv(sh).Shape()
	oh, ow := sh.Output()
	in, out := sh.C/sh.Groups, sh.OC/sh.Groups
	f := func(n int) []float64 { return make([]float64, n) }
	c := convolution{f(len(dy)), f(len(x)), f(len(w)), f(sh.OC), f(len(dy)), f(len(x)), f(len(w)), f(sh.OC)}
	add := func(sum, size []float64, i int, v float64) {
		sum[i] += v
		size[i] += math.Abs(v)
	}
	for b := range n {
		for o := range sh.OC {
			for py := range oh {
				for px := range ow {
					yi := ((b*sh.OC+o)*oh+py)*ow + px
					g := float64(dy[yi])
					add(c.y, c.sizeY, yi, float64(bias[o]))
					add(c.db, c.sizeDB, o, g)
					for i := range in {
						for ky := range sh.KH {
							for kx := range sh.KW {
								iy, ix := py*sh.StrideH+ky*sh.DilationH-sh.PadTop, px*sh.StrideW+kx*sh.DilationW-sh.PadLeft
								if iy < 0 || iy >= sh.H || ix < 0 || ix >= sh.W {
									continue
								}
								xi := ((b*sh.C+o/out*in+i)*sh.H+iy)*sh.W + ix
								wi := ((o*in+i)*sh.KH+ky)*sh.KW + kx
								add(c.y, c.sizeY, yi, float64(x[xi])*float64(w[wi]))
								add(c.dx, c.sizeDX, xi, g*float64(w[wi]))
								add(c.dw, c.sizeDW, wi, g*float64(x[xi]))
							}
						}
					}
				}
			}
		}
	}
	return c
}

var convCases = map[string]struct {
	shape ConvShape
	n     int
}{
	"1x1 on 3 channels":           {ConvShape{C: 3, H: 9, W: 11, OC: 16, KH: 1, KW: 1}, 2},
	"3x3 valid":                   {ConvShape{C: 4, H: 12, W: 31, OC: 16, KH: 3, KW: 3}, 3},
	"3x3 same on a small plane":   {ConvShape{C: 8, H: 7, W: 7, OC: 8, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}, 5},
	"one channel in and out":      {ConvShape{C: 1, H: 28, W: 28, OC: 1, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}, 2},
	"odd channels, uneven pads":   {ConvShape{C: 5, H: 10, W: 13, OC: 11, KH: 3, KW: 2, PadTop: 2, PadRight: 1}, 2},
	"stride 2":                    {ConvShape{C: 3, H: 15, W: 16, OC: 9, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}, 2},
	"stride 3 beyond the kernel":  {ConvShape{C: 2, H: 14, W: 17, OC: 4, KH: 2, KW: 2, StrideH: 3, StrideW: 3}, 2},
	"1x1 with stride 2":           {ConvShape{C: 4, H: 9, W: 9, OC: 6, KH: 1, KW: 1, StrideH: 2, StrideW: 2}, 1},
	"dilation 2 and 3":            {ConvShape{C: 3, H: 13, W: 18, OC: 5, KH: 3, KW: 3, DilationH: 2, DilationW: 3}, 2},
	"dilation and stride":         {ConvShape{C: 2, H: 17, W: 19, OC: 3, KH: 3, KW: 3, DilationH: 2, DilationW: 3, StrideH: 3, StrideW: 2, PadLeft: 2}, 2},
	"depthwise":                   {ConvShape{C: 6, H: 12, W: 20, OC: 6, KH: 3, KW: 3, Groups: 6, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}, 2},
	"two groups":                  {ConvShape{C: 6, H: 8, W: 10, OC: 22, KH: 3, KW: 3, Groups: 2}, 2},
	"pads wider than the kernel":  {ConvShape{C: 2, H: 4, W: 5, OC: 3, KH: 2, KW: 2, PadTop: 3, PadLeft: 2, PadBottom: 4, PadRight: 3}, 2},
	"a row longer than a strip":   {ConvShape{C: 2, H: 2, W: 900, OC: 3, KH: 1, KW: 5}, 1},
	"a column kernel":             {ConvShape{C: 2, H: 30, W: 40, OC: 9, KH: 5, KW: 1}, 1},
	"more than one sum of pixels": {ConvShape{C: 3, H: 50, W: 50, OC: 10, KH: 3, KW: 3}, 2},
	"a single pixel":              {ConvShape{C: 7, H: 3, W: 3, OC: 5, KH: 3, KW: 3}, 2},
	"enough work for two threads": {ConvShape{C: 16, H: 30, W: 33, OC: 24, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}, 1},
	"one strip for two threads":   {ConvShape{C: 32, H: 14, W: 14, OC: 130, KH: 1, KW: 1}, 1},
	"small planes of two groups":  {ConvShape{C: 32, H: 7, W: 7, OC: 44, KH: 3, KW: 3, Groups: 2, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}, 3},
	"a batch for two threads":     {ConvShape{C: 8, H: 30, W: 33, OC: 24, KH: 3, KW: 3, PadTop: 1, PadLeft: 1}, 5},
}

func TestConvAndItsGradients(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	fx, fw, fy := newFence(t, 1<<17), newFence(t, 1<<14), newFence(t, 1<<18)
	fdx, fdw, fs := newFence(t, 1<<17), newFence(t, 1<<14), newFence(t, 1<<20)
	for name, c := range convCases {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			conv := NewConv(c.shape)
			oh, ow := conv.Output()
			sizeX, sizeY := c.n*c.shape.C*c.shape.H*c.shape.W, c.n*c.shape.OC*oh*ow
			for _, s := range Supported() {
				for _, end := range []bool{false, true} {
					if raceEnabled && (end || s == Portable) {
						continue // the detector makes the reference loops slow
					}
					x, w, dy := fill(r, fx.either(sizeX, end)), fill(r, fw.either(conv.WeightLen(), end)), random(r, sizeY)
					y, dx, dw := fy.either(sizeY, end), fdx.either(sizeX, end), fdw.either(conv.WeightLen(), end)
					bias, db := random(r, c.shape.OC), make([]float32, c.shape.OC)
					want := convolve(c.shape, c.n, x, w, bias, dy)
					packed := make([]float32, conv.PackedLen())
					conv.Pack(packed, w)
					var first [4][]float32
					for _, p := range []*Pool{nil, pool} {
						what := fmt.Sprintf("%v, %d threads", s, p.Threads())
						scratch := func(n int) []float32 {
							z := fs.either(n, end)
							for i := range z {
								z[i] = float32(math.NaN())
							}
							return z
						}
						conv.Forward(s, p, ConvForward{X: x, W: w, Bias: bias, Y: y, Scratch: scratch(conv.ForwardScratch(p, false))})
						near(t, what+": forward", y, want.y, want.sizeY, 2e-6)
						plain := append([]float32(nil), y...)
						for _, act := range []Activation{{Function: LeakyRelu, Slope: 0.3}, {Function: Relu}, {Function: Sigmoid}} {
							conv.Forward(s, p, ConvForward{X: x, Packed: packed, Bias: bias, Act: act, Y: y, Scratch: scratch(conv.ForwardScratch(p, true))})
							apart := make([]float32, sizeY)
							s.Unary(nil, act, apart, plain)
							if i := sameBits(y, apart); i >= 0 {
								t.Fatalf("%s: %v: element %d: got %g, want %g as without fusion", what, act, i, y[i], apart[i])
							}
						}
						conv.BackwardData(s, p, dy, w, dx, scratch(conv.BackwardDataScratch(p)))
						near(t, what+": gradient by input", dx, want.dx, addOne(want.sizeDX), 2e-6)
						data := append([]float32(nil), dx...)
						b := ConvBackward{X: x, W: w, DY: dy, DX: dx, DW: dw, DB: db}
						b.Scratch = scratch(conv.BackwardScratch(s, p, c.n, b))
						conv.Backward(s, p, b)
						if i := sameBits(dx, data); i >= 0 {
							t.Fatalf("%s: gradient by input: element %d: got %g, want %g as alone", what, i, dx[i], data[i])
						}
						near(t, what+": gradient by weights", dw, want.dw, want.sizeDW, 2e-6)
						near(t, what+": gradient by bias", db, want.db, want.sizeDB, 2e-6)
						for i, got := range [][]float32{plain, dx, dw, db} {
							if p == nil {
								first[i] = append([]float32(nil), got...)
							} else if j := sameBits(got, first[i]); j >= 0 {
								t.Fatalf("%s: result %d, element %d differs from one thread", what, i, j)
							}
						}
					}
				}
			}
		})
	}
}

// Shapes that nobody chose.
func TestConvOfRandomShapes(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	pool := NewPool(2)
	defer pool.Close()
	runs := 400
	if raceEnabled {
		runs = 40
	}
	for range runs {
		groups := 1 + r.IntN(3)
		sh := ConvShape{
			C: groups * (1 + r.IntN(4)), OC: groups * (1 + r.IntN(10)), Groups: groups, H: 1 + r.IntN(14), W: 1 + r.IntN(40),
			KH: 1 + r.IntN(4), KW: 1 + r.IntN(4), StrideH: 1 + r.IntN(3), StrideW: 1 + r.IntN(3), DilationH: 1 + r.IntN(2), DilationW: 1 + r.IntN(3),
			PadTop: r.IntN(4), PadLeft: r.IntN(4), PadBottom: r.IntN(4), PadRight: r.IntN(4),
		}
		if oh, ow := sh.Output(); oh < 1 || ow < 1 || sh.H+sh.PadTop+sh.PadBottom <= (sh.KH-1)*sh.DilationH || sh.W+sh.PadLeft+sh.PadRight <= (sh.KW-1)*sh.DilationW {
			continue
		}
		conv, n := NewConv(sh), 1+r.IntN(3)
		oh, ow := conv.Output()
		x, w, bias, dy := random(r, n*sh.C*sh.H*sh.W), random(r, conv.WeightLen()), random(r, sh.OC), random(r, n*sh.OC*oh*ow)
		want := convolve(sh, n, x, w, bias, dy)
		for _, s := range Supported() {
			what := fmt.Sprintf("%v n=%d %+v", s, n, sh)
			y, dx, dw, db := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w)), make([]float32, sh.OC)
			conv.Forward(s, pool, ConvForward{X: x, W: w, Bias: bias, Y: y, Scratch: make([]float32, conv.ForwardScratch(pool, false))})
			near(t, what+": forward", y, want.y, want.sizeY, 2e-6)
			conv.BackwardData(s, pool, dy, w, dx, make([]float32, conv.BackwardDataScratch(pool)))
			near(t, what+": gradient by input", dx, want.dx, want.sizeDX, 2e-6)
			b := ConvBackward{X: x, DY: dy, DW: dw, DB: db}
			b.Scratch = make([]float32, conv.BackwardScratch(s, pool, n, b))
			conv.Backward(s, pool, b)
			near(t, what+": gradient by weights", dw, want.dw, want.sizeDW, 2e-6)
			near(t, what+": gradient by bias", db, want.db, want.sizeDB, 2e-6)
		}
	}
}

// One plan and one pool serve many goroutines.
func TestConvAndGemmFromManyGoroutines(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	conv := NewConv(ConvShape{C: 8, H: 40, W: 40, OC: 16, KH: 3, KW: 3, PadTop: 1, PadLeft: 1})
	oh, ow := conv.Output()
	r := rand.New(rand.NewPCG(1, 2))
	const n, m = 2, 128
	x, w, a := random(r, n*8*40*40), random(r, conv.WeightLen()), random(r, m*m)
	packed := PackB(m, m, a, 0, false)
	for _, s := range Supported() {
		wantY, wantC := make([]float32, n*16*oh*ow), make([]float32, m*m)
		conv.Forward(s, nil, ConvForward{X: x, W: w, Y: wantY, Scratch: make([]float32, conv.ForwardScratch(nil, false))})
		s.Gemm(nil, Gemm{M: m, N: m, K: m, A: a, B: a, C: wantC})
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				y, c, scratch := make([]float32, len(wantY)), make([]float32, m*m), make([]float32, conv.ForwardScratch(pool, false))
				for range 5 {
					conv.Forward(s, pool, ConvForward{X: x, W: w, Y: y, Scratch: scratch})
					s.Gemm(pool, Gemm{M: m, N: m, K: m, A: a, Packed: packed, C: c})
					if sameBits(y, wantY) >= 0 || sameBits(c, wantC) >= 0 {
						t.Errorf("%v: a result differs from that of one goroutine", s)
						return
					}
				}
			})
		}
		callers.Wait()
	}
}

// addOne keeps an element that nothing goes into from having the tolerance 0·0.
func addOne(x []float64) []float64 {
	for i := range x {
		x[i]++
	}
	return x
}

func TestConvOfABatchIsThatOfEachImage(t *testing.T) {
	for _, s := range Supported() {
		r := rand.New(rand.NewPCG(9, 1))
		conv := NewConv(ConvShape{C: 5, H: 20, W: 21, OC: 13, KH: 3, KW: 3, PadTop: 1, PadLeft: 1})
		oh, ow := conv.Output()
		const n = 3
		x, w := random(r, n*5*20*21), random(r, conv.WeightLen())
		y, one := make([]float32, n*13*oh*ow), make([]float32, 13*oh*ow)
		scratch := make([]float32, conv.ForwardScratch(nil, false))
		conv.Forward(s, nil, ConvForward{X: x, W: w, Y: y, Scratch: scratch})
		for i := range n {
			conv.Forward(s, nil, ConvForward{X: x[i*5*20*21:][:5*20*21], W: w, Y: one, Scratch: scratch})
			if j := sameBits(one, y[i*len(one):]); j >= 0 {
				t.Fatalf("%v: image %d, element %d: got %g alone, want %g as in the batch", s, i, j, one[j], y[i*len(one)+j])
			}
		}
	}
}

func TestConvRefusesBadShapes(t *testing.T) {
	for name, sh := range map[string]ConvShape{
		"kernel larger than the plane": {C: 1, H: 2, W: 2, OC: 1, KH: 3, KW: 1},
		"groups that do not divide":    {C: 3, H: 4, W: 4, OC: 4, KH: 1, KW: 1, Groups: 2},
		"negative padding":             {C: 1, H: 4, W: 4, OC: 1, KH: 1, KW: 1, PadTop: -1},
		"no channels":                  {H: 4, W: 4, OC: 1, KH: 1, KW: 1},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: got no panic", name)
				}
			}()
			NewConv(sh)
		}()
	}
}

func TestConvAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	pool := NewPool(2)
	defer pool.Close()
	conv := NewConv(ConvShape{C: 16, H: 30, W: 30, OC: 16, KH: 3, KW: 3, PadTop: 1, PadLeft: 1})
	oh, ow := conv.Output()
	const n = 4
	x, y, w := make([]float32, n*16*30*30), make([]float32, n*16*oh*ow), make([]float32, conv.WeightLen())
	for _, s := range Supported() {
		for _, p := range []*Pool{nil, pool} {
			keep := ConvTraining{X: x, W: w, Y: y, Scratch: make([]float32, conv.TrainingScratch(s, p, ConvTraining{}))}
			f, d, g := make([]float32, conv.ForwardScratch(p, false)), make([]float32, conv.BackwardDataScratch(p)), make([]float32, conv.WeightLen())
			b := ConvBackward{X: x, W: w, DY: y, DX: x, DW: g}
			b.Scratch = make([]float32, conv.BackwardScratch(s, p, n, b))
			if got := testing.AllocsPerRun(5, func() {
				conv.Forward(s, p, ConvForward{X: x, W: w, Y: y, Scratch: f})
				conv.BackwardData(s, p, y, w, x, d)
				conv.Backward(s, p, b)
				conv.ForwardTraining(s, p, keep)
			}); got != 0 {
				t.Errorf("%v, %d threads: got %g allocations, want 0", s, p.Threads(), got)
			}
		}
	}
}
