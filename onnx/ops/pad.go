package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Pad: elements added before and after the axes, or taken away where a pad is negative. data any, pads int64 [begins of all
// axes, then ends], constant_value of data's type with one element (zero where absent), axes int32 or int64 (all where absent).
// mode: constant; edge repeats the border; reflect mirrors at the border element; wrap goes on at the other end. The last three are worked out
// from what negative pads leave.
// 1: paddings · 2: pads and value are attributes · 11: inputs · 18: axes · 19: wrap · 13, 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__Pad.html

func padFamily() []Meaning {
	return []Meaning{{
		Name: "Pad", Class: Exact,
		New:       func(a *Attrs) Op { return pad{mode: a.OneOf("mode", "constant", "reflect", "edge", "wrap")} },
		Upgrade:   map[int64]Rewrite{2: padUp2, 11: padUp11},
		Downgrade: map[int64]Rewrite{2: padDown2, 11: padDown11, 18: padDown18, 19: padDown19},
	}}
}

type pad struct{ mode string }

// padding is how one axis of a size is padded.
type padding struct {
	begin, end int64
	lo, hi     int64 // what is left of the input: lo <= index < hi
	mode       string
}

// at gives the index in the input that index o of the result stands for, or -1 for a constant.
func (p padding) at(o int64) int64 {
	i, n := o-p.begin-p.lo, p.hi-p.lo
	if i >= 0 && i < n {
		return i + p.lo
	}
	switch p.mode {
	case "edge":
		i = min(max(i, 0), n-1)
	case "wrap":
		i = ((i % n) + n) % n
	case "reflect":
		if n == 1 {
			return p.lo
		}
		period := 2 * (n - 1)
		if i = ((i % period) + period) % period; i >= n {
			i = period - i
		}
	default:
		return -1
	}
	return i + p.lo
}

// pads gives the pads of every axis of a rank, begins then ends, where they are known.
func (p pad) pads(in []Fact, rank int) ([]int64, bool, error) {
	if err := wantVector(in[1], "pads"); err != nil {
		return nil, false, err
	}
	pads, ok := in[1].KnownInts()
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
	}
	if len(in) > 3 && !in[3].Absent() {
		if err := wantVector(in[3], "axes"); err != nil {
			return nil, false, err
		}
		named, known := in[3].KnownInts()
		ok = ok && known
		if known {
			var err error
			if axes, err = axesOf(named, rank); err != nil {
				return nil, false, err
			}
		}
	}
	if !ok {
		return nil, false, nil
	}
	if len(pads) != 2*len(axes) {
		return nil, false, fmt.Errorf("pads has %d numbers, want %d for %d axes", len(pads), 2*len(axes), len(axes))
	}
	all := make([]int64, 2*rank)
	for i, axis := range axes {
		all[axis], all[rank+axis] = pads[i], pads[len(axes)+i]
	}
	for _, n := range all {
		if n > 1<<40 || n < -1<<40 {
			return nil, false, fmt.Errorf("a pad of %d cannot be", n)
		}
	}
	return all, true, nil
}

// axis gives how an axis of a known size is padded, or fails where that cannot be.
func (p pad) axis(axis int, size, begin, end int64) (padding, error) {
	a := padding{begin: begin, end: end, hi: size, mode: p.mode}
	if size+begin+end < 0 {
		return a, fmt.Errorf("pads %d and %d leave nothing of axis %d of size %d", begin, end, axis, size)
	}
	if p.mode == "constant" {
		return a, nil
	}
	a.lo, a.hi = max(0, -begin), size-max(0, -end)
	if a.lo >= a.hi && (begin > 0 || end > 0) {
		return a, fmt.Errorf("mode %s has nothing to repeat on axis %d of size %d with pads %d and %d", p.mode, axis, size, begin, end)
	}
	return a, nil
}

func (p pad) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if len(in) > 2 && !in[2].Absent() {
		if err := wantOne(in[2], "constant_value"); err != nil {
			return nil, err
		}
	}
	if !x.Ranked() {
		return []Fact{Unranked(x.Elem())}, nil
	}
	rank := x.Rank()
	dims := unknownDims(rank)
	pads, ok, err := p.pads(in, rank)
	if err != nil {
		return nil, err
	}
	for i, d := range x.Dims() {
		switch {
		case !ok:
		case d.Known():
			a, err := p.axis(i, d.Value, pads[i], pads[rank+i])
			if err != nil {
				return nil, err
			}
			dims[i] = onnx.Fixed(d.Value + a.begin + a.end)
		case pads[i] == 0 && pads[rank+i] == 0:
			dims[i] = d
		}
	}
	return []Fact{Tensor(x.Elem(), dims...)}, nil
}

// plan gives how each axis is padded and the shape of the result.
func (p pad) plan(in []Fact) ([]padding, []int64, error) {
	sizes, _ := in[0].Sizes()
	pads, _, err := p.pads(in, len(sizes))
	if err != nil {
		return nil, nil, err
	}
	axes, dims := make([]padding, len(sizes)), make([]int64, len(sizes))
	for i, n := range sizes {
		if axes[i], err = p.axis(i, n, pads[i], pads[len(sizes)+i]); err != nil {
			return nil, nil, err
		}
		dims[i] = n + pads[i] + pads[len(sizes)+i]
	}
	return axes, dims, nil
}

func (p pad) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	axes, dims, err := p.plan(factsOf(in))
	if err != nil {
		return nil, err
	}
	x := in[0].(*onnx.Tensor)
	y, err := env.newCells(x.Type, dims)
	if err != nil {
		return nil, err
	}
	if len(in) > 2 && in[2] != nil && p.mode == "constant" {
		y.fill(cellsOf(in[2].(*onnx.Tensor)))
	}
	padCells(y, cellsOf(x), axes, dims, x.Dims)
	return []onnx.Value{y.tensor(dims)}, nil
}

// padCells writes the result, but for its constants.
func padCells(y, x cells, axes []padding, dims, sizes []int64) {
	if count(dims) == 0 {
		return
	}
	to, from := Strides(dims), Strides(sizes)
	var walk func(axis, at, src int)
	walk = func(axis, at, src int) {
		if axis == len(axes) {
			y.set(at, x, src, 1)
			return
		}
		p, n := axes[axis], dims[axis]
		for o := int64(0); o < n; o++ {
			i := p.at(o)
			if i < 0 {
				continue
			}
			if axis == len(axes)-1 && i == o-p.begin { // the input itself, in one piece
				run := min(n-o, p.hi-i)
				y.set(at+int(o), x, src+int(i), int(run))
				o += run - 1
				continue
			}
			walk(axis+1, at+int(o)*to[axis], src+int(i)*from[axis])
		}
	}
	walk(0, 0, 0)
}

func (p pad) Specialize(_ Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	elem := in[0].Elem()
	if elem.Bits() < 8 {
		return Step{}, false
	}
	facts := slices.Clone(in)
	for _, i := range []int{1, 3} {
		if i >= len(in) || in[i].Absent() {
			continue
		}
		if consts[i] == nil {
			return Step{}, false
		}
		facts[i] = Known(consts[i])
	}
	axes, dims, err := p.plan(facts)
	if err != nil {
		return Step{}, false
	}
	sizes, _ := in[0].Sizes()
	zero := cellsOf(onnx.NewTensor(elem, 1))
	return Step{Run: func(f *Frame) error {
		y := cellsOf(f.Out[0])
		if p.mode == "constant" {
			value := zero
			if len(f.In) > 2 && f.In[2] != nil {
				value = cellsOf(f.In[2])
			}
			y.fill(value)
		}
		padCells(y, cellsOf(f.In[0]), axes, dims, sizes)
		return nil
	}}, true
}

func padUp2(r *Rewriter) error {
	if a := r.Take("paddings"); a != nil {
		r.Set(onnx.AttrInts("pads", a.Ints...))
	}
	return r.Keep()
}

func padDown2(r *Rewriter) error {
	if a := r.Take("pads"); a != nil {
		r.Set(onnx.AttrInts("paddings", a.Ints...))
	}
	return r.Keep()
}

func padUp11(r *Rewriter) error {
	pads := r.Take("pads")
	if pads == nil {
		return fmt.Errorf("attribute \"pads\" is required")
	}
	r.SetInput(1, r.Const("pads", onnx.FromInt64s(pads.Ints)))
	v := r.Take("value")
	if v == nil || v.Float == 0 {
		return r.Keep()
	}
	switch r.Fact(0).Elem() {
	case onnx.Float:
		r.SetInput(2, r.Const("value", onnx.Scalar32(v.Float)))
	case onnx.Double:
		t := onnx.NewTensor(onnx.Double)
		t.Float64s()[0] = float64(v.Float)
		r.SetInput(2, r.Const("value", t))
	default:
		return fmt.Errorf("a value of element type %v: %w", r.Fact(0).Elem(), errUnknown)
	}
	return r.Keep()
}

// padDown11 writes constant pads and a constant value as attributes, which floats alone have.
func padDown11(r *Rewriter) error {
	switch elem := r.Fact(0).Elem(); elem {
	case onnx.Float, onnx.Double, onnx.Float16, onnx.Undefined:
	default:
		return fmt.Errorf("%v cannot be padded there", elem)
	}
	pads, ok := r.Fact(1).KnownInts()
	if !ok {
		return fmt.Errorf("pads must be a constant there")
	}
	r.Set(onnx.AttrInts("pads", slices.Clone(pads)...))
	if r.Input(2) != "" {
		v := r.Fact(2).Value
		switch {
		case v == nil || v.Len() != 1:
			return fmt.Errorf("constant_value must be a constant there")
		case v.Type == onnx.Float:
			r.Set(onnx.AttrFloat("value", v.Float32s()[0]))
		case v.Type == onnx.Double && float64(float32(v.Float64s()[0])) == v.Float64s()[0]:
			r.Set(onnx.AttrFloat("value", float32(v.Float64s()[0])))
		default:
			return fmt.Errorf("constant_value %v must be a float there", v)
		}
	}
	r.Node.Inputs = r.Node.Inputs[:1]
	return r.Keep()
}

// padDown18 writes the pads of some axes as those of all.
func padDown18(r *Rewriter) error {
	if r.Input(3) == "" {
		r.Node.Inputs = r.Node.Inputs[:min(3, len(r.Node.Inputs))]
		r.TrimInputs()
		return r.Keep()
	}
	rank, err := r.Rank(0)
	if err != nil {
		return err
	}
	pads, ok, err := pad{}.pads(r.In, rank)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("pads and axes must be constants there")
	}
	r.SetInput(1, r.Const("pads", onnx.FromInt64s(pads)))
	r.Node.Inputs = r.Node.Inputs[:3]
	r.TrimInputs()
	return r.Keep()
}

func padDown19(r *Rewriter) error {
	if a := r.Node.Attribute("mode"); a != nil && string(a.Str) == "wrap" {
		return fmt.Errorf("mode wrap is not there yet")
	}
	return r.Keep()
}
