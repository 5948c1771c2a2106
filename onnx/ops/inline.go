package ops

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// errUnknown marks a rewrite that needs a fact which is not known, so that the node has to keep its version.
var errUnknown = errors.New("a fact it needs is not known")

func errIsUnknown(err error) bool { return errors.Is(err, errUnknown) }

func functionKey(domain, name, overload string) string {
	return onnx.NormalDomain(domain) + "\x00" + name + "\x00" + overload
}

// inline gives the nodes of a function's body in running order with the call's values and attributes put in. Names inside are made new
// in every set of names given (nil ones but the first are left out).
func inline(call *onnx.Node, f *onnx.Function, sets ...*names) ([]*onnx.Node, error) {
	if len(call.Inputs) > len(f.Inputs) {
		return nil, fmt.Errorf("function %s takes %d inputs, is given %d", f.Name, len(f.Inputs), len(call.Inputs))
	}
	if len(call.Outputs) > len(f.Outputs) {
		return nil, fmt.Errorf("function %s has %d outputs, %d are named", f.Name, len(f.Outputs), len(call.Outputs))
	}
	body, err := sorted(&onnx.Graph{Nodes: f.Nodes})
	if err != nil {
		return nil, fmt.Errorf("function %s: %w", f.Name, err)
	}
	in := &inliner{call: call, f: f, values: map[string]string{"": ""}, sets: sets}
	stem := call.Name
	if stem == "" {
		stem = f.Name
	}
	in.prefix = stem + "/"
	for i, name := range f.Inputs {
		in.values[name] = ""
		if i < len(call.Inputs) {
			in.values[name] = call.Inputs[i]
		}
	}
	passed := make(map[string]string) // outputs that are inputs of the function: they need a node of their own
	for i, name := range f.Outputs {
		if i >= len(call.Outputs) || call.Outputs[i] == "" {
			continue
		}
		if _, taken := in.values[name]; taken {
			passed[call.Outputs[i]] = name
			continue
		}
		in.values[name] = call.Outputs[i]
	}
	nodes := make([]*onnx.Node, 0, len(body.Nodes)+len(passed))
	for _, n := range body.Nodes {
		c, err := in.node(n)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, c)
	}
	for i, name := range call.Outputs {
		if source, ok := passed[name]; ok {
			nodes = append(nodes, &onnx.Node{Name: in.freshNode(fmt.Sprintf("output%d", i)), OpType: "Identity",
				Inputs: []string{in.values[source]}, Outputs: []string{name}})
		}
	}
	return nodes, nil
}

type inliner struct {
	call   *onnx.Node
	f      *onnx.Function
	values map[string]string // name in the body → name in the graph
	prefix string
	sets   []*names
}

// fresh makes a name of a value that is free in every set.
func (in *inliner) fresh(stem string) string {
	return in.unused(stem, func(s *names) map[string]bool { return s.values })
}

// freshNode makes a name of a node that is free in every set.
func (in *inliner) freshNode(stem string) string {
	return in.unused(stem, func(s *names) map[string]bool { return s.nodes })
}

func (in *inliner) unused(stem string, kind func(*names) map[string]bool) string {
	stem = in.prefix + stem
	taken := func(name string) bool {
		return slices.ContainsFunc(in.sets, func(s *names) bool { return s != nil && kind(s)[name] })
	}
	name, next := stem, in.sets[0].next
	for taken(name) {
		next[stem]++
		name = fmt.Sprintf("%s_%d", stem, next[stem]+1)
	}
	for _, s := range in.sets {
		if s != nil {
			kind(s)[name] = true
		}
	}
	return name
}

func (in *inliner) value(name string) string {
	if v, ok := in.values[name]; ok {
		return v
	}
	v := in.fresh(name)
	in.values[name] = v
	return v
}

func (in *inliner) node(n *onnx.Node) (*onnx.Node, error) {
	c := n.Clone()
	if c.Name != "" { // a node without a name stays without one; two of one name are refused by other runtimes
		c.Name = in.freshNode(c.Name)
	}
	for i, name := range c.Inputs {
		c.Inputs[i] = in.value(name)
	}
	for i, name := range c.Outputs {
		c.Outputs[i] = in.value(name)
	}
	attrs := c.Attributes[:0]
	for _, a := range c.Attributes {
		bound, err := in.attribute(a)
		if err != nil {
			return nil, err
		}
		if bound != nil {
			attrs = append(attrs, bound)
		}
	}
	c.Attributes = attrs
	return c, nil
}

// attribute puts the call's value in the place of a reference; an attribute that the call leaves out and that has no
// default is left out in the body too.
func (in *inliner) attribute(a *onnx.Attribute) (*onnx.Attribute, error) {
	if a.RefName != "" {
		source := in.call.Attribute(a.RefName)
		if source == nil {
			for _, d := range in.f.AttributeProto {
				if d.Name == a.RefName {
					source = d
				}
			}
		}
		if source == nil {
			return nil, nil
		}
		if a.Type != onnx.AttributeUndefined && source.Type != a.Type {
			return nil, fmt.Errorf("function %s: attribute %q is of type %v, want %v", in.f.Name, a.RefName, source.Type, a.Type)
		}
		bound := source.Clone()
		bound.Name, bound.RefName = a.Name, ""
		return bound, nil
	}
	for _, g := range a.Subgraphs() {
		if g == nil {
			continue
		}
		if err := in.subgraph(g); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// subgraph renames the values of a graph inside the body in place; it is the inliner's own copy.
func (in *inliner) subgraph(g *onnx.Graph) error {
	for i, v := range g.Inputs {
		c := *v
		c.Name = in.value(v.Name)
		g.Inputs[i] = &c
	}
	for _, t := range g.Initializers {
		t.Name = in.value(t.Name)
	}
	for i, n := range g.Nodes {
		c, err := in.node(n)
		if err != nil {
			return err
		}
		g.Nodes[i] = c
	}
	for i, v := range g.Outputs {
		c := *v
		c.Name = in.value(v.Name)
		g.Outputs[i] = &c
	}
	for i, v := range g.ValueInfo {
		c := *v
		c.Name = in.value(v.Name)
		g.ValueInfo[i] = &c
	}
	return nil
}
