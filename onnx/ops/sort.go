package ops

import (
	"fmt"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// Place names a node for an error: its name, or its number and first output where it has none.
func Place(n *onnx.Node, index int) string {
	if n.Name != "" {
		return fmt.Sprintf("node %q: %s", n.Name, n.OpType)
	}
	for _, out := range n.Outputs {
		if out != "" {
			return fmt.Sprintf("node %d (makes %q): %s", index, out, n.OpType)
		}
	}
	return fmt.Sprintf("node %d: %s", index, n.OpType)
}

// Reads calls f with every value a node reads, in order: its inputs, then the values around it that its subgraphs use.
func Reads(n *onnx.Node, f func(name string)) {
	for _, in := range n.Inputs {
		if in != "" {
			f(in)
		}
	}
	Captures(n, f)
}

// Captures calls f for the name of every value around a node that its subgraphs use, as often as they use it. A value can be
// captured and be an input too.
func Captures(n *onnx.Node, f func(name string)) {
	for _, a := range n.Attributes {
		for _, g := range a.Subgraphs() {
			if g != nil {
				outerReads(g, f)
			}
		}
	}
}

func outerReads(g *onnx.Graph, f func(name string)) {
	own := make(map[string]bool)
	for _, v := range g.Inputs {
		own[v.Name] = true
	}
	for _, t := range g.Initializers {
		own[t.Name] = true
	}
	for _, t := range g.SparseInitializers {
		own[t.Name()] = true
	}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			own[out] = true
		}
	}
	outer := func(name string) {
		if !own[name] {
			f(name)
		}
	}
	for _, n := range g.Nodes {
		Reads(n, outer)
	}
	for _, v := range g.Outputs {
		outer(v.Name)
	}
}

// Sort gives the order in which the graph's nodes can run, as indices, stable for nodes already in order. It fails
// where nodes form a cycle, naming it. Values that nothing in the graph makes are taken as given.
func Sort(g *onnx.Graph) ([]int, error) {
	producer := make(map[string]int)
	for i, n := range g.Nodes {
		for _, out := range n.Outputs {
			if out != "" {
				producer[out] = i
			}
		}
	}
	const (
		fresh = iota
		open
		done
	)
	state := make([]uint8, len(g.Nodes))
	order := make([]int, 0, len(g.Nodes))
	// An explicit stack: a file can hold a chain of any length.
	type visit struct {
		node int
		deps []int
	}
	deps := func(i int) []int {
		var d []int
		Reads(g.Nodes[i], func(name string) {
			if p, ok := producer[name]; ok {
				d = append(d, p)
			}
		})
		return d
	}
	for root := range g.Nodes {
		if state[root] != fresh {
			continue
		}
		stack := []visit{{root, deps(root)}}
		state[root] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.deps) == 0 {
				state[top.node] = done
				order = append(order, top.node)
				stack = stack[:len(stack)-1]
				continue
			}
			next := top.deps[0]
			top.deps = top.deps[1:]
			switch state[next] {
			case open:
				var names []string
				for k := len(stack) - 1; k >= 0; k-- {
					names = append(names, Place(g.Nodes[stack[k].node], stack[k].node))
					if stack[k].node == next {
						break
					}
				}
				const shown = 5
				if len(names) > shown {
					names = append(names[:shown], "…")
				}
				return nil, fmt.Errorf("nodes form a cycle: %s", strings.Join(names, " ← "))
			case fresh:
				state[next] = open
				stack = append(stack, visit{next, deps(next)})
			}
		}
	}
	return order, nil
}

// sorted gives a graph whose nodes stand in running order: g itself where they do already.
func sorted(g *onnx.Graph) (*onnx.Graph, error) {
	order, err := Sort(g)
	if err != nil {
		return nil, err
	}
	inOrder := true
	for i, k := range order {
		inOrder = inOrder && i == k
	}
	if inOrder {
		return g, nil
	}
	c := *g
	c.Nodes = make([]*onnx.Node, len(order))
	for i, k := range order {
		c.Nodes[i] = g.Nodes[k]
	}
	return &c, nil
}
