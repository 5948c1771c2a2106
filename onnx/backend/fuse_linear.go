package backend

import (
	"github.com/gonyx/gonyx/onnx"
)

// linearIntoConv: Conv(Conv(x, u, a), w, b) with u of kernel 1×1 → Conv(x, v, c), v = Σₘ w[o, m]·u[m, i] and c[o] = b[o] + Σ w[o, m]·a[m],
// summed in float64. Where the second pads, a must be zero: padding is with zeros of the value in between. Nothing may stand between
// the two, and it must be less work: the input has no more channels than the value in between.
func linearIntoConv(f *fusion, last *onnx.Node) bool {
	if !is(last, "Conv") || integer(last, "group", 1) != 1 {
		return false
	}
	first := f.only(last.Inputs[0])
	if !is(first, "Conv") || integer(first, "group", 1) != 1 {
		return false
	}
	u, w := f.floats(first, 1), f.floats(last, 1)
	if u == nil || w == nil || len(u.Dims) < 3 || len(u.Dims) != len(w.Dims) || u.Len() == 0 || w.Len() == 0 || !finite(u) || !finite(w) {
		return false
	}
	maps, middle, in := int(w.Dims[0]), int(u.Dims[0]), int(u.Dims[1])
	if int(w.Dims[1]) != middle || in > middle || int64(u.Len()) != u.Dims[0]*u.Dims[1] || !plainWindow(first) {
		return false
	}
	a, ok := biasOf(f, first, middle)
	b, ok2 := biasOf(f, last, maps)
	if !ok || !ok2 || !(isZero(f, input(first, 2)) || plainPads(last)) {
		return false
	}
	taps := w.Len() / (maps * middle)
	dims := append([]int64{int64(maps), int64(in)}, w.Dims[2:]...)
	v, c := onnx.NewTensor(onnx.Float, dims...), onnx.NewTensor(onnx.Float, int64(maps))
	uv, wv := u.Float32s(), w.Float32s()
	row := make([]float64, in*taps)
	for o := range maps {
		clear(row)
		for m := range middle {
			for k := range taps {
				x := float64(wv[(o*middle+m)*taps+k])
				b[o] += x * a[m]
				for i := range in {
					row[i*taps+k] += x * float64(uv[m*in+i])
				}
			}
		}
		for i, x := range row {
			v.Float32s()[o*in*taps+i] = float32(x)
		}
		c.Float32s()[o] = float32(b[o])
	}
	if !finite(v) || !finite(c) {
		return false
	}
	n := alike(last, first.Inputs[0], f.add(last.Inputs[1]+"/folded", v), f.add(last.Inputs[1]+"/folded.bias", c))
	f.become(last, n, first)
	return true
}

// plainWindow says whether a window moves by one and has no padding.
func plainWindow(n *onnx.Node) bool {
	for _, v := range ints(n, "strides") {
		if v != 1 {
			return false
		}
	}
	return plainPads(n)
}

// plainPads says whether a window has no padding.
func plainPads(n *onnx.Node) bool {
	for _, v := range ints(n, "pads") {
		if v != 0 {
			return false
		}
	}
	a := n.Attribute("auto_pad")
	return !autoPads(n) || string(a.Str) == "VALID"
}
