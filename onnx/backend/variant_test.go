package backend_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
)

func subgraph(out string, consts []*onnx.Tensor, nodes ...*onnx.Node) *onnx.Graph {
	g := &onnx.Graph{Name: "branch", Nodes: nodes, Initializers: consts}
	for _, name := range strings.Fields(out) {
		g.Outputs = append(g.Outputs, &onnx.ValueInfo{Name: name})
	}
	return g
}

func choose(in, out string, then, other *onnx.Graph) *onnx.Node {
	return node("If", in, out, onnx.AttrGraph("then_branch", then), onnx.AttrGraph("else_branch", other))
}

// isOne gives nodes that say whether the batch of x is 1.
func isOne() []*onnx.Node {
	return []*onnx.Node{node("Shape", "x", "shape", onnx.AttrInt("end", 1)), node("Equal", "shape one", "alone")}
}

// Branches that shapes decide are planned with what is around them, others run as they stand; both give what evaluation does.
func TestBranches(t *testing.T) {
	one, zero := named("one", onnx.FromInt64s([]int64{1})), named("zero", onnx.FromInt64s([]int64{0}))
	w, b := draw("w", 3, 4), draw("b", 4)
	double := node("Add", "v v", "v2")
	cases := map[string]struct {
		nodes       []*onnx.Node
		alone, many string // operators of the plan for a batch of 1 and of 3
	}{
		"one of two": {[]*onnx.Node{
			choose("alone", "c", subgraph("v", nil, node("Relu", "x", "v")), subgraph("v", nil, node("Exp", "x", "v"))),
			node("Neg", "c", "y"),
		}, "Relu Neg", "Exp Neg"},
		"joined with what is around": {[]*onnx.Node{
			choose("alone", "c", subgraph("v", []*onnx.Tensor{w, b}, node("Gemm", "x w b", "v")), subgraph("v", []*onnx.Tensor{w}, node("MatMul", "x w", "v"))),
			node("Relu", "c", "y"),
		}, "FusedGemm Relu", "FusedMatMul Relu"},
		"constants made inside": {[]*onnx.Node{
			choose("alone", "y", subgraph("v", []*onnx.Tensor{draw("k", 3)}, node("Exp", "k", "e"), node("Mul", "x e", "v")), subgraph("x", nil)),
		}, "Mul", ""},
		"within each other": {[]*onnx.Node{
			choose("alone", "c", subgraph("v2", nil,
				choose("alone", "v", subgraph("u", nil, node("Neg", "x", "u")), subgraph("u", nil, node("Abs", "x", "u"))), double),
				subgraph("x", nil)),
			node("Exp", "c", "y"),
		}, "Neg Add Exp", "Exp"},
		"one name in both and twice": {[]*onnx.Node{
			choose("alone", "c", subgraph("v", nil, node("Relu", "x", "v")), subgraph("v", nil, node("Abs", "x", "v"))),
			choose("alone", "d", subgraph("v", nil, node("Exp", "c", "v")), subgraph("v", nil, node("Neg", "c", "v"))),
			node("Sub", "c d", "y"),
		}, "Relu Exp Sub", "Abs Neg Sub"},
		"decided by data": {[]*onnx.Node{
			node("ReduceMax", "x", "top", onnx.AttrInt("keepdims", 0)), node("Greater", "top half", "large"),
			choose("large", "c", subgraph("v", nil, node("Relu", "x", "v")), subgraph("v", nil, node("Abs", "x", "v"))),
			choose("alone", "y", subgraph("v", nil, node("Exp", "c", "v")), subgraph("v", nil, node("Neg", "c", "v"))),
		}, "ReduceMax Greater If Exp", "ReduceMax Greater If Neg"},
		"read by a branch that data decide": {[]*onnx.Node{
			node("ReduceMax", "x", "top", onnx.AttrInt("keepdims", 0)), node("Greater", "top half", "large"),
			choose("alone", "c", subgraph("v", nil, node("Exp", "x", "v")), subgraph("v", nil, node("Neg", "x", "v"))),
			choose("large", "y", subgraph("v", nil, node("Relu", "c", "v")), subgraph("v", nil, node("Abs", "c", "v"))),
		}, "ReduceMax Greater Exp If", "ReduceMax Greater Neg If"},
	}
	for phrase, c := range cases {
		t.Run(phrase, func(t *testing.T) {
			g := graph([]int64{3}, "y", append(isOne(), c.nodes...), one, zero, named("half", onnx.Scalar32(0.5)))
			m, err := backend.Compile(g, backend.Options{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			for _, size := range []struct {
				batch int64
				want  string
			}{{1, c.alone}, {3, c.many}, {1, c.alone}} {
				in := []onnx.Value{draw("x", size.batch, 3)}
				want, got := runModel(t, m.Evaluate, in), runModel(t, m.Run, in)
				if d := ops.Compare(got[0], want[0], ops.Tolerance{Rel: 1e-5, Abs: 1e-6}); !d.Equal() {
					t.Errorf("batch %d: %v", size.batch, d)
				}
				p, err := m.Plan(in)
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.ReplaceAll(operators(p), "+", " "); got != size.want {
					t.Errorf("batch %d: got operators %s, want %s", size.batch, got, size.want)
				}
			}
		})
	}
}

// More shapes than a model keeps variants for: the rest run as they stand.
func TestManyVariants(t *testing.T) {
	nodes := []*onnx.Node{node("Shape", "x", "shape", onnx.AttrInt("end", 1))}
	consts := []*onnx.Tensor{}
	last := "x"
	for i := range 7 { // one branch for each bit of the batch
		bit, name := named("bit"+string(rune('0'+i)), onnx.FromInt64s([]int64{1 << i})), "v"+string(rune('0'+i))
		consts = append(consts, bit)
		nodes = append(nodes, node("Div", "shape "+bit.Name, name+"d"), node("Mod", name+"d two", name+"m"), node("Equal", name+"m one", name+"c"),
			choose(name+"c", name, subgraph("u", nil, node("Neg", last, "u")), subgraph("u", nil, node("Abs", last, "u"))))
		last = name
	}
	consts = append(consts, named("one", onnx.FromInt64s([]int64{1})), named("two", onnx.FromInt64s([]int64{2})))
	m, err := backend.Compile(graph([]int64{3}, last, nodes, consts...), backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for batch := int64(1); batch < 80; batch++ {
		in := []onnx.Value{draw("x", batch, 3)}
		want, err := m.Evaluate(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		if d := ops.Compare(runModel(t, m.Run, in)[0], want[0], ops.Tolerance{}); !d.Equal() {
			t.Fatalf("batch %d: %v", batch, d)
		}
	}
}
