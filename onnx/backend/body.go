package backend

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// body is a graph inside a node, of a branch that data decide or of a loop, compiled as a model of its own: what it reads of the values
// around it are inputs, or constants where they are.
type body struct {
	once   sync.Once
	graph  *onnx.Graph
	around *onnx.Graph // where its constants are looked for
	reads  []string    // names of the values around, which are inputs behind its own
	model  *Model      // nil where it is left to the evaluator
}

// bodies are the graphs inside the nodes of a variant.
type bodies map[*onnx.Graph]*body

func newBodies(g *onnx.Graph) bodies {
	all := make(bodies)
	for _, n := range g.Nodes {
		for _, a := range n.Attributes {
			for _, sub := range a.Subgraphs() {
				if sub != nil {
					all[sub] = &body{graph: sub, around: g}
				}
			}
		}
	}
	return all
}

// visit is one evaluation of a node with bodies.
type visit struct {
	ctx    context.Context
	plan   *Plan
	around map[string]onnx.Value
	last   []onnx.Value // what the body was given the time before
	grows  bool         // it was given other shapes then
}

// body runs a body as a plan, or leaves it to the evaluator: where shapes change from step to step, each would need a plan of its own,
// which takes longer than running the step as it stands. Earlier visits have no say in that, so that equal inputs give equal bits.
func (v *visit) body(g *onnx.Graph, in []onnx.Value) ([]onnx.Value, bool, error) {
	b := v.plan.bodies[g]
	if b == nil {
		return nil, false, nil
	}
	for i := range v.last {
		v.grows = v.grows || i >= len(in) || !sameShape(in[i], v.last[i])
	}
	if v.last = in; v.grows {
		return nil, false, nil
	}
	return b.run(v.ctx, v.plan.model, in, v.around)
}

func sameShape(a, b onnx.Value) bool {
	x, ok := a.(*onnx.Tensor)
	y, ok2 := b.(*onnx.Tensor)
	return ok == ok2 && (!ok || x.Type == y.Type && slices.Equal(x.Dims, y.Dims))
}

// run computes a body, or says that it leaves that to the evaluator.
func (b *body) run(ctx context.Context, m *Model, in []onnx.Value, around map[string]onnx.Value) ([]onnx.Value, bool, error) {
	b.once.Do(func() { b.model = b.compile(m) })
	if b.model == nil {
		return nil, false, nil
	}
	all := slices.Clone(in)
	for _, name := range b.reads {
		all = append(all, around[name])
	}
	if slices.Contains(all, nil) || len(in)+len(b.reads) != len(b.model.graph.Inputs) {
		return nil, false, nil
	}
	p, err := b.model.Plan(all)
	if err != nil {
		return nil, false, nil // the evaluator says what is wrong, or finds that nothing is
	}
	out, err := p.Run(ctx, all)
	if err != nil {
		return nil, true, fmt.Errorf("%w", bare(err))
	}
	return out, true, nil
}

// bare takes the name of this package from an error that gets it again.
func bare(err error) error {
	if inner, ok := err.(interface{ Unwrap() error }); ok {
		return inner.Unwrap()
	}
	return err
}

// compile makes the model, or nil where there is none: random numbers must go on from step to step, which plans do not.
func (b *body) compile(m *Model) *Model {
	if drawsNumbers(b.graph, ops.NewTable(), 0) {
		return nil
	}
	g := *b.graph
	// What a body declares of shapes may be wrong, and nothing but the kinds of its inputs is held against it.
	g.ValueInfo, g.Inputs, g.Outputs = nil, nil, nil
	for _, v := range b.graph.Inputs {
		t := v.Type
		if t.Kind == onnx.KindTensor {
			t = onnx.UnrankedTensorType(t.Elem)
		}
		g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: v.Name, Type: t})
	}
	for _, v := range b.graph.Outputs {
		g.Outputs = append(g.Outputs, &onnx.ValueInfo{Name: v.Name})
	}
	g.Initializers = slices.Clone(b.graph.Initializers)
	seen := make(map[string]bool)
	see := func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		if t := b.around.Initializer(name); t != nil && !slices.ContainsFunc(b.around.Inputs, func(v *onnx.ValueInfo) bool { return v.Name == name }) {
			g.Initializers = append(g.Initializers, t)
			return
		}
		b.reads = append(b.reads, name)
		g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: name})
	}
	ops.Captures(&onnx.Node{Attributes: []*onnx.Attribute{onnx.AttrGraph("body", b.graph)}}, see)
	c := &Model{options: m.options, packs: newPacks(), target: m.target}
	eval, err := ops.NewEvaluator(&ops.Lifted{Graph: &g})
	if err != nil {
		return nil
	}
	c.oracle = eval
	if c.whole, err = c.prepare(&g, eval, growthOfPart); err != nil {
		return nil
	}
	c.graph = c.whole.graph
	c.defaults = make([]*onnx.Tensor, len(c.graph.Inputs))
	return c
}

// drawsNumbers says whether an operator in a graph or in the graphs inside it is random.
func drawsNumbers(g *onnx.Graph, table *ops.Table, depth int) bool {
	const deepest = 100
	if depth > deepest {
		return true
	}
	for _, n := range g.Nodes {
		if m := table.Meaning(n.Domain, n.OpType); m != nil && m.Class == ops.Random {
			return true
		}
		for _, a := range n.Attributes {
			for _, sub := range a.Subgraphs() {
				if sub != nil && drawsNumbers(sub, table, depth+1) {
					return true
				}
			}
		}
	}
	return false
}
