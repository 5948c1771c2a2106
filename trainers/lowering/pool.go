package lowering

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of poolings over two axes, and of global ones over any number. MaxPool passes the gradient to the first greatest
// element of a window (as PyTorch), GlobalMaxPool shares it among all of them.
func poolRules() []rule {
	one := first(1)
	return []rule{
		{name: "MaxPool", wrt: one, reads: always(inputs(0) | theOutput), gradient: maxPoolGradient, forward: maxPoolForward},
		{name: "AveragePool", wrt: one, reads: always(nothing), gradient: averagePoolGradient},
		{name: "GlobalAveragePool", wrt: one, reads: always(nothing), gradient: func(c *call, _ int) (gradient, error) {
			return spreadFrom(c, globalDims(c), true), nil
		}},
		{name: "GlobalMaxPool", wrt: one, reads: always(inputs(0) | theOutput), gradient: func(c *call, _ int) (gradient, error) {
			return extremeFrom(c, globalDims(c)), nil
		}},
	}
}

// maxPoolForward keeps for each window where its greatest element stands.
func maxPoolForward(c *call) (ops.Step, bool) {
	shape, _, ok := ops.KernelPool(c.op, c.in[0])
	if !ok || slices.ContainsFunc(c.out[1:], func(f ops.Fact) bool { return !f.Absent() }) {
		return ops.Step{}, false
	}
	argmax := make([]int32, count(c.outDims()))
	c.argmax = argmax
	return ops.Step{Run: func(f *ops.Frame) error {
		c.set.MaxPool(c.pool, shape, f.In[0].Float32s(), f.Out[0].Float32s(), argmax)
		return nil
	}}, true
}

func maxPoolGradient(c *call, _ int) (gradient, error) {
	shape, _, ok := ops.KernelPool(c.op, c.in[0])
	if !ok || c.k != 0 {
		return gradient{}, fmt.Errorf("a gradient of this pooling of %v is %w", c.in[0], ops.ErrUnsupported)
	}
	if argmax := c.argmax; argmax != nil {
		return gradient{run: func(f *frame) {
			c.set.MaxPoolBackward(c.pool, shape, f.dy.Float32s(), argmax, f.dx.Float32s())
		}}, nil
	}
	n := count(c.outDims())
	argmax := make([]int32, n)
	return gradient{scratch: n, run: func(f *frame) {
		c.set.MaxPool(c.pool, shape, f.in[0].Float32s(), f.scratch[:n], argmax)
		c.set.MaxPoolBackward(c.pool, shape, f.dy.Float32s(), argmax, f.dx.Float32s())
	}}, nil
}

func averagePoolGradient(c *call, _ int) (gradient, error) {
	shape, includePad, ok := ops.KernelPool(c.op, c.in[0])
	if !ok {
		return gradient{}, fmt.Errorf("a gradient of this pooling of %v is %w", c.in[0], ops.ErrUnsupported)
	}
	return gradient{run: func(f *frame) {
		c.set.AveragePoolBackward(c.pool, shape, f.dy.Float32s(), f.dx.Float32s(), includePad)
	}}, nil
}

// globalDims gives the input's shape with the spatial axes as 1.
func globalDims(c *call) []int64 {
	kept := slices.Clone(c.dims(0))
	for i := 2; i < len(kept); i++ {
		kept[i] = 1
	}
	return kept
}
