package exporters

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
)

// CompareOptions says how two models are held against each other.
type CompareOptions struct {
	Inputs    []onnx.Value  // in the order of the models' inputs; drawn from a seed where nil
	Tolerance ops.Tolerance // of numbers
	Layers    bool          // look for the first tensor whose numbers differ
	Limit     int64         // bytes of any one tensor; ops.DefaultLimit where 0
}

// DefaultTolerance is that of numbers where nothing else is asked for.
func DefaultTolerance() ops.Tolerance { return ops.Tolerance{Rel: 1e-4, Abs: 1e-5} }

// Comparison says whether two models are the same network, and how their numbers compare.
type Comparison struct {
	Digests    [2]string          `json:"digests"`    // empty where there is no second model
	Equal      bool               `json:"equal"`      // by structure
	Difference string             `json:"difference"` // the first on the path from the output; empty where equal
	Ran        bool               `json:"ran"`        // whether both were run on the same inputs
	Reason     string             `json:"reason"`     // why not
	Outputs    []OutputComparison `json:"outputs"`
	NumbersOK  bool               `json:"numbers_ok"` // they ran, and every output is within the tolerance
	Layer      *LayerComparison   `json:"layer"`      // the first that differs; nil where none does, or nobody looked
	Compared   int                `json:"layers_compared"`
}

// OutputComparison is how one output compares.
type OutputComparison struct {
	Name       string  `json:"name"`
	Largest    float64 `json:"largest_difference"`
	Difference string  `json:"difference"` // empty where within the tolerance
}

// LayerComparison is a tensor on the way that differs.
type LayerComparison struct {
	Name       string `json:"name"`
	Other      string `json:"other"` // its name in the other model
	Operator   string `json:"operator"`
	Difference string `json:"difference"`
}

// Compare holds two models against each other: by structure, and where their inputs agree by running both.
func Compare(ctx context.Context, a, b *backend.Model, o CompareOptions) (*Comparison, error) {
	c, err := CompareStructure(a.File, b.File)
	if err != nil {
		return nil, err
	}
	if c.Reason = disagree(a, b); c.Reason != "" {
		return c, nil
	}
	in, err := compareInputs(ctx, a, o)
	if err != nil {
		return nil, err
	}
	got, err := a.Run(ctx, in)
	if err != nil && o.Inputs != nil && errors.Is(err, backend.ErrInput) {
		return nil, err
	}
	if err != nil {
		c.Reason = fmt.Sprintf("the first model cannot be run on these inputs: %v", err)
		return c, ctx.Err()
	}
	want, err := b.Run(ctx, in)
	if err != nil {
		c.Reason = fmt.Sprintf("the second model cannot be run on these inputs: %v", err)
		return c, ctx.Err()
	}
	c.Ran, c.NumbersOK = true, true
	for i, v := range a.Outputs() {
		c.output(v.Name, got[i], want[i], o.Tolerance)
	}
	if o.Layers {
		return c, c.layers(ctx, a, b, in, o)
	}
	return c, nil
}

// CompareStructure holds two checked models against each other by structure alone, which needs none of their operators to be
// supported.
func CompareStructure(a, b *onnx.Model) (*Comparison, error) {
	c := &Comparison{Outputs: []OutputComparison{}}
	var forms [2]*graphs.Form
	for i, m := range []*onnx.Model{a, b} {
		form, err := graphs.Canonical(sourceGraph(m))
		if err != nil {
			return nil, fmt.Errorf("model %d: %w", i+1, err)
		}
		forms[i], c.Digests[i] = form, form.Digest()
	}
	c.Difference = forms[0].Diff(forms[1])
	c.Equal = c.Difference == ""
	return c, nil
}

// CompareReference holds a model's tensors against stored ones of the same names: outputs, and with Layers also what is computed on
// the way.
func CompareReference(ctx context.Context, a *backend.Model, stored []*onnx.Tensor, o CompareOptions) (*Comparison, error) {
	c := &Comparison{Outputs: []OutputComparison{}, Ran: true, NumbersOK: true}
	in, err := compareInputs(ctx, a, o)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]*onnx.Tensor)
	for _, t := range stored {
		byName[t.Name] = t
	}
	got, err := a.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool)
	found := false
	for i, v := range a.Outputs() {
		known[v.Name] = true
		if want := byName[v.Name]; want != nil {
			found = true
			c.output(v.Name, got[i], want, o.Tolerance)
		}
	}
	trace, err := traced(ctx, a, in, o.Limit)
	if err != nil {
		return nil, err
	}
	for _, t := range trace {
		known[t.name] = true
		want := byName[t.name]
		if !o.Layers || want == nil {
			continue
		}
		found = true
		c.Compared++
		if d := ops.Compare(t.value, want, o.Tolerance); !d.Equal() && c.Layer == nil {
			c.Layer = &LayerComparison{t.name, t.name, t.operator, d.String()}
			c.NumbersOK = false
		}
	}
	for _, t := range stored {
		if !known[t.Name] {
			return nil, fmt.Errorf("stored array %q is no tensor of the model", t.Name)
		}
	}
	if !found {
		return nil, fmt.Errorf("no stored array has the name of an output; the outputs are %s", outputNames(a))
	}
	return c, nil
}

func outputNames(m *backend.Model) string {
	var names []string
	for _, v := range m.Outputs() {
		names = append(names, v.Name)
	}
	return strings.Join(names, ", ")
}

// sourceGraph is the graph as the file has it.
func sourceGraph(m *onnx.Model) *onnx.Graph {
	if len(m.Graph.Opsets) == 0 {
		return ops.WithOpset1(m.Graph)
	}
	return m.Graph
}

// disagree says why two models cannot be run on the same inputs, or "".
func disagree(a, b *backend.Model) string {
	if len(a.Inputs()) != len(b.Inputs()) {
		return fmt.Sprintf("the models have %d and %d inputs", len(a.Inputs()), len(b.Inputs()))
	}
	if len(a.Outputs()) != len(b.Outputs()) {
		return fmt.Sprintf("the models have %d and %d outputs", len(a.Outputs()), len(b.Outputs()))
	}
	for i, v := range a.Inputs() {
		w := b.Inputs()[i]
		if _, err := ops.Merge(v.Type, ops.Fact{Type: w.Type}); err != nil {
			return fmt.Sprintf("input %d is %v in one model and %v in the other", i, v.Type, w.Type)
		}
	}
	return ""
}

func compareInputs(ctx context.Context, m *backend.Model, o CompareOptions) ([]onnx.Value, error) {
	if o.Inputs != nil {
		return o.Inputs, nil
	}
	limit := o.Limit
	if limit <= 0 {
		limit = ops.DefaultLimit
	}
	const batch = 2
	in, _, err := inventFor(m.File.Graph, batch, limit, func(in []onnx.Value) error {
		_, err := m.Run(ctx, in)
		return err
	})
	return in, err
}

func (c *Comparison) output(name string, got, want onnx.Value, tol ops.Tolerance) {
	d := ops.Compare(got, want, tol)
	c.Outputs = append(c.Outputs, OutputComparison{name, d.Largest, d.String()})
	c.NumbersOK = c.NumbersOK && d.Equal()
}

// tracedValue is a tensor made on the way.
type tracedValue struct {
	name, operator string
	value          onnx.Value
}

// traced evaluates a model plainly and gives every value in the order in which it is made.
func traced(ctx context.Context, m *backend.Model, in []onnx.Value, limit int64) ([]tracedValue, error) {
	lifted, err := ops.LiftWithin(sourceGraph(m.File), limit)
	if err != nil {
		return nil, err
	}
	e, err := ops.NewEvaluator(lifted)
	if err != nil {
		return nil, err
	}
	operator := make(map[string]string)
	for _, n := range lifted.Graph.Nodes {
		for _, out := range n.Outputs {
			operator[out] = n.OpType
		}
	}
	if in, err = m.Complete(in); err != nil {
		return nil, err
	}
	var list []tracedValue
	_, err = e.Run(ctx, in, ops.EvalOptions{Limit: limit, Watch: func(name string, v onnx.Value) {
		list = append(list, tracedValue{name, operator[name], v})
	}})
	return list, err
}

// layers finds the first tensor whose numbers differ. Tensors of one name belong together; where the models share no names, the n-th
// results of each operator do.
func (c *Comparison) layers(ctx context.Context, a, b *backend.Model, in []onnx.Value, o CompareOptions) error {
	first, err := traced(ctx, a, in, o.Limit)
	if err != nil {
		return err
	}
	second, err := traced(ctx, b, in, o.Limit)
	if err != nil {
		return err
	}
	shared := false
	names := make(map[string]tracedValue)
	for _, t := range second {
		names[t.name] = t
	}
	outputs := make(map[string]bool)
	for _, v := range a.Outputs() {
		outputs[v.Name] = true
	}
	for _, t := range first {
		_, ok := names[t.name]
		shared = shared || ok && !outputs[t.name]
	}
	counts := make(map[string]int)
	nth := func(t tracedValue) string {
		counts[t.operator]++
		return fmt.Sprintf("%s %d", t.operator, counts[t.operator])
	}
	if !shared {
		names = make(map[string]tracedValue)
		for _, t := range second {
			names[nth(t)] = t
		}
		clear(counts)
	}
	for _, t := range first {
		key := t.name
		if !shared {
			key = nth(t)
		}
		other, ok := names[key]
		if !ok {
			continue
		}
		c.Compared++
		if d := ops.Compare(t.value, other.value, o.Tolerance); !d.Equal() {
			c.Layer = &LayerComparison{t.name, other.name, t.operator, d.String()}
			return nil
		}
	}
	return nil
}

// String says it for people.
func (c *Comparison) String() string {
	var s strings.Builder
	switch {
	case c.Digests[0] == "":
	case c.Equal:
		fmt.Fprintf(&s, "equal: both have the digest %s\n", c.Digests[0])
	default:
		fmt.Fprintf(&s, "different: %s\ndigests %s and %s\n", c.Difference, c.Digests[0], c.Digests[1])
	}
	if c.Reason != "" {
		fmt.Fprintf(&s, "numbers: not compared, %s\n", c.Reason)
	}
	for _, o := range c.Outputs {
		if o.Difference == "" {
			fmt.Fprintf(&s, "numbers: output %q agrees, largest difference %.3g\n", o.Name, o.Largest)
		} else {
			fmt.Fprintf(&s, "numbers: output %q: %s\n", o.Name, o.Difference)
		}
	}
	switch {
	case c.Layer != nil:
		fmt.Fprintf(&s, "layers: the first tensor that differs is %q (%s)", c.Layer.Name, c.Layer.Operator)
		if c.Layer.Other != c.Layer.Name {
			fmt.Fprintf(&s, ", %q in the other model", c.Layer.Other)
		}
		fmt.Fprintf(&s, ": %s\n", c.Layer.Difference)
	case c.Compared > 0:
		fmt.Fprintf(&s, "layers: all of %d tensors agree\n", c.Compared)
	}
	return strings.TrimRight(s.String(), "\n")
}
