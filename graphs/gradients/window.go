package gradients

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// window is how a kernel slides over the spatial axes of a larger tensor, of which it makes a smaller one.
type window struct {
	kernel, strides, dilations []int64
	begin, end                 []int64 // padding of the larger tensor
	rest                       []int64 // elements of it at the end that no window sees, where they are not told by sizes
	ceil                       bool    // sizes are rounded up: windows may reach beyond the padding
}

// extent is how many elements the kernel spans along an axis.
func (w window) extent(axis int) int64 { return (w.kernel[axis]-1)*w.dilations[axis] + 1 }

// window reads the attributes of a convolution or pooling of x by a kernel.
func (c *call) window(a *ops.Attrs, kernel []int64) (window, error) {
	axes := len(c.x[0].Dims()) - 2
	auto := a.Str("auto_pad")
	w := window{kernel: kernel, strides: a.Ints("strides"), dilations: a.Ints("dilations")}
	pads := slices.Clone(a.Ints("pads")) // theirs is the node's own
	if len(kernel) != axes {
		return w, fmt.Errorf("a kernel of %d axes on an input of %d spatial axes", len(kernel), axes)
	}
	ones := make([]int64, axes)
	for k := range ones {
		ones[k] = 1
	}
	if w.strides == nil {
		w.strides = ones
	}
	if w.dilations == nil {
		w.dilations = ones
	}
	if pads == nil {
		pads = make([]int64, 2*axes)
	}
	w.begin, w.end, w.rest = pads[:axes:axes], pads[axes:], make([]int64, axes)
	if auto == "" || auto == "NOTSET" || c.node.OpType == "ConvTranspose" {
		return w, nil
	}
	w.begin, w.end = make([]int64, axes), make([]int64, axes)
	for k := range axes {
		if auto == "VALID" {
			continue
		}
		total := w.extent(k) - 1
		if w.strides[k] != 1 {
			size := c.x[0].Dims()[k+2]
			if !size.Known() {
				return w, fmt.Errorf("a gradient with auto_pad %s and a size that is not known is %w", auto, ops.ErrUnsupported)
			}
			out := (size.Value + w.strides[k] - 1) / w.strides[k]
			total = max((out-1)*w.strides[k]+w.extent(k)-size.Value, 0)
		}
		w.begin[k] = total / 2
		if auto == "SAME_LOWER" {
			w.begin[k] = total - total/2
		}
		w.end[k] = total - w.begin[k]
	}
	return w, nil
}

// ends gives for each axis the padding at the end with which the last window of the smaller tensor ends exactly where the padded
// larger one does; where negative, as many elements are seen by no window. known is false where it cannot be told.
func (w window) ends(large, small []onnx.Dim) (ends []int64, known bool) {
	ends = make([]int64, len(w.kernel))
	for k := range ends {
		switch {
		case large[k].Known() && small[k].Known():
			ends[k] = w.strides[k]*(small[k].Value-1) + w.extent(k) - w.begin[k] - large[k].Value
		case w.strides[k] == 1:
			ends[k] = w.end[k] - w.rest[k]
		default:
			return nil, false
		}
	}
	return ends, true
}

// attrs gives the window as attributes.
func (w window) attrs(ends []int64, group int64) []*onnx.Attribute {
	pads := append([]int64{}, w.begin...)
	for _, n := range ends {
		pads = append(pads, max(n, 0))
	}
	list := []*onnx.Attribute{onnx.AttrInts("kernel_shape", w.kernel...), onnx.AttrInts("strides", w.strides...),
		onnx.AttrInts("dilations", w.dilations...), onnx.AttrInts("pads", pads...)}
	if group != 1 {
		list = append(list, onnx.AttrInt("group", group))
	}
	return list
}

// spread is the gradient of a convolution by its input like, from that of its output: each element goes back to all that it was
// made of, times the weight [maps, channels/group, kernel…].
func (c *call) spread(dy, weight, like graphs.Value, w window, group int64) graphs.Value {
	ends, known := w.ends(like.Dims()[2:], dy.Dims()[2:])
	if known {
		attrs := w.attrs(ends, group)
		padding, some := make([]int64, len(ends)), false
		for k, n := range ends {
			padding[k] = max(-n, 0)
			some = some || n < 0
		}
		if some {
			attrs = append(attrs, onnx.AttrInts("output_padding", padding...))
		}
		return c.op("ConvTranspose", []graphs.Value{dy, weight}, attrs...)
	}
	// All of it, and then what like has of it.
	whole := w
	whole.begin = make([]int64, len(w.kernel))
	full := c.op("ConvTranspose", []graphs.Value{dy, weight}, whole.attrs(whole.begin, group)...)
	spatial := func(v graphs.Value) graphs.Value {
		return c.unary("Shape", v, onnx.AttrInt("start", 2))
	}
	var before, axes []int64
	for k, n := range w.begin {
		before, axes = append(before, -n), append(axes, int64(k+2))
	}
	after := spatial(like).Sub(spatial(full)).Sub(c.indices(before...))
	pads := graphs.Concat(0, c.indices(before...), after)
	return c.op("Pad", []graphs.Value{full, pads, absent, c.indices(axes...)})
}

// weights is the gradient of a convolution by its weight [maps, channels/group, kernel…]: the larger tensor [batch, channels, …] is
// convolved with the smaller [batch, maps, …], channels in the place of the batch, strides in that of dilations.
//
//	dW[m, c, k] = Σ over n and o of large[n, c, o·stride + k·dilation - begin] · small[n, m, o]
func (c *call) weights(large, small, like graphs.Value, w window, group int64) graphs.Value {
	rank := len(large.Dims())
	swap := []int64{1, 0}
	for k := 2; k < rank; k++ {
		swap = append(swap, int64(k))
	}
	if group == 1 {
		large = large.Transpose(swap...)
	} else {
		// [batch, group·channels, …] → [channels, group·batch, …]
		dims := large.Dims()
		spatial := make([]extent, rank-2)
		for k := range spatial {
			spatial[k] = c.extent(large, k+2)
		}
		batch, channels := c.extent(large, 0), like.Dims()[1].Value
		if dims[1].Known() {
			channels = dims[1].Value / group
		}
		perm := []int64{2, 1, 0}
		for k := 3; k <= rank; k++ {
			perm = append(perm, int64(k))
		}
		split := c.reshape(large, append([]extent{batch, fixed(group), fixed(channels)}, spatial...)...)
		large = c.reshape(split.Transpose(perm...), append([]extent{fixed(channels), batch.times(group)}, spatial...)...)
	}
	ends, known := w.ends(c.sizes(large), c.sizes(small))
	if !known {
		ends = w.end
	}
	attrs := []*onnx.Attribute{onnx.AttrInts("strides", w.dilations...), onnx.AttrInts("dilations", w.strides...)}
	pads := append([]int64{}, w.begin...)
	exact := known
	for k, n := range ends {
		pads = append(pads, max(n, 0))
		exact = exact && n > -w.dilations[k]
	}
	attrs = append(attrs, onnx.AttrInts("pads", pads...))
	if group != 1 {
		attrs = append(attrs, onnx.AttrInt("group", group))
	}
	d := c.op("Conv", []graphs.Value{large, small.Transpose(swap...)}, attrs...)
	if !exact {
		d = c.crop(d, w.kernel)
	}
	return c.reshapeLike(d.Transpose(swap...), like)
}

// sizes gives the spatial dimensions.
func (c *call) sizes(v graphs.Value) []onnx.Dim { return v.Dims()[2:] }

// crop keeps the first elements along the spatial axes.
func (c *call) crop(v graphs.Value, sizes []int64) graphs.Value {
	starts, axes := make([]int64, len(sizes)), make([]int64, len(sizes))
	for k := range axes {
		axes[k] = int64(k + 2)
	}
	return c.op("Slice", []graphs.Value{v, c.indices(starts...), c.indices(sizes...), c.indices(axes...)})
}
