package gradients

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of Conv and ConvTranspose, by input, weight and bias, over any number of spatial axes. ConvTranspose is the gradient of
// a convolution by its input, so its own is that convolution.
func convRules() []rule {
	return []rule{
		{name: "Conv", gradient: convGradient},
		{name: "ConvTranspose", gradient: convTransposeGradient},
	}
}

// kernelOf gives the spatial sizes of a weight.
func kernelOf(weight graphs.Value) ([]int64, error) {
	var kernel []int64
	for _, d := range weight.Dims()[2:] {
		if !d.Known() {
			return nil, fmt.Errorf("a gradient with a kernel whose size is not known is %w", ops.ErrUnsupported)
		}
		kernel = append(kernel, d.Value)
	}
	return kernel, nil
}

// biasGradient sums over batch and places.
func (c *call) biasGradient() graphs.Value {
	axes := []int64{0}
	for k := range len(c.dy[0].Dims()) - 2 {
		axes = append(axes, int64(k+2))
	}
	return c.sum(c.dy[0], false, axes...)
}

func convGradient(c *call, i int) (graphs.Value, error) {
	if i == 2 {
		return c.biasGradient(), nil
	}
	a := c.attrs()
	kernel, err := kernelOf(c.x[1])
	if err != nil {
		return absent, err
	}
	w, err := c.window(a, kernel)
	if err != nil {
		return absent, err
	}
	group := a.Int("group")
	if i == 0 {
		return c.spread(c.dy[0], c.x[1], c.x[0], w, group), nil
	}
	return c.weights(c.x[0], c.dy[0], c.x[1], w, group), nil
}

func convTransposeGradient(c *call, i int) (graphs.Value, error) {
	if i == 2 {
		return c.biasGradient(), nil
	}
	a := c.attrs()
	kernel, err := kernelOf(c.x[1])
	if err != nil {
		return absent, err
	}
	w, err := c.window(a, kernel)
	if err != nil {
		return absent, err
	}
	group := a.Int("group")
	small, large := c.sizes(c.x[0]), c.sizes(c.y[0])
	auto := a.Str("auto_pad")
	if p := a.Ints("output_padding"); p != nil {
		w.rest = p
	}
	for k := range kernel { // where padding follows from the shape of the output
		if a.Ints("output_shape") == nil && auto != "SAME_UPPER" && auto != "SAME_LOWER" {
			if auto == "VALID" {
				w.begin[k], w.end[k] = 0, 0
			}
			continue
		}
		if !small[k].Known() || !large[k].Known() {
			return absent, fmt.Errorf("a gradient with an output shape and a size that is not known is %w", ops.ErrUnsupported)
		}
		full := w.strides[k]*(small[k].Value-1) + w.extent(k) + w.rest[k]
		total := max(full-large[k].Value, 0)
		w.begin[k] = total - total/2
		if auto == "SAME_UPPER" {
			w.begin[k] = total / 2
		}
		w.end[k] = total - w.begin[k]
	}
	if i == 1 {
		return c.weights(c.dy[0], c.x[0], c.x[1], w, group), nil
	}
	ends, known := w.ends(large, small)
	exact := known
	if !known {
		ends = w.end
	}
	sizes := make([]int64, len(kernel))
	for k, n := range ends {
		sizes[k] = small[k].Value
		exact = exact && n > -w.strides[k]
	}
	d := c.op("Conv", []graphs.Value{c.dy[0], c.x[1]}, w.attrs(ends, group)...)
	if exact {
		return d, nil
	}
	for k, n := range sizes {
		if n < 0 && w.rest[k] >= w.strides[k] {
			return absent, fmt.Errorf("a gradient with output padding beyond the stride and a size that is not known is %w", ops.ErrUnsupported)
		}
		if n < 0 {
			sizes[k] = math.MaxInt64
		}
	}
	return c.crop(d, sizes), nil
}
