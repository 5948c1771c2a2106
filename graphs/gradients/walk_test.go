package gradients_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/gradients"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// build makes a graph with an input x [batch, 2].
func build(t *testing.T, f func(b *graphs.Builder, x graphs.Value)) *onnx.Graph {
	t.Helper()
	b := graphs.New("test")
	f(b, b.Input("x", onnx.Float, onnx.Symbol(graphs.Batch), onnx.Fixed(2)))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m.Graph
}

// evaluate gives the last output of a graph for x.
func evaluate(t *testing.T, g *onnx.Graph, x *onnx.Tensor) []float32 {
	t.Helper()
	out, err := evaluator(t, g).Run(context.Background(), []onnx.Value{x}, ops.EvalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return out[len(out)-1].(*onnx.Tensor).Float32s()
}

func TestWalk(t *testing.T) {
	x := onnx.FromFloat32s([]float32{1, 2, 3, 4, 5, -6}, 3, 2)
	for name, c := range map[string]struct {
		build func(b *graphs.Builder, x graphs.Value)
		wrt   string
		want  []float32
	}{
		"a value used twice adds up": {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Mul(x).Add(x)) }, "x", []float32{3, 5, 7, 9, 11, -11}},
		"an output that is an input of another node": {func(b *graphs.Builder, x graphs.Value) {
			y := x.Scale(2)
			b.Output("y", y)
			b.Output("z", y.Exp())
		}, "x", []float32{2, 2, 2, 2, 2, 2}},
		"the output by itself":          {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Exp()) }, "y", []float32{1, 1, 1, 1, 1, 1}},
		"a value in between":            {func(b *graphs.Builder, x graphs.Value) { b.In("in", func() { b.Output("y", x.Scale(2).Square()) }) }, "in.mul", []float32{4, 8, 12, 16, 20, -24}},
		"nothing flows through a stop":  {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Mul(x.StopGradient())) }, "x", []float32{1, 2, 3, 4, 5, -6}},
		"a comparison is a constant":    {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Greater(b.Scalar(3)).Cast(onnx.Float).Mul(x)) }, "x", []float32{0, 0, 0, 1, 1, 0}},
		"a mean over the batch":         {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.ReduceMean(0)) }, "x", []float32{1. / 3, 1. / 3, 1. / 3, 1. / 3, 1. / 3, 1. / 3}},
		"Relu, which is flat at 0":      {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Sub(b.Scalar(3)).Relu()) }, "x", []float32{0, 0, 0, 1, 1, 0}},
		"equals share a maximum":        {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Max(b.Scalar(3)).ReduceSum()) }, "x", []float32{0, 0, 0.5, 1, 1, 0}},
		"a clip passes at its bounds":   {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Clip(2, 4)) }, "x", []float32{0, 1, 1, 1, 0, 0}},
		"Abs at 0":                      {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Sub(b.Scalar(2)).Abs()) }, "x", []float32{-1, 0, 1, 1, 1, -1}},
		"the first of equals in a pool": {poolOfEquals, "x", []float32{1, 0, 1, 0, 1, 0}},
		"a product with 0 knows others": {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Mul(x.Sub(b.Scalar(3)))) }, "x", []float32{-1, 1, 3, 5, 7, -15}},
		"Pow by 0 is flat":              {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Sub(b.Scalar(3)).Pow(b.Scalar(0))) }, "x", []float32{0, 0, 0, 0, 0, 0}},
		"the norm of zeros":             {func(b *graphs.Builder, x graphs.Value) { b.Output("y", b.Op("ReduceL2", []graphs.Value{x.Sub(x)})) }, "x", []float32{0, 0, 0, 0, 0, 0}},
		"Where takes no other part": {func(b *graphs.Builder, x graphs.Value) {
			b.Output("y", x.Greater(b.Scalar(3)).Where(x, b.Scalar(float32(math.Inf(1)))))
		}, "x", []float32{0, 0, 0, 1, 1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := gradients.Gradients(build(t, c.build), "y", []string{c.wrt})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := g.Outputs[len(g.Outputs)-1].Name, gradients.OutputName(c.wrt); got != want {
				t.Errorf("got output %q, want %q", got, want)
			}
			got := evaluate(t, g, x)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// poolOfEquals pools each row of two after x - x has made them equal, plus x's gradient of 0.
func poolOfEquals(b *graphs.Builder, x graphs.Value) {
	same := x.Sub(x.StopGradient())
	b.Output("y", b.Op("MaxPool", []graphs.Value{same.Unsqueeze(1)}, onnx.AttrInts("kernel_shape", 2)))
}

// TestTwice: a gradient graph can be differentiated again.
func TestTwice(t *testing.T) {
	g := build(t, func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Square().Mul(x).ReduceMean(1)) })
	g, err := gradients.Gradients(g, "y", []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	g.Outputs[len(g.Outputs)-1].Name = "slope"
	rename(g, "grad_x", "slope")
	if g, err = gradients.Gradients(g, "slope", []string{"x"}); err != nil {
		t.Fatal(err)
	}
	got := evaluate(t, g, onnx.FromFloat32s([]float32{1, 2, 3, 4}, 2, 2))
	if want := []float32{3, 6, 9, 12}; !slices.Equal(got, want) { // (x³/2)″ = 3x
		t.Errorf("got %v, want %v", got, want)
	}
}

func rename(g *onnx.Graph, from, to string) {
	for _, n := range g.Nodes {
		for _, list := range [][]string{n.Inputs, n.Outputs} {
			for i := range list {
				if list[i] == from {
					list[i] = to
				}
			}
		}
	}
}

// TestTheGraphIsLeftAlone: the graph that is differentiated stays as it is, and its own part of the result, too.
func TestTheGraphIsLeftAlone(t *testing.T) {
	g := build(t, func(b *graphs.Builder, x graphs.Value) {
		b.Output("y", x.Gemm(b.Parameter("w", graphs.GlorotUniform, 2, 3), b.Parameter("b", graphs.Zeros, 3)).Relu())
	})
	before, err := graphs.Digest(g)
	if err != nil {
		t.Fatal(err)
	}
	with, err := gradients.Gradients(g, "y", []string{"w", "b", "x"})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := graphs.Digest(g); got != before {
		t.Errorf("got another digest of the graph than before, %s", got)
	}
	for _, name := range []string{"w", "b"} {
		if with.Initializer(name).Bound() {
			t.Errorf("parameter %q has data", name)
		}
	}
	if got, want := len(with.Outputs), 4; got != want {
		t.Errorf("got %d outputs, want %d", got, want)
	}
	with.Outputs = with.Outputs[:1]
	if diff, err := graphs.Diff(g, with); diff != "" || err != nil {
		t.Errorf("got %q, %v, want the graph as it was", diff, err)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		build       func(b *graphs.Builder, x graphs.Value)
		output, wrt string
		want        string
		unsupported bool
	}{
		"no such output": {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Exp()) }, "z", "x", `the graph has no output "z"`, false},
		"no such value":  {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Exp()) }, "y", "z", `the graph has no value "z"`, false},
		"no way": {func(b *graphs.Builder, x graphs.Value) {
			b.Output("y", b.Parameter("w", graphs.Zeros, 2).Exp())
			b.Output("z", x.Exp())
		},
			"y", "x", `value "x": output "y" does not depend on it`, false},
		"a way that stops": {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.StopGradient().Exp()) }, "y", "x", "in a way that has a gradient", false},
		"not of floats":    {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.Less(b.Scalar(0))) }, "y", "x", `output "y"`, false},
		"every one is named": {func(b *graphs.Builder, x graphs.Value) {
			b.Output("y", b.Op("Hardmax", []graphs.Value{b.Op("Shrink", []graphs.Value{x})}))
		}, "y", "x", "\"shrink\": Shrink: the operator has no gradient: not supported\nnode \"hardmax\"", true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := gradients.Gradients(build(t, c.build), c.output, []string{c.wrt})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
			if got := errors.Is(err, ops.ErrUnsupported); got != c.unsupported {
				t.Errorf("wraps ErrUnsupported: got %v, want %v", got, c.unsupported)
			}
		})
	}
}

// TestNoWayIsPassedOver: where a value has a gradient by one way and goes by another that has none, that is an error and not half of a
// gradient.
func TestNoWayIsPassedOver(t *testing.T) {
	dims := []onnx.Dim{onnx.Symbol(graphs.Batch), onnx.Fixed(2)}
	branch := func(op string) *onnx.Graph {
		return &onnx.Graph{Name: op, Nodes: []*onnx.Node{{Name: op, OpType: op, Inputs: []string{"x"}, Outputs: []string{op}}},
			Outputs: []*onnx.ValueInfo{{Name: op, Type: onnx.TensorType(onnx.Float, dims...)}}}
	}
	first := onnx.Scalar64(0)
	first.Name = "first"
	for name, c := range map[string]struct {
		way  []*onnx.Node // from x to a
		want string
	}{
		"an operator without a meaning here": {[]*onnx.Node{{Name: "odd", OpType: "Normalizer", Domain: onnx.DomainML, Inputs: []string{"x"}, Outputs: []string{"a"}}}, `"odd"`},
		"a sequence": {[]*onnx.Node{
			{Name: "split", OpType: "SplitToSequence", Inputs: []string{"x"}, Outputs: []string{"parts"}},
			{Name: "at", OpType: "SequenceAt", Inputs: []string{"parts", "first"}, Outputs: []string{"a"}}}, `"split"`},
		"a branch that takes x from around": {[]*onnx.Node{{Name: "choose", OpType: "If", Inputs: []string{"chosen"}, Outputs: []string{"a"},
			Attributes: []*onnx.Attribute{onnx.AttrGraph("then_branch", branch("Exp")), onnx.AttrGraph("else_branch", branch("Neg"))}}}, `"choose"`},
	} {
		t.Run(name, func(t *testing.T) {
			g := &onnx.Graph{
				Name: "test", Opsets: []onnx.Opset{{Version: onnx.MaxOpset}, {Domain: onnx.DomainML, Version: 1}},
				Inputs:       []*onnx.ValueInfo{{Name: "x", Type: onnx.TensorType(onnx.Float, dims...)}, {Name: "chosen", Type: onnx.TensorType(onnx.Bool)}},
				Nodes:        append(c.way, &onnx.Node{Name: "sum", OpType: "Add", Inputs: []string{"x", "a"}, Outputs: []string{"y"}}),
				Initializers: []*onnx.Tensor{first},
				Outputs:      []*onnx.ValueInfo{{Name: "y", Type: onnx.TensorType(onnx.Float, dims...)}},
			}
			_, err := gradients.Gradients(g, "y", []string{"x"})
			if err == nil || !errors.Is(err, ops.ErrUnsupported) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want that node %s is not supported", err, c.want)
			}
		})
	}
}
