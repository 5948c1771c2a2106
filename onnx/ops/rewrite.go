package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// Rewriter is what a [Rewrite] works on: one node, what is known of its inputs, and the nodes it becomes.
type Rewriter struct {
	Node *onnx.Node // the node; the rewriter's own copy, to be changed at will
	In   []Fact     // what is known of its inputs
	Out  []Fact     // what is known of its outputs; their facts may be absent

	facts  func(name string) Fact
	read   func(name string) bool // whether anything in the graph reads a value
	names  *names
	nodes  []*onnx.Node
	consts []*onnx.Tensor
}

// Keep emits the node as it now stands.
func (r *Rewriter) Keep() error {
	r.nodes = append(r.nodes, r.Node)
	return nil
}

// Replace keeps the node under another operator's name.
func (r *Rewriter) Replace(opType string) error {
	r.Node.OpType = opType
	return r.Keep()
}

// Emit adds a node with one new output, which it names after the rewritten node, and gives that name.
func (r *Rewriter) Emit(opType string, inputs []string, attrs ...*onnx.Attribute) string {
	out := r.names.fresh(r.stem() + "/" + opType)
	r.EmitTo(out, opType, inputs, attrs...)
	return out
}

// EmitTo adds a node that makes the named value.
func (r *Rewriter) EmitTo(output, opType string, inputs []string, attrs ...*onnx.Attribute) {
	r.nodes = append(r.nodes, &onnx.Node{
		Name: r.names.freshNode(r.stem() + "/" + opType), OpType: opType, Domain: r.Node.Domain,
		Inputs: inputs, Outputs: []string{output}, Attributes: attrs,
	})
}

// Const adds a constant and gives its name.
func (r *Rewriter) Const(hint string, t *onnx.Tensor) string {
	shallow := *t
	shallow.Name = r.names.fresh(r.stem() + "/" + hint)
	r.consts = append(r.consts, &shallow)
	return shallow.Name
}

// Input gives the name of input i, or "" where it is absent.
func (r *Rewriter) Input(i int) string {
	if i < len(r.Node.Inputs) {
		return r.Node.Inputs[i]
	}
	return ""
}

// Fact gives what is known of input i; the absent fact where there is none.
func (r *Rewriter) Fact(i int) Fact {
	if i < len(r.In) {
		return r.In[i]
	}
	return Absent
}

// SetInput puts a value at input i, with absent ones before it where needed.
func (r *Rewriter) SetInput(i int, name string) {
	for len(r.Node.Inputs) <= i {
		r.Node.Inputs = append(r.Node.Inputs, "")
	}
	r.Node.Inputs[i] = name
}

// TrimInputs drops absent inputs at the end.
func (r *Rewriter) TrimInputs() {
	for n := len(r.Node.Inputs); n > 0 && r.Node.Inputs[n-1] == ""; n-- {
		r.Node.Inputs = r.Node.Inputs[:n-1]
	}
}

// Take removes an attribute and gives it, or nil where it is left out.
func (r *Rewriter) Take(name string) *onnx.Attribute {
	for i, a := range r.Node.Attributes {
		if a.Name == name {
			r.Node.Attributes = append(r.Node.Attributes[:i:i], r.Node.Attributes[i+1:]...)
			return a
		}
	}
	return nil
}

// Set gives an attribute, replacing one of the same name.
func (r *Rewriter) Set(a *onnx.Attribute) {
	r.Take(a.Name)
	r.Node.Attributes = append(r.Node.Attributes, a)
}

// Rank gives the rank of input i, or fails where it is not known.
func (r *Rewriter) Rank(i int) (int, error) {
	f := r.Fact(i)
	if !f.Ranked() {
		return 0, fmt.Errorf("input %d: its rank must be known for this, and is not", i)
	}
	return f.Rank(), nil
}

func (r *Rewriter) stem() string {
	if r.Node.Name != "" {
		return r.Node.Name
	}
	for _, out := range r.Node.Outputs {
		if out != "" {
			return out
		}
	}
	return r.Node.OpType
}

// names keeps the value and node names of a whole graph apart.
type names struct {
	values, nodes map[string]bool
	next          map[string]int // where to go on looking for a free number, by stem
}

func newNames(g *onnx.Graph) *names {
	n := &names{values: make(map[string]bool), nodes: make(map[string]bool), next: make(map[string]int)}
	n.add(g)
	return n
}

func (n *names) add(g *onnx.Graph) {
	for _, v := range g.Inputs {
		n.values[v.Name] = true
	}
	for _, v := range g.Outputs {
		n.values[v.Name] = true
	}
	for _, t := range g.Initializers {
		n.values[t.Name] = true
	}
	for _, t := range g.SparseInitializers {
		n.values[t.Name()] = true
	}
	for _, node := range g.Nodes {
		n.nodes[node.Name] = true
		for _, out := range node.Outputs {
			n.values[out] = true
		}
		for _, a := range node.Attributes {
			for _, sub := range a.Subgraphs() {
				if sub != nil {
					n.add(sub)
				}
			}
		}
	}
}

func (n *names) fresh(stem string) string     { return n.unused(n.values, stem) }
func (n *names) freshNode(stem string) string { return n.unused(n.nodes, stem) }

func (n *names) unused(taken map[string]bool, stem string) string {
	name := stem
	for taken[name] {
		n.next[stem]++
		name = fmt.Sprintf("%s_%d", stem, n.next[stem]+1)
	}
	taken[name] = true
	return name
}
