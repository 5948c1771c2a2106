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

// KernelConvTranspose gives the shape of the convolution whose gradient by its input a ConvTranspose over two axes of floats
// is, and whether it is such a one: op is that of the node, in and out are facts with all sizes known. The convolution goes from
// the node's output to its input, with the node's weight.
func KernelConvTranspose(op Op, in []Fact, out Fact) (kernels.ConvShape, bool) {
	t, isOne := op.(convTranspose)
	if !isOne || len(in) < 2 || in[0].Elem() != onnx.Float {
		return kernels.ConvShape{}, false
	}
	x, ok := in[0].Sizes()
	w, ok2 := in[1].Sizes()
	y, ok3 := out.Sizes()
	if !ok || !ok2 || !ok3 || len(x) != 4 || count(x) == 0 || count(w) == 0 || count(y) == 0 {
		return kernels.ConvShape{}, false
	}
	s, err := t.fit(in[0], in[1])
	if err != nil {
		return kernels.ConvShape{}, false
	}
	var pads [2][2]int64
	for i := range pads {
		_, begin, err := s.place(i, x[i+2])
		if err != nil {
			return kernels.ConvShape{}, false
		}
		pads[i] = [2]int64{begin, max(0, s.strides[i]*(x[i+2]-1)+s.extent(i)-y[i+2]-begin)}
	}
	shape := kernels.ConvShape{
		C: int(y[1]), H: int(y[2]), W: int(y[3]), OC: int(x[1]), KH: int(w[2]), KW: int(w[3]),
		StrideH: int(s.strides[0]), StrideW: int(s.strides[1]), DilationH: int(s.dilations[0]), DilationW: int(s.dilations[1]),
		PadTop: int(pads[0][0]), PadLeft: int(pads[1][0]), PadBottom: int(pads[0][1]), PadRight: int(pads[1][1]), Groups: int(s.group),
	}
	oh, ow := shape.Output()
	return shape, int64(oh) == x[2] && int64(ow) == x[3]
}
