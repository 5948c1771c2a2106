package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// A chain is its links one after the other over all numbers, wherever blocks end.
func TestChainIsItsLinks(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(21, 22))
	fx, fy := newFence(t, 1<<17), newFence(t, 1<<17)
	for k := range 300 {
		cols, channels := 1+r.IntN(60), 1+r.IntN(40)
		n := cols * channels * (1 + r.IntN(5))
		if k < 3 {
			n = 1 << 16
			cols, channels = 1<<8, 1<<4
		}
		var c Chain
		for range 1 + r.IntN(5) {
			l := Link{Op: Operation(r.IntN(6)), Operand: Operand(r.IntN(5)), Swapped: r.IntN(2) == 1}
			switch l.Operand {
			case NoOperand:
				l.Act = allFunctions[r.IntN(len(allFunctions))]
			case ScalarOperand:
				l.B = random(r, 1)
			case SameOperand:
				l.B = random(r, n)
			case RowOperand:
				l.B = random(r, cols)
			case ColumnOperand:
				l.B, l.Cols = random(r, channels), cols
			}
			c = append(c, l)
		}
		for _, s := range Supported() {
			what := fmt.Sprintf("%v n=%d cols=%d channels=%d", s, n, cols, channels)
			x := fill(r, fx.either(n, k%2 == 0))
			want := append([]float32(nil), x...)
			for _, l := range c {
				switch l.Operand {
				case NoOperand:
					s.Unary(nil, l.Act, want, want)
				case ScalarOperand:
					s.BinaryScalar(nil, l.Op, want, want, l.B[0], l.Swapped)
				case SameOperand:
					if l.Swapped {
						s.Binary(nil, l.Op, want, l.B, want)
					} else {
						s.Binary(nil, l.Op, want, want, l.B)
					}
				case RowOperand:
					s.BinaryRow(nil, l.Op, want, want, l.B, l.Swapped)
				case ColumnOperand:
					s.BinaryColumn(nil, l.Op, want, want, l.B, l.Cols, l.Swapped)
				}
			}
			for _, p := range []*Pool{nil, pool} {
				y := fy.either(n, k%2 == 0)
				s.Chain(p, c, y, x)
				if i := sameBits(y, want); i >= 0 {
					t.Fatalf("%s: element %d: got %g, want %g as link by link", what, i, y[i], want[i])
				}
			}
			s.Chain(nil, c, x, x)
			if i := sameBits(x, want); i >= 0 {
				t.Fatalf("%s: in place: element %d: got %g, want %g as link by link", what, i, x[i], want[i])
			}
		}
	}
}

// What a convolution does at last is a chain over all of its result.
func TestConvolutionsEndWithChains(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	pool := NewPool(2)
	defer pool.Close()
	pads := ConvShape{PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}
	for phrase, sh := range map[string]ConvShape{
		"3x3":        {C: 5, OC: 11, H: 9, W: 40, KH: 3, KW: 3},
		"small":      {C: 5, OC: 11, H: 5, W: 6, KH: 3, KW: 3, Groups: 1},
		"1x1":        {C: 5, OC: 9, H: 9, W: 40, KH: 1, KW: 1},
		"large":      {C: 16, OC: 24, H: 40, W: 40, KH: 3, KW: 3},
		"depthwise":  {C: 6, OC: 6, Groups: 6, H: 50, W: 90, KH: 5, KW: 5},
		"transposed": {C: 6, OC: 5, H: 20, W: 31, KH: 3, KW: 3, StrideH: 2, StrideW: 2},
	} {
		if sh.KH > 1 {
			sh.PadTop, sh.PadLeft, sh.PadBottom, sh.PadRight = pads.PadTop, pads.PadLeft, pads.PadBottom, pads.PadRight
		}
		conv, n := NewConv(sh), 3
		oh, ow := conv.Output()
		x, y := random(r, n*sh.C*sh.H*sh.W), random(r, n*sh.OC*oh*ow)
		if phrase == "transposed" {
			x, y = y, x
		}
		w := random(r, conv.WeightLen())
		c := Chain{{Act: Activation{Function: HardSwish}}, {Op: Mul, Operand: SameOperand, B: random(r, len(y))}, {Op: Sub, Operand: ColumnOperand, Cols: oh * ow, B: random(r, sh.OC), Swapped: true}}
		if phrase == "transposed" {
			c[2].Cols, c[2].B = sh.H*sh.W, random(r, sh.C)
		}
		for _, s := range Supported() {
			for _, p := range []*Pool{nil, pool} {
				run := func(then Chain, y []float32) {
					act := Activation{Function: Relu}
					if phrase != "transposed" {
						conv.Forward(s, p, ConvForward{X: x, W: w, Act: act, Then: then, Y: y, Scratch: make([]float32, conv.ForwardScratch(p, false))})
						return
					}
					k := NewTransposed(sh)
					packed := make([]float32, k.PackedLen())
					k.Pack(packed, w)
					k.Forward(s, p, TransposedForward{X: x, Packed: packed, Act: act, Then: then, Y: y, Scratch: make([]float32, k.Scratch(p))})
				}
				want := make([]float32, len(y))
				run(nil, want)
				s.Chain(nil, c, want, want)
				run(c, y)
				if i := sameBits(y, want); i >= 0 {
					t.Errorf("%s: %v, %d threads: element %d: got %g, want %g as apart", phrase, s, p.Threads(), i, y[i], want[i])
				}
			}
		}
	}
}
