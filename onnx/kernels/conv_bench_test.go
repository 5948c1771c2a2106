package kernels

import (
	"fmt"
	"testing"
)

// benchConvs are the layers of the networks and common shapes, by name: channels in and out, window, picture.
func benchConvs() []struct {
	name  string
	shape ConvShape
} {
	valid := func(c, hw, oc, k int) ConvShape { return ConvShape{C: c, H: hw, W: hw, OC: oc, KH: k, KW: k} }
	same := func(c, hw, oc int) ConvShape {
		return ConvShape{C: c, H: hw, W: hw, OC: oc, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}
	}
	depthwise := same(32, 112, 32)
	depthwise.Groups = 32
	halving := depthwise
	halving.StrideH, halving.StrideW = 2, 2
	strided := same(64, 56, 64)
	strided.StrideH, strided.StrideW = 2, 2
	return []struct {
		name  string
		shape ConvShape
	}{
		{"3-16,1x1,64x64", valid(3, 64, 16, 1)},
		{"3-32,3x3,64x64", valid(3, 64, 32, 3)},
		{"16-32,3x3,64x64", valid(16, 64, 32, 3)},
		{"32-16,3x3,31x31", valid(32, 31, 16, 3)},
		{"16-32,3x3,29x29", valid(16, 29, 32, 3)},
		{"1-16,3x3,28x28,same", same(1, 28, 16)},
		{"16-8,3x3,14x14,same", same(16, 14, 8)},
		{"8-8,3x3,7x7,same", same(8, 7, 8)},
		{"8-8,3x3,4x4,same", same(8, 4, 8)},
		{"8-8,3x3,8x8,same", same(8, 8, 8)},
		{"8-16,3x3,16x16", valid(8, 16, 16, 3)},
		{"16-1,3x3,28x28,same", same(16, 28, 1)},
		{"64-64,3x3,56x56,same", same(64, 56, 64)},
		{"64-64,3x3,56x56,same,stride2", strided},
		{"128-128,1x1,28x28", valid(128, 28, 128, 1)},
		{"depthwise,3x3,112x112x32", depthwise},
		{"depthwise,3x3,112x112x32,stride2", halving},
	}
}

func BenchmarkConv(b *testing.B) {
	const n = 16
	for _, s := range benchSets() {
		for _, threads := range []int{1, 2} {
			pool := NewPool(threads)
			for _, c := range benchConvs() {
				conv := NewConv(c.shape)
				oh, ow := conv.Output()
				x, w, y := benchRandom(n*c.shape.C*c.shape.H*c.shape.W), benchRandom(conv.WeightLen()), benchRandom(n*c.shape.OC*oh*ow)
				dx, dw, flops := make([]float32, len(x)), make([]float32, len(w)), 2*float64(n*oh*ow*conv.WeightLen())
				packed := make([]float32, conv.PackedLen())
				conv.Pack(packed, w)
				weights, both := ConvBackward{X: x, DY: y, DW: dw}, ConvBackward{X: x, W: w, DY: y, DX: dx, DW: dw}
				scratch := make([]float32, max(conv.ForwardScratch(pool, true), conv.BackwardDataScratch(pool), conv.BackwardScratch(s, pool, n, weights), conv.BackwardScratch(s, pool, n, both)))
				weights.Scratch, both.Scratch = scratch, scratch
				for _, pass := range []struct {
					name  string
					flops float64
					run   func()
				}{
					{"forward", flops, func() { conv.Forward(s, pool, ConvForward{X: x, Packed: packed, Y: y, Scratch: scratch}) }},
					{"data", flops, func() { conv.BackwardData(s, pool, y, w, dx, scratch) }},
					{"weights", flops, func() { conv.Backward(s, pool, weights) }},
					{"backward", 2 * flops, func() { conv.Backward(s, pool, both) }},
				} {
					b.Run(fmt.Sprintf("%v/%s/%s,n=%d,threads=%d", s, c.name, pass.name, n, threads), func(b *testing.B) {
						for b.Loop() {
							pass.run()
						}
						reportFlops(b, s, threads, pass.flops)
					})
				}
			}
			pool.Close()
		}
	}
}

// A transposed convolution that doubles height and width.
func BenchmarkTransposed(b *testing.B) {
	const n = 4
	conv := NewTransposed(ConvShape{C: 32, H: 56, W: 56, OC: 64, KH: 2, KW: 2, StrideH: 2, StrideW: 2})
	w := benchRandom(64 * 32 * 2 * 2)
	f := TransposedForward{X: benchRandom(n * 64 * 28 * 28), Y: make([]float32, n*32*56*56), Packed: make([]float32, conv.PackedLen()), Scratch: make([]float32, conv.Scratch(nil))}
	conv.Pack(f.Packed, w)
	for _, s := range benchSets() {
		b.Run(fmt.Sprintf("%v/64-32,2x2,28x28,stride2", s), func(b *testing.B) {
			for b.Loop() {
				conv.Forward(s, nil, f)
			}
			reportFlops(b, s, 1, 2*float64(n*28*28*len(w)))
		})
	}
}

// The poolings and enlargements of the networks. Bytes are those read and written.
func BenchmarkPlane(b *testing.B) {
	sh := PoolShape{Planes: 512, H: 62, W: 62, OH: 31, OW: 31, KH: 2, KW: 2, StrideH: 2, StrideW: 2}
	up := UpsampleShape{Planes: 512, H: 14, W: 14, FactorH: 2, FactorW: 2}
	x, y, at := benchRandom(sh.Planes*sh.H*sh.W), make([]float32, sh.Planes*sh.OH*sh.OW), make([]int32, sh.Planes*sh.OH*sh.OW)
	small, large := benchRandom(up.Planes*up.H*up.W), make([]float32, 4*up.Planes*up.H*up.W)
	for _, s := range benchSets() {
		s.MaxPool(nil, sh, x, y, at)
		for _, c := range []struct {
			name  string
			bytes int
			run   func()
		}{
			{"maxpool", 4 * (len(x) + len(y)), func() { s.MaxPool(nil, sh, x, y, nil) }},
			{"maxpool,argmax", 4 * (len(x) + 2*len(y)), func() { s.MaxPool(nil, sh, x, y, at) }},
			{"maxpool,backward", 4 * (len(x) + 2*len(y)), func() { s.MaxPoolBackward(nil, sh, y, at, x) }},
			{"averagepool", 4 * (len(x) + len(y)), func() { s.AveragePool(nil, sh, x, y, false) }},
			{"averagepool,backward", 4 * (len(x) + len(y)), func() { s.AveragePoolBackward(nil, sh, y, x, false) }},
			{"upsample", 4 * (len(small) + len(large)), func() { s.Upsample(nil, up, small, large) }},
			{"upsample,backward", 4 * (len(small) + len(large)), func() { s.UpsampleBackward(nil, up, large, small) }},
		} {
			b.Run(fmt.Sprintf("%v/%s", s, c.name), func(b *testing.B) {
				for b.Loop() {
					c.run()
				}
				reportBytes(b, s, 1, float64(c.bytes))
			})
		}
	}
}
