package graphs

import "github.com/gonyx/gonyx/onnx"

// maxNesting bounds how deep graphs nest, as decoding does.
const maxNesting = 100

// withoutHints drops the shapes that a graph states of values in between, so that stating them cannot make a difference: to
// what is inferred, nor to what can be lifted. Outputs of the outermost graph keep theirs.
func withoutHints(g *onnx.Graph, outermost bool, depth int) *onnx.Graph {
	c := *g
	c.ValueInfo = withoutShapes(g.ValueInfo)
	if !outermost {
		c.Outputs = withoutShapes(g.Outputs)
	}
	if depth >= maxNesting {
		return &c // lifting refuses it
	}
	c.Nodes = make([]*onnx.Node, len(g.Nodes))
	for i, n := range g.Nodes {
		c.Nodes[i] = nodeWithoutHints(n, depth)
	}
	if len(g.Functions) > 0 {
		c.Functions = make([]*onnx.Function, len(g.Functions))
		for i, f := range g.Functions {
			body := *f
			body.ValueInfo = withoutShapes(f.ValueInfo)
			body.Nodes = make([]*onnx.Node, len(f.Nodes))
			for k, n := range f.Nodes {
				body.Nodes[k] = nodeWithoutHints(n, depth)
			}
			c.Functions[i] = &body
		}
	}
	return &c
}

func nodeWithoutHints(n *onnx.Node, depth int) *onnx.Node {
	nested := false
	for _, a := range n.Attributes {
		nested = nested || a.Subgraphs() != nil
	}
	if !nested {
		return n
	}
	c := *n
	c.Attributes = make([]*onnx.Attribute, len(n.Attributes))
	for i, a := range n.Attributes {
		c.Attributes[i] = a
		if a.Subgraphs() == nil {
			continue
		}
		b := *a
		if a.Graph != nil {
			b.Graph = withoutHints(a.Graph, false, depth+1)
		}
		if a.Graphs != nil {
			b.Graphs = make([]*onnx.Graph, len(a.Graphs))
		}
		for k, g := range a.Graphs {
			if g != nil {
				b.Graphs[k] = withoutHints(g, false, depth+1)
			}
		}
		c.Attributes[i] = &b
	}
	return &c
}

func withoutShapes(list []*onnx.ValueInfo) []*onnx.ValueInfo {
	if list == nil {
		return nil
	}
	bare := make([]*onnx.ValueInfo, len(list))
	for i, v := range list {
		c := *v
		c.Type = withoutShape(v.Type)
		bare[i] = &c
	}
	return bare
}

func withoutShape(t onnx.Type) onnx.Type {
	t.Ranked, t.Dims = false, nil
	if t.Of != nil {
		of := withoutShape(*t.Of)
		t.Of = &of
	}
	return t
}
