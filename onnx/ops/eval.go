package ops

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Evaluator runs a lifted graph node by node with Eval: slow, plain, and the oracle that every fast way is held against.
// It is safe for many goroutines.
type Evaluator struct {
	graph *onnx.Graph
	ops   map[*onnx.Node]Op
}

// NewEvaluator prepares a lifted graph, subgraphs included. It fails with ErrUnsupported where an operator has no meaning
// here, naming all of them.
func NewEvaluator(l *Lifted) (*Evaluator, error) {
	e := &Evaluator{graph: l.Graph, ops: make(map[*onnx.Node]Op)}
	var missing []error
	if err := e.prepare(l.Graph, l.Held, NewTable(), 0, &missing); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, errors.Join(missing...)
	}
	return e, nil
}

// Op gives the operator of a node of the graph or of one of its subgraphs.
func (e *Evaluator) Op(n *onnx.Node) Op { return e.ops[n] }

func (e *Evaluator) prepare(g *onnx.Graph, held map[*onnx.Node]int64, table *Table, depth int, missing *[]error) error {
	if depth > maxDepth {
		return fmt.Errorf("graphs nest deeper than %d", maxDepth)
	}
	for _, t := range g.Initializers {
		if !t.Bound() {
			return fmt.Errorf("initializer %q: %v has no data", t.Name, t)
		}
	}
	for i, n := range g.Nodes {
		if version, ok := held[n]; ok {
			*missing = append(*missing, fmt.Errorf("%s: version %d of the operator is %w yet", Place(n, i), version, ErrUnsupported))
			continue
		}
		op, _, err := table.Op(n)
		switch {
		case errors.Is(err, ErrUnsupported):
			*missing = append(*missing, fmt.Errorf("%s: %w", Place(n, i), err))
			continue
		case err != nil:
			return fmt.Errorf("%s: %w", Place(n, i), err)
		}
		e.ops[n] = op
		for _, a := range n.Attributes {
			for _, sub := range a.Subgraphs() {
				if err := e.prepare(sub, held, table, depth+1, missing); err != nil {
					return fmt.Errorf("%s: attribute %q: %w", Place(n, i), a.Name, err)
				}
			}
		}
	}
	return nil
}

// EvalOptions sets the bounds of an evaluation.
type EvalOptions struct {
	Limit int64                           // bytes of any one tensor; DefaultLimit where 0
	Seed  uint64                          // of random operators without a seed of their own
	Watch func(name string, v onnx.Value) // sees every value of the outermost graph as it is made, where not nil
	// Body runs a graph inside the node of EvalNode in the engine's own way, where not nil, or says that it did not.
	Body func(g *onnx.Graph, in []onnx.Value) (out []onnx.Value, done bool, err error)
}

// values is a graph's values with those of the graphs around it.
type values struct {
	own   map[string]onnx.Value
	outer *values
}

func (v *values) find(name string) (onnx.Value, bool) {
	for ; v != nil; v = v.outer {
		if x, ok := v.own[name]; ok {
			return x, true
		}
	}
	return nil, false
}

// Run evaluates the graph. in holds a value for each of the graph's inputs in order; nil takes the initializer of that
// name. It leaves inputs alone.
func (e *Evaluator) Run(ctx context.Context, in []onnx.Value, o EvalOptions) ([]onnx.Value, error) {
	r := &evaluation{e: e, ctx: ctx, limit: o.Limit, rand: rand.New(rand.NewPCG(o.Seed, 0x5eed)), watch: o.Watch}
	return r.graph(e.graph, in, nil)
}

type evaluation struct {
	e     *Evaluator
	ctx   context.Context
	limit int64
	rand  *rand.Rand
	watch func(string, onnx.Value)
}

func (r *evaluation) graph(g *onnx.Graph, in []onnx.Value, outer *values) ([]onnx.Value, error) {
	vals := &values{own: make(map[string]onnx.Value, len(g.Nodes)+len(g.Initializers)), outer: outer}
	for _, t := range g.Initializers {
		vals.own[t.Name] = t
	}
	for _, s := range g.SparseInitializers {
		t, err := Densify(s, r.limit)
		if err != nil {
			return nil, fmt.Errorf("sparse initializer %q: %w", s.Name(), err)
		}
		vals.own[s.Name()] = t
	}
	if len(in) != len(g.Inputs) {
		return nil, fmt.Errorf("graph %q takes %d inputs, is given %d", g.Name, len(g.Inputs), len(in))
	}
	for i, v := range g.Inputs {
		if in[i] != nil {
			if err := sameType(v.Type, in[i]); err != nil {
				return nil, fmt.Errorf("input %q: %w", v.Name, err)
			}
			vals.own[v.Name] = in[i]
		} else if vals.own[v.Name] == nil {
			return nil, fmt.Errorf("input %q has no value", v.Name)
		}
	}
	for i, n := range g.Nodes {
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.node(n, vals); err != nil {
			return nil, fmt.Errorf("%s: %w", Place(n, i), err)
		}
	}
	out := make([]onnx.Value, len(g.Outputs))
	for i, v := range g.Outputs {
		x, ok := vals.find(v.Name)
		if !ok {
			return nil, fmt.Errorf("output %q is not computed", v.Name)
		}
		out[i] = x
	}
	return out, nil
}

// sameType fails where a value is not of the declared kind or element type, which every operator relies on.
func sameType(declared onnx.Type, v onnx.Value) error {
	got := onnx.TypeOf(v)
	if declared.Kind != onnx.KindUndefined && (declared.Kind != got.Kind || declared.Elem != onnx.Undefined && declared.Elem != got.Elem) {
		return fmt.Errorf("it is declared as %v, the value is %v", declared, got)
	}
	return nil
}

func (r *evaluation) node(n *onnx.Node, vals *values) error {
	in := make([]onnx.Value, len(n.Inputs))
	for i, name := range n.Inputs {
		if name == "" {
			continue
		}
		v, ok := vals.find(name)
		if !ok {
			return fmt.Errorf("input %d: value %q is not defined", i, name)
		}
		in[i] = v
	}
	// Types that lifting could not know, of what a caller gives or a subgraph is given, are checked here.
	if s, ok := Schema(n.Domain, n.OpType, 0); ok {
		if err := checkTypes(n, s, func(name string) Fact {
			v, _ := vals.find(name)
			return FactOf(v)
		}); err != nil {
			return err
		}
	}
	env := &Env{Limit: r.limit, Rand: r.rand, ctx: r.ctx}
	env.run = func(g *onnx.Graph, in []onnx.Value) ([]onnx.Value, error) {
		inner := *r
		inner.watch = nil
		return inner.graph(g, in, vals)
	}
	out, err := EvalOp(r.e.ops[n], env, in)
	if err != nil {
		return err
	}
	if len(out) < len(n.Outputs) {
		return fmt.Errorf("%d outputs are named, the operator has %d", len(n.Outputs), len(out))
	}
	for i, name := range n.Outputs {
		if name == "" {
			continue
		}
		if out[i] == nil {
			return fmt.Errorf("output %d %q is not computed", i, name)
		}
		vals.own[name] = out[i]
		if r.watch != nil {
			r.watch(name, out[i])
		}
	}
	return nil
}

// EvalOp checks the inputs' facts as inference does and evaluates. Every input error of Eval is one of Infer, so an operator
// states its conditions once.
func EvalOp(op Op, env *Env, in []onnx.Value) ([]onnx.Value, error) {
	facts := factsOf(in)
	checked := *env
	checked.infer = func(g *onnx.Graph, _ []Fact) ([]Fact, error) { return make([]Fact, len(g.Outputs)), nil }
	out, err := op.Infer(&checked, facts)
	if err != nil {
		return nil, describe(err, facts)
	}
	for _, f := range out {
		if sizes, ok := f.Sizes(); ok && f.Type.Kind == onnx.KindTensor {
			if err := env.Fits(f.Elem(), sizes); err != nil {
				return nil, describe(err, facts)
			}
		}
	}
	res, err := op.Eval(env, in)
	if err != nil {
		return nil, describe(err, facts)
	}
	return res, nil
}

// Densify writes a sparse tensor out.
func Densify(s *onnx.SparseTensor, limit int64) (*onnx.Tensor, error) {
	if s.Values == nil || s.Indices == nil {
		return nil, fmt.Errorf("values or indices are missing")
	}
	v, idx := s.Values, s.Indices
	if !v.Bound() || !idx.Bound() || idx.Type != onnx.Int64 || len(v.Dims) != 1 || v.Type.Bits() < 8 {
		return nil, fmt.Errorf("values %v and indices %v, want values[nnz] and int64 indices", v, idx)
	}
	env := &Env{Limit: limit}
	out, err := env.New(v.Type, slices.Clone(s.Dims)...)
	if err != nil {
		return nil, err
	}
	nnz, rank, size := int(v.Dims[0]), len(s.Dims), v.Type.Bits()/8
	linear := len(idx.Dims) == 1 && idx.Dims[0] == int64(nnz)
	if !linear && !(len(idx.Dims) == 2 && idx.Dims[0] == int64(nnz) && idx.Dims[1] == int64(rank)) {
		return nil, fmt.Errorf("indices %v do not fit %d values in shape %v", idx, nnz, s.Dims)
	}
	at, total := idx.Int64s(), int64(out.Len())
	for i := range nnz {
		pos := int64(0)
		if linear {
			pos = at[i]
		} else {
			for d := range rank {
				k := at[i*rank+d]
				if k < 0 || k >= s.Dims[d] {
					return nil, fmt.Errorf("index %d of axis %d is outside 0..%d", k, d, s.Dims[d]-1)
				}
				pos = pos*s.Dims[d] + k
			}
		}
		if pos < 0 || pos >= total {
			return nil, fmt.Errorf("index %d is outside 0..%d", pos, total-1)
		}
		copy(out.Data[pos*int64(size):(pos+1)*int64(size)], v.Data[i*size:])
	}
	return out, nil
}

// EvalNode evaluates one node of the graph on values at hand, for engines that run the graph in their own way. around holds the
// values around the node that its subgraphs read, by name.
func (e *Evaluator) EvalNode(ctx context.Context, n *onnx.Node, in []onnx.Value, around map[string]onnx.Value, o EvalOptions) ([]onnx.Value, error) {
	r := &evaluation{e: e, ctx: ctx, limit: o.Limit, rand: rand.New(rand.NewPCG(o.Seed, 0x5eed))}
	env := &Env{Limit: r.limit, Rand: r.rand, ctx: ctx}
	env.run = func(g *onnx.Graph, in []onnx.Value) ([]onnx.Value, error) {
		if o.Body != nil {
			if out, done, err := o.Body(g, in); done {
				return out, err
			}
		}
		return r.graph(g, in, &values{own: around})
	}
	return EvalOp(e.ops[n], env, in)
}
