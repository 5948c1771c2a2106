package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Slice: along each of some axes, the elements from start to end (not included) in steps, which may be negative. Negative
// starts and ends count from the end, and both are cut to the axis: NumPy's x[start:end:step].
// data any, starts, ends, axes (0, 1, … where absent), steps (1 where absent) int32 or int64 [n].
// 1: starts, ends and axes are attributes, no steps · 10: inputs, steps · 11: negative axes · 13: types.
// https://onnx.ai/onnx/operators/onnx__Slice.html

func sliceFamily() []Meaning {
	return []Meaning{{
		Name: "Slice", Class: Exact, New: func(*Attrs) Op { return slice{} },
		Upgrade:   map[int64]Rewrite{10: sliceUp10},
		Downgrade: map[int64]Rewrite{10: sliceDown10, 11: sliceDown11},
	}}
}

type slice struct{}

// cut is what a slice takes of one axis: n elements from start on.
type cut struct{ start, step, n int64 }

func cutOf(start, end, step, size int64) cut {
	if step > 0 {
		at := func(n int64) int64 {
			if n < 0 {
				n += size
			}
			return min(max(n, 0), size)
		}
		start, end = at(start), at(end)
		if start >= end {
			return cut{0, 1, 0}
		}
		return cut{start, step, (end-start-1)/step + 1}
	}
	at := func(n, least int64) int64 {
		if n < 0 {
			n += size
		}
		return min(max(n, least), size-1)
	}
	start, end = at(start, 0), at(end, -1)
	if start <= end {
		return cut{0, 1, 0}
	}
	step = max(step, -math.MaxInt64)
	return cut{start, step, (start-end-1)/-step + 1}
}

func (s slice) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	n := -1
	for i, what := range []string{"starts", "ends", "axes", "steps"} {
		if i+1 >= len(in) || in[i+1].Absent() {
			continue
		}
		f := in[i+1]
		if err := wantVector(f, what); err != nil {
			return nil, err
		}
		if v, ok := f.Ints(); ok {
			if n >= 0 && n != len(v) {
				return nil, fmt.Errorf("%s has %d numbers, those before it %d", what, len(v), n)
			}
			n = len(v)
		}
		if v, ok := f.KnownInts(); ok && what == "steps" && slices.Contains(v, 0) {
			return nil, fmt.Errorf("steps %v has a step of 0", v)
		}
	}
	if !x.Ranked() {
		return []Fact{Unranked(x.Elem())}, nil
	}
	cuts, dims, err := s.cuts(in, n)
	if err != nil {
		return nil, err
	}
	y := Tensor(x.Elem(), dims...)
	if elems, ok := elemsOf(x); ok && x.Rank() == 1 && cuts != nil && cuts[0] != nil {
		taken := make([]onnx.Dim, cuts[0].n)
		for i := range taken {
			taken[i] = elems[cuts[0].start+int64(i)*cuts[0].step]
		}
		y = withElems(y, taken)
	}
	return []Fact{y}, nil
}

// cuts gives the cut of every axis, nil where it is not known, and the dimensions of the result. n is how many axes are cut,
// -1 where that is not known.
func (slice) cuts(in []Fact, n int) ([]*cut, []onnx.Dim, error) {
	x := in[0]
	dims, cuts := slices.Clone(x.Dims()), make([]*cut, x.Rank())
	var named []int64
	known := n >= 0
	if len(in) > 3 && !in[3].Absent() {
		named, known = in[3].KnownInts()
	} else {
		for i := range max(n, 0) {
			named = append(named, int64(i))
		}
	}
	if !known {
		return nil, unknownDims(len(dims)), nil
	}
	axes, err := axesOf(named, len(dims))
	if err != nil {
		return nil, nil, err
	}
	for i, d := range dims {
		if d.Known() {
			cuts[i] = &cut{0, 1, d.Value}
		}
	}
	starts, startsKnown := in[1].KnownInts()
	ends, endsKnown := in[2].KnownInts()
	steps, stepsKnown := []int64(nil), true
	if len(in) > 4 && !in[4].Absent() {
		steps, stepsKnown = in[4].KnownInts()
	}
	for i, axis := range axes {
		d := dims[axis]
		cuts[axis], dims[axis] = nil, onnx.UnknownDim()
		if !startsKnown || !stepsKnown {
			continue
		}
		step := int64(1)
		if steps != nil {
			step = steps[i]
		}
		switch {
		case endsKnown && d.Known():
			c := cutOf(starts[i], ends[i], step, d.Value)
			cuts[axis], dims[axis] = &c, onnx.Fixed(c.n)
		case endsKnown && wholeAxis(starts[i], ends[i], step), !endsKnown && starts[i] == 0 && step == 1 && endsAt(in[2], i, d):
			dims[axis] = d
		}
	}
	return cuts, dims, nil
}

// wholeAxis says whether a slice takes all of an axis, or all of it backwards, whatever its size.
func wholeAxis(start, end, step int64) bool {
	return step == 1 && start == 0 && end >= math.MaxInt32 ||
		step == -1 && (start >= math.MaxInt32 || start == -1) && end <= -math.MaxInt32
}

// endsAt says whether element i of the ends is the dimension itself.
func endsAt(ends Fact, i int, d onnx.Dim) bool {
	v, ok := ends.Ints()
	return ok && i < len(v) && d.Param != "" && v[i] == d
}

func (s slice) strided(in []Fact) (strided, bool, error) {
	starts, _ := in[1].Ints()
	cuts, dims, err := s.cuts(in, len(starts))
	if err != nil {
		return strided{}, false, err
	}
	sizes, ok := Tensor(onnx.Float, dims...).Sizes()
	whole, _ := in[0].Sizes()
	if !ok || cuts == nil {
		return strided{}, false, nil
	}
	l := strided{dims: sizes, steps: Strides(whole)}
	if count(sizes) == 0 {
		return l, true, nil
	}
	for i, c := range cuts {
		l.base += int(c.start) * l.steps[i]
		l.steps[i] *= int(c.step)
		if c.n == 1 {
			l.steps[i] = 0 // the step may be beyond all bounds
		}
	}
	return l, true, nil
}

func (s slice) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	l, _, err := s.strided(factsOf(in))
	if err != nil {
		return nil, err
	}
	y, err := l.eval(env, in[0].(*onnx.Tensor))
	return []onnx.Value{y}, err
}

func (s slice) Specialize(_ Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	facts := slices.Clone(in)
	for i := 1; i < len(in); i++ {
		if in[i].Absent() {
			continue
		}
		if consts[i] == nil {
			return Step{}, false
		}
		facts[i] = Known(consts[i])
	}
	l, ok, err := s.strided(facts)
	if err != nil || !ok {
		return Step{}, false
	}
	return l.step(in[0].Elem())
}

func sliceUp10(r *Rewriter) error {
	for i, name := range []string{"starts", "ends", "axes"} {
		if a := r.Take(name); a != nil {
			r.SetInput(i+1, r.Const(name, onnx.FromInt64s(a.Ints)))
		}
	}
	return r.Keep()
}

// sliceDown10 writes constant operands as attributes. There are no steps there, so all must be 1.
func sliceDown10(r *Rewriter) error {
	if r.Input(4) != "" {
		steps, ok := r.Fact(4).KnownInts()
		if !ok || slices.ContainsFunc(steps, func(n int64) bool { return n != 1 }) {
			return fmt.Errorf("steps other than 1 are not there yet")
		}
	}
	for i, name := range []string{"starts", "ends", "axes"} {
		if r.Input(i+1) == "" {
			continue
		}
		v, ok := r.Fact(i + 1).KnownInts()
		if !ok {
			return fmt.Errorf("%s must be a constant there", name)
		}
		r.Set(onnx.AttrInts(name, slices.Clone(v)...))
	}
	r.Node.Inputs = r.Node.Inputs[:1]
	return r.Keep()
}

// sliceDown11 makes constant axes positive.
func sliceDown11(r *Rewriter) error {
	axes, ok := r.Fact(3).KnownInts()
	if !ok || !slices.ContainsFunc(axes, func(n int64) bool { return n < 0 }) {
		return r.Keep()
	}
	rank, err := r.Rank(0)
	if err != nil {
		return err
	}
	positive := slices.Clone(axes)
	for i := range positive {
		if positive[i] < 0 {
			positive[i] += int64(rank)
		}
	}
	r.SetInput(3, r.Const("axes", onnx.FromInt64s(positive)))
	return r.Keep()
}
