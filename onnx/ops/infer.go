package ops

import (
	"errors"
	"fmt"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/schema"
)

// Facts of a lifted graph's values, by name.
type Facts map[string]Fact

// scope is a graph's facts with those of the graphs around it.
type scope struct {
	facts Facts
	outer *scope
}

func (s *scope) find(name string) (Fact, bool) {
	for ; s != nil; s = s.outer {
		if f, ok := s.facts[name]; ok {
			return f, true
		}
	}
	return Fact{}, false
}

// inference walks a lifted graph node by node.
type inference struct {
	limit int64
	table *Table
	held  map[*onnx.Node]int64
	depth int
	inner int  // how many operators are looking into their bodies right now
	seen  int  // nodes looked at in bodies so far
	dead  bool // in a branch that is never taken: a node that cannot work there is no mistake
	plans bool // for shapes at hand, see InferGraph
	maybe bool // in a branch that may not be taken, while plans: what the graph declares there is not held against it
}

// maxSeen bounds how many nodes of bodies inference looks at: the body of a loop is looked at more than once, and bodies nest.
const maxSeen = 1 << 17

// errTooMany ends inference wherever it occurs.
var errTooMany = fmt.Errorf("graphs nest so that more than %d nodes have to be looked at", maxSeen)

// maxDepth bounds how deep graphs nest in attributes and functions in functions.
const maxDepth = 100

// InferGraph gives the facts of every value of a lifted graph. in gives facts for the graph's inputs in order and may be
// nil: then the declared types hold. Values of operators without a meaning here have only what the graph declares of them.
// limit bounds any one tensor in bytes; DefaultLimit where 0.
//
// A branch that only data decide and that cannot work for these inputs is no error where the other one can: it fails when it is taken.
func InferGraph(l *Lifted, in []Fact, limit int64) (Facts, error) {
	w := &inference{limit: limit, table: NewTable(), held: l.Held, plans: true}
	s, err := w.graph(l.Graph, in, nil)
	if err != nil {
		return nil, err
	}
	return s.facts, nil
}

// open starts a scope with a graph's inputs and initializers.
func (w *inference) open(g *onnx.Graph, in []Fact, outer *scope) (*scope, error) {
	s := &scope{facts: make(Facts), outer: outer}
	if in != nil && len(in) != len(g.Inputs) {
		return nil, fmt.Errorf("graph %q takes %d inputs, is given %d", g.Name, len(g.Inputs), len(in))
	}
	for i, v := range g.Inputs {
		f := Fact{Type: v.Type}
		if in != nil && !in[i].Absent() {
			var err error
			if f, err = Merge(v.Type, in[i]); err != nil {
				return nil, fmt.Errorf("input %q: %w", v.Name, err)
			}
		}
		s.facts[v.Name] = f
	}
	for _, t := range g.Initializers {
		f := Fact{Type: onnx.TensorType(t.Type, onnx.FixedDims(t.Dims...)...)}
		if t.Bound() {
			f.Value = t
		}
		if _, isInput := s.facts[t.Name]; isInput {
			f.Value = nil // a default that the caller may replace
		}
		s.facts[t.Name] = f
	}
	for _, t := range g.SparseInitializers {
		elem := onnx.Undefined
		if t.Values != nil {
			elem = t.Values.Type
		}
		s.facts[t.Name()] = Tensor(elem, onnx.FixedDims(t.Dims...)...)
	}
	return s, nil
}

func (w *inference) graph(g *onnx.Graph, in []Fact, outer *scope) (*scope, error) {
	if w.depth >= maxDepth {
		return nil, fmt.Errorf("graphs nest deeper than %d", maxDepth)
	}
	w.depth++
	defer func() { w.depth-- }()
	s, err := w.open(g, in, outer)
	if err != nil {
		return nil, err
	}
	declared := make(map[string]onnx.Type, len(g.ValueInfo)+len(g.Outputs))
	for _, v := range g.ValueInfo {
		declared[v.Name] = v.Type
	}
	for _, v := range g.Outputs {
		declared[v.Name] = v.Type
	}
	for i, n := range g.Nodes {
		if err := w.node(n, s, declared); err != nil {
			return nil, fmt.Errorf("%s: %w", Place(n, i), err)
		}
	}
	return s, nil
}

// node adds the facts of a node's outputs to the scope.
func (w *inference) node(n *onnx.Node, s *scope, declared map[string]onnx.Type) error {
	if w.inner > 0 {
		if w.seen++; w.seen > maxSeen {
			return errTooMany
		}
	}
	in := make([]Fact, len(n.Inputs))
	for i, name := range n.Inputs {
		if name == "" {
			continue
		}
		f, ok := s.find(name)
		if !ok {
			return fmt.Errorf("input %d: value %q is not defined", i, name)
		}
		if f.Absent() { // it is there, but nothing is known of it
			f = Unranked(onnx.Undefined)
		}
		in[i] = f
	}
	out, err := w.outputs(n, s, in)
	if err != nil && !w.dead {
		return describe(err, in)
	}
	for i, name := range n.Outputs {
		if name == "" {
			continue
		}
		var f Fact
		if i < len(out) {
			f = out[i]
		}
		if t, ok := declared[name]; ok {
			if f, err = Merge(t, f); err != nil && !w.dead && !w.maybe {
				return fmt.Errorf("output %q: %w", name, err)
			}
		}
		s.facts[name] = f
	}
	return nil
}

// outputs gives what an operator says of its outputs: nothing where it has no meaning here.
func (w *inference) outputs(n *onnx.Node, s *scope, in []Fact) ([]Fact, error) {
	if _, held := w.held[n]; held {
		return nil, nil
	}
	op, m, err := w.table.Op(n)
	if errors.Is(err, ErrUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	env := &Env{Limit: w.limit}
	env.infer = func(g *onnx.Graph, in []Fact) ([]Fact, error) {
		w.inner++
		defer func() { w.inner-- }()
		inner, err := w.graph(g, in, s)
		if err != nil {
			return nil, err
		}
		facts := make([]Fact, len(g.Outputs))
		for i, v := range g.Outputs {
			f, ok := inner.find(v.Name)
			if !ok {
				return nil, fmt.Errorf("graph %q: output %q is not defined", g.Name, v.Name)
			}
			facts[i] = f
		}
		return facts, nil
	}
	if w.plans {
		env.branch = func(g *onnx.Graph) ([]Fact, error) {
			before := w.maybe
			w.maybe = true
			defer func() { w.maybe = before }()
			return env.infer(g, []Fact{})
		}
	}
	out, err := op.Infer(env, in)
	if err != nil {
		return nil, err
	}
	if m.Class != Random {
		return fold(env, n, op, in, out), nil
	}
	return out, nil
}

// fold evaluates a node whose inputs are all known and whose outputs are small, so that shapes computed by nodes are known.
// A node that fails stays as inferred: whether it runs at all is not decided here.
func fold(env *Env, n *onnx.Node, op Op, in, out []Fact) []Fact {
	values := make([]onnx.Value, len(in))
	work := 1
	for i, f := range in {
		if f.Absent() {
			continue
		}
		if f.Value == nil || f.Value.Len() > maxElems {
			return out
		}
		// At most an operator combines each element of an input with each of all others.
		if work *= max(f.Value.Len(), 1); work > maxElems*maxElems {
			return out
		}
		values[i] = f.Value
	}
	for _, a := range n.Attributes {
		if a.Subgraphs() != nil {
			return out
		}
	}
	for _, f := range out {
		sizes, ok := f.Sizes()
		if f.Type.Kind != onnx.KindTensor || !ok {
			return out
		}
		if count, err := onnx.Elements(sizes); err != nil || count > maxElems {
			return out
		}
	}
	results, err := op.Eval(env, values)
	if err != nil || len(results) != len(out) {
		return out
	}
	folded := make([]Fact, len(out))
	for i, v := range results {
		t, ok := v.(*onnx.Tensor)
		if !ok || t == nil {
			return out
		}
		folded[i] = Known(t)
	}
	return folded
}

// describe adds the types and shapes of a node's inputs to its error; the operator itself need not repeat them.
func describe(err error, in []Fact) error {
	if len(in) == 0 {
		return err
	}
	text := ""
	for i, f := range in {
		if i > 0 {
			text += ", "
		}
		text += f.String()
	}
	return fmt.Errorf("%w (inputs: %s)", err, text)
}

// Table finds the operator of a node of the newest versions. It reads a node's attributes once.
type Table struct {
	meanings map[string]*Meaning
	ready    map[*onnx.Node]prepared
}

type prepared struct {
	op  Op
	m   *Meaning
	err error
}

// NewTable makes a table of every operator that has an entry here.
func NewTable() *Table {
	t := &Table{meanings: make(map[string]*Meaning), ready: make(map[*onnx.Node]prepared)}
	for _, family := range families() {
		for i := range family {
			m := &family[i]
			t.meanings[m.Domain+"\x00"+m.Name] = m
		}
	}
	return t
}

// Meaning gives the entry of an operator, or nil.
func (t *Table) Meaning(domain, name string) *Meaning {
	return t.meanings[onnx.NormalDomain(domain)+"\x00"+name]
}

// Op reads a node of the newest version. The error wraps ErrUnsupported where the operator has no meaning here.
func (t *Table) Op(n *onnx.Node) (Op, *Meaning, error) {
	if p, ok := t.ready[n]; ok {
		return p.op, p.m, p.err
	}
	p := t.prepare(n)
	t.ready[n] = p
	return p.op, p.m, p.err
}

func (t *Table) prepare(n *onnx.Node) prepared {
	m := t.Meaning(n.Domain, n.OpType)
	if m == nil || m.New == nil {
		return prepared{err: fmt.Errorf("operator %s is %w yet", qualified(n), ErrUnsupported)}
	}
	s, ok := Schema(n.Domain, n.OpType, 0)
	if !ok {
		return prepared{err: fmt.Errorf("operator %s is not one of the standard's", qualified(n))}
	}
	a := NewAttrs(n, s)
	op := m.New(a)
	if err := a.Err(); err != nil {
		return prepared{err: err}
	}
	return prepared{op: op, m: m}
}

func qualified(n *onnx.Node) string {
	if d := onnx.NormalDomain(n.Domain); d != "" {
		return d + "." + n.OpType
	}
	return n.OpType
}

// Schema gives the schema of an operator at an opset of its domain, the newest where opset is 0. Operators of this suite's
// private domain have theirs here.
func Schema(domain, name string, opset int64) (*schema.Op, bool) {
	domain = onnx.NormalDomain(domain)
	if domain == onnx.DomainPrivate {
		return privateSchema(name)
	}
	if opset == 0 {
		opset = schema.Newest(domain)
	}
	return schema.Lookup(domain, name, opset)
}

// InferNode gives the facts of the outputs of one node of the newest version from those of its inputs, for whoever builds a
// graph node by node. A node whose operator has no meaning here gives absent facts.
func InferNode(table *Table, n *onnx.Node, in []Fact) ([]Fact, error) {
	w := &inference{table: table}
	s := &scope{facts: make(Facts, len(in))}
	for i, name := range n.Inputs {
		if name != "" {
			s.facts[name] = in[i]
		}
	}
	if op, ok := Schema(n.Domain, n.OpType, 0); ok {
		if err := checkNode(n, op); err != nil {
			return nil, err
		}
		if err := checkTypes(n, op, func(name string) Fact { return s.facts[name] }); err != nil {
			return nil, err
		}
	}
	if err := w.node(n, s, nil); err != nil {
		return nil, err
	}
	out := make([]Fact, len(n.Outputs))
	for i, name := range n.Outputs {
		out[i] = s.facts[name]
	}
	return out, nil
}
