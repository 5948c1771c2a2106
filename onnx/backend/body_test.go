package backend_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
)

// within makes a body with inputs of element types that stand behind their names: "i:int64 go:bool v:float".
func within(in, out string, consts []*onnx.Tensor, nodes ...*onnx.Node) *onnx.Graph {
	g := subgraph(out, consts, nodes...)
	types := map[string]onnx.ElemType{"int64": onnx.Int64, "bool": onnx.Bool, "float": onnx.Float}
	for _, f := range strings.Fields(in) {
		name, elem, _ := strings.Cut(f, ":")
		g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: name, Type: onnx.UnrankedTensorType(types[elem])})
	}
	return g
}

// Bodies of loops, of scans and of branches that data decide are compiled, too; what they give is what evaluation does: with constants,
// weights and values of the graph around, states that grow, bodies in bodies.
func TestBodies(t *testing.T) {
	w, b, w2 := draw("w", 3, 3), draw("b", 3), draw("w2", 3, 3)
	three, zero, half := named("three", onnx.Scalar64(3)), named("zero", onnx.FromInt64s([]int64{0})), named("half", onnx.Scalar32(0.5))
	step := func(nodes ...*onnx.Node) *onnx.Graph {
		return within("i:int64 go:bool v:float", "on u u", nil, append([]*onnx.Node{node("Identity", "go", "on")}, nodes...)...)
	}
	large := func(of string) []*onnx.Node {
		return []*onnx.Node{node("ReduceMax", of, of+"top", onnx.AttrInt("keepdims", 0)), node("Greater", of+"top half", of+"large")}
	}
	loop := func(in, out string, body *onnx.Graph) *onnx.Node {
		return node("Loop", in, out, onnx.AttrGraph("body", body))
	}
	cases := map[string][]*onnx.Node{
		"a layer over and over":     {loop("three _ x", "y all", step(node("Gemm", "v w b", "g"), node("Tanh", "g", "u")))},
		"what is made around":       {node("Exp", "x", "e"), loop("three _ x", "y all", step(node("MatMul", "v w", "g"), node("Div", "g e", "u")))},
		"the number of the step":    {loop("three _ x", "y all", step(node("Cast", "i", "n", onnx.AttrInt("to", int64(onnx.Float))), node("Add", "v n", "u")))},
		"a state that grows":        {loop("three _ x", "y all", within("i:int64 go:bool v:float", "on u s", nil, node("Identity", "go", "on"), node("Concat", "v x", "u", onnx.AttrInt("axis", 0)), node("ReduceSum", "u", "s", onnx.AttrInt("keepdims", 0))))},
		"a branch that data decide": append(large("x"), choose("xlarge", "y", subgraph("v", []*onnx.Tensor{w2}, node("Gemm", "x w2 b", "g"), node("Relu", "g", "v")), subgraph("v", nil, node("MatMul", "x w", "v")))),
		"such a branch in a loop":   {loop("three _ x", "y all", step(append(large("v"), choose("vlarge", "u", subgraph("k", nil, node("MatMul", "v w", "k")), subgraph("k", nil, node("Add", "v b", "k"))))...))},
		"a branch of shapes in a loop": {loop("three _ x", "y all", step(node("Shape", "v", "s", onnx.AttrInt("end", 1)), node("Greater", "s zero", "some"),
			choose("some", "u", subgraph("k", nil, node("MatMul", "v w", "k")), subgraph("k", nil, node("Neg", "v", "k")))))},
		"a loop in a loop": {loop("three _ x", "y all", step(loop("three _ v", "u seen", within("j:int64 more:bool p:float", "cont q q", nil,
			node("Identity", "more", "cont"), node("Gemm", "p w b", "h"), node("Sigmoid", "h", "q")))))},
		"an input handed on":   append(large("x"), choose("xlarge", "y", subgraph("x", nil), subgraph("x", nil))),
		"a constant handed on": append(large("x"), choose("xlarge", "c", subgraph("w", nil), subgraph("w2", nil)), node("MatMul", "x c", "y")),
		"a scan": {node("Scan", "x x", "last y", onnx.AttrInt("num_scan_inputs", 1), onnx.AttrGraph("body",
			within("sum:float row:float", "next next", nil, node("Add", "sum row", "t"), node("MatMul", "t w", "next"))))},
		"random numbers go on": {loop("three _ x", "z all", within("i:int64 go:bool v:float", "on v r", nil, node("Identity", "go", "on"),
			node("RandomNormal", "", "r", onnx.AttrInts("shape", 4)))), node("Slice", "all zero one zero", "first"), node("Slice", "all one two zero", "second"), node("Sub", "first second", "y")},
	}
	for phrase, nodes := range cases {
		t.Run(phrase, func(t *testing.T) {
			one, two := named("one", onnx.FromInt64s([]int64{1})), named("two", onnx.FromInt64s([]int64{2}))
			m, err := backend.Compile(graph([]int64{3}, "y", nodes, w, b, w2, three, zero, half, one, two), backend.Options{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			for _, size := range []int64{2, 2, 3, 1, 2} {
				in := []onnx.Value{draw("x", size, 3)}
				got := runModel(t, m.Run, in)
				if phrase == "random numbers go on" {
					for i, v := range got[0].(*onnx.Tensor).Float32s() {
						if v == 0 {
							t.Errorf("number %d is the same in two steps", i)
						}
					}
					continue
				}
				if p, err := m.Plan(in); err != nil || backend.PlannedBodies(p) == 0 {
					t.Errorf("batch %d: no body was planned (%v)", size, err)
				}
				want := runModel(t, m.Evaluate, in)
				if d := ops.Compare(got[0], want[0], ops.Tolerance{Rel: 1e-5, Abs: 1e-6}); !d.Equal() {
					t.Errorf("batch %d: %v", size, d)
				}
			}
		})
	}
}

// A body that fails says where, once; a cancelled run stops inside.
func TestBodiesThatFail(t *testing.T) {
	ctx := context.Background()
	body := within("i:int64 go:bool v:float", "on u", nil, node("Identity", "go", "on"), node("Gather", "v i", "row"), node("Add", "v row", "u"))
	g := graph([]int64{3}, "y", []*onnx.Node{node("Loop", "ten _ x", "y", onnx.AttrGraph("body", body))}, named("ten", onnx.Scalar64(10)))
	m, err := backend.Compile(g, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	_, err = m.Run(ctx, []onnx.Value{draw("x", 2, 3)})
	if err == nil || !strings.Contains(err.Error(), "body, step 2") || strings.Count(err.Error(), "backend") != 1 {
		t.Errorf("got %v, want an error of step 2 that names the package once", err)
	}
	if _, err := m.Run(ctx, []onnx.Value{draw("x", 10, 3)}); err != nil {
		t.Error(err)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := m.Run(stopped, []onnx.Value{draw("x", 10, 3)}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

// A branch that data decide and that cannot work for the shapes at hand fails when it is taken, and only then; bodies of the other, and
// what follows, are planned.
func TestBranchThatDoesNotFit(t *testing.T) {
	ctx := context.Background()
	inner := subgraph("k", nil, choose("large", "k", subgraph("p", nil, node("MatMul", "x x", "p")), subgraph("p", nil, node("Concat", "x y0", "p", onnx.AttrInt("axis", 1)))))
	for phrase, bad := range map[string]*onnx.Graph{
		"an operator": subgraph("v", nil, node("MatMul", "x x", "v")),
		"a branch":    inner,
	} {
		g := graph([]int64{3}, "y", []*onnx.Node{
			node("ReduceMax", "x", "top", onnx.AttrInt("keepdims", 0)), node("Greater", "top half", "large"), node("Constant", "", "y0", onnx.AttrTensor("value", draw("y0", 7, 1))),
			choose("large", "c", bad, subgraph("v", nil, node("Gemm", "x w", "v"))), node("Exp", "c", "y"),
		}, named("half", onnx.Scalar32(0.5)), draw("w", 3, 3))
		m, err := backend.Compile(g, backend.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		small, large := onnx.FromFloat32s([]float32{.1, .2, .3, .4, .5, -1}, 2, 3), onnx.FromFloat32s([]float32{.1, .2, .3, .4, .6, -1}, 2, 3)
		want, got := runModel(t, m.Evaluate, []onnx.Value{small}), runModel(t, m.Run, []onnx.Value{small})
		if d := ops.Compare(got[0], want[0], ops.Tolerance{Rel: 1e-5, Abs: 1e-6}); !d.Equal() {
			t.Errorf("%s: %v", phrase, d)
		}
		p, err := m.Plan([]onnx.Value{large})
		if err != nil {
			t.Fatal(err)
		}
		if backend.PlannedBodies(p) != 1 || !strings.Contains(p.String(), "Exp") {
			t.Errorf("%s: got %d bodies planned, want 1", phrase, backend.PlannedBodies(p))
		}
		for name, run := range map[string]func(context.Context, []onnx.Value) ([]onnx.Value, error){"planned": m.Run, "evaluated": m.Evaluate} {
			if _, err := run(ctx, []onnx.Value{large}); err == nil || !strings.Contains(err.Error(), "then_branch") || !strings.Contains(err.Error(), "MatMul") {
				t.Errorf("%s, %s: got %v, want an error of the MatMul in then_branch", phrase, name, err)
			}
		}
	}
}
