package ops

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gonyx/gonyx/onnx"
)

// calling makes a model whose only node calls the first function. Each function is the names it calls, one after the other.
func calling(functions map[string][]string, first string) *onnx.Graph {
	free := onnx.TensorType(onnx.Float, onnx.Fixed(3))
	g := &onnx.Graph{Name: "g", Opsets: []onnx.Opset{{Version: 17}, {Domain: "own", Version: 1}},
		Inputs: []*onnx.ValueInfo{{Name: "x", Type: free}}, Outputs: []*onnx.ValueInfo{{Name: "y", Type: free}},
		Nodes: []*onnx.Node{{Domain: "own", OpType: first, Inputs: []string{"x"}, Outputs: []string{"y"}}}}
	for name, calls := range functions {
		f := &onnx.Function{Name: name, Domain: "own", Inputs: []string{"a"}, Outputs: []string{fmt.Sprint("v", len(calls))}, Opsets: g.Opsets}
		from := "a"
		for i, callee := range calls {
			n := &onnx.Node{Name: "step", Domain: "own", OpType: callee, Inputs: []string{from}, Outputs: []string{fmt.Sprint("v", i+1)}}
			if callee == "Relu" {
				n.Domain = ""
			}
			from = n.Outputs[0]
			f.Nodes = append(f.Nodes, n)
		}
		g.Functions = append(g.Functions, f)
	}
	return g
}

func TestFunctionsThatCannotBeInlinedAreRefusedAtOnce(t *testing.T) {
	doubling := map[string][]string{"f0": {"Relu"}}
	for i := range 60 {
		doubling[fmt.Sprint("f", i+1)] = []string{fmt.Sprint("f", i), fmt.Sprint("f", i)}
	}
	deep := map[string][]string{"f0": {"Relu"}}
	for i := range 150 {
		deep[fmt.Sprint("f", i+1)] = []string{fmt.Sprint("f", i)}
	}
	for phrase, c := range map[string]struct {
		functions map[string][]string
		first     string
		want      string
	}{
		"sixty that call each other twice": {doubling, "f60", "more than 1048576 nodes"},
		"one that calls itself":            {map[string][]string{"f": {"f"}}, "f", "function f calls itself (f → f)"},
		"three in a ring":                  {map[string][]string{"f": {"Relu", "g", "g"}, "g": {"h", "h"}, "h": {"f", "g"}}, "f", "function f calls itself (f → g → h → f)"},
		"a hundred and fifty, one deep":    {deep, "f150", "deeper than 100"},
	} {
		t.Run(phrase, func(t *testing.T) {
			g := calling(c.functions, c.first)
			start := time.Now()
			for what, err := range map[string]error{
				"Lift":    func() error { _, err := Lift(g); return err }(),
				"Convert": func() error { _, err := Convert(g, 21); return err }(),
				"Check":   func() error { _, err := Check(&onnx.Model{IRVersion: 8, Graph: g}, 0); return err }(),
			} {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: got error %v, want %q in it", what, err, c.want)
				}
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("got an answer after %v, want it at once", took)
			}
		})
	}
}

// Nodes of inlined functions have names of their own, or none: other runtimes refuse two nodes of one name.
func TestInlinedNodesHaveNamesOfTheirOwn(t *testing.T) {
	g := calling(map[string][]string{"f": {"Relu", "Relu", "g"}, "g": {"Relu", "Relu"}}, "f")
	for _, f := range g.Functions {
		if f.Name == "g" {
			f.Nodes[0].Name = ""
		}
	}
	g.Nodes[0].Outputs[0] = "m"
	g.Nodes = append(g.Nodes, &onnx.Node{Domain: "own", OpType: "f", Inputs: []string{"m"}, Outputs: []string{"y"}})
	out, err := Convert(g, 21)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(out.Nodes), 8; got != want {
		t.Fatalf("got %d nodes, want %d", got, want)
	}
	seen := make(map[string]bool)
	for _, n := range out.Nodes {
		if n.Name != "" && seen[n.Name] {
			t.Errorf("got two nodes of name %q, want one", n.Name)
		}
		seen[n.Name] = true
	}
	if len(seen) != 7 {
		t.Errorf("got names %v, want six and none", seen)
	}
}
