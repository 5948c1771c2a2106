package backend_test

import (
	"fmt"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Tables that a file computes from little are made once, and what they were made of is not kept; a file that makes many of them stays
// small.
func TestFolding(t *testing.T) {
	row, column := draw("row", 1, 1000), draw("column", 500, 1)
	table := func(i int) []*onnx.Node {
		v := func(s string) string { return fmt.Sprint(s, i) }
		nodes := []*onnx.Node{node("Mul", "row column", v("outer")), node("Neg", v("outer"), v("minus")), node("Mul", "x "+v("minus"), v("y"))}
		if i > 0 {
			nodes[2] = node("Mul", fmt.Sprint("y", i-1, " minus", i), v("y"))
		}
		return nodes
	}
	for phrase, c := range map[string]struct{ tables, constants int }{
		"one table":   {1, 1},
		"many tables": {20, 9}, // 16 MiB hold nine of 2 MB, of which a quarter of a megabyte is free

	} {
		var nodes []*onnx.Node
		for i := range c.tables {
			nodes = append(nodes, table(i)...)
		}
		g := graph([]int64{500, 1}, fmt.Sprint("y", c.tables-1), nodes, row, column)
		m, err := backend.Compile(g, backend.Options{Threads: 1, Plain: true})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		in := []onnx.Value{draw("x", 1, 500, 1)}
		want, got := runModel(t, m.Evaluate, in), runModel(t, m.Run, in)
		if d := ops.Compare(got[0], want[0], ops.Tolerance{Rel: 1e-5, Abs: 1e-6}); !d.Equal() {
			t.Errorf("%s: %v", phrase, d)
		}
		if large := backend.LargeConstants(m, 1<<20); large != c.constants {
			t.Errorf("%s: got %d large constants, want %d", phrase, large, c.constants)
		}
	}
}
