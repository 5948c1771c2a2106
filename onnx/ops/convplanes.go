package ops

import (
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// The fast way of convolutions of small planes, whose rows would leave lanes of the kernels empty: for each image a product of what each
// pixel sees, [K, pixels] turned round, with the weights, [K, maps], whose rows fill the lanes, and the result turned round at the end.

// fillsLanes says whether the planes of a convolution are so small that this pays: what it saves of the lanes must be more than turning
// round costs, which weighs less the longer the sums are, and laying out what the pixels see, which weighs less the more maps read it.
func fillsLanes(s kernels.ConvShape, set kernels.Set) bool {
	if s.Groups > 1 || s.OC < 64 || set == kernels.Portable {
		return false
	}
	oh, ow := s.Output()
	pixels, k := oh*ow, s.C*s.KH*s.KW
	flat := (oh-1)*(ow+(s.KW-1)*s.DilationW/s.StrideW) + ow // as the kernels of convolutions walk it
	lanes, saved := 16, 1.0
	if set.String() == "avx2" {
		lanes, saved = 8, 1.04 // products keep more of its registers busy
	}
	saved *= float64((flat+lanes-1)/lanes*lanes) / float64(pixels)
	cost := 0.03 + 12/float64(k)
	if !seesAll(s) {
		cost += 20 / float64(s.OC)
	}
	return saved-1 > cost
}

// seesAll says whether what the pixels see is the image as it lies.
func seesAll(s kernels.ConvShape) bool {
	return s.KH*s.KW*s.StrideH*s.StrideW == 1 && s.PadTop+s.PadLeft+s.PadBottom+s.PadRight == 0
}

// planeForm tells weights packed as the right side of a product from others.
type planeForm struct{ k, maps int }

// specializePlanes is the step of such a convolution with constant weights for a batch.
func specializePlanes(k *kernels.Conv, act kernels.Activation, t Target, batch int, w *onnx.Tensor, links []Link) Step {
	act, links = leading(act, links)
	s := k.Shape()
	oh, ow := s.Output()
	pixels, length := oh*ow, s.C*s.KH*s.KW
	packed := shared(t, w, planeForm{length, s.OC}, func() *kernels.PackedB { return kernels.PackB(length, s.OC, w.Float32s(), 0, true) })
	var m memory
	carve := func(m *memory) (seen, made []float32) {
		if !seesAll(s) {
			seen = m.take(k.UnfoldLen())
		}
		return seen, m.take(pixels * s.OC)
	}
	carve(&m)
	run := func(f *Frame) error {
		x, y := f.In[0].Float32s(), f.Out[0].Float32s()
		seen, made := carve(&memory{floats: f.ScratchFloats()})
		product := kernels.Gemm{M: pixels, N: s.OC, K: length, TransA: true, Packed: packed, ColumnBias: input(f, 2), Act: act, C: made}
		size := s.C * s.H * s.W
		for i := range batch {
			if product.A = x[i*size:][:size]; seen != nil {
				k.Unfold(t.Set, t.Pool, seen, product.A)
				product.A = seen
			}
			t.Set.Gemm(t.Pool, product)
			t.Set.Transpose(y[i*len(made):][:len(made)], made, pixels, s.OC)
		}
		if c := chain(links, f); c != nil {
			t.Set.Chain(t.Pool, c, y, y)
		}
		return nil
	}
	return Step{Scratch: 4 * m.used, Own: ownChain(links), Run: run, Then: func(more []Link) Step {
		return specializePlanes(k, act, t, batch, w, slices.Concat(links, more))
	}}
}
