package graphs

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Part gives what computes some values from others, of all that is recorded, as a graph of its own: the inputs may be any values,
// and what is before them does not count. Inputs and outputs keep the names that they are recorded under; an output that is an
// input, a constant or there twice gets one of its own. More can be recorded afterwards. It gives the builder's first mistake, and
// fails where an output depends on an input of the builder that is not among the inputs.
func (b *Builder) Part(name string, inputs, outputs []Value) (*onnx.Graph, error) {
	if b.err != nil {
		return nil, b.err
	}
	g := &onnx.Graph{Name: name, Doc: b.graph.Doc, Opsets: slices.Clone(b.graph.Opsets)}
	taken := make(map[string]int, len(b.values))
	for value := range b.values {
		taken[value] = 1
	}
	done := make(map[string]bool)
	for i, v := range inputs {
		if v.b != b || done[v.name] {
			return nil, fmt.Errorf("graphs: %s: input %d (%q) belongs to another builder or is there twice", name, i, v.name)
		}
		done[v.name] = true
		g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: v.name, Type: v.Fact().Type})
	}
	made := b.producers()
	wanted := make(map[string]bool)
	var identities []*onnx.Node
	for i, v := range outputs {
		if v.b != b {
			return nil, fmt.Errorf("graphs: %s: output %d (%q) belongs to another builder", name, i, v.name)
		}
		out := v.name
		if wanted[v.name] || done[v.name] || made[v.name] == nil {
			out = unique(taken, v.name)
			identities = append(identities, &onnx.Node{Name: unique(b.nodes, "identity"), OpType: "Identity", Inputs: []string{v.name}, Outputs: []string{out}})
		}
		wanted[v.name] = true
		g.Outputs = append(g.Outputs, &onnx.ValueInfo{Name: out, Type: v.Fact().Type})
	}
	for _, n := range slices.Backward(b.graph.Nodes) {
		if slices.ContainsFunc(n.Outputs, func(out string) bool { return out != "" && wanted[out] && !done[out] }) {
			g.Nodes = append(g.Nodes, n.Clone())
			ops.Reads(n, func(in string) { wanted[in] = true })
		}
	}
	slices.Reverse(g.Nodes)
	g.Nodes = append(g.Nodes, identities...)
	for _, t := range b.graph.Initializers {
		if wanted[t.Name] && !done[t.Name] {
			g.Initializers = append(g.Initializers, t)
			done[t.Name] = true
		}
	}
	for _, t := range b.graph.SparseInitializers {
		if wanted[t.Name()] && !done[t.Name()] {
			g.SparseInitializers = append(g.SparseInitializers, t)
			done[t.Name()] = true
		}
	}
	for _, v := range b.graph.Inputs {
		if wanted[v.Name] && !done[v.Name] {
			return nil, fmt.Errorf("graphs: %s: an output depends on input %q, which is not among the inputs", name, v.Name)
		}
	}
	return g, nil
}

// producers gives by value the node that makes it.
func (b *Builder) producers() map[string]*onnx.Node {
	made := make(map[string]*onnx.Node)
	for _, n := range b.graph.Nodes {
		for _, out := range n.Outputs {
			made[out] = n
		}
	}
	return made
}
