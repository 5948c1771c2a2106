package onnx

import "slices"

// AttributeType says which field of an [Attribute] holds its value. The numbers are the format's.
type AttributeType int32

// The attribute types.
const (
	AttributeUndefined     AttributeType = 0
	AttributeFloat         AttributeType = 1
	AttributeInt           AttributeType = 2
	AttributeString        AttributeType = 3
	AttributeTensor        AttributeType = 4
	AttributeGraph         AttributeType = 5
	AttributeFloats        AttributeType = 6
	AttributeInts          AttributeType = 7
	AttributeStrings       AttributeType = 8
	AttributeTensors       AttributeType = 9
	AttributeGraphs        AttributeType = 10
	AttributeSparseTensor  AttributeType = 11
	AttributeSparseTensors AttributeType = 12
	AttributeTypeProto     AttributeType = 13
	AttributeTypeProtos    AttributeType = 14
)

// String gives the schema's word for the type: "int", "list of ints", …
func (t AttributeType) String() string {
	names := [...]string{"undefined", "float", "int", "string", "tensor", "graph", "list of floats", "list of ints",
		"list of strings", "list of tensors", "list of graphs", "sparse_tensor", "list of sparse_tensors", "type_proto",
		"list of type_protos"}
	if t < 0 || int(t) >= len(names) {
		return "unknown attribute type"
	}
	return names[t]
}

// Attribute is a named constant of a node (AttributeProto). Type says which value field counts.
type Attribute struct {
	Name          string
	Doc           string
	RefName       string // in a function body: the function's attribute that gives the value
	Type          AttributeType
	Float         float32
	Int           int64
	Str           []byte
	Tensor        *Tensor
	Graph         *Graph
	SparseTensor  *SparseTensor
	TypeProto     *Type
	Floats        []float32
	Ints          []int64
	Strs          [][]byte
	Tensors       []*Tensor
	Graphs        []*Graph
	SparseTensors []*SparseTensor
	TypeProtos    []*Type
	Unknown       []byte
}

// AttrInt makes an int attribute.
func AttrInt(name string, v int64) *Attribute {
	return &Attribute{Name: name, Type: AttributeInt, Int: v}
}

// AttrFloat makes a float attribute.
func AttrFloat(name string, v float32) *Attribute {
	return &Attribute{Name: name, Type: AttributeFloat, Float: v}
}

// AttrString makes a string attribute.
func AttrString(name, v string) *Attribute {
	return &Attribute{Name: name, Type: AttributeString, Str: []byte(v)}
}

// AttrInts makes a list-of-ints attribute.
func AttrInts(name string, v ...int64) *Attribute {
	return &Attribute{Name: name, Type: AttributeInts, Ints: v}
}

// AttrFloats makes a list-of-floats attribute.
func AttrFloats(name string, v ...float32) *Attribute {
	return &Attribute{Name: name, Type: AttributeFloats, Floats: v}
}

// AttrTensor makes a tensor attribute.
func AttrTensor(name string, v *Tensor) *Attribute {
	return &Attribute{Name: name, Type: AttributeTensor, Tensor: v}
}

// AttrGraph makes a graph attribute.
func AttrGraph(name string, v *Graph) *Attribute {
	return &Attribute{Name: name, Type: AttributeGraph, Graph: v}
}

// Subgraphs lists the graphs inside the attribute.
func (a *Attribute) Subgraphs() []*Graph {
	switch a.Type {
	case AttributeGraph:
		return []*Graph{a.Graph}
	case AttributeGraphs:
		return a.Graphs
	}
	return nil
}

// Clone copies the attribute, subgraphs included. Tensor bytes are shared.
func (a *Attribute) Clone() *Attribute {
	c := *a
	c.Floats = slices.Clone(a.Floats)
	c.Ints = slices.Clone(a.Ints)
	if a.Graph != nil {
		c.Graph = a.Graph.Clone()
	}
	if a.Graphs != nil {
		c.Graphs = make([]*Graph, len(a.Graphs))
		for i, g := range a.Graphs {
			c.Graphs[i] = g.Clone()
		}
	}
	return &c
}
