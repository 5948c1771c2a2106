package gradients_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gonyx/gonyx/fixtures/conformance"
	"github.com/gonyx/gonyx/graphs/gradients"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/wire"
	"github.com/gonyx/gonyx/trainers/lowering"
)

// suiteRelease is the newest one in the archive.
const suiteRelease = "v1.22.0"

// TestSuiteGradientGraphs takes every case of the official suite for a graph to differentiate: what Gorgonia has a gradient of has a
// gradient graph, too, and the backend computes the same from it. No graph of the suite makes the walk panic.
func TestSuiteGradientGraphs(t *testing.T) {
	if testing.Short() {
		t.Skip("the whole suite takes some seconds")
	}
	newest := func(release, _, _ string) bool { return release == suiteRelease }
	held := 0
	if err := conformance.Walk(conformance.Archive(t), newest, func(c conformance.Case) error {
		if g, values := weighed(c); g != nil {
			held += holdCase(t, c.String(), g, values)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d gradients are Gorgonia's", held)
	if held < 600 {
		t.Errorf("got %d gradients, want at least 600: is the archive whole?", held)
	}
}

// weighed makes of a case a graph whose output is Σ w·(first output) with fixed random w, and the values of its inputs. It is nil where
// the case is not one of float tensors, or of an opset in which the sum would be written otherwise.
func weighed(c conformance.Case) (*onnx.Graph, []*onnx.Tensor) {
	m, err := wire.Decode(c.Model, wire.Options{})
	if err != nil || len(c.DataSets) == 0 {
		return nil, nil
	}
	set := c.DataSets[0]
	g := m.Graph.Clone()
	if g.Opset(onnx.DomainDefault) < 13 || len(g.Outputs) == 0 || g.Outputs[0].Type.Kind != onnx.KindTensor || g.Outputs[0].Type.Elem != onnx.Float {
		return nil, nil
	}
	if len(set.Inputs) != len(g.Inputs) || len(set.Outputs) == 0 {
		return nil, nil
	}
	var values []*onnx.Tensor
	for i, v := range g.Inputs {
		if v.Type.Kind != onnx.KindTensor {
			return nil, nil
		}
		x, err := wire.DecodeTensor(set.Inputs[i], wire.Options{})
		if err != nil {
			return nil, nil
		}
		values = append(values, x)
	}
	y, err := wire.DecodeTensor(set.Outputs[0], wire.Options{})
	if err != nil || len(y.Data) == 0 {
		return nil, nil
	}
	w := floats(rand.New(rand.NewPCG(1, 2)), -1, 1, y.Dims...)
	w.Name = "weighed/w"
	g.Initializers = append(g.Initializers, w)
	g.Nodes = append(g.Nodes,
		&onnx.Node{Name: "weighed/mul", OpType: "Mul", Inputs: []string{g.Outputs[0].Name, w.Name}, Outputs: []string{"weighed/product"}},
		&onnx.Node{Name: "weighed/sum", OpType: "ReduceSum", Inputs: []string{"weighed/product"}, Outputs: []string{"weighed/loss"}, Attributes: []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}})
	g.Outputs = []*onnx.ValueInfo{{Name: "weighed/loss", Type: onnx.TensorType(onnx.Float)}}
	return g, values
}

// holdCase holds the gradient by each input that trainers/lowering has one by against it, and counts them.
func holdCase(t *testing.T, name string, g *onnx.Graph, values []*onnx.Tensor) int {
	t.Helper()
	n := 0
	for i, x := range values {
		if x.Type != onnx.Float {
			continue
		}
		wrt := g.Inputs[i].Name
		with, err := gradients.Gradients(g, "weighed/loss", []string{wrt})
		// What the others hold shows in their values here, and stays for the walk to find out.
		known := g.Clone()
		known.Inputs = nil
		for k, v := range values {
			c := *v
			c.Name = g.Inputs[k].Name
			known.Initializers = append(known.Initializers, &c)
		}
		p, missing := lowering.Lower(known, lowering.Options{Wrt: []string{wrt}})
		if missing != nil {
			continue
		}
		if errors.Is(err, ops.ErrUnsupported) { // shapes or axes that are inputs of the case
			with, err = gradients.Gradients(fed(g, values, i), "weighed/loss", []string{wrt})
		}
		if err != nil {
			t.Errorf("%s: gradient by %q: %v", name, wrt, err)
			continue
		}
		if err := p.Run(nil, true); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := last(with, g, values)
		if err != nil {
			t.Errorf("%s: gradient by %q: %v", name, wrt, err)
			continue
		}
		if d := apart(got, p.Params()[0].Gradient()); d != "" {
			t.Errorf("%s: gradient by %q: %s", name, wrt, d)
		}
		n++
	}
	return n
}

// fed gives the graph with all inputs but one as constants.
func fed(g *onnx.Graph, values []*onnx.Tensor, free int) *onnx.Graph {
	c := g.Clone()
	c.Inputs = c.Inputs[free : free+1]
	for k, v := range values {
		if k != free {
			x := *v
			x.Name = g.Inputs[k].Name
			c.Initializers = append(c.Initializers, &x)
		}
	}
	return c
}

// last runs a graph on those of the values that it still takes, and gives its last output.
func last(with, g *onnx.Graph, values []*onnx.Tensor) (*onnx.Tensor, error) {
	m, err := backend.Compile(with, backend.Options{Threads: 1})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	var in []onnx.Value
	for _, v := range with.Inputs {
		for k, w := range g.Inputs {
			if w.Name == v.Name {
				in = append(in, values[k])
			}
		}
	}
	out, err := m.Run(context.Background(), in)
	if err != nil {
		return nil, err
	}
	return out[len(out)-1].(*onnx.Tensor), nil
}

// apart says where numbers are further apart than a part of the largest of them, or "".
func apart(got, want *onnx.Tensor) string {
	if got.String() != want.String() {
		return fmt.Sprintf("got %v, want %v", got, want)
	}
	scale := 0.1
	for _, v := range want.Float32s() {
		if a := math.Abs(float64(v)); a > scale && !math.IsInf(a, 0) {
			scale = a
		}
	}
	for i, v := range want.Float32s() {
		x := got.Float32s()[i]
		if x != v && (x == x || v == v) && !(math.Abs(float64(x-v)) <= 2e-4*scale) {
			return fmt.Sprintf("element %d: got %g, want %g", i, x, v)
		}
	}
	return ""
}
