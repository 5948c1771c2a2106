package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// ConvTranspose: the gradient of a convolution with respect to its input: x[n, c, i…]·w[c, m, k…] is added to
// y[n, m, i·stride + k·dilation - pad], and b[m] everywhere.
// x [batch, channels, spatial…], w [channels, maps/group, kernel…], b [maps] or absent → y [batch, maps, out…] with
// out = stride·(in-1) + output_padding + (kernel-1)·dilation + 1 - pads, or output_shape, which then gives the pads.
// 1: first · 11: strides and dilations default to 1 in words, too · 22: types.
// https://onnx.ai/onnx/operators/onnx__ConvTranspose.html

func convTransposeFamily() []Meaning {
	return []Meaning{{Name: "ConvTranspose", Class: Rounds, New: newConvTranspose}}
}

type convTranspose struct {
	conv
	outputPadding, outputShape []int64
}

func newConvTranspose(a *Attrs) Op {
	c, _ := newConv(a).(conv)
	t := convTranspose{conv: c, outputPadding: a.Ints("output_padding"), outputShape: a.Ints("output_shape")}
	for _, n := range t.outputPadding {
		if n < 0 || n > 1<<31 {
			a.Fail("attribute \"output_padding\": %d cannot be", n)
		}
	}
	for _, n := range t.outputShape {
		if n < 0 || n > 1<<31 {
			a.Fail("attribute \"output_shape\": %d cannot be", n)
		}
	}
	return t
}

// fit gives the transposed convolution for inputs of these facts, with every list filled in.
func (t convTranspose) fit(x, w Fact) (convTranspose, error) {
	c, err := t.shaped(x, w)
	if err != nil {
		return t, err
	}
	t.conv = c
	axes := len(c.kernel)
	if t.outputPadding == nil {
		t.outputPadding = make([]int64, axes)
	}
	if n := len(t.outputShape); n == axes+2 { // the whole shape, as old files have it
		t.outputShape = t.outputShape[2:]
	}
	if len(t.outputPadding) != axes || t.outputShape != nil && len(t.outputShape) != axes {
		return t, fmt.Errorf("output_padding %v and output_shape %v do not have %d numbers", t.outputPadding, t.outputShape, axes)
	}
	return t, nil
}

// place gives the size of the result along an axis and how far the input's first element is moved into the padding.
func (t convTranspose) place(axis int, size int64) (out, begin int64, err error) {
	full := t.strides[axis]*(size-1) + t.outputPadding[axis] + t.extent(axis)
	same := t.autoPad == "SAME_UPPER" || t.autoPad == "SAME_LOWER"
	switch {
	case t.outputShape != nil:
		out = t.outputShape[axis]
	case same:
		out = size * t.strides[axis]
	default:
		begin, end := t.padsFor(axis, size)
		if out = full - begin - end; out < 0 {
			return 0, 0, fmt.Errorf("pads %d and %d leave nothing of axis %d", begin, end, axis+2)
		}
		return out, begin, nil
	}
	total := max(full-out, 0)
	if t.autoPad == "SAME_UPPER" {
		return out, total / 2, nil
	}
	return out, total - total/2, nil
}

func (t convTranspose) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x, w := in[0], in[1]
	if !x.Ranked() {
		return []Fact{Unranked(x.Elem())}, nil
	}
	s, err := t.fit(x, w)
	if err == errUnknown {
		return []Fact{Unranked(x.Elem())}, nil
	}
	if err != nil {
		return nil, err
	}
	out := unknownDims(x.Rank())
	out[0] = x.Dims()[0]
	if w.Ranked() {
		if _, err := sameDim(x.Dims()[1], w.Dims()[0]); err != nil {
			return nil, fmt.Errorf("channels of the input and the weight: %w", err)
		}
		if c := w.Dims()[0]; c.Known() && c.Value%t.group != 0 {
			return nil, fmt.Errorf("%d channels do not divide into %d groups", c.Value, t.group)
		}
		out[1] = multiplied(w.Dims()[1], t.group)
	}
	if len(in) > 2 && !in[2].Absent() && in[2].Ranked() {
		if in[2].Rank() != 1 {
			return nil, fmt.Errorf("bias must be a vector")
		}
		if out[1], err = sameDim(out[1], in[2].Dims()[0]); err != nil {
			return nil, fmt.Errorf("bias: %w", err)
		}
	}
	for i := range s.kernel {
		switch d := x.Dims()[i+2]; {
		case d.Known():
			n, _, err := s.place(i, d.Value)
			if err != nil {
				return nil, err
			}
			out[i+2] = onnx.Fixed(n)
		case s.outputShape != nil:
			out[i+2] = onnx.Fixed(s.outputShape[i])
		case (s.autoPad == "SAME_UPPER" || s.autoPad == "SAME_LOWER") && s.strides[i] == 1:
			out[i+2] = d
		}
	}
	return []Fact{Tensor(x.Elem(), out...)}, nil
}

func (t convTranspose) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x, w := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor)
	if isHalf(x.Type) {
		return throughFloat(env, t, in)
	}
	s, err := t.fit(FactOf(x), FactOf(w))
	if err != nil {
		return nil, err
	}
	out, err := t.Infer(env, []Fact{FactOf(x), FactOf(w)})
	if err != nil {
		return nil, err
	}
	sizes, _ := out[0].Sizes()
	y, err := env.New(x.Type, sizes...)
	if err != nil {
		return nil, err
	}
	if err := env.Fits(onnx.Double, sizes[2:]); err != nil {
		return nil, err
	}
	var b *onnx.Tensor
	if len(in) > 2 && in[2] != nil {
		b = in[2].(*onnx.Tensor)
	}
	switch x.Type {
	case onnx.Float:
		spread[float32](s, x, w, b, y)
	case onnx.Double:
		spread[float64](s, x, w, b, y)
	default:
		return nil, unsupported(x.Type)
	}
	return []onnx.Value{y}, nil
}

// spread adds up every map in float64.
func spread[T float32 | float64](t convTranspose, xt, wt, bt, yt *onnx.Tensor) {
	x, w, y := onnx.View[T](xt), onnx.View[T](wt), onnx.View[T](yt)
	var b []T
	if bt != nil {
		b = onnx.View[T](bt)
	}
	in, out := xt.Dims[2:], yt.Dims[2:]
	inPlane, outPlane, kernel := count(in), count(out), count(t.kernel)
	channels, maps := int(xt.Dims[1]), int(yt.Dims[1])
	perGroup, mapsPerGroup := channels/int(t.group), maps/int(t.group)
	begin := make([]int64, len(in))
	for i := range begin {
		_, begin[i], _ = t.place(i, in[i])
	}
	sum := make([]float64, outPlane)
	steps := Strides(out)
	for n := range int(xt.Dims[0]) {
		for m := range maps {
			group := m / mapsPerGroup
			clear(sum)
			t.meet(in, out, begin, steps, func(i, k, o int) {
				for c := group * perGroup; c < (group+1)*perGroup; c++ {
					sum[o] += float64(x[(n*channels+c)*inPlane+i]) * float64(w[(c*mapsPerGroup+m%mapsPerGroup)*kernel+k])
				}
			})
			bias := 0.0
			if b != nil {
				bias = float64(b[m])
			}
			for o, v := range sum {
				y[(n*maps+m)*outPlane+o] = T(v + bias)
			}
		}
	}
}

// meet hands on every place of the input's plane with every place of the kernel and the place of the result where they meet.
func (t convTranspose) meet(in, out, begin []int64, steps []int, f func(i, k, o int)) {
	axes := len(in)
	var walk func(axis, i, k, o int)
	walk = func(axis, i, k, o int) {
		if axis == axes {
			f(i, k, o)
			return
		}
		for p := range in[axis] {
			for q := range t.kernel[axis] {
				at := p*t.strides[axis] + q*t.dilations[axis] - begin[axis]
				if at >= 0 && at < out[axis] {
					walk(axis+1, i*int(in[axis])+int(p), k*int(t.kernel[axis])+int(q), o+int(at)*steps[axis])
				}
			}
		}
	}
	walk(0, 0, 0, 0)
}

// Specialize runs two-dimensional float ones on the kernels.
func (t convTranspose) Specialize(target Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	return specializeConvTranspose(t, kernels.Activation{}, target, in, consts, nil)
}

// specializeConvTranspose is a transposed convolution with an activation and links of a chain behind it: with constant weights by phases, else as the gradient of a
// convolution by its input.
func specializeConvTranspose(t convTranspose, act kernels.Activation, target Target, in []Fact, consts []*onnx.Tensor, links []Link) (Step, bool) {
	out, err := t.Infer(nil, in)
	if err != nil {
		return Step{}, false
	}
	shape, ok := KernelConvTranspose(t, in, out[0])
	if !ok {
		return Step{}, false
	}
	hasBias := len(in) > 2 && !in[2].Absent()
	if k := kernels.NewTransposed(shape); k != nil && consts[1] != nil {
		packed := shared(target, consts[1], transposedForm{shape}, func() []float32 {
			packed := make([]float32, k.PackedLen())
			k.Pack(packed, consts[1].Float32s())
			return packed
		})
		act, links := leading(act, links)
		var stage *kernels.Stage
		switch {
		case len(links) > 0:
		case !hasBias:
			stage = staged(kernels.Stage{Transposed: k, Packed: packed, Act: act})
		case consts[2] != nil:
			stage = staged(kernels.Stage{Transposed: k, Packed: packed, Act: act, Bias: consts[2].Float32s()})
		}
		again := func(more []Link) Step {
			s, _ := specializeConvTranspose(t, act, target, in, consts, slices.Concat(links, more))
			return s
		}
		return Step{Scratch: 4 * k.Scratch(target.Pool), Stage: stage, Own: ownChain(links), Then: again, Run: func(f *Frame) error {
			call := kernels.TransposedForward{X: f.In[0].Float32s(), Packed: packed, Act: act, Then: chain(links, f), Y: f.Out[0].Float32s(), Scratch: f.ScratchFloats()}
			if hasBias {
				call.Bias = f.In[2].Float32s()
			}
			k.Forward(target.Set, target.Pool, call)
			return nil
		}}, true
	}
	k := kernels.NewConv(shape)
	plane := shape.H * shape.W
	return Step{Scratch: 4 * k.BackwardDataScratch(target.Pool), Run: func(f *Frame) error {
		y := f.Out[0].Float32s()
		k.BackwardData(target.Set, target.Pool, f.In[0].Float32s(), f.In[1].Float32s(), y, f.ScratchFloats())
		if hasBias {
			target.Set.BinaryColumn(target.Pool, kernels.Add, y, y, f.In[2].Float32s(), plane, false)
		}
		if act.Function != kernels.Identity {
			target.Set.Unary(target.Pool, act, y, y)
		}
		return nil
	}}, true
}

// transposedForm tells weights packed by phases from those of a convolution of the same shape.
type transposedForm struct{ shape kernels.ConvShape }
