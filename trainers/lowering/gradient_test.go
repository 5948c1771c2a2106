package lowering

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// trial is a small graph around one operator. Its floats are parameters, so that the gradient by every input is checked.
type trial struct {
	op     string
	domain string
	attrs  []*onnx.Attribute
	in     []*onnx.Tensor // nil: absent. A float without a name is a parameter, anything else a constant
	outs   int            // outputs that the loss takes in; 1 where 0
}

// constant marks a float that is not trained.
func constant(t *onnx.Tensor) *onnx.Tensor {
	t.Name = "constant"
	return t
}

// floats draws numbers apart from 0 and from each other, so that no step of a finite difference crosses a corner.
func floats(rng *rand.Rand, lo, hi float64, dims ...int64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Float, dims...)
	v := t.Float32s()
	for i, k := range rng.Perm(len(v)) {
		x := lo + (hi-lo)*(float64(k)+0.25+0.5*rng.Float64())/float64(len(v))
		if math.Abs(x) < 0.02 {
			x = math.Copysign(0.02, x)
		}
		v[i] = float32(x)
	}
	return t
}

func ints(v ...int64) *onnx.Tensor { return onnx.FromInt64s(v) }

// graph makes loss = Σ over outputs of Σ w·y with fixed random w.
func (tr trial) graph(t *testing.T, rng *rand.Rand) *onnx.Graph {
	t.Helper()
	g := &onnx.Graph{Name: "trial", Opsets: []onnx.Opset{{Version: onnx.MaxOpset}, {Domain: onnx.DomainPrivate, Version: 1}}}
	n := &onnx.Node{Name: "tested", OpType: tr.op, Domain: tr.domain, Attributes: tr.attrs}
	facts := make([]ops.Fact, len(tr.in))
	for i, x := range tr.in {
		if x == nil {
			n.Inputs = append(n.Inputs, "")
			continue
		}
		c := *x
		c.Name = fmt.Sprintf("x%d", i)
		if x.Name != "" || x.Type != onnx.Float {
			c.Name = fmt.Sprintf("c%d", i)
		}
		g.Initializers = append(g.Initializers, &c)
		n.Inputs = append(n.Inputs, c.Name)
		facts[i] = ops.Known(x)
	}
	outs := max(tr.outs, 1)
	for k := range outs {
		n.Outputs = append(n.Outputs, fmt.Sprintf("y%d", k))
	}
	out, err := ops.InferNode(ops.NewTable(), n, facts)
	if err != nil {
		t.Fatalf("%s: %v", tr.op, err)
	}
	g.Nodes = append(g.Nodes, n)
	var terms []string
	for k := range outs {
		sizes, ok := out[k].Sizes()
		if !ok {
			t.Fatalf("%s: output %d has no known shape: %v", tr.op, k, out[k])
		}
		w := floats(rng, -1, 1, sizes...)
		w.Name = fmt.Sprintf("w%d", k)
		g.Initializers = append(g.Initializers, w)
		g.Nodes = append(g.Nodes,
			&onnx.Node{Name: fmt.Sprintf("weigh%d", k), OpType: "Mul", Inputs: []string{n.Outputs[k], w.Name}, Outputs: []string{fmt.Sprintf("m%d", k)}},
			&onnx.Node{Name: fmt.Sprintf("sum%d", k), OpType: "ReduceSum", Inputs: []string{fmt.Sprintf("m%d", k)}, Outputs: []string{fmt.Sprintf("s%d", k)},
				Attributes: []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}})
		terms = append(terms, fmt.Sprintf("s%d", k))
	}
	g.Nodes = append(g.Nodes, &onnx.Node{Name: "total", OpType: "Sum", Inputs: terms, Outputs: []string{"loss"}})
	g.Outputs = []*onnx.ValueInfo{{Name: "loss", Type: onnx.TensorType(onnx.Float)}}
	return g
}

// double gives the same graph in float64, in which the evaluator computes as good as exactly.
func double(g *onnx.Graph) *onnx.Graph {
	d := g.Clone()
	for i, x := range d.Initializers {
		if x.Type == onnx.Float {
			c := onnx.NewTensor(onnx.Double, x.Dims...)
			c.Name = x.Name
			for k, v := range x.Float32s() {
				c.Float64s()[k] = float64(v)
			}
			d.Initializers[i] = c
		}
	}
	for _, lists := range [][]*onnx.ValueInfo{d.Inputs, d.Outputs} {
		for i, v := range lists {
			c := *v
			if c.Type.Elem == onnx.Float {
				c.Type.Elem = onnx.Double
			}
			lists[i] = &c
		}
	}
	for _, n := range d.Nodes {
		for _, a := range n.Attributes {
			if a.Tensor != nil && a.Tensor.Type == onnx.Float {
				c := onnx.NewTensor(onnx.Double, a.Tensor.Dims...)
				for k, v := range a.Tensor.Float32s() {
					c.Float64s()[k] = float64(v)
				}
				a.Tensor = c
			}
			if n.OpType == "Cast" && a.Name == "to" && a.Int == int64(onnx.Float) {
				a.Int = int64(onnx.Double)
			}
		}
	}
	return d
}

// evaluate gives the loss by the evaluator in float64.
func evaluate(t *testing.T, e *ops.Evaluator, in []onnx.Value) float64 {
	t.Helper()
	out, err := e.Run(context.Background(), in, ops.EvalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return out[0].(*onnx.Tensor).Float64s()[0]
}

// numeric gives the derivative of the double graph's loss by every element of an initializer, by central differences of two
// widths, extrapolated.
func numeric(t *testing.T, g *onnx.Graph, name string, in []onnx.Value) []float64 {
	t.Helper()
	l, err := ops.Lift(g)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ops.NewEvaluator(l)
	if err != nil {
		t.Fatal(err)
	}
	x := g.Initializer(name).Float64s()
	d := make([]float64, len(x))
	for i := range x {
		old := x[i]
		central := func(h float64) float64 {
			x[i] = old + h
			up := evaluate(t, e, in)
			x[i] = old - h
			down := evaluate(t, e, in)
			x[i] = old
			return (up - down) / (2 * h)
		}
		const h = 1e-4
		d[i] = (4*central(h/2) - central(h)) / 3
	}
	return d
}

// checkGradients holds the gradients by all float initializers named x… against finite differences of the graph in float64.
func checkGradients(t *testing.T, g *onnx.Graph, inputs []*onnx.Tensor, tolerance float64) {
	t.Helper()
	var wrt []string
	for _, x := range g.Initializers {
		if x.Type == onnx.Float && x.Name[0] == 'x' {
			wrt = append(wrt, x.Name)
		}
	}
	p, err := Lower(g, Options{Wrt: wrt, Set: kernels.Best()})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(inputs, true); err != nil {
		t.Fatal(err)
	}
	wide := double(g)
	in := make([]onnx.Value, len(inputs))
	for i, x := range inputs {
		in[i] = x
		if x.Type == onnx.Float {
			c := onnx.NewTensor(onnx.Double, x.Dims...)
			for k, v := range x.Float32s() {
				c.Float64s()[k] = float64(v)
			}
			in[i] = c
		}
	}
	l, err := ops.Lift(wide)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ops.NewEvaluator(l)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := float64(p.Loss()), evaluate(t, e, in); math.Abs(got-want) > tolerance*(math.Abs(want)+1) {
		t.Errorf("loss: got %g, want %g", got, want)
	}
	for _, q := range p.Params() {
		want := numeric(t, wide, q.Name(), in)
		scale := 0.0
		for _, v := range want {
			scale = max(scale, math.Abs(v))
		}
		for i, got := range q.Gradient().Float32s() {
			if math.Abs(float64(got)-want[i]) > tolerance*(scale+1e-3) || math.IsNaN(float64(got)) {
				t.Errorf("gradient by %s: element %d: got %g, want %g", q.Name(), i, got, want[i])
				break
			}
		}
	}
}

func runTrials(t *testing.T, trials map[string]trial) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(trials)) {
		t.Run(name, func(t *testing.T) {
			g := trials[name].graph(t, rand.New(rand.NewPCG(5, 6)))
			checkGradients(t, g, nil, 2e-4)
		})
	}
}
