package ops

import (
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// KernelPool gives the shape that a MaxPool or AveragePool over two axes of floats has for the kernels, whether padding counts in the
// mean, and whether it is such a pooling: op is that of the node, x a fact with all sizes known.
func KernelPool(op Op, x Fact) (shape kernels.PoolShape, includePad, ok bool) {
	switch p := op.(type) {
	case maxPool:
		shape, ok = p.kernelPool(x)
	case averagePool:
		shape, ok = p.kernelPool(x)
		includePad = p.includePad
	}
	return shape, includePad, ok
}

// KernelConvTranspose gives the shape of the convolution whose gradient by its input a ConvTranspose over one axis or two of
// floats is, one axis being the width of planes of height 1, and whether it is such a one: op is that of the node, in and out are facts with all sizes known. The convolution goes from
// the node's output to its input, with the node's weight.
func KernelConvTranspose(op Op, in []Fact, out Fact) (kernels.ConvShape, bool) {
	t, isOne := op.(convTranspose)
	if !isOne || len(in) < 2 || in[0].Elem() != onnx.Float {
		return kernels.ConvShape{}, false
	}
	x, ok := in[0].Sizes()
	w, ok2 := in[1].Sizes()
	y, ok3 := out.Sizes()
	if !ok || !ok2 || !ok3 || len(x) != 3 && len(x) != 4 || count(x) == 0 || count(w) == 0 || count(y) == 0 {
		return kernels.ConvShape{}, false
	}
	s, err := t.fit(in[0], in[1])
	if err != nil {
		return kernels.ConvShape{}, false
	}
	var pads [2][2]int64
	last := len(x) - 3
	for i := range last + 1 {
		_, begin, err := s.place(i, x[i+2])
		if err != nil {
			return kernels.ConvShape{}, false
		}
		pads[i] = [2]int64{begin, max(0, s.strides[i]*(x[i+2]-1)+s.extent(i)-y[i+2]-begin)}
	}
	shape := kernels.ConvShape{
		C: int(y[1]), H: 1, W: int(y[last+2]), OC: int(x[1]), KH: 1, KW: int(w[last+2]),
		StrideH: 1, StrideW: int(s.strides[last]), DilationH: 1, DilationW: int(s.dilations[last]),
		PadLeft: int(pads[last][0]), PadRight: int(pads[last][1]), Groups: int(s.group),
	}
	if last == 1 {
		shape.H, shape.KH, shape.StrideH, shape.DilationH = int(y[2]), int(w[2]), int(s.strides[0]), int(s.dilations[0])
		shape.PadTop, shape.PadBottom = int(pads[0][0]), int(pads[0][1])
	}
	oh, ow := shape.Output()
	return shape, int64(ow) == x[last+2] && (last == 0 || int64(oh) == x[2])
}
