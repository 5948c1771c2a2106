package ops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/schema"
)

// Attrs reads a node's attributes. An attribute that is left out has the schema's default. It remembers the first
// mistake, and an attribute that nobody read is one: silence is how wrong numbers ship.
type Attrs struct {
	node *onnx.Node
	op   *schema.Op
	read map[string]bool
	err  error
}

// NewAttrs reads the attributes of a node under a version of its operator.
func NewAttrs(n *onnx.Node, op *schema.Op) *Attrs {
	a := &Attrs{node: n, op: op, read: make(map[string]bool, len(n.Attributes))}
	for _, attr := range n.Attributes {
		if a.read[attr.Name] {
			a.Fail("attribute %q is given twice", attr.Name)
		}
		a.read[attr.Name] = true
	}
	clear(a.read)
	return a
}

// Node is the node whose attributes are read.
func (a *Attrs) Node() *onnx.Node { return a.node }

// Outputs says how many outputs the node names, absent ones in between included.
func (a *Attrs) Outputs() int { return len(a.node.Outputs) }

// Wants says whether the node names output i.
func (a *Attrs) Wants(i int) bool { return i < len(a.node.Outputs) && a.node.Outputs[i] != "" }

// Fail remembers a mistake; the first counts.
func (a *Attrs) Fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
}

// Err gives the first mistake. Attributes that are still unread are one.
func (a *Attrs) Err() error {
	if a.err != nil {
		return a.err
	}
	var left []string
	for _, attr := range a.node.Attributes {
		if !a.read[attr.Name] {
			left = append(left, fmt.Sprintf("%q", attr.Name))
		}
	}
	if left != nil {
		slices.Sort(left)
		return fmt.Errorf("attribute %s is not one that %s knows", strings.Join(left, ", "), a.node.OpType)
	}
	return nil
}

func (a *Attrs) get(name string, want onnx.AttributeType) *onnx.Attribute {
	a.read[name] = true
	attr := a.node.Attribute(name)
	if attr == nil {
		return nil
	}
	if attr.RefName != "" {
		a.Fail("attribute %q refers to %q of a function, and there is no function around it", name, attr.RefName)
		return nil
	}
	if attr.Type != want {
		a.Fail("attribute %q is of type %v, want %v", name, attr.Type, want)
		return nil
	}
	return attr
}

func (a *Attrs) missing(name string) {
	a.Fail("attribute %q is required", name)
}

// Has says whether the attribute is given.
func (a *Attrs) Has(name string) bool { return a.node.Attribute(name) != nil }

// Int reads an int, with the schema's default. Without a default the attribute is required.
func (a *Attrs) Int(name string) int64 {
	if attr := a.get(name, onnx.AttributeInt); attr != nil {
		return attr.Int
	}
	if s := a.op.Attribute(name); s != nil && s.HasDefault() {
		return s.Default.Int
	}
	a.missing(name)
	return 0
}

// IntOr reads an int for which the schema has no default.
func (a *Attrs) IntOr(name string, def int64) int64 {
	if attr := a.get(name, onnx.AttributeInt); attr != nil {
		return attr.Int
	}
	return def
}

// Bool reads an int that is a flag.
func (a *Attrs) Bool(name string) bool { return a.Int(name) != 0 }

// Float reads a float, with the schema's default. Without a default the attribute is required.
func (a *Attrs) Float(name string) float32 {
	if attr := a.get(name, onnx.AttributeFloat); attr != nil {
		return attr.Float
	}
	if s := a.op.Attribute(name); s != nil && s.HasDefault() {
		return s.Default.Float()
	}
	a.missing(name)
	return 0
}

// FloatOr reads a float for which the schema has no default.
func (a *Attrs) FloatOr(name string, def float32) float32 {
	if attr := a.get(name, onnx.AttributeFloat); attr != nil {
		return attr.Float
	}
	return def
}

// StrOr reads a string for which the schema has no default.
func (a *Attrs) StrOr(name, def string) string {
	if attr := a.get(name, onnx.AttributeString); attr != nil {
		return string(attr.Str)
	}
	return def
}

// Str reads a string, with the schema's default. Without a default the attribute is required.
func (a *Attrs) Str(name string) string {
	if attr := a.get(name, onnx.AttributeString); attr != nil {
		return string(attr.Str)
	}
	if s := a.op.Attribute(name); s != nil && s.HasDefault() {
		return s.Default.Str
	}
	a.missing(name)
	return ""
}

// OneOf reads a string, with the schema's default, that must be one of the words.
func (a *Attrs) OneOf(name string, words ...string) string {
	s := a.Str(name)
	if a.err == nil && !slices.Contains(words, s) {
		a.Fail("attribute %q is %q, want one of %s", name, s, strings.Join(words, ", "))
	}
	return s
}

// Ints reads a list of ints, or nil where it is left out.
func (a *Attrs) Ints(name string) []int64 {
	if attr := a.get(name, onnx.AttributeInts); attr != nil {
		if attr.Ints == nil {
			return []int64{}
		}
		return attr.Ints
	}
	if s := a.op.Attribute(name); s != nil && s.HasDefault() {
		return s.Default.Ints
	}
	return nil
}

// Floats reads a list of floats, or nil where it is left out.
func (a *Attrs) Floats(name string) []float32 {
	if attr := a.get(name, onnx.AttributeFloats); attr != nil {
		return attr.Floats
	}
	return nil
}

// Strs reads a list of strings, or nil where it is left out.
func (a *Attrs) Strs(name string) []string {
	attr := a.get(name, onnx.AttributeStrings)
	if attr == nil {
		return nil
	}
	s := make([]string, len(attr.Strs))
	for i, b := range attr.Strs {
		s[i] = string(b)
	}
	return s
}

// Tensor reads a tensor, or nil where it is left out.
func (a *Attrs) Tensor(name string) *onnx.Tensor {
	attr := a.get(name, onnx.AttributeTensor)
	if attr == nil {
		return nil
	}
	if attr.Tensor == nil || !attr.Tensor.Bound() {
		a.Fail("attribute %q is a tensor without data", name)
		return nil
	}
	return attr.Tensor
}

// Graph reads a graph, which is required.
func (a *Attrs) Graph(name string) *onnx.Graph {
	if attr := a.get(name, onnx.AttributeGraph); attr != nil && attr.Graph != nil {
		return attr.Graph
	}
	a.missing(name)
	return &onnx.Graph{}
}

// Elem reads an int that is an element type, with the schema's default or def where it has none.
func (a *Attrs) Elem(name string, def onnx.ElemType) onnx.ElemType {
	v := a.IntOr(name, int64(def))
	if s := a.op.Attribute(name); s != nil && s.HasDefault() && !a.Has(name) {
		v = s.Default.Int
	}
	t := onnx.ElemType(v)
	if a.err == nil && t != def && !t.Valid() {
		a.Fail("attribute %q is %d, which is no element type", name, v)
	}
	return t
}

// Type reads a type, or nil where it is left out.
func (a *Attrs) Type(name string) *onnx.Type {
	if attr := a.get(name, onnx.AttributeTypeProto); attr != nil {
		return attr.TypeProto
	}
	return nil
}

// Sparse reads a sparse tensor, or nil where it is left out.
func (a *Attrs) Sparse(name string) *onnx.SparseTensor {
	if attr := a.get(name, onnx.AttributeSparseTensor); attr != nil {
		return attr.SparseTensor
	}
	return nil
}
