package graphs

import (
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// TestPart: a part has what its outputs need and no more, and leaves the builder as it was.
func TestPart(t *testing.T) {
	b := New("whole")
	x := b.Input("x", onnx.Float, onnx.Symbol(Batch), onnx.Fixed(2))
	z := b.Input("z", onnx.Float, onnx.Fixed(2))
	twice := x.Scale(2)
	sum := twice.Add(z)
	for name, c := range map[string]struct {
		inputs, outputs []Value
		nodes           string
		want            string // of an error
	}{
		"from the beginning":        {[]Value{x, z}, []Value{sum}, "Mul Add", ""},
		"the half of it":            {[]Value{x}, []Value{twice}, "Mul", ""},
		"from the middle":           {[]Value{twice, z}, []Value{sum}, "Add", ""},
		"an input that is not used": {[]Value{x, z}, []Value{twice}, "Mul", ""},
		"an input itself, twice":    {[]Value{x}, []Value{x, twice, x, twice}, "Mul Identity Identity Identity", ""},
		"an input is missing":       {[]Value{x}, []Value{sum}, "", `depends on input "z"`},
		"an input twice":            {[]Value{x, x}, []Value{twice}, "", "there twice"},
		"of another builder":        {[]Value{x}, []Value{New("other").Scalar(1)}, "", "another builder"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := b.Part("part", c.inputs, c.outputs)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, want an error with %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var nodes []string
			for _, n := range g.Nodes {
				nodes = append(nodes, n.OpType)
			}
			if got := strings.Join(nodes, " "); got != c.nodes {
				t.Errorf("got nodes %q, want %q", got, c.nodes)
			}
			if len(g.Inputs) != len(c.inputs) || len(g.Outputs) != len(c.outputs) {
				t.Errorf("got %d inputs and %d outputs, want %d and %d", len(g.Inputs), len(g.Outputs), len(c.inputs), len(c.outputs))
			}
			if _, err := Canonical(g); err != nil {
				t.Errorf("the part is not sound: %v", err)
			}
		})
	}
	if got := len(b.Nodes()); got != 2 {
		t.Errorf("got %d nodes in the builder, want 2", got)
	}
}

// TestExtend: what is recorded behind a graph stands beside what was there, whose names it does not take.
func TestExtend(t *testing.T) {
	b := New("first")
	x := b.Input("x", onnx.Float, onnx.Fixed(2))
	b.Output("y", x.Mul(b.Parameter("w", Ones, 2)).Mul(b.Scalar(2)))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	before, err := Digest(m.Graph)
	if err != nil {
		t.Fatal(err)
	}
	e, err := Extend(m.Graph)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := e.Value("nothing"); ok {
		t.Error("got a value that the graph does not have")
	}
	y, ok := e.Value("y")
	if !ok {
		t.Fatal("the graph's output is not found")
	}
	e.Output("again", y)
	e.Output("z", y.Mul(e.Parameter("v", Ones, 2)))
	m2, err := e.Model()
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := Digest(m.Graph); got != before {
		t.Error("the graph that was extended has changed")
	}
	var names []string
	for _, v := range m2.Graph.Outputs {
		names = append(names, v.Name)
	}
	if got, want := strings.Join(names, " "), "y again z"; got != want {
		t.Errorf("got outputs %q, want %q", got, want)
	}
	seen := make(map[string]bool)
	for _, n := range m2.Graph.Nodes {
		if seen[n.Name] {
			t.Errorf("two nodes are called %q", n.Name)
		}
		seen[n.Name] = true
	}
	m2.Graph.Outputs = m2.Graph.Outputs[:1]
	if diff, err := Diff(m.Graph, m2.Graph); diff != "" || err != nil {
		t.Errorf("got %q, %v, want the graph as it was", diff, err)
	}
}
