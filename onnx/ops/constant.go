package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Constant: a value that stands in the node, in one of the attributes value, sparse_value (written out), value_float(s),
// value_int(s) (int64), value_string(s).
// 1: value · 11: sparse_value · 12: the others · 9, 13, 19, 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__Constant.html
//
// ConstantOfShape: one value, a float 0 by default, in every element of a shape. input int64 [rank] → [input…].
// 9: first · 20, 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html

func constantFamily() []Meaning {
	return []Meaning{
		{
			Name: "Constant", Class: Exact, New: newConstant,
			Downgrade: map[int64]Rewrite{11: constantDown, 12: constantDown12},
		},
		{Name: "ConstantOfShape", Class: Exact, New: newConstantOfShape},
	}
}

type constant struct {
	value  *onnx.Tensor
	sparse *onnx.SparseTensor // where value is nil; written out only when it is asked for, since it may be large
}

func newConstant(a *Attrs) Op {
	if a.Has("sparse_value") && len(a.Node().Attributes) == 1 {
		s := a.Sparse("sparse_value")
		if s == nil || s.Values == nil || s.Indices == nil {
			a.Fail("attribute \"sparse_value\" has no tensor")
		}
		return constant{sparse: s}
	}
	t, err := constantValue(a.Node(), a)
	if err != nil {
		a.Fail("%w", err)
	}
	return constant{value: t}
}

// constantValue gives the value that a Constant node of any version holds.
func constantValue(n *onnx.Node, a *Attrs) (*onnx.Tensor, error) {
	if len(n.Attributes) != 1 {
		return nil, fmt.Errorf("it has %d attributes, want one of value, sparse_value, value_float, …", len(n.Attributes))
	}
	switch name := n.Attributes[0].Name; name {
	case "value":
		return a.Tensor(name), nil
	case "sparse_value":
		s := a.Sparse(name)
		if s == nil {
			return nil, fmt.Errorf("attribute %q has no tensor", name)
		}
		return Densify(s, 0)
	case "value_float":
		return onnx.Scalar32(a.Float(name)), nil
	case "value_floats":
		v := slices.Clone(a.Floats(name))
		return onnx.FromFloat32s(v, int64(len(v))), nil
	case "value_int":
		return onnx.Scalar64(a.IntOr(name, 0)), nil
	case "value_ints":
		return onnx.FromInt64s(slices.Clone(a.Ints(name))), nil
	case "value_string":
		return onnx.FromStrings([]string{a.Str(name)}, []int64{}...), nil
	case "value_strings":
		v := a.Strs(name)
		return onnx.FromStrings(v, int64(len(v))), nil
	}
	return nil, nil // an unknown attribute, which the reader reports
}

func (c constant) Infer(*Env, []Fact) ([]Fact, error) {
	if c.value == nil {
		return []Fact{Tensor(c.sparse.Values.Type, onnx.FixedDims(c.sparse.Dims...)...)}, nil
	}
	return []Fact{Known(c.value)}, nil
}

func (c constant) Eval(env *Env, _ []onnx.Value) ([]onnx.Value, error) {
	if c.value != nil {
		return []onnx.Value{c.value}, nil
	}
	t, err := Densify(c.sparse, env.Limit)
	if err != nil {
		return nil, fmt.Errorf("attribute \"sparse_value\": %w", err)
	}
	return []onnx.Value{t}, nil
}

// constantDown12 writes the attributes of opset 12 as a tensor.
func constantDown12(r *Rewriter) error {
	if r.Node.Attribute("sparse_value") != nil {
		return r.Keep()
	}
	return constantDown(r)
}

// constantDown writes every attribute as a tensor.
func constantDown(r *Rewriter) error {
	s, _ := Schema("", "Constant", 0)
	a := NewAttrs(r.Node, s)
	t, err := constantValue(r.Node, a)
	if err == nil {
		err = a.Err()
	}
	if err != nil {
		return err
	}
	r.Node.Attributes = []*onnx.Attribute{onnx.AttrTensor("value", t)}
	return r.Keep()
}

type constantOfShape struct{ value *onnx.Tensor }

func newConstantOfShape(a *Attrs) Op {
	v := a.Tensor("value")
	switch {
	case v == nil:
		v = onnx.FromFloat32s([]float32{0}, 1)
	case v.Len() != 1:
		a.Fail("attribute \"value\" is %v, want one element", v)
	}
	return constantOfShape{v}
}

func (c constantOfShape) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := wantVector(in[0], "the shape"); err != nil {
		return nil, err
	}
	if sizes, ok := in[0].KnownInts(); ok {
		if _, err := onnx.Elements(sizes); err != nil {
			return nil, err
		}
	}
	if dims, ok := in[0].Ints(); ok {
		return []Fact{Tensor(c.value.Type, slices.Clone(dims)...)}, nil
	}
	return []Fact{Unranked(c.value.Type)}, nil
}

func (c constantOfShape) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	dims := slices.Clone(in[0].(*onnx.Tensor).Int64s())
	y, err := env.newCells(c.value.Type, dims)
	if err != nil {
		return nil, err
	}
	y.fill(cellsOf(c.value))
	return []onnx.Value{y.tensor(dims)}, nil
}
