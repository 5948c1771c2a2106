package lowering

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

func TestInputsThatDoNotFit(t *testing.T) {
	good := batchOf(2, 10)
	for name, c := range map[string]struct {
		in   []*onnx.Tensor
		want string
	}{
		"too few":        {good[:1], "takes 2 inputs, is given 1"},
		"none":           {[]*onnx.Tensor{good[0], nil}, `input "y" has no value`},
		"another type":   {[]*onnx.Tensor{good[0], onnx.NewTensor(onnx.Double, 2, 4)}, `input "y"`},
		"another size":   {[]*onnx.Tensor{good[0], onnx.NewTensor(onnx.Float, 2, 5)}, `input "y"`},
		"another rank":   {[]*onnx.Tensor{good[0], onnx.NewTensor(onnx.Float, 2)}, `input "y"`},
		"another batch":  {[]*onnx.Tensor{good[0], onnx.NewTensor(onnx.Float, 3, 4)}, `dimension "batch"`},
		"without a data": {[]*onnx.Tensor{good[0], {Type: onnx.Float, Dims: []int64{2, 4}}}, `input "y"`},
	} {
		t.Run(name, func(t *testing.T) {
			p := lowered(t, Options{})
			if err := p.Run(c.in, true); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestLowerRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change      func(*onnx.Graph, *Options)
		want        string
		unsupported bool
	}{
		"a parameter without a value": {func(_ *onnx.Graph, o *Options) { delete(o.Parameters, "scale") }, `parameter "scale": float[4] has no value to start from`, false},
		"a value of another shape": {func(_ *onnx.Graph, o *Options) { o.Parameters["scale"] = onnx.NewTensor(onnx.Float, 5) },
			`parameter "scale": the value is float[5], the graph has float[4]`, false},
		"a value for nothing": {func(_ *onnx.Graph, o *Options) { o.Parameters["scales"] = onnx.NewTensor(onnx.Float, 5) },
			`parameter "scales": the graph has no initializer`, false},
		"training what is not there": {func(_ *onnx.Graph, o *Options) { o.Wrt = []string{"scale", "bias"} }, `parameter "bias": the graph has no initializer`, false},
		"training nothing":           {func(_ *onnx.Graph, o *Options) { o.Wrt = []string{} }, `no parameter to train`, false},
		"a loss that is not there":   {func(_ *onnx.Graph, o *Options) { o.Loss = "cost" }, `loss "cost": the graph has no such value`, false},
		"a loss that is a tensor":    {func(_ *onnx.Graph, o *Options) { o.Loss = "prediction" }, `loss "prediction": tensor(float)[2,4] is not a float scalar`, false},
		"a parameter the loss does not know": {func(g *onnx.Graph, o *Options) {
			g.Initializers = append(g.Initializers, floats(rand.New(rand.NewPCG(1, 1)), 0, 1, 2))
			g.Initializers[len(g.Initializers)-1].Name = "idle"
			o.Wrt = []string{"scale", "idle"}
		}, `parameter "idle": the loss "loss" does not depend on it`, false},
		"a parameter behind a stop": {func(g *onnx.Graph, _ *Options) {
			for _, n := range g.Nodes {
				if n.Name == "conv" {
					n.Outputs[0] = "moving"
				}
			}
			at := slices.IndexFunc(g.Nodes, func(n *onnx.Node) bool { return n.Name == "conv/relu" })
			g.Nodes = slices.Insert(g.Nodes, at, &onnx.Node{Name: "frozen", OpType: "StopGradient", Domain: onnx.DomainPrivate, Inputs: []string{"moving"}, Outputs: []string{"c"}})
		}, `parameter "conv.weight": the loss "loss" depends on it only by ways that have no gradient (node "frozen": StopGradient)`, false},
		"operators that are not trainable, all of them": {func(g *onnx.Graph, _ *Options) {
			for _, n := range g.Nodes {
				if n.Name == "sigmoid" || n.Name == "halve" {
					n.OpType, n.Inputs, n.Attributes = "Shrink", n.Inputs[:1], nil
				}
			}
		}, "node \"sigmoid\": Shrink: the operator is not supported in training: there is no gradient for it\nnode \"halve\": Shrink", true},
		"a small batch to draw with": {func(_ *onnx.Graph, o *Options) { o.Batch = 1 }, `batch size 1`, false},
	} {
		t.Run(name, func(t *testing.T) {
			g, weights := net()
			o := Options{Loss: "loss", Parameters: weights}
			c.change(g, &o)
			_, err := Lower(g, o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
			if !strings.HasPrefix(err.Error(), "lowering: ") {
				t.Errorf("got %v, want it to begin with its place", err)
			}
			if got := errors.Is(err, ops.ErrUnsupported); got != c.unsupported {
				t.Errorf("wraps ErrUnsupported: got %v, want %v", got, c.unsupported)
			}
		})
	}
}

func TestFormsWithoutAGradientAreRefusedAtOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	for name, c := range map[string]struct {
		trial trial
		want  string
	}{
		"Resize by lines": {trial{op: "Resize", in: []*onnx.Tensor{f(1, 1, 2, 2), nil, constant(onnx.FromFloat32s([]float32{1, 1, 2, 2}, 4))},
			attrs: []*onnx.Attribute{onnx.AttrString("mode", "linear")}}, `node "tested": Resize: gradient by input 0: a gradient of mode linear is not supported`},
		"convolution of a volume": {trial{op: "Conv", in: []*onnx.Tensor{f(1, 1, 3, 3, 3), f(1, 1, 2, 2, 2)}}, `node "tested": Conv: gradient by input 0`},
		"scattering sums": {trial{op: "ScatterND", in: []*onnx.Tensor{f(3), onnx.FromInt64s([]int64{1}, 1, 1), f(1)},
			attrs: []*onnx.Attribute{onnx.AttrString("reduction", "add")}}, `a gradient of reduction add is not supported`},
	} {
		t.Run(name, func(t *testing.T) {
			g := c.trial.graph(t, rng)
			_, err := Lower(g, Options{Wrt: []string{"x0"}})
			if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, ops.ErrUnsupported) {
				t.Errorf("got %v, want an unsupported one with %q", err, c.want)
			}
		})
	}
}
