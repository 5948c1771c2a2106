package ops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// expansion counts the nodes that a graph has once its functions are inlined, without inlining them: forty functions that call
// each other twice are a few thousand bytes in a file, and more nodes than there is memory for.
type expansion struct {
	functions map[string]*onnx.Function
	counts    map[string]int // by function, once known
	open      []string       // functions being counted, outermost first
}

// checkExpansion fails where inlining would never end or give more than maxNodes nodes.
func (c *converter) checkExpansion(g *onnx.Graph) error {
	if len(c.functions) == 0 {
		return nil
	}
	e := &expansion{functions: c.functions, counts: make(map[string]int)}
	n, err := e.nodes(g.Nodes, 0)
	if err == nil && n > maxNodes {
		err = fmt.Errorf("the graph has more than %d nodes after its functions are inlined", maxNodes)
	}
	return err
}

// nodes counts, up to a little over maxNodes, calls as well as what they stand for.
func (e *expansion) nodes(list []*onnx.Node, depth int) (int, error) {
	total := 0
	for i, n := range list {
		key := functionKey(n.Domain, n.OpType, n.Overload)
		if f := e.functions[key]; f != nil {
			count, err := e.function(key, f)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", Place(n, i), err)
			}
			total = min(total+count, maxNodes+1)
		}
		for _, a := range n.Attributes {
			for _, g := range a.Subgraphs() {
				if g == nil || depth >= maxDepth {
					continue // refused where graphs are walked
				}
				count, err := e.nodes(g.Nodes, depth+1)
				if err != nil {
					return 0, fmt.Errorf("%s: attribute %q: %w", Place(n, i), a.Name, err)
				}
				total = min(total+count, maxNodes+1)
			}
		}
		total = min(total+1, maxNodes+1)
	}
	return total, nil
}

func (e *expansion) function(key string, f *onnx.Function) (int, error) {
	if count, ok := e.counts[key]; ok {
		return count, nil
	}
	if at := slices.Index(e.open, key); at >= 0 {
		var names []string
		for _, k := range append(slices.Clone(e.open[at:]), key) {
			names = append(names, e.functions[k].Name)
		}
		return 0, fmt.Errorf("function %s calls itself (%s), which ONNX does not allow", f.Name, strings.Join(names, " → "))
	}
	if len(e.open) >= maxDepth {
		return 0, fmt.Errorf("functions call each other deeper than %d", maxDepth)
	}
	e.open = append(e.open, key)
	count, err := e.nodes(f.Nodes, 0)
	e.open = e.open[:len(e.open)-1]
	if err != nil {
		return 0, err
	}
	e.counts[key] = count
	return count, nil
}
