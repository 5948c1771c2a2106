package lowering

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/fixtures/conformance"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/wire"
)

// weighed makes a training graph of a case: its inputs are initializers, the loss is Σ w·(first output) with fixed random w. It is nil
// where the case is not one of float tensors, or of an opset in which the loss would be written otherwise.
func weighed(c conformance.Case) *onnx.Graph {
	m, err := wire.Decode(c.Model, wire.Options{})
	if err != nil || len(c.DataSets) == 0 {
		return nil
	}
	set := c.DataSets[0]
	g := m.Graph.Clone()
	if g.Opset(onnx.DomainDefault) < 13 || len(g.Outputs) == 0 || g.Outputs[0].Type.Kind != onnx.KindTensor || g.Outputs[0].Type.Elem != onnx.Float {
		return nil
	}
	if len(set.Inputs) != len(g.Inputs) || len(set.Outputs) == 0 {
		return nil
	}
	for i, v := range g.Inputs {
		if v.Type.Kind != onnx.KindTensor {
			return nil
		}
		x, err := wire.DecodeTensor(set.Inputs[i], wire.Options{})
		if err != nil {
			return nil
		}
		x.Name = v.Name
		g.Initializers = append(g.Initializers, x)
	}
	g.Inputs = nil
	y, err := wire.DecodeTensor(set.Outputs[0], wire.Options{})
	if err != nil || len(y.Data) == 0 {
		return nil
	}
	w := floats(rand.New(rand.NewPCG(1, 2)), -1, 1, y.Dims...)
	w.Name = "weighed/w"
	g.Initializers = append(g.Initializers, w)
	g.Nodes = append(g.Nodes,
		&onnx.Node{Name: "weighed/mul", OpType: "Mul", Inputs: []string{g.Outputs[0].Name, w.Name}, Outputs: []string{"weighed/product"}},
		&onnx.Node{Name: "weighed/sum", OpType: "ReduceSum", Inputs: []string{"weighed/product"}, Outputs: []string{"weighed/loss"}, Attributes: []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}})
	g.Outputs = []*onnx.ValueInfo{{Name: "weighed/loss", Type: onnx.TensorType(onnx.Float)}}
	return g
}

// TestSuiteGradients takes every case of the official suite for a training graph: what can be lowered has gradients that are those
// of finite differences, or at a corner lie between the slopes on its two sides.
func TestSuiteGradients(t *testing.T) {
	if testing.Short() {
		t.Skip("the whole suite takes some seconds")
	}
	checked := 0
	newest := func(release, _, _ string) bool { return release == suiteRelease }
	if err := conformance.Walk(conformance.Archive(t), newest, func(c conformance.Case) error {
		if g := weighed(c); g != nil && caseGradients(t, c.String(), g) {
			checked++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases have gradients, and they are right", checked)
	if checked < 500 {
		t.Errorf("got %d cases with gradients, want at least 500: is the archive whole?", checked)
	}
}

// suiteRelease is the newest one in the archive.
const suiteRelease = "v1.22.0"

// caseGradients trains a case's graph for one step, by all that can be trained in it. It is false where nothing can.
func caseGradients(t *testing.T, name string, g *onnx.Graph) bool {
	t.Helper()
	var wrt []string
	for _, x := range g.Initializers {
		if x.Type != onnx.Float || x.Len() == 0 || x.Name == "weighed/w" {
			continue
		}
		_, err := Lower(g, Options{Wrt: []string{x.Name}})
		switch {
		case err == nil:
			wrt = append(wrt, x.Name)
		case errors.Is(err, ops.ErrUnsupported):
		case strings.Contains(err.Error(), "does not depend on it"), strings.Contains(err.Error(), "have no gradient"):
		default:
			t.Errorf("%s: %v", name, err)
		}
	}
	if wrt == nil {
		return false
	}
	p, err := Lower(g, Options{Wrt: wrt, Set: kernels.Best()})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return false
	}
	if err := p.Run(nil, true); err != nil {
		t.Errorf("%s: %v", name, err)
		return false
	}
	return sampleGradients(t, name, g, p)
}

// sampleGradients holds some elements of every gradient against finite differences in float64. It is false where the evaluator does
// not take the graph in float64.
func sampleGradients(t *testing.T, name string, g *onnx.Graph, p *Program) bool {
	t.Helper()
	wide := double(g)
	l, err := ops.Lift(wide)
	if err != nil {
		return false
	}
	e, err := ops.NewEvaluator(l)
	if err != nil {
		return false
	}
	loss := func() (float64, error) {
		out, err := e.Run(context.Background(), nil, ops.EvalOptions{})
		if err != nil {
			return 0, err
		}
		return out[0].(*onnx.Tensor).Float64s()[0], nil
	}
	here, err := loss()
	if err != nil || math.IsNaN(here) {
		return false
	}
	if got := float64(p.Loss()); math.Abs(got-here) > 1e-3*(math.Abs(here)+1) {
		t.Errorf("%s: loss: got %g, want %g", name, got, here)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, q := range p.Params() {
		x := wide.Initializer(q.Name()).Float64s()
		for range 6 {
			i := rng.IntN(len(x))
			const h = 1e-5
			side := func(step float64) float64 {
				old := x[i]
				defer func() { x[i] = old }()
				x[i] = old + step
				there, err := loss()
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				return (there - here) / step
			}
			left, right := side(-h), side(h)
			if math.IsNaN(left) || math.IsNaN(right) {
				continue // the function ends here
			}
			got := float64(q.Gradient().Float32s()[i])
			slack := 2e-3 * (math.Min(math.Abs(left), math.Abs(right)) + 0.1)
			if !(got >= math.Min(left, right)-slack && got <= math.Max(left, right)+slack) {
				t.Errorf("%s: gradient by %s: element %d at %g: got %g, want %g to %g", name, q.Name(), i, x[i], got, left, right)
				break
			}
		}
	}
	return true
}
