package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// window is how a kernel slides over the spatial axes of [batch, channels, spatial…]: what convolutions and poolings share.
// Lists left out are nil until fill gives them the rank's defaults.
type window struct {
	autoPad   string
	kernel    []int64
	strides   []int64
	dilations []int64
	pads      []int64 // begins of all axes, then ends
	ceil      bool    // output sizes round up, and a window may start inside the input and end outside
}

// readWindow reads the attributes that every windowed operator has.
func readWindow(a *Attrs) window {
	w := window{
		autoPad: a.OneOf("auto_pad", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"),
		kernel:  a.Ints("kernel_shape"),
		strides: a.Ints("strides"),
		pads:    a.Ints("pads"),
	}
	if w.autoPad != "NOTSET" {
		for _, p := range w.pads {
			if p != 0 {
				a.Fail("attribute \"pads\" is given together with auto_pad %s", w.autoPad)
			}
		}
	}
	return w
}

// fill gives the window for a number of spatial axes, or fails where a list has another length or a size that cannot be.
func (w window) fill(axes int) (window, error) {
	if axes < 1 {
		return w, fmt.Errorf("the input has no spatial axis; want [batch, channels, spatial…]")
	}
	for _, l := range []struct {
		name string
		list *[]int64
		len  int
		def  int64
		min  int64
	}{
		{"kernel_shape", &w.kernel, axes, 1, 1}, {"strides", &w.strides, axes, 1, 1},
		{"dilations", &w.dilations, axes, 1, 1}, {"pads", &w.pads, 2 * axes, 0, 0},
	} {
		if *l.list == nil {
			list := make([]int64, l.len)
			for i := range list {
				list[i] = l.def
			}
			*l.list = list
		}
		if len(*l.list) != l.len {
			return w, fmt.Errorf("attribute %q has %d numbers, want %d for %d spatial axes", l.name, len(*l.list), l.len, axes)
		}
		const most = 1 << 31 // far beyond any real model, and safe to multiply by one another
		for _, n := range *l.list {
			if n < l.min || n > most {
				return w, fmt.Errorf("attribute %q: %d is not at least %d", l.name, n, l.min)
			}
		}
	}
	return w, nil
}

// extent is how many elements the kernel spans along an axis.
func (w window) extent(axis int) int64 { return (w.kernel[axis]-1)*w.dilations[axis] + 1 }

// padsFor gives the padding along an axis for an input of a size, auto_pad resolved.
func (w window) padsFor(axis int, size int64) (begin, end int64) {
	switch w.autoPad {
	case "VALID":
		return 0, 0
	case "SAME_UPPER", "SAME_LOWER":
		out := (size + w.strides[axis] - 1) / w.strides[axis]
		total := max((out-1)*w.strides[axis]+w.extent(axis)-size, 0)
		if w.autoPad == "SAME_UPPER" {
			return total / 2, total - total/2
		}
		return total - total/2, total / 2
	}
	return w.pads[axis], w.pads[len(w.pads)/2+axis]
}

// output gives the size of the result along an axis.
func (w window) output(axis int, size onnx.Dim) (onnx.Dim, error) {
	if !size.Known() {
		if w.strides[axis] == 1 {
			begin, end := w.pads[axis], w.pads[len(w.pads)/2+axis]
			if w.autoPad == "SAME_UPPER" || w.autoPad == "SAME_LOWER" || w.autoPad == "NOTSET" && begin+end == w.extent(axis)-1 {
				return size, nil
			}
		}
		return onnx.UnknownDim(), nil
	}
	if w.autoPad == "SAME_UPPER" || w.autoPad == "SAME_LOWER" {
		return onnx.Fixed((size.Value + w.strides[axis] - 1) / w.strides[axis]), nil
	}
	begin, end := w.padsFor(axis, size.Value)
	room := size.Value + begin + end - w.extent(axis)
	if room < 0 {
		return size, fmt.Errorf("a kernel that spans %d does not fit axis %d of size %d with pads %d and %d", w.extent(axis), axis+2, size.Value, begin, end)
	}
	n := room/w.strides[axis] + 1
	if w.ceil && room%w.strides[axis] != 0 {
		n++
		if (n-1)*w.strides[axis] >= size.Value+begin {
			n-- // a window that would start in the end padding is left out
		}
	}
	return onnx.Fixed(n), nil
}
