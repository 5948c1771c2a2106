package trainers

import (
	"fmt"
	"strings"

	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
)

// apart gives values that have one of these names another, so that training can have it. Names of inputs and initializers stay.
func apart(g *onnx.Graph, names ...string) error {
	values := make(map[string]bool)
	for _, n := range g.Nodes {
		for _, name := range n.Outputs {
			values[name] = true
		}
	}
	fixed := make(map[string]bool)
	for _, v := range g.Inputs {
		fixed[v.Name] = true
	}
	for _, t := range g.Initializers {
		fixed[t.Name] = true
	}
	rename := make(map[string]string)
	for _, name := range names {
		if fixed[name] {
			return fmt.Errorf("an input or initializer is named %q, which training needs for itself; rename it", name)
		}
		if !values[name] {
			continue
		}
		to := name + "_of_model"
		for values[to] || fixed[to] {
			to += "_"
		}
		rename[name] = to
	}
	// Losses with terms have outputs of their own, all with the prefix.
	for name := range values {
		if strings.HasPrefix(name, networks.TermPrefix) {
			rename[name] = "model_" + name
		}
	}
	change := func(list []string) {
		for i, name := range list {
			if to, ok := rename[name]; ok {
				list[i] = to
			}
		}
	}
	for _, n := range g.Nodes {
		for _, a := range n.Attributes {
			if len(rename) > 0 && a.Subgraphs() != nil {
				return fmt.Errorf("a value is named as one that training needs for itself, beside a node with subgraphs; rename it")
			}
		}
		change(n.Inputs)
		change(n.Outputs)
	}
	for i, v := range g.Outputs {
		if to, ok := rename[v.Name]; ok {
			c := *v
			c.Name = to
			g.Outputs[i] = &c
		}
	}
	return nil
}
