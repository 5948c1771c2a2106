package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// Conv: y[n, m, o…] = b[m] + Σ over channels c of the group and kernel positions k… of
// x[n, c, o·stride + k·dilation - pad] · w[m, c, k…], zero outside the input.
// x [batch, channels, spatial…], w [maps, channels/group, kernel…], b [maps] or absent → y [batch, maps, out…].
// 1: first · 11: strides and dilations default to 1 in words, too · 22: types.
// https://onnx.ai/onnx/operators/onnx__Conv.html

func convFamily() []Meaning {
	return []Meaning{{Name: "Conv", Class: Rounds, New: newConv}}
}

type conv struct {
	window
	group int64
}

func newConv(a *Attrs) Op {
	w := readWindow(a)
	w.dilations = a.Ints("dilations")
	c := conv{window: w, group: a.Int("group")}
	if c.group < 1 {
		a.Fail("attribute \"group\": %d is not at least 1", c.group)
	}
	return c
}

// shaped gives the convolution for inputs of these facts, with the kernel's shape taken from the weight where it is left out.
func (c conv) shaped(x, w Fact) (conv, error) {
	if !w.Ranked() && c.kernel == nil {
		return c, errUnknown
	}
	axes := len(c.kernel)
	if w.Ranked() {
		axes = w.Rank() - 2
	}
	if w.Ranked() && c.kernel == nil {
		kernel := make([]int64, max(axes, 0))
		for i := range kernel {
			d := w.Dims()[i+2]
			if !d.Known() {
				return c, errUnknown
			}
			kernel[i] = d.Value
		}
		c.kernel = kernel
	}
	var err error
	c.window, err = c.fill(axes)
	if err != nil {
		return c, err
	}
	if w.Ranked() {
		for i, n := range c.kernel {
			if d := w.Dims()[i+2]; d.Known() && d.Value != n {
				return c, fmt.Errorf("kernel_shape %v is not that of the weight %s", c.kernel, onnx.ShapeString(w.Dims()))
			}
		}
	}
	if x.Ranked() && x.Rank() != axes+2 {
		return c, fmt.Errorf("input has %d axes, the weight %d", x.Rank(), axes+2)
	}
	return c, nil
}

func (c conv) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x, w := in[0], in[1]
	if !x.Ranked() {
		return []Fact{Unranked(x.Elem())}, nil
	}
	s, err := c.shaped(x, w)
	if err == errUnknown {
		return []Fact{Unranked(x.Elem())}, nil
	}
	if err != nil {
		return nil, err
	}
	out := make([]onnx.Dim, x.Rank())
	out[0], out[1] = x.Dims()[0], onnx.UnknownDim()
	if w.Ranked() {
		maps, channels, have := w.Dims()[0], w.Dims()[1], x.Dims()[1]
		if channels.Known() && have.Known() && (channels.Value > have.Value || channels.Value*c.group != have.Value) {
			return nil, fmt.Errorf("the weight takes %d channels in %d groups, the input has %d", channels.Value, c.group, have.Value)
		}
		if maps.Known() && maps.Value%c.group != 0 {
			return nil, fmt.Errorf("%d maps do not divide into %d groups", maps.Value, c.group)
		}
		out[1] = maps
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
		if out[i+2], err = s.output(i, x.Dims()[i+2]); err != nil {
			return nil, err
		}
	}
	return []Fact{Tensor(x.Elem(), out...)}, nil
}

func (c conv) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x, w := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor)
	if isHalf(x.Type) {
		return throughFloat(env, c, in)
	}
	s, err := c.shaped(FactOf(x), FactOf(w))
	if err != nil {
		return nil, err
	}
	out, err := c.Infer(env, []Fact{FactOf(x), FactOf(w)})
	if err != nil {
		return nil, err
	}
	sizes, _ := out[0].Sizes()
	y, err := env.New(x.Type, sizes...)
	if err != nil {
		return nil, err
	}
	var b *onnx.Tensor
	if len(in) > 2 && in[2] != nil {
		b = in[2].(*onnx.Tensor)
	}
	switch x.Type {
	case onnx.Float:
		convolve(s, x, w, b, y, (*onnx.Tensor).Float32s)
	case onnx.Double:
		convolve(s, x, w, b, y, (*onnx.Tensor).Float64s)
	default:
		return nil, unsupported(x.Type)
	}
	return []onnx.Value{y}, nil
}

// convolve sums in float64 whatever the element type.
func convolve[T ~float32 | ~float64](c conv, xt, wt, bt, yt *onnx.Tensor, view func(*onnx.Tensor) []T) {
	x, w, y := view(xt), view(wt), view(yt)
	var b []T
	if bt != nil {
		b = view(bt)
	}
	axes := len(c.kernel)
	begin := make([]int64, axes)
	for i := range begin {
		begin[i], _ = c.padsFor(i, xt.Dims[i+2])
	}
	channels, maps := int(wt.Dims[1]), int(wt.Dims[0])
	perGroup := maps / int(c.group)
	inPlane, outPlane, kernelSize := count(xt.Dims[2:]), count(yt.Dims[2:]), count(c.kernel)
	inStrides := Strides(xt.Dims[2:])
	// Every kernel position with its offsets: the same for every output.
	positions := make([][]int64, 0, kernelSize)
	Walk(c.kernel, func(at []int) {
		k, rest := make([]int64, axes), int64(at[0])
		for i := axes - 1; i >= 0; i-- {
			k[i], rest = rest%c.kernel[i]*c.dilations[i], rest/c.kernel[i]
		}
		positions = append(positions, k)
	}, Strides(c.kernel))
	o := make([]int64, axes)
	for n := range int(xt.Dims[0]) {
		for m := range maps {
			group := m / perGroup
			for p := range outPlane {
				rest := int64(p)
				for i := axes - 1; i >= 0; i-- {
					size := yt.Dims[i+2]
					o[i], rest = rest%size*c.strides[i]-begin[i], rest/size
				}
				sum := 0.0
				if b != nil {
					sum = float64(b[m])
				}
				for k, offset := range positions {
					at, inside := 0, true
					for i := range axes {
						pos := o[i] + offset[i]
						if pos < 0 || pos >= xt.Dims[i+2] {
							inside = false
							break
						}
						at += int(pos) * inStrides[i]
					}
					if !inside {
						continue
					}
					for ch := range channels {
						plane := (n*int(xt.Dims[1]) + group*channels + ch) * inPlane
						sum += float64(x[plane+at]) * float64(w[(m*channels+ch)*kernelSize+k])
					}
				}
				y[(n*maps+m)*outPlane+p] = T(sum)
			}
		}
	}
}

// count multiplies sizes that have been checked to fit.
func count(dims []int64) int {
	n := 1
	for _, d := range dims {
		n *= int(d)
	}
	return n
}

// Specialize runs float convolutions over one axis or two on the kernels, with constant weights packed once.
func (c conv) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	return specializeConv(c, kernels.Activation{}, t, in, consts)
}

// specializeConv is a convolution with an activation in its store.
func specializeConv(c conv, act kernels.Activation, t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	return chainedConv(c, act, t, in, consts, nil)
}

// chainedConv also applies links in its store.
func chainedConv(c conv, act kernels.Activation, t Target, in []Fact, consts []*onnx.Tensor, links []Link) (Step, bool) {
	shape, ok := KernelConv(c, in)
	if !ok {
		return Step{}, false
	}
	if consts[1] != nil {
		if few, ok := newPixelConv(shape); ok {
			return specializePixels(few, act, t, int(in[0].Dims()[0].Value), consts[1]), true
		}
	}
	act, links = leading(act, links)
	k := kernels.NewConv(shape)
	if consts[1] != nil && fillsLanes(k.Shape(), t.Set) {
		return specializePlanes(k, act, t, int(in[0].Dims()[0].Value), consts[1], links), true
	}
	var packed, bias []float32
	if consts[1] != nil {
		packed = shared(t, consts[1], shape, func() []float32 {
			packed := make([]float32, k.PackedLen())
			k.Pack(packed, consts[1].Float32s())
			return packed
		})
	}
	hasBias := len(in) > 2 && !in[2].Absent()
	if hasBias && consts[2] != nil {
		bias = consts[2].Float32s()
	}
	run := func(f *Frame) error {
		call := kernels.ConvForward{X: f.In[0].Float32s(), Packed: packed, Bias: bias, Act: act,
			Then: chain(links, f), Y: f.Out[0].Float32s(), Scratch: f.ScratchFloats()}
		if packed == nil {
			call.W = f.In[1].Float32s()
		}
		if hasBias && bias == nil {
			call.Bias = f.In[2].Float32s()
		}
		k.Forward(t.Set, t.Pool, call)
		return nil
	}
	step := Step{Scratch: 4 * k.ForwardScratch(t.Pool, packed != nil), Run: run, Own: ownChain(links), Then: func(more []Link) Step {
		s, _ := chainedConv(c, act, t, in, consts, slices.Concat(links, more))
		return s
	}}
	if packed != nil && len(links) == 0 && (bias != nil || !hasBias) {
		step.Stage = staged(kernels.Stage{Conv: k, Packed: packed, Bias: bias, Act: act})
	}
	return step, true
}

// staged gives a stage that a region can hold, or nil.
func staged(g kernels.Stage) *kernels.Stage {
	if !g.Fits() {
		return nil
	}
	return &g
}

// KernelConv gives the shape that a float convolution over one axis or two has for the kernels, where one axis is the width of planes of
// height 1, and whether it is one: op is that of a Conv node, in holds facts with all sizes known.
func KernelConv(op Op, in []Fact) (kernels.ConvShape, bool) {
	c, isConv := op.(conv)
	if !isConv || len(in) < 2 {
		return kernels.ConvShape{}, false
	}
	x, ok := in[0].Sizes()
	w, ok2 := in[1].Sizes()
	if !ok || !ok2 || len(x) != 3 && len(x) != 4 || in[0].Elem() != onnx.Float || count(x) == 0 || count(w) == 0 {
		return kernels.ConvShape{}, false
	}
	s, err := c.shaped(in[0], in[1])
	if err != nil {
		return kernels.ConvShape{}, false
	}
	last := len(s.kernel) - 1
	left, right := s.padsFor(last, x[last+2])
	k := kernels.ConvShape{
		C: int(x[1]), H: 1, W: int(x[last+2]), OC: int(w[0]), KH: 1, KW: int(w[last+2]),
		StrideH: 1, StrideW: int(s.strides[last]), DilationH: 1, DilationW: int(s.dilations[last]),
		PadLeft: int(left), PadRight: int(right), Groups: int(s.group),
	}
	if last == 1 {
		top, bottom := s.padsFor(0, x[2])
		k.H, k.KH, k.StrideH, k.DilationH = int(x[2]), int(w[2]), int(s.strides[0]), int(s.dilations[0])
		k.PadTop, k.PadBottom = int(top), int(bottom)
	}
	return k, true
}
