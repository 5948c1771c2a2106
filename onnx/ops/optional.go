package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// Optional: a value that may be missing: the input's, or nothing of the type in the attribute. OptionalHasElement says whether there is one
// (false where the input is absent), OptionalGetElement gives it. Both take a plain tensor or sequence, too, as one that is there.
// 15: first · 18: plain values, an absent input.
// https://onnx.ai/onnx/operators/onnx__Optional.html and the pages of the others

func optionalFamily() []Meaning {
	return []Meaning{
		{Name: "Optional", Class: Exact, New: func(a *Attrs) Op { return optional{a.Type("type")} }},
		{Name: "OptionalHasElement", Class: Exact, New: func(*Attrs) Op { return hasElement{} }},
		{Name: "OptionalGetElement", Class: Exact, New: func(*Attrs) Op { return getElement{} }},
	}
}

type optional struct{ of *onnx.Type }

func (o optional) Infer(_ *Env, in []Fact) ([]Fact, error) {
	of := o.of
	if len(in) > 0 && !in[0].Absent() {
		of = &in[0].Type
	}
	if of == nil {
		return nil, fmt.Errorf("neither an input nor the attribute \"type\" is given")
	}
	t := *of
	return []Fact{{Type: onnx.Type{Kind: onnx.KindOptional, Of: &t}}}, nil
}

func (o optional) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	if len(in) > 0 && in[0] != nil {
		return []onnx.Value{&onnx.Optional{Elem: onnx.TypeOf(in[0]), Value: in[0]}}, nil
	}
	return []onnx.Value{&onnx.Optional{Elem: *o.of}}, nil
}

type hasElement struct{}

func (hasElement) Infer(*Env, []Fact) ([]Fact, error) { return []Fact{Tensor(onnx.Bool)}, nil }

func (hasElement) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	has := len(in) > 0 && in[0] != nil
	if has {
		if o, ok := in[0].(*onnx.Optional); ok {
			has = o.Value != nil
		}
	}
	y := onnx.NewTensor(onnx.Bool)
	y.Bools()[0] = has
	return []onnx.Value{y}, nil
}

type getElement struct{}

func (getElement) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if in[0].Type.Kind != onnx.KindOptional {
		return []Fact{typeOnly(in[0])}, nil
	}
	if in[0].Type.Of == nil {
		return []Fact{Absent}, nil
	}
	return []Fact{{Type: *in[0].Type.Of}}, nil
}

func (getElement) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	o, ok := in[0].(*onnx.Optional)
	if !ok {
		return in[:1], nil
	}
	if o.Value == nil {
		return nil, fmt.Errorf("the optional has no element")
	}
	if err := sameType(o.Elem, o.Value); err != nil {
		return nil, err
	}
	return []onnx.Value{o.Value}, nil
}
