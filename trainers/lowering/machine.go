package lowering

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
	"gorgonia.org/gorgonia"
)

// machine is a gorgonia.VM. It walks the sorted graph once, from the leaves up, into instructions on slots; for each batch
// size it makes a plan of steps and memory, which it keeps.
type machine struct {
	p       *Program
	slots   []slot
	bySlot  map[*gorgonia.Node]int
	code    []instruction
	inputs  []*onnx.Tensor
	fed     bool
	train   bool
	plans   []*plan // most recently used last
	current *plan
	insight *plan // keeps every value of the last run, where one was asked for
	arena   arena
}

// arena is the memory of plans of which one runs at a time.
type arena struct {
	data []byte
	age  int // counts how often it was made anew
}

// maxPlans is how many batch sizes, each with and without training, stay prepared: a whole and a partial batch of training
// and of validation data.
const maxPlans = 6

// slot holds the value of one node of the Gorgonia graph.
type slot struct {
	node  *gorgonia.Node
	value *value       // of the ONNX graph; nil for gradients
	like  *value       // whose shape it has
	fixed *onnx.Tensor // the value, where it never changes
}

// instruction computes one slot, or all that a unit makes.
type instruction struct {
	text    string
	unit    *unit     // forward
	back    *backward // or a gradient; a sum where it is neither
	in, out []int     // slots; -1 where absent
}

func newMachine(p *Program) (*machine, error) {
	sorted, err := gorgonia.Sort(p.graph)
	if err != nil {
		return nil, fmt.Errorf("sorting the graph: %w", err)
	}
	m := &machine{p: p, bySlot: make(map[*gorgonia.Node]int, len(sorted))}
	ofNode := make(map[*gorgonia.Node]*value, len(p.values))
	for _, v := range p.values {
		ofNode[v.node] = v
	}
	together := make(map[int]int) // by slot: 1 + the instruction that makes gradients together
	for _, n := range slices.Backward(sorted) {
		at := len(m.slots)
		m.bySlot[n] = at
		v := ofNode[n]
		m.slots = append(m.slots, slot{node: n, value: v, like: v})
		s := &m.slots[at]
		var in []int
		for children := p.graph.From(n.ID()); children.Next(); {
			in = append(in, m.bySlot[children.Node().(*gorgonia.Node)])
		}
		switch op := n.Op().(type) {
		case nil:
			if v == nil {
				return nil, fmt.Errorf("node %v of the graph is not ours", n)
			}
			switch {
			case v.param != nil:
				s.fixed = v.param.value
			case v.constant != nil && v.input < 0:
				s.fixed = v.constant
			}
		case *forward:
			if !op.pick {
				m.code = append(m.code, instruction{text: op.text, unit: op.u})
			}
		case *backward:
			s.like = op.u.source(op.i)
			if op.pick > 0 {
				c := together[in[0]]
				if c == 0 {
					return nil, fmt.Errorf("%s: it is handed another node: %w", op.text, errOneHash)
				}
				m.code[c-1].out[op.pick] = at
				continue
			}
			if dy := m.slots[in[len(in)-1]].like; dy != nil && dy != op.result() {
				return nil, fmt.Errorf("%s: it is handed the gradient of %q: %w", op.text, dy.name, errOneHash)
			}
			out := []int{at}
			for range max(0, len(op.all)-1) {
				out = append(out, -1)
			}
			m.code = append(m.code, instruction{text: op.text, back: op, in: in, out: out})
			if op.all != nil {
				together[at] = len(m.code)
			}
		case interface{ Value() gorgonia.Value }:
			if s.fixed, err = tensorOf(op.Value()); err != nil {
				return nil, fmt.Errorf("constant %v: %w", n, err)
			}
		default:
			// Gorgonia adds up the gradients of a value that several nodes use; it puts no other operator into a graph.
			if _, binary := op.(gorgonia.BinaryOp); !binary || op.String() != sumOperator || len(in) != 2 {
				return nil, fmt.Errorf("operator %v of node %v is not one this machine knows", op, n)
			}
			s.like = m.slots[in[0]].like
			if s.like == nil {
				s.like = m.slots[in[1]].like
			}
			m.code = append(m.code, instruction{text: "sum of gradients", in: in, out: []int{at}})
		}
	}
	for _, q := range p.params {
		if like := m.slots[m.bySlot[q.gradNode]].like; like != p.byName[q.name] && like != nil {
			return nil, fmt.Errorf("parameter %q: it is handed the gradient of %q: %w", q.name, like.name, errOneHash)
		}
	}
	for _, w := range p.wanted {
		if like := m.slots[m.bySlot[w.gradNode]].like; like != w.input && like != nil {
			return nil, fmt.Errorf("input %q: it is handed the gradient of %q: %w", w.input.name, like.name, errOneHash)
		}
	}
	for i := range m.code {
		c := &m.code[i]
		if c.unit == nil {
			continue
		}
		for _, v := range c.unit.in {
			c.in = append(c.in, m.slotOf(v))
		}
		for _, v := range c.unit.out {
			c.out = append(c.out, m.slotOf(v))
		}
	}
	return m, nil
}

// sumOperator is how Gorgonia prints its addition of two values.
const sumOperator = "+ false"

func (m *machine) slotOf(v *value) int {
	if v == nil {
		return -1
	}
	return m.bySlot[v.node]
}

// feed takes the inputs of the next run.
func (m *machine) feed(inputs []*onnx.Tensor) error {
	g := m.p.lifted.Graph
	if len(inputs) != len(g.Inputs) {
		return fmt.Errorf("the graph takes %d inputs, is given %d", len(g.Inputs), len(inputs))
	}
	m.Reset()
	m.fed = false
	m.inputs = append(m.inputs[:0], inputs...)
	for i, v := range g.Inputs {
		if m.inputs[i] == nil {
			if m.inputs[i] = m.p.byName[v.Name].constant; m.inputs[i] == nil {
				return fmt.Errorf("input %q has no value", v.Name)
			}
		}
		if t := m.inputs[i]; t.Type != v.Type.Elem || !t.Bound() {
			return fmt.Errorf("input %q: %v where %v is needed", v.Name, t, v.Type)
		}
	}
	m.fed = true
	return nil
}

// RunAll runs the graph on the inputs that were fed last, gradients included where the last run asked for them. An error
// names the node; a panic becomes an error.
func (m *machine) RunAll() error {
	if !m.fed {
		return fmt.Errorf("lowering: nothing has been fed yet")
	}
	m.Reset()
	pl, err := m.plan()
	if err != nil {
		return fmt.Errorf("lowering: %w", err)
	}
	pl.activate(&m.arena, m.inputs)
	if err := pl.run(); err != nil {
		return fmt.Errorf("lowering: %w", err)
	}
	m.current = pl
	return nil
}

// Reset forgets the last run's values. Memory and plans stay.
func (m *machine) Reset() { m.current, m.insight = nil, nil }

// Close lets go of memory and plans.
func (m *machine) Close() error {
	m.forget()
	m.arena = arena{}
	return nil
}

func (m *machine) forget() {
	m.Reset()
	m.plans = nil
}

// value gives a value of the last run.
func (m *machine) value(v *value) *onnx.Tensor {
	if m.current == nil || v.node == nil {
		return nil
	}
	at := m.bySlot[v.node]
	if m.current.kept[at] {
		return m.current.headers[at]
	}
	if v.input >= 0 {
		return m.inputs[v.input]
	}
	if m.insight == nil {
		pl, err := newPlan(m, false, true)
		if err != nil {
			return nil
		}
		pl.activate(&arena{}, m.inputs)
		if pl.run() != nil {
			return nil
		}
		m.insight = pl
	}
	return m.insight.headers[at]
}

// plan finds the plan for the inputs' shapes, or makes it.
func (m *machine) plan() (*plan, error) {
	for i, pl := range m.plans {
		if pl.fits(m) {
			m.plans = append(slices.Delete(m.plans, i, i+1), pl)
			return pl, nil
		}
	}
	pl, err := newPlan(m, m.train, false)
	if err != nil {
		return nil, err
	}
	if len(m.plans) == maxPlans {
		m.plans = slices.Delete(m.plans, 0, 1)
	}
	m.plans = append(m.plans, pl)
	return pl, nil
}

// factsFor infers the facts at the shapes of the inputs that were fed.
func (m *machine) factsFor() (ops.Facts, error) {
	in := make([]ops.Fact, len(m.inputs))
	symbols := make(map[string]int64)
	for i, t := range m.inputs {
		in[i] = ops.Tensor(t.Type, onnx.FixedDims(slices.Clone(t.Dims)...)...)
		v := m.p.lifted.Graph.Inputs[i]
		if len(t.Dims) != len(v.Type.Dims) {
			return nil, fmt.Errorf("input %q: %v where %v is needed", v.Name, t, v.Type)
		}
		for k, d := range v.Type.Dims {
			if d.Param == "" {
				continue
			}
			if size, seen := symbols[d.Param]; seen && size != t.Dims[k] {
				return nil, fmt.Errorf("input %q: %v: dimension %q is %d in another input", v.Name, t, d.Param, size)
			}
			symbols[d.Param] = t.Dims[k]
		}
	}
	return ops.InferGraph(m.p.lifted, in, m.p.options.Limit)
}
