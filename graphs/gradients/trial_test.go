package gradients_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gonyx/gonyx/graphs/gradients"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/trainers/lowering"
)

// trial is a small graph around one operator. Its floats are inputs, so that the gradient by every one is checked.
type trial struct {
	op    string
	attrs []*onnx.Attribute
	in    []*onnx.Tensor // nil: absent. A float without a name is an input, anything else a constant
	outs  int            // outputs that the loss takes in; 1 where 0
	needs knowledge      // without which the gradient is refused
	alone bool           // trainers/lowering has no gradient of this form
}

// constant marks a float that is no input.
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

func bools(v []bool, dims ...int64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Bool, dims...)
	copy(t.Bools(), v)
	return t
}

// knowledge is how much of the inputs' shapes the graph says.
type knowledge string

const (
	allSizes knowledge = "sizes known"
	noBatch  knowledge = "batch symbolic"
	noSizes  knowledge = "sizes unknown"
)

func (k knowledge) dims(sizes []int64, first bool) []onnx.Dim {
	dims := onnx.FixedDims(sizes...)
	for i := range dims {
		switch {
		case k == noSizes:
			dims[i] = onnx.UnknownDim()
		case k == noBatch && first && i == 0:
			dims[i] = onnx.Symbol("batch")
		}
	}
	return dims
}

// graph makes loss = Σ over outputs of Σ w·y with fixed random w. Floats become inputs, or initializers where params is set.
func (tr trial) graph(t *testing.T, k knowledge, params bool) (g *onnx.Graph, wrt []string, values []*onnx.Tensor) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 6))
	g = &onnx.Graph{Name: "trial", Opsets: []onnx.Opset{{Version: onnx.MaxOpset}}}
	n := &onnx.Node{Name: "tested", OpType: tr.op, Attributes: tr.attrs}
	facts := make([]ops.Fact, len(tr.in))
	for i, x := range tr.in {
		if x == nil {
			n.Inputs = append(n.Inputs, "")
			continue
		}
		c := *x
		facts[i] = ops.Known(x)
		c.Name = fmt.Sprintf("c%d", i)
		if x.Name == "" && x.Type == onnx.Float {
			c.Name = fmt.Sprintf("x%d", i)
			wrt, values = append(wrt, c.Name), append(values, x)
			// A kernel stays known: its size decides about windows.
			dims := k.dims(x.Dims, i == 0)
			if i > 0 && (tr.op == "Conv" || tr.op == "ConvTranspose") {
				dims = onnx.FixedDims(x.Dims...)
			}
			if !params {
				g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: c.Name, Type: onnx.TensorType(onnx.Float, dims...)})
			}
		}
		if params || c.Name[0] == 'c' {
			g.Initializers = append(g.Initializers, &c)
		}
		n.Inputs = append(n.Inputs, c.Name)
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
	return g, wrt, values
}

// double gives the same graph in float64; what the standard wants in float whatever is computed stays.
func double(g *onnx.Graph) *onnx.Graph {
	d := g.Clone()
	float := make(map[string]bool)
	for _, n := range d.Nodes {
		if n.OpType == "Resize" && len(n.Inputs) > 2 {
			float[n.Inputs[2]] = true
		}
		for _, a := range n.Attributes {
			if n.OpType == "Cast" && a.Name == "to" && a.Int == int64(onnx.Float) {
				a.Int = int64(onnx.Double)
			}
		}
	}
	for i, x := range d.Initializers {
		if x.Type == onnx.Float && !float[x.Name] {
			d.Initializers[i] = wide(x)
		}
	}
	for _, lists := range [][]*onnx.ValueInfo{d.Inputs, d.Outputs} {
		for i, v := range lists {
			c := *v
			c.Type.Elem = onnx.Double
			lists[i] = &c
		}
	}
	return d
}

func wide(x *onnx.Tensor) *onnx.Tensor {
	c := onnx.NewTensor(onnx.Double, x.Dims...)
	c.Name = x.Name
	for k, v := range x.Float32s() {
		c.Float64s()[k] = float64(v)
	}
	return c
}

// slopes gives the derivatives of a double graph's first output by every element of every input, by central differences.
func slopes(t *testing.T, g *onnx.Graph, in []*onnx.Tensor) [][]float64 {
	t.Helper()
	all := make([][]float64, len(in))
	values := make([]onnx.Value, len(in))
	for i, x := range in {
		values[i] = x
	}
	e := evaluator(t, g)
	loss := func() float64 {
		out, err := e.Run(context.Background(), values, ops.EvalOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return out[0].(*onnx.Tensor).Float64s()[0]
	}
	const h = 1e-5
	for i, x := range in {
		for k, old := range x.Float64s() {
			x.Float64s()[k] = old + h
			up := loss()
			x.Float64s()[k] = old - h
			down := loss()
			x.Float64s()[k] = old
			all[i] = append(all[i], (up-down)/(2*h))
		}
	}
	return all
}

func evaluator(t *testing.T, g *onnx.Graph) *ops.Evaluator {
	t.Helper()
	l, err := ops.Lift(g)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ops.NewEvaluator(l)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// near says whether numbers agree within a part of the largest of them.
func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %d elements, want %d", what, len(got), len(want))
		return
	}
	scale := 1e-3
	for _, v := range want {
		scale = max(scale, math.Abs(v))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tolerance*scale) {
			t.Errorf("%s: element %d: got %g, want %g", what, i, got[i], want[i])
			return
		}
	}
}

func numbers(t *onnx.Tensor) []float64 {
	if t.Type == onnx.Double {
		return t.Float64s()
	}
	return wide(t).Float64s()
}

// run holds the gradient graph, run by the backend, and the one in double, run by the plain evaluator, against finite differences in
// double and against the gradients that trainers/lowering gets from Gorgonia.
func (tr trial) run(t *testing.T) {
	g, wrt, values := tr.graph(t, allSizes, false)
	exact := make([]*onnx.Tensor, len(values))
	for i, x := range values {
		exact[i] = wide(x)
	}
	want := slopes(t, double(g), exact)
	if !tr.alone {
		params, _, _ := tr.graph(t, allSizes, true)
		p, err := lowering.Lower(params, lowering.Options{Wrt: wrt})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(nil, true); err != nil {
			t.Fatal(err)
		}
		for i, q := range p.Params() {
			near(t, "Gorgonia's gradient by "+q.Name(), numbers(q.Gradient()), want[i], 2e-4)
		}
	}
	for _, k := range []knowledge{allSizes, noBatch, noSizes} {
		g, _, _ := tr.graph(t, k, false)
		with, err := gradients.Gradients(g, "loss", wrt)
		if tr.needs == allSizes && k != allSizes || tr.needs == noBatch && k == noSizes {
			if !errors.Is(err, ops.ErrUnsupported) {
				t.Errorf("%s: got %v, want that it is not supported", k, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", k, err)
			continue
		}
		if _, err := ops.Convert(g, gradients.MinOpset); err == nil {
			if _, err := ops.Convert(with, gradients.MinOpset); err != nil {
				t.Errorf("%s: at opset %d: %v", k, gradients.MinOpset, err)
			}
		}
		m, err := backend.Compile(with, backend.Options{Threads: 1})
		if err != nil {
			t.Errorf("%s: %v", k, err)
			continue
		}
		in := make([]onnx.Value, len(values))
		for i, x := range values {
			in[i] = x
		}
		out, err := m.Run(context.Background(), in)
		m.Close()
		if err != nil {
			t.Errorf("%s: %v", k, err)
			continue
		}
		for i, name := range wrt {
			got := out[i+1].(*onnx.Tensor)
			if !slices.Equal(got.Dims, values[i].Dims) {
				t.Errorf("%s: gradient by %s: got shape %v, want %v", k, name, got.Dims, values[i].Dims)
				continue
			}
			near(t, fmt.Sprintf("%s: gradient by %s", k, name), numbers(got), want[i], 2e-4)
		}
		// In double it is differences that are not exact.
		with, err = gradients.Gradients(double(g), "loss", wrt)
		if err != nil {
			t.Errorf("%s: in double: %v", k, err)
			continue
		}
		for i := range in {
			in[i] = exact[i]
		}
		out, err = evaluator(t, with).Run(context.Background(), in, ops.EvalOptions{})
		if err != nil {
			t.Errorf("%s: in double: %v", k, err)
			continue
		}
		for i, name := range wrt {
			near(t, fmt.Sprintf("%s: in double: gradient by %s", k, name), numbers(out[i+1].(*onnx.Tensor)), want[i], 1e-7)
		}
	}
}

func runTrials(t *testing.T, trials map[string]trial) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(trials)) {
		t.Run(name, trials[name].run)
	}
}
