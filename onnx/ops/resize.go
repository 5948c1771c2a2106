package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// Resize: a tensor sampled at other places. Along each axis the place p of an element of the result gives a place in the input by
// coordinate_transformation_mode, and there the input is read by mode: nearest (nearest_mode), linear, cubic (cubic_coeff_a).
// X any [d…], roi float [2·axes] (starts, then ends, for tf_crop_and_resize only), scales float [axes] or sizes int64 [axes]
// → [floor(d·scale)…] or [sizes…]. axes: all where left out. keep_aspect_ratio_policy: one scale for all axes, the least or the greatest.
// antialias widens the kernel when the result is smaller; exclude_outside leaves out and re-weighs what is outside the input.
// 10: nearest (floor to grow, ceil to shrink) and linear, asymmetric · 11: roi, sizes and all modes · 13: roi and scales may be absent · 18: antialias, axes,
// keep_aspect_ratio_policy · 19: half_pixel_symmetric.
// https://onnx.ai/onnx/operators/onnx__Resize.html
//
// Upsample: what Resize was before 10. 1: height_scale, width_scale · 7: scales · 9: scales is an input.
// https://onnx.ai/onnx/operators/onnx__Upsample.html

func resizeFamily() []Meaning {
	return []Meaning{
		{
			Name: "Resize", Class: Rounds, New: newResize,
			Upgrade:   map[int64]Rewrite{11: resizeUp11, 13: resizeUp13},
			Downgrade: map[int64]Rewrite{10: resizeDown10, 11: resizeDown11, 13: resizeDown13, 18: resizeDown18, 19: resizeDown19},
		},
		{
			Name: "Upsample", Class: Rounds,
			Upgrade:   map[int64]Rewrite{7: upsampleUp7, 9: upsampleUp9, 10: func(r *Rewriter) error { return r.Replace("Resize") }},
			Downgrade: map[int64]Rewrite{7: upsampleDown7, 9: upsampleDown9},
		},
	}
}

type resize struct {
	mode, place, nearest, policy string
	cubicA                       float64
	outside                      bool // exclude_outside
	antialias                    bool
	extrapolation                float64
	axes                         []int64
}

func newResize(a *Attrs) Op {
	return resize{
		mode: a.OneOf("mode", "nearest", "linear", "cubic"),
		place: a.OneOf("coordinate_transformation_mode", "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
			"asymmetric", "tf_crop_and_resize", "tf_half_pixel_for_nn"), // the last one up to opset 12
		nearest:       a.OneOf("nearest_mode", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
		policy:        a.OneOf("keep_aspect_ratio_policy", "stretch", "not_larger", "not_smaller"),
		cubicA:        float64(a.Float("cubic_coeff_a")),
		outside:       a.Bool("exclude_outside"),
		antialias:     a.Bool("antialias"),
		extrapolation: float64(a.Float("extrapolation_value")),
		axes:          a.Ints("axes"),
	}
}

// given says whether an optional input is there; up to opset 12 an empty one stood for its absence.
func given(in []Fact, i int) bool { return i < len(in) && !in[i].Absent() && !isEmpty(in[i]) }

func isEmpty(f Fact) bool { return f.Ranked() && f.Rank() == 1 && f.Dims()[0] == onnx.Fixed(0) }

// resizedAxis is how one axis is resized.
type resizedAxis struct {
	scale      float64
	in, out    int64
	start, end float64 // of the region, in parts of the input
}

func (r resize) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	byScale, bySize := given(in, 2), given(in, 3)
	if byScale == bySize {
		return nil, fmt.Errorf("one of scales and sizes must be given, and not both")
	}
	for i, what := range []string{"", "roi", "scales", "sizes"} {
		if i > 0 && given(in, i) {
			if err := wantVector(in[i], what); err != nil {
				return nil, err
			}
		}
	}
	if !x.Ranked() {
		return []Fact{Unranked(x.Elem())}, nil
	}
	axes, err := r.resized(x.Rank())
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(x.Dims())
	for _, axis := range axes {
		dims[axis] = onnx.UnknownDim()
	}
	if r.place == "tf_crop_and_resize" && given(in, 1) && in[1].Ranked() {
		if d := in[1].Dims()[0]; d.Known() && d.Value != int64(2*len(axes)) {
			return nil, fmt.Errorf("roi has %d numbers, want %d for %d axes", d.Value, 2*len(axes), len(axes))
		}
	}
	operand := 2
	if bySize {
		operand = 3
	}
	if in[operand].Ranked() {
		if d := in[operand].Dims()[0]; d.Known() && d.Value != int64(len(axes)) {
			return nil, fmt.Errorf("scales or sizes has %d numbers, want %d", d.Value, len(axes))
		}
	}
	if byScale && in[2].Value != nil {
		for i, s := range in[2].Value.Float32s() {
			if !(s > 0) || math.IsInf(float64(s), 0) {
				return nil, fmt.Errorf("scale %v is not above 0", s)
			}
			d := x.Dims()[axes[i]]
			n := math.Floor(float64(s) * float64(d.Value))
			switch {
			case s == 1:
				dims[axes[i]] = d
			case d.Known() && n > 1<<40:
				return nil, fmt.Errorf("axis %d of size %d cannot be %v times as large", axes[i], d.Value, s)
			case d.Known():
				dims[axes[i]] = onnx.Fixed(int64(n))
			}
		}
	}
	if bySize {
		sizes, ok := in[3].KnownInts()
		if elems, counted := in[3].Ints(); !ok && counted && r.policy == "stretch" {
			for i, axis := range axes {
				dims[axis] = elems[i]
			}
		}
		if ok {
			for i, n := range sizes {
				if n < 0 || n > 1<<40 {
					return nil, fmt.Errorf("size %d cannot be", n)
				}
				if r.policy == "stretch" {
					dims[axes[i]] = onnx.Fixed(n)
				}
				if d := x.Dims()[axes[i]]; d == onnx.Fixed(0) && n > 0 {
					return nil, fmt.Errorf("axis %d is empty, there is nothing to sample", axes[i])
				}
			}
			if whole, known := x.Sizes(); known && r.policy != "stretch" {
				for i, a := range r.bySize(whole, axes, sizes) {
					if a.out > 1<<40 {
						return nil, fmt.Errorf("axis %d of size %d cannot become %d", axes[i], a.in, a.out)
					}
					dims[axes[i]] = onnx.Fixed(a.out)
				}
			}
		}
	}
	return []Fact{Tensor(x.Elem(), dims...)}, nil
}

// resized lists the axes that scales and sizes speak of.
func (r resize) resized(rank int) ([]int, error) {
	if r.axes != nil {
		return axesOf(r.axes, rank)
	}
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
	}
	return axes, nil
}

// bySize gives how axes are resized to sizes, by the policy about their ratio.
func (r resize) bySize(whole []int64, axes []int, sizes []int64) []resizedAxis {
	list := make([]resizedAxis, len(axes))
	least, greatest := math.Inf(1), 0.0
	for i, axis := range axes {
		a := resizedAxis{in: whole[axis], out: sizes[i], scale: 1}
		if a.in > 0 {
			a.scale = float64(a.out) / float64(a.in)
		}
		least, greatest = min(least, a.scale), max(greatest, a.scale)
		list[i] = a
	}
	if r.policy == "stretch" {
		return list
	}
	scale := least
	if r.policy == "not_smaller" {
		scale = greatest
	}
	for i := range list {
		list[i].scale = scale
		list[i].out = int64(scale*float64(list[i].in) + 0.5)
	}
	return list
}

// plan gives how every axis is resized.
func (r resize) plan(x *onnx.Tensor, roi, scales, sizes *onnx.Tensor) ([]resizedAxis, error) {
	axes, err := r.resized(len(x.Dims))
	if err != nil {
		return nil, err
	}
	var some []resizedAxis
	if sizes != nil && sizes.Len() > 0 {
		some = r.bySize(x.Dims, axes, sizes.Int64s())
	} else {
		for i, s := range scales.Float32s() {
			d := x.Dims[axes[i]]
			some = append(some, resizedAxis{in: d, scale: float64(s), out: int64(math.Floor(float64(s) * float64(d)))})
		}
	}
	all := make([]resizedAxis, len(x.Dims))
	for i, d := range x.Dims {
		all[i] = resizedAxis{in: d, out: d, scale: 1, end: 1}
	}
	var region []float64
	if roi != nil && r.place == "tf_crop_and_resize" && roi.Len() > 0 {
		region = make([]float64, roi.Len())
		for i := range region {
			switch roi.Type {
			case onnx.Float:
				region[i] = float64(roi.Float32s()[i])
			case onnx.Double:
				region[i] = roi.Float64s()[i]
			default:
				region[i] = float64(halfValue(onnx.View[uint16](roi)[i], roi.Type))
			}
		}
	}
	for i, axis := range axes {
		a := some[i]
		a.end = 1
		if region != nil {
			a.start, a.end = region[i], region[len(axes)+i]
		}
		all[axis] = a
	}
	return all, nil
}

// source gives the place in the input that element o of the result stands for.
func (r resize) source(a resizedAxis, o int64) float64 {
	x, in, length := float64(o), float64(a.in), a.scale*float64(a.in)
	switch r.place {
	case "align_corners":
		if length == 1 {
			return 0
		}
		return x * (in - 1) / (length - 1)
	case "asymmetric":
		return x / a.scale
	case "tf_crop_and_resize":
		if a.out == 1 {
			return (a.start + a.end) * (in - 1) / 2
		}
		return a.start*(in-1) + x*(a.end-a.start)*(in-1)/(length-1)
	case "tf_half_pixel_for_nn":
		return (x + 0.5) / a.scale
	case "pytorch_half_pixel":
		if length == 1 {
			return 0
		}
	case "half_pixel_symmetric":
		offset := in / 2 * (1 - float64(a.out)/length)
		return offset + (x+0.5)/a.scale - 0.5
	}
	return (x+0.5)/a.scale - 0.5
}

// taps are the elements of the input, with their weights, that one element of the result is made of along an axis.
type taps struct {
	at      []int
	weights []float64
	outside bool // beyond the input where that gives extrapolation_value
}

func (r resize) taps(a resizedAxis) []taps {
	list := make([]taps, a.out)
	for o := range list {
		x := r.source(a, int64(o))
		t := taps{outside: r.place == "tf_crop_and_resize" && !(x >= 0 && x <= float64(a.in-1))}
		if x != x || math.Abs(x) > 1<<52 {
			x = 0
		}
		first, weights := r.kernel(x, a.scale)
		sum := 0.0
		for i, w := range weights {
			k := first + i
			if k < 0 || k >= int(a.in) {
				if r.outside {
					continue
				}
				k = min(max(k, 0), int(a.in)-1)
			}
			if w != 0 {
				t.at, t.weights = append(t.at, k), append(t.weights, w)
				sum += w
			}
		}
		if r.outside && sum != 0 {
			for i := range t.weights {
				t.weights[i] /= sum
			}
		}
		list[o] = t
	}
	return list
}

// kernel gives the weights around a place and the index of the first.
func (r resize) kernel(x, scale float64) (first int, weights []float64) {
	floor := math.Floor(x)
	ratio := x - floor
	shrink := 1.0
	if r.antialias {
		shrink = min(scale, 1)
	}
	switch r.mode {
	case "nearest":
		up := 0.0
		switch {
		case ratio == 0:
		case r.nearest == "ceil", r.nearest == "round_prefer_ceil" && ratio >= 0.5, r.nearest == "round_prefer_floor" && ratio > 0.5:
			up = 1
		}
		return int(floor + up), []float64{1}
	case "linear":
		return spreadKernel(floor, ratio, shrink, 1, func(d float64) float64 { return max(0, 1-d) })
	}
	a := r.cubicA
	return spreadKernel(floor, ratio, shrink, 2, func(d float64) float64 {
		switch {
		case d <= 1:
			return (a+2)*d*d*d - (a+3)*d*d + 1
		case d < 2:
			return a*d*d*d - 5*a*d*d + 8*a*d - 4*a
		}
		return 0
	})
}

// spreadKernel samples a kernel of a radius, made wider by 1/shrink, and lets the weights add up to 1.
func spreadKernel(floor, ratio, shrink float64, radius int, f func(distance float64) float64) (first int, weights []float64) {
	start := int(math.Floor(-float64(radius)/shrink)) + 1
	sum := 0.0
	for i := start; i <= 1-start; i++ {
		w := f(math.Abs(float64(i)-ratio) * shrink)
		weights = append(weights, w)
		sum += w
	}
	if shrink < 1 && sum != 0 {
		for i := range weights {
			weights[i] /= sum
		}
	}
	return int(floor) + start, weights
}

func (r resize) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := append(tensorsOf(in), nil, nil, nil)
	x := t[0]
	axes, err := r.plan(x, t[1], t[2], t[3])
	if err != nil {
		return nil, err
	}
	dims := make([]int64, len(axes))
	for i, a := range axes {
		dims[i] = a.out
		if a.out > 0 && a.in == 0 {
			return nil, fmt.Errorf("axis %d is empty, there is nothing to sample", i)
		}
	}
	if r.mode == "nearest" && r.place != "tf_crop_and_resize" {
		y, err := env.newCells(x.Type, dims)
		if err != nil {
			return nil, err
		}
		pickAxes(y, cellsOf(x), r.nearestPlaces(axes), dims, x.Dims)
		return []onnx.Value{y.tensor(dims)}, nil
	}
	if isHalf(x.Type) {
		return throughFloat(env, r, in)
	}
	v, err := widened(env, x)
	if err != nil {
		return nil, err
	}
	sizes := slices.Clone(x.Dims)
	beyond := make([][]taps, len(axes))
	for i, a := range axes {
		if a.in == a.out && a.scale == 1 && r.place != "tf_crop_and_resize" && r.place != "tf_half_pixel_for_nn" {
			continue
		}
		table := r.taps(a)
		if v, sizes, err = resample(env, v, sizes, i, table); err != nil {
			return nil, err
		}
		beyond[i] = table
	}
	r.extrapolate(v, dims, beyond)
	y, err := narrowed(env, x.Type, v, dims)
	return []onnx.Value{y}, err
}

// nearestPlaces gives for each axis where each element of the result stands in the input.
func (r resize) nearestPlaces(axes []resizedAxis) [][]int {
	places := make([][]int, len(axes))
	for i, a := range axes {
		if a.in == a.out && a.scale == 1 && r.place != "tf_half_pixel_for_nn" {
			continue // as it is
		}
		places[i] = make([]int, a.out)
		for o := range places[i] {
			first, _ := r.kernel(r.source(a, int64(o)), a.scale)
			places[i][o] = min(max(first, 0), int(a.in)-1)
		}
	}
	return places
}

// settled gives how every axis is resized, for facts that settle that.
func (r resize) settled(in []Fact) ([]resizedAxis, bool) {
	sizes, ok := in[0].Sizes()
	if !ok || r.place == "tf_crop_and_resize" || slices.Contains(sizes, 0) {
		return nil, false
	}
	var operands [4]*onnx.Tensor
	for i := 2; i < len(in) && i < 4; i++ {
		if given(in, i) && in[i].Value == nil {
			return nil, false
		}
		operands[i] = in[i].Value
	}
	axes, err := r.plan(&onnx.Tensor{Type: in[0].Elem(), Dims: sizes}, nil, operands[2], operands[3])
	return axes, err == nil
}

// KernelUpsample gives the shape that a Resize has for the kernels where it makes a block of equal elements of every element along
// the last two axes of floats, and whether it is such a one: op is that of the node, in are facts with all sizes known.
func KernelUpsample(op Op, in []Fact) (kernels.UpsampleShape, bool) {
	r, isOne := op.(resize)
	if !isOne || in[0].Elem() != onnx.Float {
		return kernels.UpsampleShape{}, false
	}
	axes, ok := r.settled(in)
	if !ok || r.mode != "nearest" || len(axes) < 2 {
		return kernels.UpsampleShape{}, false
	}
	places := r.nearestPlaces(axes)
	factors := make([]int, len(axes))
	for i, a := range axes {
		if a.out == 0 || a.out%a.in != 0 {
			return kernels.UpsampleShape{}, false
		}
		factors[i] = int(a.out / a.in)
		for o, at := range places[i] {
			if at != o/factors[i] {
				return kernels.UpsampleShape{}, false
			}
		}
	}
	last := len(axes) - 2
	shape := kernels.UpsampleShape{Planes: 1, H: int(axes[last].in), W: int(axes[last+1].in), FactorH: factors[last], FactorW: factors[last+1]}
	for i, a := range axes[:last] {
		if factors[i] != 1 {
			return kernels.UpsampleShape{}, false
		}
		shape.Planes *= int(a.in)
	}
	return shape, true
}

// Specialize repeats elements where that is all there is to do, copies the nearest elements from a table, or sums up floats axis by axis.
func (r resize) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	in = slices.Clone(in)
	for i, c := range consts {
		if c != nil {
			in[i] = Known(c)
		}
	}
	if isByte(in[0].Elem()) {
		plain := slices.Clone(in)
		plain[0].Type.Elem = onnx.Float
		if shape, ok := KernelUpsample(r, plain); ok {
			return Step{Run: func(f *Frame) error {
				t.Set.UpsampleBytes(shape, f.In[0].Data, f.Out[0].Data)
				return nil
			}}, true
		}
	}
	if shape, ok := KernelUpsample(r, in); ok {
		step := Step{Run: func(f *Frame) error {
			t.Set.Upsample(t.Pool, shape, f.In[0].Float32s(), f.Out[0].Float32s())
			return nil
		}}
		if in[0].Rank() == 4 {
			one := shape // image
			one.Planes = int(in[0].Dims()[1].Value)
			step.Stage = staged(kernels.Stage{Upsample: &one})
		}
		return step, true
	}
	axes, ok := r.settled(in)
	switch {
	case !ok || in[0].Elem().Bits() < 8:
		return Step{}, false
	case r.mode != "nearest":
		return r.summed(t, in[0].Elem(), axes)
	}
	places := r.nearestPlaces(axes)
	sizes, dims := make([]int64, len(axes)), make([]int64, len(axes))
	for i, a := range axes {
		sizes[i], dims[i] = a.in, a.out
	}
	return Step{Run: func(f *Frame) error {
		pickAxes(cellsOf(f.Out[0]), cellsOf(f.In[0]), places, dims, sizes)
		return nil
	}}, true
}
