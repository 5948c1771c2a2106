package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Sequences: SequenceEmpty (dtype) and SequenceConstruct (tensors) make one, SequenceInsert (before a position, the end where absent)
// and SequenceErase (at a position, the last where absent) give a changed one, SequenceAt an element, SequenceLength how many there are.
// Positions are int32 or int64 of one element; negative ones count from the end. SequenceMap runs a subgraph on every element.
// SplitToSequence cuts a tensor along an axis into parts of sizes split (one number: of that size, the last may be smaller; absent: of
// size 1, without the axis where keepdims is 0); ConcatFromSequence joins tensors along an axis, or along a new one.
// 11: first · 17: SequenceMap · 24: types.
// https://onnx.ai/onnx/operators/onnx__SequenceConstruct.html and the pages of the others

func sequenceFamily() []Meaning {
	return []Meaning{
		{Name: "SequenceEmpty", Class: Exact, New: func(a *Attrs) Op { return sequenceEmpty{a.Elem("dtype", onnx.Float)} }},
		{Name: "SequenceConstruct", Class: Exact, New: func(*Attrs) Op { return sequenceConstruct{} }},
		{Name: "SequenceInsert", Class: Exact, New: func(*Attrs) Op { return sequenceInsert{} }},
		{Name: "SequenceErase", Class: Exact, New: func(*Attrs) Op { return sequenceErase{} }},
		{Name: "SequenceAt", Class: Exact, New: func(*Attrs) Op { return sequenceAt{} }},
		{Name: "SequenceLength", Class: Exact, New: func(*Attrs) Op { return sequenceLength{} }},
		{Name: "SequenceMap", Class: Exact, New: newSequenceMap},
		{Name: "SplitToSequence", Class: Exact, New: func(a *Attrs) Op {
			return splitToSequence{axis: a.Int("axis"), keep: a.Bool("keepdims")}
		}},
		{Name: "ConcatFromSequence", Class: Exact, New: func(a *Attrs) Op {
			return concatFromSequence{axis: a.Int("axis"), fresh: a.Bool("new_axis")}
		}},
	}
}

// sequenceOf is the type of a sequence of tensors whose shapes may differ.
func sequenceOf(elem onnx.ElemType) onnx.Type {
	of := onnx.UnrankedTensorType(elem)
	return onnx.Type{Kind: onnx.KindSequence, Of: &of}
}

// sequenceFact is the fact of a sequence like another one, whose elements may have other shapes.
func sequenceFact(f Fact) Fact {
	if f.Type.Kind != onnx.KindSequence || f.Type.Of == nil {
		return Absent
	}
	of := *f.Type.Of
	of.Ranked, of.Dims = false, nil
	return Fact{Type: onnx.Type{Kind: onnx.KindSequence, Of: &of}}
}

func sequenceValue(v onnx.Value) (*onnx.Sequence, error) {
	s, ok := v.(*onnx.Sequence)
	if !ok {
		return nil, fmt.Errorf("a sequence is needed")
	}
	return s, nil
}

// positionOf reads a position in 0..n-1, or fails.
func positionOf(v onnx.Value, n int) (int, error) {
	t, ok := v.(*onnx.Tensor)
	if !ok || t.Len() != 1 {
		return 0, fmt.Errorf("the position must be one number")
	}
	list, err := IntsOf(t)
	if err != nil {
		return 0, err
	}
	i := list[0]
	if i < 0 {
		i += int64(n)
	}
	if i < 0 || i >= int64(n) {
		return 0, fmt.Errorf("position %d is outside a sequence of %d", list[0], n)
	}
	return int(i), nil
}

type sequenceEmpty struct{ elem onnx.ElemType }

func (s sequenceEmpty) Infer(*Env, []Fact) ([]Fact, error) {
	return []Fact{{Type: sequenceOf(s.elem)}}, nil
}

func (s sequenceEmpty) Eval(*Env, []onnx.Value) ([]onnx.Value, error) {
	return []onnx.Value{&onnx.Sequence{Elem: onnx.UnrankedTensorType(s.elem)}}, nil
}

type sequenceConstruct struct{}

func (sequenceConstruct) Infer(_ *Env, in []Fact) ([]Fact, error) {
	elem := onnx.Undefined
	for i, f := range in {
		if elem != onnx.Undefined && f.Elem() != onnx.Undefined && f.Elem() != elem {
			return nil, fmt.Errorf("input %d is %v, those before it %v", i, f.Elem(), elem)
		}
		if elem == onnx.Undefined {
			elem = f.Elem()
		}
	}
	return []Fact{{Type: sequenceOf(elem)}}, nil
}

func (sequenceConstruct) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	return []onnx.Value{&onnx.Sequence{Elem: onnx.UnrankedTensorType(in[0].(*onnx.Tensor).Type), Values: slices.Clone(in)}}, nil
}

type sequenceInsert struct{}

func (sequenceInsert) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if of := in[0].Type.Of; in[0].Type.Kind == onnx.KindSequence && of != nil && of.Elem != onnx.Undefined && in[1].Elem() != onnx.Undefined && of.Elem != in[1].Elem() {
		return nil, fmt.Errorf("%v does not go into a sequence of %v", in[1].Elem(), of.Elem)
	}
	return []Fact{sequenceFact(in[0])}, nil
}

func (sequenceInsert) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	s, err := sequenceValue(in[0])
	if err != nil {
		return nil, err
	}
	at := len(s.Values)
	if len(in) > 2 && in[2] != nil {
		t, ok := in[2].(*onnx.Tensor)
		if !ok || t.Len() != 1 {
			return nil, fmt.Errorf("the position must be one number")
		}
		list, err := IntsOf(t)
		if err != nil {
			return nil, err
		}
		i := list[0]
		if i < 0 {
			i += int64(at)
		}
		if i < 0 || i > int64(at) {
			return nil, fmt.Errorf("position %d is outside a sequence of %d", list[0], at)
		}
		at = int(i)
	}
	return []onnx.Value{&onnx.Sequence{Elem: s.Elem, Values: slices.Insert(slices.Clone(s.Values), at, in[1])}}, nil
}

type sequenceErase struct{}

func (sequenceErase) Infer(_ *Env, in []Fact) ([]Fact, error) {
	return []Fact{sequenceFact(in[0])}, nil
}

func (sequenceErase) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	s, err := sequenceValue(in[0])
	if err != nil {
		return nil, err
	}
	at := len(s.Values) - 1
	if len(in) > 1 && in[1] != nil {
		if at, err = positionOf(in[1], len(s.Values)); err != nil {
			return nil, err
		}
	}
	if at < 0 {
		return nil, fmt.Errorf("the sequence is empty")
	}
	return []onnx.Value{&onnx.Sequence{Elem: s.Elem, Values: slices.Delete(slices.Clone(s.Values), at, at+1)}}, nil
}

type sequenceAt struct{}

func (sequenceAt) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if in[0].Type.Kind != onnx.KindSequence || in[0].Type.Of == nil {
		return []Fact{Absent}, nil
	}
	return []Fact{{Type: *in[0].Type.Of}}, nil
}

func (sequenceAt) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	s, err := sequenceValue(in[0])
	if err != nil {
		return nil, err
	}
	at, err := positionOf(in[1], len(s.Values))
	if err != nil {
		return nil, err
	}
	if err := sameType(s.Elem, s.Values[at]); err != nil {
		return nil, err
	}
	return []onnx.Value{s.Values[at]}, nil
}

type sequenceLength struct{}

func (sequenceLength) Infer(*Env, []Fact) ([]Fact, error) { return []Fact{Tensor(onnx.Int64)}, nil }

func (sequenceLength) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	s, err := sequenceValue(in[0])
	if err != nil {
		return nil, err
	}
	return []onnx.Value{onnx.Scalar64(int64(len(s.Values)))}, nil
}

type sequenceMap struct{ body *onnx.Graph }

func newSequenceMap(a *Attrs) Op {
	m := sequenceMap{a.Graph("body")}
	if a.Outputs() > len(m.body.Outputs) {
		a.Fail("%d outputs are named, the body gives %d", a.Outputs(), len(m.body.Outputs))
	}
	return m
}

func (m sequenceMap) Infer(env *Env, in []Fact) ([]Fact, error) {
	if len(in) != len(m.body.Inputs) {
		return nil, fmt.Errorf("%d inputs are given, the body takes %d", len(in), len(m.body.Inputs))
	}
	facts := make([]Fact, len(in))
	for i, f := range in {
		facts[i] = typeOnly(f)
		if f.Type.Kind == onnx.KindSequence && f.Type.Of != nil {
			facts[i] = Fact{Type: *f.Type.Of}
		}
	}
	each, err := env.InferGraph(m.body, facts)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	out := make([]Fact, len(each))
	for i, f := range each {
		out[i] = Fact{Type: sequenceOf(f.Elem())}
	}
	return out, nil
}

func (m sequenceMap) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	first, err := sequenceValue(in[0])
	if err != nil {
		return nil, err
	}
	out := make([]*onnx.Sequence, len(m.body.Outputs))
	for i := range out {
		out[i] = &onnx.Sequence{Elem: onnx.UnrankedTensorType(m.body.Outputs[i].Type.Elem)}
	}
	for k := range first.Values {
		values := slices.Clone(in)
		for i, v := range in {
			s, ok := v.(*onnx.Sequence)
			if !ok {
				continue
			}
			if len(s.Values) != len(first.Values) {
				return nil, fmt.Errorf("input %d has %d elements, the first %d", i, len(s.Values), len(first.Values))
			}
			values[i] = s.Values[k]
		}
		res, err := env.RunGraph(m.body, values)
		if err != nil {
			return nil, fmt.Errorf("body, element %d: %w", k, err)
		}
		for i, v := range res {
			t, ok := v.(*onnx.Tensor)
			if !ok {
				return nil, fmt.Errorf("body, element %d: output %d is no tensor", k, i)
			}
			out[i].Elem = onnx.UnrankedTensorType(t.Type)
			out[i].Values = append(out[i].Values, t)
		}
	}
	values := make([]onnx.Value, len(out))
	for i, s := range out {
		values[i] = s
	}
	return values, nil
}

type splitToSequence struct {
	axis int64
	keep bool
}

func (s splitToSequence) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if in[0].Ranked() {
		if _, err := Axis(s.axis, in[0].Rank()); err != nil {
			return nil, err
		}
	}
	return []Fact{{Type: sequenceOf(in[0].Elem())}}, nil
}

// sizes gives the sizes of the parts of an axis.
func (s splitToSequence) sizes(in []onnx.Value, size int64) ([]int64, error) {
	each := int64(1)
	if len(in) > 1 && in[1] != nil {
		t := in[1].(*onnx.Tensor)
		list, err := IntsOf(t)
		if err != nil {
			return nil, err
		}
		if len(t.Dims) > 0 {
			sum := int64(0)
			for _, n := range list {
				if n < 0 || n > size {
					return nil, fmt.Errorf("a part of %d cannot be", n)
				}
				sum += n
			}
			if sum != size {
				return nil, fmt.Errorf("split %v adds up to %d, the axis has %d", list, sum, size)
			}
			return list, nil
		}
		if each = list[0]; each < 1 {
			return nil, fmt.Errorf("parts of size %d cannot be", each)
		}
	}
	var sizes []int64
	for at := int64(0); at < size; at += min(each, size-at) {
		sizes = append(sizes, min(each, size-at))
	}
	return sizes, nil
}

func (s splitToSequence) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	axis, err := Axis(s.axis, len(x.Dims))
	if err != nil {
		return nil, err
	}
	sizes, err := s.sizes(in, x.Dims[axis])
	if err != nil {
		return nil, err
	}
	out := &onnx.Sequence{Elem: onnx.UnrankedTensorType(x.Type)}
	at := 0
	for _, n := range sizes {
		dims := slices.Clone(x.Dims)
		dims[axis] = n
		y, err := (split{}).part(dims, x.Dims, axis, at).eval(env, x)
		if err != nil {
			return nil, err
		}
		at += int(n)
		if !s.keep && (len(in) < 2 || in[1] == nil) {
			y = withDims(y, slices.Delete(slices.Clone(dims), axis, axis+1))
		}
		out.Values = append(out.Values, y)
	}
	return []onnx.Value{out}, nil
}

type concatFromSequence struct {
	axis  int64
	fresh bool
}

func (c concatFromSequence) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if in[0].Type.Kind != onnx.KindSequence || in[0].Type.Of == nil {
		return []Fact{Absent}, nil
	}
	return []Fact{Unranked(in[0].Type.Of.Elem)}, nil
}

func (c concatFromSequence) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	s, err := sequenceValue(in[0])
	if err != nil {
		return nil, err
	}
	if len(s.Values) == 0 {
		return nil, fmt.Errorf("the sequence is empty, there is nothing to join")
	}
	all, facts := make([]onnx.Value, len(s.Values)), make([]Fact, len(s.Values))
	axis := c.axis
	for i, v := range s.Values {
		t, ok := v.(*onnx.Tensor)
		if !ok || t.Type != s.Elem.Elem {
			return nil, fmt.Errorf("element %d is not a tensor of %v", i, s.Elem.Elem)
		}
		if c.fresh {
			at, err := Axis(c.axis, len(t.Dims)+1)
			if err != nil {
				return nil, err
			}
			axis = int64(at)
			t = withDims(t, slices.Insert(slices.Clone(t.Dims), at, 1))
		}
		all[i], facts[i] = t, FactOf(t)
	}
	join := concat{axis: axis}
	if _, err := join.Infer(env, facts); err != nil {
		return nil, err
	}
	return join.Eval(env, all)
}
