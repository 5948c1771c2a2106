package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Every form that has kernels, every tail of a row, heights around the four rows that
// go together and beyond one strip.
func TestDepthwise(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	fx, fw, fy, fs := newFence(t, 1<<16), newFence(t, 1<<12), newFence(t, 1<<16), newFence(t, 1<<16)
	r := rand.New(rand.NewPCG(7, 8))
	for _, form := range [][2]int{{3, 1}, {3, 2}, {5, 1}, {5, 2}, {7, 1}} {
		side, stride := form[0], form[1]
		shapes := []ConvShape{{H: 90, W: 70, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}, {H: 3, W: 2, PadTop: side, PadLeft: side + 2, PadBottom: side, PadRight: side + 1}}
		for w := 1; w <= 35; w++ {
			pad := r.IntN(side)
			shapes = append(shapes, ConvShape{H: side + w%13, W: w + side, PadTop: pad, PadLeft: r.IntN(side), PadBottom: r.IntN(side), PadRight: side - 1})
			if raceEnabled && w > 3 {
				break
			}
		}
		for i, sh := range shapes {
			sh.C, sh.OC, sh.Groups = 3, 3, 3
			sh.KH, sh.KW, sh.StrideH, sh.StrideW = side, side, stride, stride
			conv, n := NewConv(sh), 1+i%2
			if conv.depthwise == nil {
				t.Fatalf("%+v: got no way of its own", sh)
			}
			oh, ow := conv.Output()
			for _, s := range Supported() {
				what := fmt.Sprintf("%v n=%d %+v", s, n, sh)
				end := i%4 < 2
				x, w, bias := fill(r, fx.either(n*sh.C*sh.H*sh.W, end)), fill(r, fw.either(conv.WeightLen(), end)), random(r, sh.OC)
				y := fy.either(n*sh.OC*oh*ow, end)
				want := convolve(sh, n, x, w, bias, random(r, len(y)))
				scratch := func(n int) []float32 {
					z := fs.either(n, end)
					for i := range z {
						z[i] = float32(math.NaN())
					}
					return z
				}
				for _, p := range []*Pool{nil, pool} {
					conv.Forward(s, p, ConvForward{X: x, W: w, Bias: bias, Y: y, Scratch: scratch(conv.ForwardScratch(p, false))})
					near(t, what, y, want.y, want.sizeY, 2e-6)
				}
				plain := append([]float32(nil), y...)
				for _, act := range []Activation{{Function: LeakyRelu, Slope: 0.3}, {Function: Relu}, {Function: Tanh}} {
					conv.Forward(s, pool, ConvForward{X: x, W: w, Bias: bias, Act: act, Y: y, Scratch: scratch(conv.ForwardScratch(pool, false))})
					apart := make([]float32, len(y))
					s.Unary(nil, act, apart, plain)
					if i := sameBits(y, apart); i >= 0 {
						t.Fatalf("%s: %v: element %d: got %g, want %g as without fusion", what, act, i, y[i], apart[i])
					}
				}
			}
		}
	}
}

// NaN and infinities of the image reach the results that read them, and no others.
func TestDepthwiseKeepsNaN(t *testing.T) {
	sh := ConvShape{C: 2, OC: 2, Groups: 2, H: 9, W: 21, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}
	conv := NewConv(sh)
	x, w := make([]float32, 2*9*21), make([]float32, conv.WeightLen())
	for i := range w {
		w[i] = 1
	}
	x[4*21+20] = float32(math.NaN()) // the last pixel of a row of the first channel
	for _, s := range Supported() {
		y := make([]float32, len(x))
		conv.Forward(s, nil, ConvForward{X: x, W: w, Act: Activation{Function: Relu}, Y: y, Scratch: make([]float32, conv.ForwardScratch(nil, false))})
		for i, v := range y {
			row, col := i/21, i%21
			if want := row >= 3 && row <= 5 && col >= 19; (v != v) != want {
				t.Errorf("%v: row %d, column %d: got %v, want NaN: %v", s, row, col, v, want)
			}
		}
	}
}

// A plane of a convolution in its own memory is what it would be pixel by pixel.
func TestPlanesAreLaidOut(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for k := range 3000 {
		f := flat{in: 1, out: 1, groups: 1, h: 1 + r.IntN(9), w: 1 + r.IntN(50), insertH: 1 + r.IntN(3), insertW: 1 + r.IntN(3),
			padTop: r.IntN(6) - 2, padLeft: r.IntN(6) - 2, strideH: 1 + r.IntN(3), strideW: 1 + r.IntN(3), oh: 1 + r.IntN(5), ow: 1 + r.IntN(30)}
		if f.insertH > 1 {
			f.strideH = 1
		}
		if f.insertW > 1 {
			f.strideW = 1
		}
		if k%4 == 0 { // patches of all sizes
			side := 3 + r.IntN(14)
			f = flat{in: 1, out: 1, groups: 1, insertH: 1, insertW: 1, strideH: side, strideW: side, oh: 1 + r.IntN(3), ow: 1 + r.IntN(20)}
			f.h, f.w = f.oh*side+r.IntN(2), f.ow*side
			f.prepare(side, side, 1, 1)
		} else {
			f.prepare(1+r.IntN(3), 1+r.IntN(4), 1+r.IntN(2), 1+r.IntN(2))
		}
		x := random(r, f.h*f.w)
		want := make([]float32, f.planeLen())
		for i := range want {
			col, row := i%f.cols, i/f.cols%f.rows
			px, py := i/(f.cols*f.rows)%f.phasesW, i/(f.cols*f.rows)/f.phasesW
			y, c := row*f.strideH+py-f.padTop, col*f.strideW+px-f.padLeft
			if y >= 0 && c >= 0 && y%f.insertH == 0 && c%f.insertW == 0 && y/f.insertH < f.h && c/f.insertW < f.w {
				want[i] = x[y/f.insertH*f.w+c/f.insertW]
			}
		}
		for _, s := range Supported() {
			got, check := guarded(len(want), 3)
			f.load(s, got, x)
			check(t, s.String())
			if i := sameBits(got, want); i >= 0 {
				t.Fatalf("%v: %+v: element %d: got %g, want %g", s, f, i, got[i], want[i])
			}
		}
	}
}
