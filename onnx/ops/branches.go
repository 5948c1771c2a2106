package ops

import "github.com/gonyx/gonyx/onnx"

// TakeBranches puts the nodes of the branch taken in the place of every If of the outermost graph whose condition is known, so that they
// can be compiled with what is around them. choice says which were taken, one letter an If: t(hen), e(lse), or - where the condition is
// not known; it is empty where none was. facts are those of the graph's values. The original is left alone.
func TakeBranches(g *onnx.Graph, facts Facts) (out *onnx.Graph, choice string) {
	var letters []byte
	taken := make(map[*onnx.Node]*onnx.Graph)
	for _, n := range g.Nodes {
		if n.OpType != "If" || onnx.NormalDomain(n.Domain) != onnx.DomainDefault {
			continue
		}
		letter := byte('-')
		if branch, then := knownBranch(n, facts); branch != nil {
			taken[n] = branch
			if letter = 'e'; then {
				letter = 't'
			}
		}
		letters = append(letters, letter)
	}
	if len(taken) == 0 {
		return g, ""
	}
	outer := make(map[string]string)
	see := func(name string) { outer[name] = name }
	see("")
	for _, v := range g.Inputs {
		see(v.Name)
	}
	for _, t := range g.Initializers {
		see(t.Name)
	}
	for _, t := range g.SparseInitializers {
		see(t.Name())
	}
	for _, n := range g.Nodes {
		for _, name := range n.Outputs {
			see(name)
		}
	}
	c := *g
	c.Nodes, c.Initializers = nil, append([]*onnx.Tensor(nil), g.Initializers...)
	free := newNames(g)
	for _, n := range g.Nodes {
		branch := taken[n]
		if branch == nil {
			c.Nodes = append(c.Nodes, n)
			continue
		}
		nodes, initializers, err := unfold(n, branch, outer, free)
		if err != nil { // it stays what it is, and says why when it is run
			return g, ""
		}
		c.Nodes, c.Initializers = append(c.Nodes, nodes...), append(c.Initializers, initializers...)
	}
	return &c, string(letters)
}

// knownBranch is the branch that an If takes, and whether that is the first, or nil where the condition is not known.
func knownBranch(n *onnx.Node, facts Facts) (branch *onnx.Graph, then bool) {
	if len(n.Inputs) == 0 {
		return nil, false
	}
	cond := facts[n.Inputs[0]].Value
	if cond == nil || cond.Type != onnx.Bool || cond.Len() != 1 {
		return nil, false
	}
	name := "else_branch"
	if then = cond.Bools()[0]; then {
		name = "then_branch"
	}
	a := n.Attribute(name)
	if a == nil || a.Graph == nil || len(a.Graph.SparseInitializers) > 0 || len(a.Graph.Outputs) < len(n.Outputs) {
		return nil, false
	}
	return a.Graph, then
}

// unfold gives the nodes and initializers of a branch under names that are free in the graph around it, outer its values by their own
// names, and nodes that hand on what the branch gives.
func unfold(n *onnx.Node, branch *onnx.Graph, outer map[string]string, free *names) ([]*onnx.Node, []*onnx.Tensor, error) {
	in := &inliner{call: n, values: make(map[string]string, len(outer)), prefix: n.Name + "/", sets: []*names{free}}
	for name, same := range outer {
		in.values[name] = same
	}
	var initializers []*onnx.Tensor
	for _, t := range branch.Initializers {
		named := *t
		named.Name = in.fresh(t.Name)
		in.values[t.Name] = named.Name
		initializers = append(initializers, &named)
	}
	for _, k := range branch.Nodes {
		for _, name := range k.Outputs {
			if name != "" {
				in.values[name] = in.fresh(name)
			}
		}
	}
	var nodes []*onnx.Node
	for _, k := range branch.Nodes {
		c, err := in.node(k)
		if err != nil {
			return nil, nil, err
		}
		nodes = append(nodes, c)
	}
	for i, name := range n.Outputs {
		if name != "" {
			nodes = append(nodes, &onnx.Node{Name: in.freshNode("output"), OpType: "Identity", Inputs: []string{in.value(branch.Outputs[i].Name)}, Outputs: []string{name}})
		}
	}
	return nodes, initializers, nil
}
