package graphs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/schema"
)

// formAttr is an attribute that counts.
type formAttr struct {
	name    string
	value   *onnx.Attribute
	weights []*formWeight // of an attribute that is a tensor or tensors
	graphs  []*Form       // of one that is a graph or graphs
	code    string
}

// describe fills in what a node is by itself: operator, version, attributes, subgraphs. It gives the values around that the
// subgraphs use, in the order of their numbers there.
func (s *formScope) describe(n *onnx.Node, place int, made *formNode) ([]source, error) {
	domain := onnx.NormalDomain(n.Domain)
	made.version = s.walk.lifted.Held[n]
	op, ok := ops.Schema(domain, n.OpType, made.version)
	if !ok {
		return nil, fmt.Errorf("the operator has no schema")
	}
	made.label, made.opType = labelOf(n, place), n.OpType
	if domain != onnx.DomainDefault {
		made.opType = domain + "." + n.OpType
	}
	made.outputs = outputsThatCount(n, op, made.version)
	made.types = s.types(n)
	outer, err := s.attributes(n, op, made)
	if err != nil {
		return nil, err
	}
	made.encode()
	return outer, nil
}

func labelOf(n *onnx.Node, place int) string {
	if n.Name != "" {
		return fmt.Sprintf("node %q", n.Name)
	}
	for _, out := range n.Outputs {
		if out != "" {
			return fmt.Sprintf("node %d (makes %q)", place, out)
		}
	}
	return fmt.Sprintf("node %d", place)
}

// outputsThatCount encodes how many outputs a node names, where that says what it does: a variadic operator makes as many
// as are named, and some older versions took the number for a mode. Otherwise an output that nothing reads does not count.
func outputsThatCount(n *onnx.Node, op *schema.Op, held int64) string {
	if held != 0 {
		named := ""
		for _, out := range n.Outputs {
			if out == "" {
				named += "-"
			} else {
				named += "+"
			}
		}
		return named
	}
	if params := op.Outputs.Params; len(params) > 0 && params[len(params)-1].Variadic {
		return fmt.Sprint(len(n.Outputs))
	}
	return ""
}

// types gives what is known of a node's outputs, for printing.
func (s *formScope) types(n *onnx.Node) []onnx.Type {
	if s.outer != nil {
		return nil
	}
	types := make([]onnx.Type, len(n.Outputs))
	for i, out := range n.Outputs {
		if out != "" {
			types[i] = s.walk.lifted.Facts[out].Type
		}
	}
	return types
}

// attributes takes the node's attributes by name, fills in those that the schema gives a default, and leaves out those that
// are given as the standard's prose has them when they are left out.
func (s *formScope) attributes(n *onnx.Node, op *schema.Op, made *formNode) ([]source, error) {
	given := make(map[string]bool, len(n.Attributes))
	list := make([]*onnx.Attribute, 0, len(n.Attributes)+len(op.Attributes))
	for _, a := range n.Attributes {
		switch {
		case given[a.Name]:
			return nil, fmt.Errorf("attribute %q is given twice", a.Name)
		case a.RefName != "":
			return nil, fmt.Errorf("attribute %q refers to %q of a function, and there is no function around it", a.Name, a.RefName)
		}
		given[a.Name] = true
		if !s.asProseHasIt(n, a) {
			list = append(list, a)
		}
	}
	for i := range op.Attributes {
		if d := &op.Attributes[i]; d.HasDefault() && !given[d.Name] {
			list = append(list, defaultOf(d))
		}
	}
	slices.SortFunc(list, func(a, b *onnx.Attribute) int { return strings.Compare(a.Name, b.Name) })
	var outer []source
	number := make(map[source]int)
	for _, a := range list {
		f := formAttr{name: a.Name, value: a}
		if err := s.attribute(&f, number, &outer); err != nil {
			return nil, fmt.Errorf("attribute %q: %w", a.Name, err)
		}
		made.attrs = append(made.attrs, f)
	}
	return outer, nil
}

func defaultOf(d *schema.Attribute) *onnx.Attribute {
	v := d.Default
	a := &onnx.Attribute{Name: d.Name, Type: onnx.AttributeType(d.Type)}
	switch d.Type {
	case schema.Int:
		a.Int = v.Int
	case schema.Float:
		a.Float = v.Float()
	case schema.String:
		a.Str = []byte(v.Str)
	case schema.Ints:
		a.Ints = v.Ints
	case schema.Strings:
		for _, s := range v.Strs {
			a.Strs = append(a.Strs, []byte(s))
		}
	}
	return a
}

// asProseHasIt says whether an attribute has the value that the standard's prose gives it when it is left out. It is decided
// without the rank of the node's input, which may not be known: the length of the list says for which rank it was
// written. Only a kernel's shape has to be held against the weight's.
func (s *formScope) asProseHasIt(n *onnx.Node, a *onnx.Attribute) bool {
	if a.Type != onnx.AttributeInts || onnx.NormalDomain(n.Domain) != onnx.DomainDefault ||
		!slices.Contains(ops.ProseAttributes(n.OpType), a.Name) {
		return false
	}
	facts := make([]ops.Fact, len(n.Inputs))
	for i, name := range n.Inputs {
		if i < maxProseInputs {
			facts[i] = s.fact(name)
		}
	}
	if len(facts) == 0 {
		return false
	}
	for _, rank := range [...]int{len(a.Ints), len(a.Ints) + 2, len(a.Ints)/2 + 2} {
		facts[0] = ops.Tensor(onnx.Undefined, make([]onnx.Dim, rank)...)
		if d := ops.ProseDefault(n.OpType, a.Name, facts); d != nil && slices.Equal(d.Ints, a.Ints) {
			return true
		}
	}
	return false
}

// maxProseInputs is more inputs than any operator has whose prose gives a default.
const maxProseInputs = 16

// fact gives what is known of a value's type.
func (s *formScope) fact(name string) ops.Fact {
	from, err := s.find(name)
	switch {
	case err != nil || name == "":
		return ops.Absent
	case from.kind == operandWeight && from.weight.tensor != nil:
		return ops.Tensor(from.weight.tensor.Type, onnx.FixedDims(from.weight.tensor.Dims...)...)
	case from.kind == operandWeight && from.weight.sparse != nil:
		return ops.Fact{Type: onnx.TypeOf(from.weight.sparse)}
	case s.outer == nil:
		return s.walk.lifted.Facts[name]
	}
	return ops.Absent
}

// attribute encodes a value and makes the forms of the graphs in it. number and outer collect the values around that they use.
func (s *formScope) attribute(f *formAttr, number map[source]int, outer *[]source) error {
	a := f.value
	var c code
	c.number(int64(a.Type))
	switch a.Type {
	case onnx.AttributeInt:
		c.number(a.Int)
	case onnx.AttributeFloat:
		c.float(a.Float)
	case onnx.AttributeString:
		c.text(string(a.Str))
	case onnx.AttributeInts:
		c.numbers(a.Ints)
	case onnx.AttributeFloats:
		c.number(int64(len(a.Floats)))
		for _, v := range a.Floats {
			c.float(v)
		}
	case onnx.AttributeStrings:
		c.number(int64(len(a.Strs)))
		for _, v := range a.Strs {
			c.text(string(v))
		}
	case onnx.AttributeTypeProto:
		c.types(a.TypeProto)
	case onnx.AttributeTypeProtos:
		c.types(a.TypeProtos...)
	case onnx.AttributeTensor:
		return s.tensors(f, c, []*onnx.Tensor{a.Tensor}, nil)
	case onnx.AttributeTensors:
		return s.tensors(f, c, a.Tensors, nil)
	case onnx.AttributeSparseTensor:
		return s.tensors(f, c, nil, []*onnx.SparseTensor{a.SparseTensor})
	case onnx.AttributeSparseTensors:
		return s.tensors(f, c, nil, a.SparseTensors)
	case onnx.AttributeGraph, onnx.AttributeGraphs:
		return s.subgraphs(f, c, number, outer)
	default:
		return fmt.Errorf("its type is %v", a.Type)
	}
	f.code = string(c)
	return nil
}

func (s *formScope) tensors(f *formAttr, c code, dense []*onnx.Tensor, sparse []*onnx.SparseTensor) error {
	for _, t := range dense {
		if t == nil || !t.Bound() && t.External == nil {
			return fmt.Errorf("a tensor has no data")
		}
		f.weights = append(f.weights, &formWeight{name: f.name, tensor: t})
	}
	for _, t := range sparse {
		if t == nil {
			return fmt.Errorf("a sparse tensor is missing")
		}
		f.weights = append(f.weights, &formWeight{name: f.name, sparse: t})
	}
	c.number(int64(len(f.weights)))
	for _, w := range f.weights {
		if err := w.load(s.walk); err != nil {
			return err
		}
		c = append(c, w.sum[:]...)
	}
	f.code = string(c)
	return nil
}

func (s *formScope) subgraphs(f *formAttr, c code, number map[source]int, outer *[]source) error {
	list := f.value.Subgraphs()
	c.number(int64(len(list)))
	for _, g := range list {
		if g == nil {
			return fmt.Errorf("the graph is missing")
		}
		form, uses, err := s.walk.graph(g, s)
		if err != nil {
			return err
		}
		f.graphs = append(f.graphs, form)
		c = append(c, form.digest[:]...)
		c.number(int64(len(uses)))
		for _, from := range uses {
			at, ok := number[from]
			if !ok {
				at = len(*outer)
				number[from] = at
				*outer = append(*outer, from)
			}
			c.number(int64(at))
		}
	}
	f.code = string(c)
	return nil
}
