package graphs

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// formWalk makes the forms of a lifted graph and of those in its nodes.
type formWalk struct {
	lifted *ops.Lifted
	dense  int64 // bytes that sparse tensors may still be written out to
}

// source is where a value comes from, before numbers are given. It is comparable.
type source struct {
	scope  *formScope // of an input or node
	kind   operandKind
	index  int
	output int
	weight *formWeight
}

// formScope is one graph being brought to its form.
type formScope struct {
	walk    *formWalk
	graph   *onnx.Graph
	outer   *formScope
	sources map[string]source
	numbers []int          // by node: 1 + its place in the form, 0 where it has none yet
	capture map[source]int // by source in a graph around: its number
	from    []source       // by number
	form    *Form
}

// graph gives the form of a graph and, for a subgraph, the values around it that it uses.
func (w *formWalk) graph(g *onnx.Graph, outer *formScope) (*Form, []source, error) {
	s := &formScope{
		walk: w, graph: g, outer: outer,
		sources: make(map[string]source, len(g.Inputs)+len(g.Initializers)+len(g.Nodes)),
		numbers: make([]int, len(g.Nodes)),
		capture: make(map[source]int),
		form:    &Form{name: g.Name},
	}
	if err := s.given(); err != nil {
		return nil, nil, err
	}
	if err := s.trace(); err != nil {
		return nil, nil, err
	}
	for i, v := range g.Outputs {
		from, err := s.find(v.Name)
		if err != nil {
			return nil, nil, fmt.Errorf("output %d: %w", i, err)
		}
		if err := s.visit(from); err != nil {
			return nil, nil, err
		}
		at, err := s.operand(from)
		if err != nil {
			return nil, nil, err
		}
		typ, err := s.outputType(v)
		if err != nil {
			return nil, nil, err
		}
		s.form.outputs = append(s.form.outputs, formOutput{name: v.Name, typ: typ, from: at})
	}
	s.form.captures = len(s.from)
	s.form.seal(outer == nil)
	return s.form, s.from, nil
}

// given notes the inputs and initializers.
func (s *formScope) given() error {
	for i, v := range s.graph.Inputs {
		if _, twice := s.sources[v.Name]; twice {
			return fmt.Errorf("input %q is listed twice", v.Name)
		}
		s.sources[v.Name] = source{scope: s, kind: operandInput, index: i}
		s.form.inputs = append(s.form.inputs, formInput{name: v.Name, typ: v.Type})
	}
	add := func(w *formWeight) error {
		if at, ok := s.sources[w.name]; ok {
			if at.kind != operandInput || s.form.inputs[at.index].value != nil {
				return fmt.Errorf("initializer %q is defined twice", w.name)
			}
			s.form.inputs[at.index].value = w
			return w.load(s.walk)
		}
		s.sources[w.name] = source{kind: operandWeight, weight: w}
		return nil
	}
	for _, t := range s.graph.Initializers {
		if err := add(&formWeight{name: t.Name, tensor: t}); err != nil {
			return err
		}
	}
	for _, t := range s.graph.SparseInitializers {
		if err := add(&formWeight{name: t.Name(), sparse: t}); err != nil {
			return err
		}
	}
	return nil
}

// trace finds where each value really comes from: through identities and dropout that does nothing, from a Constant as
// from an initializer. Nodes stand in running order, so each value is known when a node reads it.
func (s *formScope) trace() error {
	for i, n := range s.graph.Nodes {
		for k, out := range n.Outputs {
			if out == "" {
				continue
			}
			if _, twice := s.sources[out]; twice {
				return fmt.Errorf("%s: value %q is made twice", ops.Place(n, i), out)
			}
			from := source{scope: s, kind: operandNode, index: i, output: k}
			switch {
			case k == 0 && s.passes(n):
				var err error
				if from, err = s.find(n.Inputs[0]); err != nil {
					return fmt.Errorf("%s: input 0: %w", ops.Place(n, i), err)
				}
			case k == 0 && n.OpType == "Constant" && onnx.NormalDomain(n.Domain) == onnx.DomainDefault:
				w, err := weightOf(n)
				if err != nil {
					return fmt.Errorf("%s: %w", ops.Place(n, i), err)
				}
				from = source{kind: operandWeight, weight: w}
			}
			s.sources[out] = from
		}
	}
	return nil
}

// passes says whether a node hands its first input on as its first output: Identity, and Dropout when it does not train.
func (s *formScope) passes(n *onnx.Node) bool {
	if onnx.NormalDomain(n.Domain) != onnx.DomainDefault || len(n.Inputs) == 0 || n.Inputs[0] == "" {
		return false
	}
	switch n.OpType {
	case "Identity":
		return true
	case "Dropout":
		held := s.walk.lifted.Held[n]
		switch {
		case held != 0 && held < 7: // a flag of its own said so
			test := n.Attribute("is_test")
			return test != nil && test.Int != 0
		case held != 0 && held < 12: // had no other mode
			return true
		case len(n.Inputs) < 3 || n.Inputs[2] == "":
			return true
		}
		from, err := s.find(n.Inputs[2])
		return err == nil && from.kind == operandWeight && from.weight.isFalse()
	}
	return false
}

// find gives the source of a value, looking outwards.
func (s *formScope) find(name string) (source, error) {
	if name == "" {
		return source{}, nil
	}
	for at := s; at != nil; at = at.outer {
		if from, ok := at.sources[name]; ok {
			return from, nil
		}
	}
	return source{}, fmt.Errorf("value %q is not defined", name)
}

// operand gives the number of a source that was visited.
func (s *formScope) operand(from source) (operand, error) {
	at := operand{kind: from.kind, index: from.index, output: from.output, weight: from.weight}
	switch {
	case from.kind == operandWeight:
		if err := from.weight.load(s.walk); err != nil {
			return at, err
		}
	case from.scope != nil && from.scope != s:
		number, ok := s.capture[from]
		if !ok {
			number = len(s.from)
			s.capture[from] = number
			s.from = append(s.from, from)
		}
		return operand{kind: operandCapture, index: number}, nil
	case from.kind == operandNode:
		at.index = s.numbers[from.index] - 1
	}
	return at, nil
}

// opened is a node whose operands are being visited.
type opened struct {
	node     int
	made     *formNode
	operands []source
	outer    []source
	next     int
}

// visit numbers a node after everything it needs, with a stack of its own: a file can hold a chain of any length.
func (s *formScope) visit(root source) error {
	if !s.fresh(root) {
		return nil
	}
	first, err := s.open(root.index)
	if err != nil {
		return err
	}
	stack := []*opened{first}
	for len(stack) > 0 {
		top := stack[len(stack)-1]
		if k := top.next; k < len(top.operands)+len(top.outer) {
			top.next++
			from := source{}
			if k < len(top.operands) {
				from = top.operands[k]
			} else {
				from = top.outer[k-len(top.operands)]
			}
			if s.fresh(from) {
				next, err := s.open(from.index)
				if err != nil {
					return err
				}
				stack = append(stack, next)
			}
			continue
		}
		stack = stack[:len(stack)-1]
		if err := s.close(top); err != nil {
			return fmt.Errorf("%s: %w", ops.Place(s.graph.Nodes[top.node], top.node), err)
		}
	}
	return nil
}

func (s *formScope) fresh(from source) bool {
	return from.kind == operandNode && from.scope == s && s.numbers[from.index] == 0
}

// open starts a node: its operands, and the forms of its subgraphs with the values around that they use.
func (s *formScope) open(i int) (*opened, error) {
	n := s.graph.Nodes[i]
	o := &opened{node: i, made: &formNode{}}
	inputs := n.Inputs
	for len(inputs) > 0 && inputs[len(inputs)-1] == "" {
		inputs = inputs[:len(inputs)-1]
	}
	for k, name := range inputs {
		from, err := s.find(name)
		if err != nil {
			return nil, fmt.Errorf("%s: input %d: %w", ops.Place(n, i), k, err)
		}
		o.operands = append(o.operands, from)
	}
	var err error
	if o.outer, err = s.describe(n, i, o.made); err != nil {
		return nil, fmt.Errorf("%s: %w", ops.Place(n, i), err)
	}
	return o, nil
}

// close gives a node its number.
func (s *formScope) close(o *opened) error {
	n := o.made
	for _, from := range o.operands {
		at, err := s.operand(from)
		if err != nil {
			return err
		}
		n.operands = append(n.operands, at)
	}
	for _, from := range o.outer {
		at, err := s.operand(from)
		if err != nil {
			return err
		}
		n.outer = append(n.outer, at)
	}
	n.sum = s.form.sumOf(n)
	s.form.nodes = append(s.form.nodes, n)
	s.numbers[o.node] = len(s.form.nodes)
	return nil
}

// outputType joins what is declared of an output with what is inferred. Types of a subgraph's outputs do not count.
func (s *formScope) outputType(v *onnx.ValueInfo) (onnx.Type, error) {
	if s.outer != nil {
		return onnx.Type{}, nil
	}
	f, err := ops.Merge(v.Type, s.walk.lifted.Facts[v.Name])
	if err != nil {
		return onnx.Type{}, fmt.Errorf("output %q: %w", v.Name, err)
	}
	return f.Type, nil
}
