package backend

import (
	"fmt"
	"slices"
	"sync"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// A pattern looks at one node, which it calls last, and at those that make what it reads. Where it knows a shorter way it takes nodes
// away, changes last, and says so. Values that something else reads, outputs of the graph among them, must still be made.
type pattern func(f *fusion, last *onnx.Node) bool

// patterns are tried on every node in this order, from the first node of the graph to the last.
func patterns() []pattern {
	return []pattern{dropIdentity, cancelTransposes, padIntoConv, affineIntoConv, normIntoGemm,
		biasIntoMatMul, hardSwish, swish, gelu, layerNorm, factorsIntoOne, convAfterAffine, linearIntoConv, upsampleIntoConv, activationIntoStore}
}

// fusion is a graph while nodes are joined.
type fusion struct {
	graph    *onnx.Graph
	table    *ops.Table
	constant map[string]*onnx.Tensor
	producer map[string]*onnx.Node
	uses     map[string]int  // how often a value is read, by outputs of the graph and by subgraphs, too
	pinned   map[string]bool // outputs of the graph and values that subgraphs read: they keep their names
	gone     map[*onnx.Node]bool
	alias    map[string]string // values that are others under a new name
	names    map[string]bool
	facts    func() ops.Facts // of the original's values for whatever inputs it declares, none where they are not known
}

// fuse joins nodes of a lifted graph where the patterns say how. The original is left alone; results differ by rounding only.
func fuse(g *onnx.Graph) *onnx.Graph {
	f := newFusion(g)
	for _, n := range f.graph.Nodes {
		for i, name := range n.Inputs {
			if to, ok := f.alias[name]; ok {
				n.Inputs[i] = to
			}
		}
		for _, p := range patterns() {
			for !f.gone[n] && p(f, n) {
			}
		}
	}
	f.graph.Nodes = slices.DeleteFunc(f.graph.Nodes, func(n *onnx.Node) bool { return f.gone[n] })
	f.prune()
	return f.graph
}

func newFusion(g *onnx.Graph) *fusion {
	c := *g
	c.Nodes = make([]*onnx.Node, len(g.Nodes))
	c.Initializers = slices.Clone(g.Initializers)
	f := &fusion{graph: &c, table: ops.NewTable(), constant: make(map[string]*onnx.Tensor), producer: make(map[string]*onnx.Node),
		uses: make(map[string]int), pinned: make(map[string]bool), gone: make(map[*onnx.Node]bool), alias: make(map[string]string), names: make(map[string]bool)}
	for _, t := range g.Initializers {
		f.constant[t.Name], f.names[t.Name] = t, true
	}
	for _, v := range g.Inputs {
		delete(f.constant, v.Name)
		f.names[v.Name] = true
	}
	for _, v := range g.Outputs {
		f.uses[v.Name]++
		f.pinned[v.Name] = true
	}
	for i, n := range g.Nodes {
		// The operator of a node is known by its address: one that no pattern changes may stay itself.
		shallow := *n
		shallow.Inputs, shallow.Outputs, shallow.Attributes = slices.Clone(n.Inputs), slices.Clone(n.Outputs), slices.Clone(n.Attributes)
		c.Nodes[i] = &shallow
		for _, name := range n.Outputs {
			f.producer[name], f.names[name] = &shallow, true
		}
		direct := make(map[string]int)
		for _, name := range n.Inputs {
			f.uses[name]++
			direct[name]++
		}
		ops.Reads(n, func(name string) {
			if direct[name]--; direct[name] < 0 {
				f.uses[name]++
				f.pinned[name] = true
			}
		})
	}
	delete(f.producer, "")
	f.facts = sync.OnceValue(func() ops.Facts {
		facts, err := ops.InferGraph(&ops.Lifted{Graph: g}, nil, 0)
		if err != nil {
			return nil
		}
		return facts
	})
	return f
}

// prune takes away initializers that nothing reads any more.
func (f *fusion) prune() {
	read := make(map[string]bool)
	for _, v := range f.graph.Inputs {
		read[v.Name] = true
	}
	for _, v := range f.graph.Outputs {
		read[v.Name] = true
	}
	for _, n := range f.graph.Nodes {
		ops.Reads(n, func(name string) { read[name] = true })
	}
	f.graph.Initializers = slices.DeleteFunc(f.graph.Initializers, func(t *onnx.Tensor) bool { return !read[t.Name] })
}

// is says whether a node is the newest version of an operator of the default domain.
func is(n *onnx.Node, opType string) bool {
	return n != nil && n.OpType == opType && onnx.NormalDomain(n.Domain) == onnx.DomainDefault
}

// only gives the node that makes a value which nothing but one operand reads, or nil.
func (f *fusion) only(name string) *onnx.Node {
	n := f.producer[name]
	if n == nil || f.uses[name] != 1 || f.pinned[name] || len(n.Outputs) != 1 {
		return nil
	}
	return n
}

// input gives the name of an operand, "" where it is absent.
func input(n *onnx.Node, i int) string {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return ""
}

// floats gives a constant float operand, or nil.
func (f *fusion) floats(n *onnx.Node, i int) *onnx.Tensor {
	t := f.constant[input(n, i)]
	if t == nil || t.Type != onnx.Float {
		return nil
	}
	return t
}

// add makes a constant of a new name.
func (f *fusion) add(stem string, t *onnx.Tensor) string {
	name := stem
	for k := 2; f.names[name]; k++ {
		name = fmt.Sprintf("%s/%d", stem, k)
	}
	f.names[name] = true
	t.Name = name
	f.constant[name] = t
	f.graph.Initializers = append(f.graph.Initializers, t)
	return name
}

// become makes last the node n, which replaces it and also does what the nodes that are taken away did. What last does not read any
// more loses a reader, and what n reads has it.
func (f *fusion) become(last, n *onnx.Node, away ...*onnx.Node) {
	for _, k := range append(away, last) {
		for _, name := range k.Inputs {
			f.uses[name]--
		}
	}
	for _, k := range away {
		f.gone[k] = true
		for _, name := range k.Outputs {
			delete(f.producer, name)
		}
	}
	out := last.Outputs
	*last = *n
	last.Outputs = out
	for _, name := range last.Inputs {
		f.uses[name]++
	}
}

// alike is a node of the same operator and attributes with other operands.
func alike(n *onnx.Node, inputs ...string) *onnx.Node {
	for len(inputs) > 0 && inputs[len(inputs)-1] == "" {
		inputs = inputs[:len(inputs)-1]
	}
	c := *n
	c.Inputs, c.Attributes = inputs, slices.Clone(n.Attributes)
	return &c
}

// ints gives a list attribute, or the default where it is left out.
func ints(n *onnx.Node, name string, def ...int64) []int64 {
	if a := n.Attribute(name); a != nil {
		return a.Ints
	}
	return def
}

func integer(n *onnx.Node, name string, def int64) int64 {
	if a := n.Attribute(name); a != nil {
		return a.Int
	}
	return def
}

func number(n *onnx.Node, name string, def float32) float32 {
	if a := n.Attribute(name); a != nil {
		return a.Float
	}
	return def
}
