package backend

import (
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// upsampleIntoConv: Conv(Resize(x), w, b) where Resize writes each element four times, as a block of 2 by 2 → ConvTranspose(x, v, b) of
// strides 2: a pixel of the result sees the same element through several numbers of w, whose sums, in float64, are those of v:
//
//	v[c, o, i, j] = Σ over a, k of 0, 1 of w[o, c, KH-1-i+a, KW-1-j+k], zero outside w, and pads KH-1-pad, KW-1-pad.
//
// That is less than half of the work of 3 by 3, and the large planes are not made.
func upsampleIntoConv(f *fusion, last *onnx.Node) bool {
	if !is(last, "Conv") || integer(last, "group", 1) != 1 || autoPads(last) {
		return false
	}
	resize := f.only(last.Inputs[0])
	w := f.floats(last, 1)
	if w == nil || len(w.Dims) != 4 || w.Dims[2] < 3 || w.Dims[3] < 3 || w.Len() == 0 || !finite(w) || !f.doubles(resize) {
		return false
	}
	for _, name := range []string{"strides", "dilations"} {
		for _, v := range ints(last, name) {
			if v != 1 {
				return false
			}
		}
	}
	kh, kw := int(w.Dims[2]), int(w.Dims[3])
	pads := make([]int64, 4)
	for i, p := range ints(last, "pads", 0, 0, 0, 0) {
		if pads[i] = w.Dims[2+i%2] - 1 - p; p < 0 || pads[i] < 0 {
			return false
		}
	}
	maps, channels := int(w.Dims[0]), int(w.Dims[1])
	v := onnx.NewTensor(onnx.Float, int64(channels), int64(maps), int64(kh+1), int64(kw+1))
	from, to := w.Float32s(), v.Float32s()
	sum := make([]float64, (kh+1)*(kw+1))
	for c := range channels {
		for o := range maps {
			clear(sum)
			for i := range kh {
				for j := range kw {
					x := float64(from[((o*channels+c)*kh+i)*kw+j])
					for a := range 2 {
						for k := range 2 {
							sum[(kh-1-i+a)*(kw+1)+kw-1-j+k] += x
						}
					}
				}
			}
			for i, x := range sum {
				to[(c*maps+o)*len(sum)+i] = float32(x)
			}
		}
	}
	if !finite(v) {
		return false
	}
	n := alike(last, resize.Inputs[0], f.add(last.Inputs[1]+"/upsampled", v), input(last, 2))
	n.OpType = "ConvTranspose"
	n.Attributes = []*onnx.Attribute{onnx.AttrInts("pads", pads...), onnx.AttrInts("strides", 2, 2)}
	f.become(last, n, resize)
	return true
}

// doubles says whether a Resize writes each element of planes of any size as a block of 2 by 2.
func (f *fusion) doubles(n *onnx.Node) bool {
	if !is(n, "Resize") {
		return false
	}
	scales := f.floats(n, 2)
	if scales == nil || input(n, 3) != "" {
		return false
	}
	op, _, err := f.table.Op(n)
	if err != nil {
		return false
	}
	// A mode that does so for a small and an odd plane does so for all: places follow from the scale, and where corners are aligned
	// they are off by less than a half of what would be seen here.
	for _, size := range [][]int64{{4, 4}, {37, 50}} {
		facts := []ops.Fact{ops.Tensor(onnx.Float, onnx.FixedDims(1, 1, size[0], size[1])...), {}, ops.Known(scales)}
		shape, ok := ops.KernelUpsample(op, facts)
		if !ok || shape.FactorH != 2 || shape.FactorW != 2 || shape.Planes != 1 {
			return false
		}
	}
	return true
}
