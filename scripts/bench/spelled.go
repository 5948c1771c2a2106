package main

import (
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/wire"
)

// writeFile writes a graph of the newest opset at the one that all contestants read, and so that as many as can be read it: what the
// standard lets a model leave out is spelled out, for both sides alike.
func writeFile(path string, g *onnx.Graph) error {
	if err := spellOut(g); err != nil {
		return err
	}
	lowered, err := ops.Convert(g, opset)
	if err != nil {
		return err
	}
	return wire.WriteFile(path, &onnx.Model{IRVersion: 8, ProducerName: "gonyx", Graph: lowered}, wire.WriteOptions{})
}

// spellOut gives convolutions the strides, dilations, pads and groups that they have anyway, and a reshape that keeps
// the batch a 0 for it in place of -1, which onnx-go's gorgonnx does not understand.
func spellOut(g *onnx.Graph) error {
	lifted, err := ops.Lift(g)
	if err != nil {
		return err
	}
	facts, err := ops.InferGraph(lifted, nil, 0)
	if err != nil {
		return err
	}
	for _, n := range g.Nodes {
		switch n.OpType {
		case "Conv":
			in := make([]ops.Fact, len(n.Inputs))
			for i, name := range n.Inputs {
				in[i] = facts[name]
			}
			for _, name := range ops.ProseAttributes(n.OpType) {
				if n.Attribute(name) == nil {
					n.Attributes = append(n.Attributes, ops.ProseDefault(n.OpType, name, in))
				}
			}
			if n.Attribute("group") == nil {
				n.Attributes = append(n.Attributes, onnx.AttrInt("group", 1))
			}
		case "Reshape":
			i := slices.IndexFunc(g.Initializers, func(t *onnx.Tensor) bool { return t.Name == n.Inputs[1] })
			if i >= 0 && keepsRows(facts[n.Inputs[0]].Type.Dims, g.Initializers[i].Int64s()) {
				shape := slices.Clone(g.Initializers[i].Int64s())
				shape[0] = 0
				t := onnx.FromInt64s(shape)
				t.Name = n.Inputs[1]
				g.Initializers[i] = t
			}
		}
	}
	return nil
}

// keepsRows says whether a reshape to a shape that begins with -1 leaves the first axis as it is.
func keepsRows(from []onnx.Dim, to []int64) bool {
	if len(from) == 0 || len(to) == 0 || to[0] != -1 {
		return false
	}
	before, after := int64(1), int64(1)
	for _, d := range from[1:] {
		if !d.Known() {
			return false
		}
		before *= d.Value
	}
	for _, n := range to[1:] {
		after *= n
	}
	return before == after
}
