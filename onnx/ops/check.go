package ops

import (
	"fmt"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/schema"
)

// Check decides whether a model is sound: versions, names, single assignment, order, arity, attributes, element types and,
// where operators have their meaning here, shapes. It gives warnings for what is legal but unusual. limit bounds any one
// tensor in bytes; DefaultLimit where 0.
func Check(m *onnx.Model, limit int64) (warnings []string, err error) {
	if m.Graph == nil || len(m.Graph.Nodes) == 0 {
		return nil, fmt.Errorf("check: the model has no graph, or one without nodes")
	}
	if m.IRVersion < 1 || m.IRVersion > onnx.MaxIRVersion {
		return nil, fmt.Errorf("check: IR version %d is not one of 1 to %d, which are known here", m.IRVersion, onnx.MaxIRVersion)
	}
	g := m.Graph
	if len(g.Opsets) == 0 {
		if m.IRVersion >= 3 {
			return nil, fmt.Errorf("check: the model imports no opset, so its operators have no meaning; IR version %d needs opset_import", m.IRVersion)
		}
		g = WithOpset1(g)
	}
	c := &checker{functions: make(map[string]bool)}
	if err := c.opsets(g.Opsets, ownDomains(g)); err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	for _, f := range g.Functions {
		key := functionKey(f.Domain, f.Name, f.Overload)
		if c.functions[key] {
			return nil, fmt.Errorf("check: function %s.%s is defined twice", f.Domain, f.Name)
		}
		c.functions[key] = true
	}
	for _, f := range g.Functions {
		if err := c.function(f, g.Opsets); err != nil {
			return nil, fmt.Errorf("check: function %s.%s: %w", f.Domain, f.Name, err)
		}
	}
	if err := c.graph(g, opsetsOf(g.Opsets), nil, 0, false); err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	if _, err := LiftWithin(g, limit); err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	return c.warnings, nil
}

// WithOpset1 gives the graph as files before IR version 3 mean it, which import no opset.
func WithOpset1(g *onnx.Graph) *onnx.Graph {
	c := *g
	c.Opsets = []onnx.Opset{{Version: 1}}
	return &c
}

func ownDomains(g *onnx.Graph) map[string]bool {
	own := make(map[string]bool)
	for _, f := range g.Functions {
		own[onnx.NormalDomain(f.Domain)] = true
	}
	return own
}

func (c *checker) opsets(list []onnx.Opset, own map[string]bool) error {
	seen := make(map[string]int64)
	for _, o := range list {
		domain := onnx.NormalDomain(o.Domain)
		before, twice := seen[domain]
		if twice && before != o.Version {
			return fmt.Errorf("opset_import names domain %q twice, at %d and at %d", o.Domain, before, o.Version)
		}
		if twice {
			c.warn("opset_import names domain %q twice", o.Domain)
		}
		seen[domain] = o.Version
		newest := schema.Newest(domain)
		if newest == 0 || own[domain] {
			continue // whether its operators exist is seen where they are used
		}
		if o.Version < 1 || o.Version > newest {
			return fmt.Errorf("opset %d of domain %q is not one of 1 to %d, which are known here", o.Version, o.Domain, newest)
		}
	}
	return nil
}

type checker struct {
	functions map[string]bool
	warnings  []string
}

func (c *checker) warn(format string, args ...any) {
	const most = 50
	if len(c.warnings) < most {
		c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
	}
}

// known is a set of value names with those of the graphs around.
type known struct {
	own   map[string]bool
	outer *known
}

func (k *known) has(name string) bool {
	for ; k != nil; k = k.outer {
		if k.own[name] {
			return true
		}
	}
	return false
}

func (c *checker) function(f *onnx.Function, around []onnx.Opset) error {
	in := opsetsOf(around)
	for d, v := range opsetsOf(f.Opsets) {
		in[d] = v
	}
	if err := c.opsets(f.Opsets, c.domains()); err != nil {
		return err
	}
	k := &known{own: make(map[string]bool)}
	for _, name := range f.Inputs {
		if k.own[name] {
			return fmt.Errorf("input %q is listed twice", name)
		}
		k.own[name] = true
	}
	if err := c.nodes(f.Nodes, in, k, 0, true); err != nil {
		return err
	}
	for _, name := range f.Outputs {
		if !k.has(name) {
			return fmt.Errorf("output %q is not defined", name)
		}
	}
	return nil
}

func (c *checker) domains() map[string]bool {
	own := make(map[string]bool)
	for key := range c.functions {
		domain, _, _ := strings.Cut(key, "\x00")
		own[domain] = true
	}
	return own
}

func (c *checker) graph(g *onnx.Graph, in opsets, outer *known, depth int, inFunction bool) error {
	if depth > maxDepth {
		return fmt.Errorf("graphs nest deeper than %d", maxDepth)
	}
	k := &known{own: make(map[string]bool), outer: outer}
	types := make(map[string]onnx.Type)
	for i, v := range g.Inputs {
		if v.Name == "" {
			return fmt.Errorf("input %d has no name", i)
		}
		if k.own[v.Name] {
			return fmt.Errorf("input %q is listed twice", v.Name)
		}
		if outer == nil && v.Type.Kind == onnx.KindUndefined {
			return fmt.Errorf("input %q has no type", v.Name)
		}
		for _, d := range v.Type.Dims {
			if d.Value < -1 {
				return fmt.Errorf("input %q has the negative dimension %d", v.Name, d.Value)
			}
		}
		k.own[v.Name], types[v.Name] = true, v.Type
	}
	if err := c.initializers(g, k, types); err != nil {
		return err
	}
	if err := c.nodes(g.Nodes, in, k, depth, inFunction); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for i, v := range g.Outputs {
		if v.Name == "" || !k.has(v.Name) {
			return fmt.Errorf("output %d %q is not defined by any node", i, v.Name)
		}
		if seen[v.Name] {
			c.warn("output %q is listed twice", v.Name)
		}
		seen[v.Name] = true
	}
	return nil
}

func (c *checker) initializers(g *onnx.Graph, k *known, types map[string]onnx.Type) error {
	seen := make(map[string]bool)
	add := func(name string, t onnx.Type) error {
		if name == "" {
			return fmt.Errorf("an initializer %v has no name", t)
		}
		if seen[name] {
			return fmt.Errorf("initializer %q is defined twice", name)
		}
		if declared, ok := types[name]; ok {
			if _, err := Merge(declared, Fact{Type: t}); err != nil {
				return fmt.Errorf("initializer %q is %v, as an input it is declared %v", name, t, declared)
			}
		}
		seen[name], k.own[name] = true, true
		return nil
	}
	for _, t := range g.Initializers {
		if err := add(t.Name, onnx.TypeOf(t)); err != nil {
			return err
		}
	}
	for _, s := range g.SparseInitializers {
		if s.Values == nil || s.Indices == nil {
			return fmt.Errorf("sparse initializer %q has no values or no indices", s.Name())
		}
		t := onnx.TypeOf(s)
		t.Kind = onnx.KindTensor
		if err := add(s.Name(), t); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) nodes(nodes []*onnx.Node, in opsets, k *known, depth int, inFunction bool) error {
	producer := make(map[string]int)
	names := make(map[string]int)
	for i, n := range nodes {
		if first, ok := names[n.Name]; ok && n.Name != "" {
			c.warn("%s: the name is also that of node %d", Place(n, i), first)
		}
		names[n.Name] = i
		for _, out := range n.Outputs {
			if out == "" {
				continue
			}
			if k.own[out] {
				if p, ok := producer[out]; ok {
					return fmt.Errorf("%s: value %q is already made by %s", Place(n, i), out, Place(nodes[p], p))
				}
				return fmt.Errorf("%s: value %q is already an input or initializer", Place(n, i), out)
			}
			k.own[out] = true
			producer[out] = i
		}
	}
	for i, n := range nodes {
		unsorted := ""
		for slot, name := range n.Inputs {
			if name == "" {
				continue
			}
			if !k.has(name) {
				return fmt.Errorf("%s: input %d: value %q is not defined", Place(n, i), slot, name)
			}
			if p, ok := producer[name]; ok && p >= i {
				unsorted = name
			}
		}
		if unsorted != "" {
			c.warn("%s: value %q is made by a later node; nodes are put in order", Place(n, i), unsorted)
		}
		if err := c.node(n, in, k, depth, inFunction); err != nil {
			return fmt.Errorf("%s: %w", Place(n, i), err)
		}
	}
	if _, err := Sort(&onnx.Graph{Nodes: nodes}); err != nil {
		return err
	}
	return nil
}

func (c *checker) node(n *onnx.Node, in opsets, k *known, depth int, inFunction bool) error {
	seen := make(map[string]bool, len(n.Attributes))
	for _, a := range n.Attributes {
		if seen[a.Name] {
			return fmt.Errorf("attribute %q is given twice", a.Name)
		}
		seen[a.Name] = true
		if a.RefName != "" && !inFunction {
			return fmt.Errorf("attribute %q refers to %q of a function, and there is no function around it", a.Name, a.RefName)
		}
		for _, g := range a.Subgraphs() {
			if g == nil {
				return fmt.Errorf("attribute %q: the graph is missing", a.Name)
			}
			if err := c.graph(g, in, k, depth+1, inFunction); err != nil {
				return fmt.Errorf("attribute %q: %w", a.Name, err)
			}
		}
	}
	if c.functions[functionKey(n.Domain, n.OpType, n.Overload)] {
		return nil
	}
	op, err := findSchema(n, in)
	if err != nil {
		return err
	}
	if op.Withdrawn {
		c.warn("%s-%d was taken back by the standard; other checkers refuse it", n.OpType, op.Since)
	}
	return checkNode(n, op)
}

// Legal says what is wrong with nodes of the default domain at one of its opsets, as far as their operators' existence, arity
// and attributes go; nil where nothing is.
func Legal(nodes []*onnx.Node, opset int64) error {
	in := opsets{onnx.DomainDefault: opset}
	for i, n := range nodes {
		op, err := findSchema(n, in)
		if err == nil {
			err = checkNode(n, op)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", Place(n, i), err)
		}
	}
	return nil
}

// findSchema gives the version of a node's operator that is in force.
func findSchema(n *onnx.Node, in opsets) (*schema.Op, error) {
	domain := onnx.NormalDomain(n.Domain)
	version, ok := in[domain]
	if domain == onnx.DomainPrivate {
		version, ok = 1, true
	}
	if !ok {
		return nil, fmt.Errorf("domain %q is not imported", n.Domain)
	}
	op, ok := Schema(domain, n.OpType, version)
	if !ok {
		if domain != onnx.DomainDefault && schema.Newest(domain) == 0 {
			return nil, fmt.Errorf("domain %q is not known here and no function of the model defines %s", n.Domain, n.OpType)
		}
		return nil, fmt.Errorf("operator %s does not exist at opset %d", qualified(n), version)
	}
	if op.Deprecated {
		return nil, fmt.Errorf("operator %s was taken out of the standard at opset %d; the model imports %d", qualified(n), op.Since, version)
	}
	return op, nil
}

// checkNode holds a node's arity and attributes against the schema.
func checkNode(n *onnx.Node, op *schema.Op) error {
	if err := checkArity("input", n.Inputs, &op.Inputs, op.Input); err != nil {
		return err
	}
	if err := checkArity("output", n.Outputs, &op.Outputs, op.Output); err != nil {
		return err
	}
	for _, a := range n.Attributes {
		s := op.Attribute(a.Name)
		if s == nil {
			return fmt.Errorf("attribute %q is not one that %s-%d knows", a.Name, n.OpType, op.Since)
		}
		if a.RefName == "" && a.Type.String() != s.Type.String() {
			return fmt.Errorf("attribute %q is of type %v, want %v", a.Name, a.Type, s.Type)
		}
	}
	for i := range op.Attributes {
		if s := &op.Attributes[i]; s.Required && n.Attribute(s.Name) == nil {
			return fmt.Errorf("attribute %q is required", s.Name)
		}
	}
	return nil
}

func checkArity(what string, names []string, arity *schema.Arity, at func(int) *schema.Param) error {
	count := len(names)
	for count > 0 && names[count-1] == "" {
		count--
	}
	if count < arity.Min || arity.Max >= 0 && count > arity.Max {
		want := fmt.Sprint(arity.Min)
		switch {
		case arity.Max < 0:
			want += " or more"
		case arity.Max != arity.Min:
			want += fmt.Sprintf(" to %d", arity.Max)
		}
		return fmt.Errorf("it has %d %ss, want %s", count, what, want)
	}
	for i, name := range names {
		p := at(i)
		if what == "input" && name == "" && p != nil && !p.Optional && !p.Variadic && i < count {
			return fmt.Errorf("input %d (%s) is required", i, p.Name)
		}
	}
	return nil
}

// checkTypes holds what is known of a node's inputs against the types that the schema allows.
func checkTypes(n *onnx.Node, op *schema.Op, facts func(string) Fact) error {
	return checkValues(n, op, facts, false)
}

// checkValues is checkTypes with the node's outputs where they are asked for.
func checkValues(n *onnx.Node, op *schema.Op, facts func(string) Fact, outputs bool) error {
	bound := make(map[string]string)
	check := func(what string, names []string, at func(int) *schema.Param) error {
		for i, name := range names {
			p := at(i)
			if name == "" || p == nil {
				continue
			}
			f := facts(name)
			if f.Absent() || f.Type.Kind == onnx.KindTensor && f.Elem() == onnx.Undefined {
				continue
			}
			got := typeWord(f.Type)
			if allowed := op.Allowed(p); !allowed.Has(got) {
				return fmt.Errorf("%s %d (%s) is %s, want %s", what, i, p.Name, f.Type, allowed)
			}
			if _, variable := op.Constraint(p.Type); !variable || p.Variadic && p.Heterogeneous {
				continue
			}
			if first, ok := bound[p.Type]; ok && first != got {
				return fmt.Errorf("%s %d (%s) is %s, another value of the same type is %s", what, i, p.Name, f.Type, first)
			}
			bound[p.Type] = got
		}
		return nil
	}
	if err := check("input", n.Inputs, op.Input); err != nil || !outputs {
		return err
	}
	return check("output", n.Outputs, op.Output)
}

// typeWord spells a type as the schemas do, without shapes.
func typeWord(t onnx.Type) string {
	t.Ranked, t.Dims = false, nil
	if t.Of != nil {
		of := *t.Of
		for p := &of; p != nil; p = p.Of {
			p.Ranked, p.Dims = false, nil
			if p.Of != nil {
				next := *p.Of
				p.Of = &next
			}
		}
		t.Of = &of
	}
	return t.String()
}
