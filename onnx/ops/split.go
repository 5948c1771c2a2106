package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Split: a tensor cut along an axis, into parts of the sizes in split, or into num_outputs equal parts of which the last may
// be smaller. input any, split int64 [outputs] or absent.
// 1: axis without default, split an input or an attribute · 2: split is an attribute · 11: a negative axis · 13: split is an input;
// without it the parts are equal · 18: num_outputs, required where split is absent.
// https://onnx.ai/onnx/operators/onnx__Split.html

func splitFamily() []Meaning {
	return []Meaning{{
		Name: "Split", Class: Exact, New: newSplit,
		Upgrade:   map[int64]Rewrite{2: splitUp2, 13: attrToInput("split", 1), 18: splitUp18},
		Downgrade: map[int64]Rewrite{2: keep, 11: positiveAxis(0), 13: inputToAttr("split", 1), 18: splitDown18},
	}}
}

type split struct {
	axis    int64
	parts   int64 // 0: the sizes are an input
	outputs int
}

func newSplit(a *Attrs) Op {
	s := split{axis: a.Int("axis"), parts: a.IntOr("num_outputs", 0), outputs: a.Outputs()}
	if a.Has("num_outputs") && s.parts != int64(s.outputs) {
		a.Fail("attribute \"num_outputs\" is %d, the node names %d outputs", s.parts, s.outputs)
	}
	return s
}

func (s split) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	given := len(in) > 1 && !in[1].Absent()
	switch {
	case given && s.parts != 0:
		return nil, fmt.Errorf("split and num_outputs are both given, want one of them")
	case !given && s.parts == 0:
		return nil, fmt.Errorf("neither split nor num_outputs is given")
	}
	out := make([]Fact, s.outputs)
	for i := range out {
		out[i] = Unranked(x.Elem())
	}
	dim, axis := onnx.UnknownDim(), 0
	if x.Ranked() {
		var err error
		if axis, err = Axis(s.axis, x.Rank()); err != nil {
			return nil, err
		}
		dim = x.Dims()[axis]
	}
	sizes := make([]int64, s.outputs)
	known := false
	if given {
		if err := wantVector(in[1], "split"); err != nil {
			return nil, err
		}
		if n, ok := in[1].Ints(); ok && len(n) != s.outputs {
			return nil, fmt.Errorf("split has %d sizes, the node names %d outputs", len(n), s.outputs)
		}
		if v, ok := in[1].KnownInts(); ok {
			sum := int64(0)
			for _, n := range v {
				if n < 0 || n > 1<<48 {
					return nil, fmt.Errorf("split %v has a size that cannot be", v)
				}
				sum += n
			}
			if dim.Known() && sum != dim.Value {
				return nil, fmt.Errorf("split %v adds up to %d, axis %d has %d", v, sum, axis, dim.Value)
			}
			sizes, known = v, true
		}
	} else if dim.Known() {
		size := (dim.Value + s.parts - 1) / s.parts
		for i := range sizes {
			sizes[i] = size
		}
		last := dim.Value - size*(s.parts-1)
		if last < 0 {
			return nil, fmt.Errorf("axis %d of size %d does not make %d parts of %d", axis, dim.Value, s.parts, size)
		}
		sizes[s.outputs-1], known = last, true
	}
	if !x.Ranked() {
		return out, nil
	}
	elems, follow := elemsOf(x)
	at := int64(0)
	for i := range out {
		dims := slices.Clone(x.Dims())
		switch {
		case known:
			dims[axis] = onnx.Fixed(sizes[i])
		case s.outputs > 1:
			dims[axis] = onnx.UnknownDim()
		}
		out[i] = Tensor(x.Elem(), dims...)
		if known && follow && x.Rank() == 1 && at+sizes[i] <= int64(len(elems)) {
			out[i] = withElems(out[i], slices.Clone(elems[at:at+sizes[i]]))
			at += sizes[i]
		}
	}
	return out, nil
}

func (s split) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	out, err := s.Infer(env, factsOf(in))
	if err != nil {
		return nil, err
	}
	x := in[0].(*onnx.Tensor)
	from, res := cellsOf(x), make([]onnx.Value, len(out))
	axis, _ := Axis(s.axis, len(x.Dims))
	at := 0
	for i, f := range out {
		dims, _ := f.Sizes()
		y, err := env.newCells(x.Type, dims)
		if err != nil {
			return nil, err
		}
		s.part(dims, x.Dims, axis, at).move(y, from)
		res[i] = y.tensor(dims)
		at += int(dims[axis])
	}
	return res, nil
}

// part is where the part of shape dims stands that starts at an index of the axis.
func (split) part(dims, whole []int64, axis, at int) strided {
	steps := Strides(whole)
	return strided{base: at * steps[axis], dims: dims, steps: steps}
}

func (s split) Specialize(_ Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	if in[0].Elem().Bits() < 8 {
		return Step{}, false
	}
	facts := slices.Clone(in)
	if len(in) > 1 && !in[1].Absent() {
		if consts[1] == nil {
			return Step{}, false
		}
		facts[1] = Known(consts[1])
	}
	out, err := s.Infer(nil, facts)
	if err != nil {
		return Step{}, false
	}
	whole, _ := in[0].Sizes()
	axis, _ := Axis(s.axis, len(whole))
	parts, at := make([]strided, len(out)), 0
	for i, f := range out {
		dims, ok := f.Sizes()
		if !ok {
			return Step{}, false
		}
		parts[i] = s.part(dims, whole, axis, at)
		at += int(dims[axis])
	}
	return Step{Run: func(f *Frame) error {
		x := aligned(f.In[0])
		for i, l := range parts {
			if f.Out[i] != nil {
				l.move(cellsOf(f.Out[i]), x)
			}
		}
		return nil
	}}, true
}

func splitUp2(r *Rewriter) error {
	if r.Input(1) != "" {
		v, ok := r.Fact(1).KnownInts()
		if !ok {
			return fmt.Errorf("split: %w", errUnknown)
		}
		r.Set(onnx.AttrInts("split", v...))
		r.Node.Inputs = r.Node.Inputs[:1]
	}
	return r.Keep()
}

// splitUp18 names the number of parts where they are equal.
func splitUp18(r *Rewriter) error {
	if r.Input(1) != "" {
		return r.Keep()
	}
	n := int64(len(r.Node.Outputs))
	if f := r.Fact(0); f.Ranked() {
		axis := int64(0)
		if a := r.Node.Attribute("axis"); a != nil {
			axis = a.Int
		}
		k, err := Axis(axis, f.Rank())
		if err != nil {
			return err
		}
		if d := f.Dims()[k]; d.Known() && d.Value%n != 0 {
			return fmt.Errorf("axis %d of size %d does not divide into %d equal parts", k, d.Value, n)
		}
	}
	r.TrimInputs()
	r.Set(onnx.AttrInt("num_outputs", n))
	return r.Keep()
}

// splitDown18 leaves equal parts to the default and writes unequal ones out.
func splitDown18(r *Rewriter) error {
	a := r.Take("num_outputs")
	if a == nil {
		return r.Keep()
	}
	rank, err := r.Rank(0)
	if err != nil {
		return err
	}
	axis := int64(0)
	if a := r.Node.Attribute("axis"); a != nil {
		axis = a.Int
	}
	k, err := Axis(axis, rank)
	if err != nil {
		return err
	}
	d := r.Fact(0).Dims()[k]
	switch {
	case !d.Known() && a.Int > 1:
		return fmt.Errorf("the size of axis %d must be known for num_outputs, and is not", k)
	case d.Known() && d.Value%a.Int != 0:
		size := (d.Value + a.Int - 1) / a.Int
		sizes := make([]int64, a.Int)
		for i := range sizes {
			sizes[i] = min(size, d.Value-int64(i)*size)
		}
		r.SetInput(1, r.Const("split", onnx.FromInt64s(sizes)))
	}
	return r.Keep()
}
