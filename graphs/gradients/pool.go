package gradients

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of poolings. MaxPool passes the gradient to the first greatest element of a window (as PyTorch), GlobalMaxPool shares it
// among all of them.
func poolRules() []rule {
	return []rule{
		{name: "MaxPool", gradient: maxPoolGradient},
		{name: "AveragePool", gradient: averagePoolGradient},
		plain("GlobalAveragePool", func(c *call) graphs.Value {
			return c.expandLike(c.over(c.dy[0], c.x[0], c.spatial()), c.x[0])
		}),
		plain("GlobalMaxPool", func(c *call) graphs.Value {
			return c.shareAmongEqual(reduction{c: c, axes: c.spatial()})
		}),
	}
}

// spatial lists the axes behind batch and channels.
func (c *call) spatial() []int64 {
	var axes []int64
	for k := 2; k < len(c.x[0].Dims()); k++ {
		axes = append(axes, int64(k))
	}
	return axes
}

// maxPoolGradient pools once more to learn where each greatest element stands, counted row by row in the whole input.
func maxPoolGradient(c *call, _ int) (graphs.Value, error) {
	n := onnx.Node{OpType: "MaxPool"}
	padded := false
	for _, a := range cloned(c.node) {
		switch a.Name {
		case "storage_order":
			continue
		case "pads", "auto_pad", "ceil_mode":
			padded = true
		}
		n.Attributes = append(n.Attributes, a)
	}
	// A window of nothing but padding has no greatest element.
	return c.scatterFlat(c.b.Node("maxpool", n, 2, c.x[0])[1], c.dy[0], c.x[0], padded), nil
}

// averagePoolGradient spreads each element of dy, divided by how many its window counted, over the window. Planes are taken one by one.
func averagePoolGradient(c *call, _ int) (graphs.Value, error) {
	a := c.attrs()
	w, err := c.window(a, a.Ints("kernel_shape"))
	if err != nil {
		return absent, err
	}
	w.ceil = a.Bool("ceil_mode")
	dy, x := c.dy[0], c.x[0]
	counts, err := c.counts(w, a.Bool("count_include_pad"))
	if err != nil {
		return absent, err
	}
	dy = dy.Div(counts)
	channels := x.Dims()[1]
	group := channels.Value
	if !channels.Known() { // planes one by one
		group = 1
		list := []extent{{known: -1, of: dy, factor: 1}, fixed(1)}
		for k, d := range dy.Dims()[2:] {
			if !d.Known() || !x.Dims()[k+2].Known() {
				return absent, fmt.Errorf("a gradient with channels and sizes that are not known is %w", ops.ErrUnsupported)
			}
			list = append(list, fixed(d.Value))
		}
		dy = c.reshape(dy, list...)
	}
	kernel := append([]int64{group, 1}, w.kernel...)
	if err := fits(kernel); err != nil {
		return absent, err
	}
	return c.reshapeLike(c.spread(dy, c.ones(x, kernel), x, w, group), x), nil
}

// ones gives a constant of a type that another value has.
func (p *pass) ones(like graphs.Value, dims []int64) graphs.Value {
	t := onnx.NewTensor(onnx.Float, dims...)
	for k := range t.Float32s() {
		t.Float32s()[k] = 1
	}
	return p.floats(like, t)
}

// floats gives a float constant as the type of another value.
func (p *pass) floats(like graphs.Value, t *onnx.Tensor) graphs.Value {
	v := p.b.Const("const", t)
	if elem := like.Fact().Elem(); elem != onnx.Float {
		v = v.Cast(elem)
	}
	return v
}

// counts gives how many elements each window of an averaging counts, [1, 1, out…] or less where all count the same.
func (c *call) counts(w window, includePad bool) (graphs.Value, error) {
	axes := len(w.kernel)
	dims := []int64{1, 1}
	for k := range axes {
		d := c.y[0].Dims()[k+2]
		switch {
		case w.even(k, includePad):
			d.Value = 1
		case !d.Known() || !c.x[0].Dims()[k+2].Known():
			return absent, fmt.Errorf("a gradient with padding and a size that is not known is %w", ops.ErrUnsupported)
		}
		dims = append(dims, d.Value)
	}
	if err := fits(dims); err != nil {
		return absent, err
	}
	t := onnx.NewTensor(onnx.Float, dims...)
	v := t.Float32s()
	for n := range v {
		v[n] = 1
		rest := int64(n)
		for k := axes - 1; k >= 0; k-- {
			v[n] *= float32(w.count(k, rest%dims[k+2], c.x[0].Dims()[k+2].Value, includePad))
			rest /= dims[k+2]
		}
	}
	return c.floats(c.x[0], t), nil
}

// even says whether all windows count the same along an axis.
func (w window) even(axis int, includePad bool) bool {
	return !w.ceil && (includePad || w.begin[axis] == 0 && w.end[axis] == 0)
}

// count gives how many elements window o counts along an axis of an input.
func (w window) count(axis int, o, in int64, includePad bool) int64 {
	if w.even(axis, includePad) {
		return w.kernel[axis]
	}
	from, to := w.begin[axis], w.begin[axis]+in
	if includePad {
		from, to = 0, to+w.end[axis]
	}
	// those i in 0..kernel with from ≤ start + i·step < to
	start, step := o*w.strides[axis], w.dilations[axis]
	below := func(limit int64) int64 { return min(max((limit-start+step-1)/step, 0), w.kernel[axis]) }
	return max(below(to)-below(from), 0)
}

// maxConstant bounds in bytes the constants that a gradient brings with it.
const maxConstant = 64 << 20

// fits says whether a constant of floats may be made.
func fits(dims []int64) error {
	if size, err := onnx.ByteSize(onnx.Float, dims); err != nil || size > maxConstant {
		return fmt.Errorf("a gradient with a constant of shape %v, of more than %d bytes, is %w", dims, int64(maxConstant), ops.ErrUnsupported)
	}
	return nil
}
