package graphs

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Extend starts a builder with what a graph has, lifted to the newest opset, so that more can be recorded behind it. Its
// initializers without data stay such; they are no parameters of the builder's model, for how they start is not known here.
// It fails where the graph cannot be lifted, and, wrapping ops.ErrUnsupported, where a node keeps an older version. The graph
// is left alone.
func Extend(g *onnx.Graph) (*Builder, error) {
	l, err := ops.Lift(g)
	if err != nil {
		return nil, err
	}
	for i, n := range l.Graph.Nodes {
		if version, held := l.Held[n]; held {
			return nil, fmt.Errorf("%s: version %d of the operator is %w yet", ops.Place(n, i), version, ops.ErrUnsupported)
		}
	}
	b := New(g.Name)
	b.graph, b.facts = l.Graph, l.Facts
	b.graph.Inputs, b.graph.Outputs = slices.Clone(l.Graph.Inputs), slices.Clone(l.Graph.Outputs)
	for name := range b.facts {
		b.values[name] = 1
	}
	for _, v := range b.graph.Outputs {
		b.rename[v.Name] = v.Name // a second name needs a value of its own
	}
	b.takeNames(b.graph)
	return b, nil
}

// takeNames keeps the names of nodes, and of values inside subgraphs, which may hide those around them.
func (b *Builder) takeNames(g *onnx.Graph) {
	for _, n := range g.Nodes {
		b.nodes[n.Name] = 1
		for _, name := range n.Outputs {
			b.values[name] = 1
		}
		for _, a := range n.Attributes {
			for _, sub := range a.Subgraphs() {
				for _, v := range sub.Inputs {
					b.values[v.Name] = 1
				}
				for _, t := range sub.Initializers {
					b.values[t.Name] = 1
				}
				b.takeNames(sub)
			}
		}
	}
}

// Value finds a value by the name under which it is recorded.
func (b *Builder) Value(name string) (Value, bool) {
	_, ok := b.facts[name]
	return Value{b, name}, ok && name != ""
}

// Nodes lists what is recorded so far, in running order. The nodes are the builder's own: read them only.
func (b *Builder) Nodes() []*onnx.Node { return slices.Clone(b.graph.Nodes) }

// Err gives the first mistake.
func (b *Builder) Err() error { return b.err }

// Name is the name under which the value is recorded. [Builder.Output] gives it another in the finished graph.
func (v Value) Name() string { return v.name }
