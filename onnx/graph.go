package onnx

import "slices"

// Graph is a list of nodes over named values (GraphProto), with the opsets and functions that give them meaning.
//
// A value is an input, an initializer or the output of one node; its name is unique in the graph. Nodes stand in an
// order in which every value is produced before it is used. A subgraph (an attribute of If, Loop or Scan) sees the
// values of the graphs around it and has neither Opsets nor Functions of its own.
type Graph struct {
	Name               string
	Doc                string
	Opsets             []Opset
	Functions          []*Function
	Nodes              []*Node
	Inputs             []*ValueInfo
	Outputs            []*ValueInfo
	ValueInfo          []*ValueInfo // types of values in between, where the file states them
	Initializers       []*Tensor    // a tensor without data is a parameter that is not yet bound, see [Tensor.Bound]
	SparseInitializers []*SparseTensor
	Quantization       []*QuantizationAnnotation
	Metadata           []Entry
	Unknown            []byte
}

// Opset gives the version imported for a domain, or 0 where there is none.
func (g *Graph) Opset(domain string) int64 {
	domain = NormalDomain(domain)
	for _, o := range g.Opsets {
		if NormalDomain(o.Domain) == domain {
			return o.Version
		}
	}
	return 0
}

// Initializer gives the initializer of that name, or nil.
func (g *Graph) Initializer(name string) *Tensor {
	for _, t := range g.Initializers {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// RequiredInputs lists the inputs a caller must feed: those without an initializer of the same name.
func (g *Graph) RequiredInputs() []*ValueInfo {
	defaults := make(map[string]bool, len(g.Initializers)+len(g.SparseInitializers))
	for _, t := range g.Initializers {
		defaults[t.Name] = true
	}
	for _, t := range g.SparseInitializers {
		defaults[t.Name()] = true
	}
	var required []*ValueInfo
	for _, v := range g.Inputs {
		if !defaults[v.Name] {
			required = append(required, v)
		}
	}
	return required
}

// Clone copies the graph so that its lists, nodes and attributes can be changed without touching the original.
// Tensor bytes are shared: treat them as read-only.
func (g *Graph) Clone() *Graph {
	c := *g
	c.Opsets = slices.Clone(g.Opsets)
	c.Functions = slices.Clone(g.Functions)
	c.Nodes = make([]*Node, len(g.Nodes))
	for i, n := range g.Nodes {
		c.Nodes[i] = n.Clone()
	}
	c.Inputs = slices.Clone(g.Inputs)
	c.Outputs = slices.Clone(g.Outputs)
	c.ValueInfo = slices.Clone(g.ValueInfo)
	c.Initializers = make([]*Tensor, len(g.Initializers))
	for i, t := range g.Initializers {
		shallow := *t
		c.Initializers[i] = &shallow
	}
	c.SparseInitializers = slices.Clone(g.SparseInitializers)
	c.Quantization = slices.Clone(g.Quantization)
	c.Metadata = slices.Clone(g.Metadata)
	return &c
}

// Node applies an operator to values (NodeProto). An empty name among Inputs or Outputs means that an optional
// one is absent.
type Node struct {
	Name       string
	OpType     string
	Domain     string
	Overload   string
	Doc        string
	Inputs     []string
	Outputs    []string
	Attributes []*Attribute
	Metadata   []Entry
	Devices    []*NodeDevice
	Unknown    []byte
}

// Attribute gives the attribute of that name, or nil.
func (n *Node) Attribute(name string) *Attribute {
	for _, a := range n.Attributes {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Clone copies the node and its attributes, subgraphs included. Tensor bytes are shared.
func (n *Node) Clone() *Node {
	c := *n
	c.Inputs = slices.Clone(n.Inputs)
	c.Outputs = slices.Clone(n.Outputs)
	c.Attributes = make([]*Attribute, len(n.Attributes))
	for i, a := range n.Attributes {
		c.Attributes[i] = a.Clone()
	}
	return &c
}

// ValueInfo is a value's name and type (ValueInfoProto).
type ValueInfo struct {
	Name     string
	Type     Type
	Doc      string
	Metadata []Entry
	Unknown  []byte
}

// QuantizationAnnotation ties a tensor to its scale and zero point (TensorAnnotation).
type QuantizationAnnotation struct {
	TensorName string
	Parameters []Entry // "SCALE_TENSOR", "ZERO_POINT_TENSOR", … → tensor name
	Unknown    []byte
}

// NodeDevice places a node on devices (NodeDeviceConfigurationProto).
type NodeDevice struct {
	ConfigurationID string
	Sharding        []*ShardingSpec
	PipelineStage   int32
	HasStage        bool
	Unknown         []byte
}

// ShardingSpec says how one tensor of a node is spread over devices (ShardingSpecProto).
type ShardingSpec struct {
	TensorName string
	Devices    []int64
	Groups     []DeviceGroup
	Dims       []*ShardedDim
	Unknown    []byte
}

// DeviceGroup maps one logical device index to several devices (IntIntListEntryProto).
type DeviceGroup struct {
	Key     int64
	Values  []int64
	Unknown []byte
}

// ShardedDim says how one axis is sharded (ShardedDimProto).
type ShardedDim struct {
	Axis     int64
	Sharding []*SimpleShardedDim
	Unknown  []byte
}

// SimpleShardedDim splits an extent over a number of shards (SimpleShardedDimProto).
type SimpleShardedDim struct {
	Extent    Dim
	NumShards int64
	Unknown   []byte
}
