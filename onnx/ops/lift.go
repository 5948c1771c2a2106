package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/schema"
)

// Lifted is a graph whose functions are inlined, whose nodes stand in running order and are of the newest versions of
// their operators. It is what has meaning: inference, evaluation, comparison and lowering start from it.
type Lifted struct {
	Graph *onnx.Graph
	// Held lists the nodes that keep an older version because nothing here says how to lift them, with that version.
	Held map[*onnx.Node]int64
	// Facts are those of the values of the outermost graph, from the declared types of its inputs.
	Facts Facts
}

// maxNodes bounds a graph after functions are inlined, so that a small file cannot ask for endless work.
const maxNodes = 1 << 20

// Lift brings a graph to the newest versions. It fails where a node names an operator that does not exist at the opset it
// is used at, where nodes form a cycle, or where inference finds that a node cannot work. The original is left alone.
func Lift(g *onnx.Graph) (*Lifted, error) { return LiftWithin(g, 0) }

// LiftWithin is Lift with a limit in bytes for any one tensor; DefaultLimit where 0.
func LiftWithin(g *onnx.Graph, limit int64) (*Lifted, error) {
	c := newConverter(g, limit)
	if err := c.checkExpansion(g); err != nil {
		return nil, err
	}
	out, s, err := c.graph(g, opsetsOf(g.Opsets), nil)
	if err != nil {
		return nil, err
	}
	return &Lifted{Graph: out, Held: c.walk.held, Facts: s.facts}, nil
}

// Convert writes a graph at another opset of the default domain, up or down, functions inlined. Other domains stay as they
// are. It fails where a node cannot be expressed there. The original is left alone.
func Convert(g *onnx.Graph, opset int64) (*onnx.Graph, error) {
	if opset < 1 || opset > onnx.MaxOpset {
		return nil, fmt.Errorf("opset %d is not between 1 and %d", opset, onnx.MaxOpset)
	}
	c := newConverter(g, 0)
	if err := c.checkExpansion(g); err != nil {
		return nil, err
	}
	c.target = opset
	c.targetNames = newNames(g)
	out, _, err := c.graph(g, opsetsOf(g.Opsets), nil)
	return out, err
}

// opsets are the versions in force, by domain.
type opsets map[string]int64

func opsetsOf(list []onnx.Opset) opsets {
	o := make(opsets, len(list))
	for _, e := range list {
		o[onnx.NormalDomain(e.Domain)] = e.Version
	}
	return o
}

// converter lifts a graph, inferring facts as it goes. With a target it also writes every node at the target's opset,
// going from the node's own version straight there, with the facts that lifting found.
type converter struct {
	walk        *inference
	names       *names
	target      int64 // 0: only lift
	targetNames *names
	functions   map[string]*onnx.Function
	nodes       int
}

func newConverter(g *onnx.Graph, limit int64) *converter {
	c := &converter{
		walk:      &inference{limit: limit, table: NewTable(), held: make(map[*onnx.Node]int64)},
		names:     newNames(g),
		functions: make(map[string]*onnx.Function, len(g.Functions)),
	}
	for _, f := range g.Functions {
		c.functions[functionKey(f.Domain, f.Name, f.Overload)] = f
	}
	return c
}

// graph lifts one graph and gives the lifted one, or the converted one where there is a target, with its scope.
func (c *converter) graph(g *onnx.Graph, in opsets, outer *scope) (*onnx.Graph, *scope, error) {
	if c.walk.depth >= maxDepth {
		return nil, nil, fmt.Errorf("graphs nest deeper than %d", maxDepth)
	}
	c.walk.depth++
	defer func() { c.walk.depth-- }()
	g, err := sorted(g)
	if err != nil {
		return nil, nil, err
	}
	s, err := c.walk.open(g, nil, outer)
	if err != nil {
		return nil, nil, err
	}
	declared := make(map[string]onnx.Type, len(g.ValueInfo)+len(g.Outputs))
	for _, v := range g.ValueInfo {
		declared[v.Name] = v.Type
	}
	for _, v := range g.Outputs {
		declared[v.Name] = v.Type
	}
	w := &writer{c: c, scope: s, declared: declared, read: make(map[string]bool), out: *g}
	for _, n := range g.Nodes {
		w.reads(n)
	}
	for _, v := range g.Outputs {
		w.reads(&onnx.Node{Inputs: []string{v.Name}})
	}
	w.out.Nodes = nil
	w.out.Functions = nil
	w.out.Initializers = append([]*onnx.Tensor(nil), g.Initializers...)
	if outer == nil {
		w.out.Opsets = c.outOpsets(g.Opsets)
	}
	for i, n := range g.Nodes {
		if err := w.node(n, in, 0); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", Place(n, i), err)
		}
	}
	return &w.out, s, nil
}

// outOpsets gives the imports of the written graph: those it had, at the versions it is written at, without the domains of
// inlined functions.
func (c *converter) outOpsets(list []onnx.Opset) []onnx.Opset {
	own := make(map[string]bool)
	for _, f := range c.functions {
		own[onnx.NormalDomain(f.Domain)] = true
	}
	out := make([]onnx.Opset, 0, len(list)+1)
	hasDefault := false
	seen := make(map[string]bool, len(list))
	for _, o := range list {
		domain := onnx.NormalDomain(o.Domain)
		if seen[domain] {
			continue
		}
		seen[domain] = true
		newest := schema.Newest(domain)
		switch {
		case domain == onnx.DomainDefault && c.target != 0:
			o.Version = c.target
		case newest == 0 && own[domain]:
			continue
		case newest != 0 && c.target == 0:
			o.Version = newest
		}
		hasDefault = hasDefault || domain == onnx.DomainDefault
		out = append(out, o)
	}
	if !hasDefault {
		version := c.target
		if version == 0 {
			version = onnx.MaxOpset
		}
		out = append([]onnx.Opset{{Version: version}}, out...)
	}
	return out
}

// writer writes the nodes of one graph.
type writer struct {
	c        *converter
	scope    *scope
	declared map[string]onnx.Type
	read     map[string]bool // values that nodes and outputs of the original read
	out      onnx.Graph
}

// reads notes what a node reads.
func (w *writer) reads(n *onnx.Node) { Reads(n, func(name string) { w.read[name] = true }) }

func (w *writer) isRead(name string) bool { return w.read[name] }

// node writes one node of the original, inlining it where it calls a function.
func (w *writer) node(n *onnx.Node, in opsets, calls int) error {
	c := w.c
	if c.nodes++; c.nodes > maxNodes {
		return fmt.Errorf("the graph has more than %d nodes after its functions are inlined", maxNodes)
	}
	domain := onnx.NormalDomain(n.Domain)
	if f, ok := c.functions[functionKey(n.Domain, n.OpType, n.Overload)]; ok {
		if calls >= maxDepth {
			return fmt.Errorf("functions call each other deeper than %d", maxDepth)
		}
		body, err := inline(n, f, c.names, c.targetNames)
		if err != nil {
			return err
		}
		inner := opsetsOf(f.Opsets)
		for d, v := range in {
			if _, ok := inner[d]; !ok {
				inner[d] = v
			}
		}
		for _, b := range body {
			w.reads(b)
		}
		for i, b := range body {
			if err := w.node(b, inner, calls+1); err != nil {
				return fmt.Errorf("function %s: %s: %w", f.Name, Place(b, i), err)
			}
		}
		return nil
	}
	op, err := findSchema(n, in)
	if err != nil {
		return err
	}
	if err := checkNode(n, op); err != nil {
		return err
	}
	from := in[domain]
	if domain == onnx.DomainPrivate {
		from = 1
	}
	if err := checkTypes(n, op, w.fact); err != nil {
		return err
	}
	private := n.Clone()
	lifted, converted := private, private.Clone()
	if err := w.subgraphs(lifted, converted, in); err != nil {
		return err
	}
	newest := schema.Newest(domain)
	if domain == onnx.DomainPrivate {
		newest = 1
	}
	t := &stepper{w: w, names: c.names, facts: w.fact, lift: true}
	if err := t.step(lifted, from, newest, func(n *onnx.Node) error {
		for _, k := range t.consts {
			w.scope.facts[k.Name] = Known(k)
			if c.target == 0 {
				w.out.Initializers = append(w.out.Initializers, k)
			}
		}
		t.consts = nil
		if c.target == 0 {
			w.out.Nodes = append(w.out.Nodes, n)
		}
		return c.walk.node(n, w.scope, w.declared)
	}); err != nil || c.target == 0 {
		return err
	}
	return w.convert(converted, from)
}

// convert writes a node at the target, with what lifting found of its inputs and outputs.
func (w *writer) convert(n *onnx.Node, from int64) error {
	to := from
	if onnx.NormalDomain(n.Domain) == onnx.DomainDefault {
		to = w.c.target
	}
	t := &stepper{w: w, names: w.c.targetNames, facts: w.fact}
	if err := t.step(n, from, to, func(n *onnx.Node) error {
		w.out.Nodes = append(w.out.Nodes, n)
		if n.Domain == onnx.DomainPrivate {
			return nil
		}
		return t.fits(n, to)
	}); err != nil {
		return err
	}
	w.out.Initializers = append(w.out.Initializers, t.consts...)
	return nil
}

// subgraphs replaces the graphs in a node's attributes by lifted ones, and in the converted copy by converted ones.
func (w *writer) subgraphs(lifted, converted *onnx.Node, in opsets) error {
	for i, a := range lifted.Attributes {
		for k, g := range a.Subgraphs() {
			if g == nil {
				return fmt.Errorf("attribute %q: the graph is missing", a.Name)
			}
			target, dead := w.c.target, w.c.walk.dead
			w.c.walk.dead = dead || neverTaken(lifted, a.Name, w.fact)
			w.c.target = 0
			up, _, err := w.c.graph(g, in, w.scope)
			w.c.target = target
			if err == nil && target != 0 {
				g, _, err = w.c.graph(g, in, w.scope)
			}
			w.c.walk.dead = dead
			if err != nil {
				return fmt.Errorf("attribute %q: %w", a.Name, err)
			}
			if a.Type == onnx.AttributeGraph {
				a.Graph, converted.Attributes[i].Graph = up, g
			} else {
				a.Graphs[k], converted.Attributes[i].Graphs[k] = up, g
			}
		}
	}
	return nil
}

func (w *writer) fact(name string) Fact {
	f, _ := w.scope.find(name)
	return f
}
