package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// What the pooling operators share: a window over the spatial axes of [batch, channels, spatial…].

// readPool reads the attributes of a pooling operator.
func readPool(a *Attrs) window {
	w := readWindow(a)
	w.dilations = a.Ints("dilations")
	w.ceil = a.Bool("ceil_mode")
	if w.kernel == nil {
		a.Fail("attribute \"kernel_shape\" is required")
	}
	return w
}

// pooled gives the window and the dimensions of the result for an input of a known rank.
func (w window) pooled(x Fact) (window, []onnx.Dim, error) {
	w, err := w.fill(x.Rank() - 2)
	if err != nil {
		return w, nil, err
	}
	dims := make([]onnx.Dim, x.Rank())
	copy(dims, x.Dims()[:2])
	for i, k := range w.kernel {
		if begin, end := w.pads[i], w.pads[len(w.kernel)+i]; begin >= k || end >= k {
			return w, nil, fmt.Errorf("pads %d and %d of axis %d must be less than the kernel's %d", begin, end, i+2, k)
		}
		if dims[i+2], err = w.output(i, x.Dims()[i+2]); err != nil {
			return w, nil, err
		}
	}
	return w, dims, nil
}

// inferPool is Infer of a pooling: the result, without a shape where the input has none.
func (w window) inferPool(x Fact) (Fact, error) {
	if !x.Ranked() {
		return Unranked(x.Elem()), nil
	}
	_, dims, err := w.pooled(x)
	return Tensor(x.Elem(), dims...), err
}

// visit hands on every place of the result's plane in order, with the places of the input's plane that its window sees and how many
// places of the window lie inside the padded plane. The slice is reused from call to call.
func (w window) visit(in, out []int64, f func(place int, seen []int, padded float64)) {
	axes := len(w.kernel)
	begin, end := make([]int64, axes), make([]int64, axes)
	for i := range begin {
		begin[i], end[i] = w.padsFor(i, in[i])
	}
	steps, start := Strides(in), make([]int64, axes)
	var seen []int
	var walk func(axis, at int)
	walk = func(axis, at int) {
		if axis == axes {
			seen = append(seen, at)
			return
		}
		// Padding may be far larger than the input, so only what is inside is walked.
		i, last := start[axis], min(start[axis]+w.extent(axis)-1, in[axis]-1)
		if i < 0 {
			i += (-i + w.dilations[axis] - 1) / w.dilations[axis] * w.dilations[axis]
		}
		for ; i <= last; i += w.dilations[axis] {
			walk(axis+1, at+int(i)*steps[axis])
		}
	}
	for place := range count(out) {
		rest, padded := int64(place), 1.0
		for i := axes - 1; i >= 0; i-- {
			start[i], rest = rest%out[i]*w.strides[i]-begin[i], rest/out[i]
			room := in[i] + end[i] - start[i] // to the end of the padding, which rounding up can leave
			padded *= float64(min(w.kernel[i], (room-1)/w.dilations[i]+1))
		}
		seen = seen[:0]
		walk(0, 0)
		f(place, seen, padded)
	}
}

// kernelPool gives the shape that a pooling over two axes of floats has for the kernels, and whether it is one.
func (w window) kernelPool(x Fact) (kernels.PoolShape, bool) {
	in, ok := x.Sizes()
	if !ok || len(in) != 4 || x.Elem() != onnx.Float || count(in) == 0 {
		return kernels.PoolShape{}, false
	}
	w, dims, err := w.pooled(x)
	if err != nil {
		return kernels.PoolShape{}, false
	}
	out, _ := Tensor(onnx.Float, dims...).Sizes()
	if count(out) == 0 {
		return kernels.PoolShape{}, false
	}
	top, bottom := w.padsFor(0, in[2])
	left, right := w.padsFor(1, in[3])
	return kernels.PoolShape{
		Planes: int(in[0] * in[1]), H: int(in[2]), W: int(in[3]), OH: int(out[2]), OW: int(out[3]),
		KH: int(w.kernel[0]), KW: int(w.kernel[1]), StrideH: int(w.strides[0]), StrideW: int(w.strides[1]),
		DilationH: int(w.dilations[0]), DilationW: int(w.dilations[1]),
		PadTop: int(top), PadLeft: int(left), PadBottom: int(bottom), PadRight: int(right),
	}, true
}

// plainDilations is a downgrade to versions without dilations: all must be 1.
func plainDilations(r *Rewriter) error {
	if a := r.Take("dilations"); a != nil {
		for _, d := range a.Ints {
			if d != 1 {
				return fmt.Errorf("dilations %v are not there yet", a.Ints)
			}
		}
	}
	return r.Keep()
}

// dropFlags is a downgrade to versions without some flags: those must be off.
func dropFlags(names ...string) Rewrite {
	return func(r *Rewriter) error {
		for _, name := range names {
			if a := r.Take(name); a != nil && a.Int != 0 {
				return fmt.Errorf("attribute %q is not there yet", name)
			}
		}
		return r.Keep()
	}
}

// both is one rewrite after the other.
func both(first, then Rewrite) Rewrite {
	return func(r *Rewriter) error {
		if err := first(r); err != nil {
			return err
		}
		r.nodes = nil
		return then(r)
	}
}
