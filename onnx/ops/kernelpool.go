package ops

import "github.com/gonyx/gonyx/onnx/kernels"

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
