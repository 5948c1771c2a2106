package graphs

import (
	"fmt"
	"testing"
	"time"

	"github.com/gonyx/gonyx/onnx"
)

// chain is n nodes that stand one behind the other, the last first.
func chain(n int, opType string) *onnx.Graph {
	g := graphOf(17, "x", "v0", nil)
	for i := range n {
		in := fmt.Sprint("v", i+1)
		if i == n-1 {
			in = "x"
		}
		g.Nodes = append(g.Nodes, node("", opType, in, fmt.Sprint("v", i)))
	}
	return g
}

// nested is an If in an If, depth times.
func nested(depth int) *onnx.Graph {
	g := branches(false, node("m", "Mul", "h,k", "o1"))
	for range depth - 1 {
		inner := *g
		inner.Opsets, inner.Inputs = nil, nil
		inner.Outputs = []*onnx.ValueInfo{info("y", onnx.Type{})}
		g = branches(false, node("m", "Mul", "h,k", "o1"))
		find(g, "if").Attributes[0].Graph = &inner
	}
	return g
}

func TestNestingHasABound(t *testing.T) {
	if _, err := Canonical(nested(120)); err == nil {
		t.Error("got no error for graphs nested 120 deep, want one")
	}
}

// TestHostileSizes runs what would overflow a stack or take quadratic or exponential time if it were done carelessly. The
// bound is far above what any of them takes.
func TestHostileSizes(t *testing.T) {
	const n = 100_000
	ladder := graphOf(17, "x", "v999", nil) // each node reads the one before it twice: 2^1000 paths
	for i := range 1000 {
		in := fmt.Sprint("v", i-1)
		if i == 0 {
			in = "x"
		}
		ladder.Nodes = append(ladder.Nodes, node("", "Add", in+","+in, fmt.Sprint("v", i)))
	}
	wide := graphOf(17, "x", "y", nil, &onnx.Node{OpType: "Concat", Outputs: []string{"y"}, Attributes: []*onnx.Attribute{onnx.AttrInt("axis", 0)}})
	reread := graphOf(17, "x", "y", []*onnx.Tensor{weight("w", 1<<20)}, &onnx.Node{OpType: "Sum", Outputs: []string{"y"}})
	for range n {
		wide.Nodes[0].Inputs = append(wide.Nodes[0].Inputs, "x")
		reread.Nodes[0].Inputs = append(reread.Nodes[0].Inputs, "w")
	}
	reread.Outputs[0].Type = onnx.Type{}
	cases := map[string]*onnx.Graph{
		"a chain of operators":           chain(n, "Neg"),
		"a chain of identities":          chain(n, "Identity"),
		"a node with very many operands": wide,
		"a ladder of shared results":     ladder,
		"a weight read very many times":  reread,
		"graphs in graphs":               nested(95),
	}
	for name, g := range cases {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			got, err := Diff(g, renamed(g))
			if got != "" || err != nil {
				t.Errorf("got %q and error %v, want no difference", got, err)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("got an answer after %v, want it within seconds", took)
			}
		})
	}
}
