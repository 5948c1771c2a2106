package backend

import (
	"fmt"
	"sync"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Plan is a graph compiled for one shape of each input: immutable, safe for many goroutines.
type Plan struct {
	model  *Model
	eval   *ops.Evaluator // of the nodes of the steps
	bodies bodies         // inside them
	values []value
	steps  []step
	inputs []int // value of each graph input
	output []int // value of each graph output
	arena  int   // bytes
	pool   sync.Pool
}

// place says where a value lives while a plan runs.
type place uint8

const (
	inConstant place = iota // in the model
	inInput                 // in what the caller gives
	inArena                 // at an offset of the run's arena
	inOutput                // in what the caller is given
	inView                  // in another value's memory, under another shape
	inRegion                // nowhere as a whole: a region's steps hand it on image by image
	inHeap                  // made anew by each run: its shape is not known beforehand, or the plain Eval makes it
)

type value struct {
	name     string
	fact     ops.Fact
	place    place
	constant *onnx.Tensor
	base     int // of a view
	offset   int // in the arena
	size     int // in bytes, in the arena
	first    int // step that makes it
	last     int // last step that reads it; len(steps) for outputs
}

// step is a node of the plan.
type step struct {
	node *onnx.Node
	in   []int // values, -1 where absent
	out  []int
	fast *ops.Step // nil: the plain Eval
	// around are the values that the node's subgraphs read.
	around  []int
	region  []step // the steps that a region does at once; the rest says what it reads and writes
	chain   []step // likewise of a chain
	scratch int    // offset in the arena
	kept    int    // likewise
	done    []int  // values made anew by each run, and views of them, that nothing needs after this step
}

// planner holds what is known while a plan is made.
type planner struct {
	plan   *Plan
	byName map[string]int
	facts  ops.Facts
}

func newPlan(m *Model, in []ops.Fact) (*Plan, error) {
	settled, facts, err := m.settle(in)
	if err != nil {
		return nil, err
	}
	g := settled.graph
	p := &planner{plan: &Plan{model: m, eval: settled.eval, bodies: settled.bodies}, byName: make(map[string]int), facts: facts}
	for i, v := range g.Inputs {
		k := p.add(value{name: v.Name, fact: in[i], place: inInput})
		p.plan.inputs = append(p.plan.inputs, k)
	}
	for _, t := range g.Initializers {
		if _, isInput := p.byName[t.Name]; !isInput {
			p.add(value{name: t.Name, fact: ops.Known(t), place: inConstant, constant: t})
		}
	}
	needed := reachable(g)
	for i, n := range g.Nodes {
		if !needed[i] {
			continue
		}
		if err := p.node(n); err != nil {
			return nil, fmt.Errorf("%s: %w", ops.Place(n, i), err)
		}
	}
	for _, v := range g.Outputs {
		k, ok := p.byName[v.Name]
		if !ok {
			return nil, fmt.Errorf("output %q is not computed", v.Name)
		}
		p.plan.output = append(p.plan.output, k)
	}
	p.regions()
	p.joinLinks()
	p.outputs()
	p.lifetimes()
	if err := p.layout(); err != nil {
		return nil, err
	}
	p.plan.pool.New = func() any { return newRun(p.plan) }
	return p.plan, nil
}

// reachable marks the nodes that some output needs.
func reachable(g *onnx.Graph) []bool {
	producer := make(map[string]int)
	for i, n := range g.Nodes {
		for _, out := range n.Outputs {
			if out != "" {
				producer[out] = i
			}
		}
	}
	needed := make([]bool, len(g.Nodes))
	var need func(name string)
	var open []int
	need = func(name string) {
		if i, ok := producer[name]; ok && !needed[i] {
			needed[i] = true
			open = append(open, i)
		}
	}
	for _, v := range g.Outputs {
		need(v.Name)
	}
	for len(open) > 0 {
		i := open[len(open)-1]
		open = open[:len(open)-1]
		ops.Reads(g.Nodes[i], need)
	}
	return needed
}

func (p *planner) add(v value) int {
	p.plan.values = append(p.plan.values, v)
	k := len(p.plan.values) - 1
	p.byName[v.name] = k
	return k
}

// node adds a node as a step, or as no step where its result is known or is another shape of its input.
func (p *planner) node(n *onnx.Node) error {
	if p.known(n) || p.view(n) {
		return nil
	}
	s := step{node: n, in: make([]int, len(n.Inputs)), out: make([]int, len(n.Outputs))}
	inFacts := make([]ops.Fact, len(n.Inputs))
	consts := make([]*onnx.Tensor, len(n.Inputs))
	for i, name := range n.Inputs {
		s.in[i] = -1
		if name == "" {
			continue
		}
		k := p.byName[name]
		s.in[i] = k
		inFacts[i], consts[i] = p.plan.values[k].fact, p.plan.values[k].constant
	}
	seen := make(map[string]bool)
	ops.Captures(n, func(name string) {
		if k, ok := p.byName[name]; ok && !seen[name] {
			seen[name] = true
			s.around = append(s.around, k)
		}
	})
	if p.sized(n) {
		s.fast = p.plan.model.packs.specialize(p.plan.model.target, p.plan.eval.Op(n), n, inFacts, consts)
	}
	for i, name := range n.Outputs {
		s.out[i] = -1
		if name == "" {
			continue
		}
		v := value{name: name, fact: p.facts[name], place: inHeap}
		if s.fast != nil {
			sizes, _ := v.fact.Sizes()
			bytes, err := onnx.ByteSize(v.fact.Elem(), sizes)
			if err != nil {
				return err
			}
			if bytes > p.plan.model.options.limit() {
				return fmt.Errorf("%v takes %d bytes, more than the memory limit of %d", v.fact, bytes, p.plan.model.options.limit())
			}
			v.place, v.size = inArena, int(bytes)
		}
		s.out[i] = p.add(v)
	}
	p.plan.steps = append(p.plan.steps, s)
	return nil
}

// known takes a node whose results inference found already.
func (p *planner) known(n *onnx.Node) bool {
	for _, name := range n.Outputs {
		if name != "" && p.facts[name].Value == nil {
			return false
		}
	}
	for _, name := range n.Outputs {
		if name != "" {
			t := p.facts[name].Value
			p.add(value{name: name, fact: ops.Known(t), place: inConstant, constant: t})
		}
	}
	return true
}

// view takes a node that only gives its first input another shape.
func (p *planner) view(n *onnx.Node) bool {
	if len(n.Outputs) != 1 || !ops.IsView(n) && !p.keeps(n) {
		return false
	}
	f := p.facts[n.Outputs[0]]
	if _, ok := f.Sizes(); !ok || f.Type.Kind != onnx.KindTensor || f.Elem() == onnx.String {
		return false
	}
	for _, name := range n.Inputs[1:] {
		if name != "" && p.plan.values[p.byName[name]].fact.Value == nil {
			return false // the shape is worked out by the run; what the graph declares of it may be wrong
		}
	}
	base := p.byName[n.Inputs[0]]
	if _, ok := p.plan.values[base].fact.Sizes(); !ok {
		return false
	}
	p.add(value{name: n.Outputs[0], fact: f, place: inView, base: base, constant: reshaped(p.plan.values[base].constant, f)})
	return true
}

// keeps says whether a node only hands on its first input because of what is known of the inputs.
func (p *planner) keeps(n *onnx.Node) bool {
	in := make([]ops.Fact, len(n.Inputs))
	for i, name := range n.Inputs {
		if name != "" {
			in[i] = p.plan.values[p.byName[name]].fact
		}
	}
	return ops.Keeps(n, in, p.facts[n.Outputs[0]])
}

func reshaped(t *onnx.Tensor, f ops.Fact) *onnx.Tensor {
	if t == nil {
		return nil
	}
	sizes, _ := f.Sizes()
	return &onnx.Tensor{Type: t.Type, Dims: sizes, Data: t.Data}
}

// sized says whether the shapes of all inputs and outputs of a node are known and none is empty: then it can be specialized.
func (p *planner) sized(n *onnx.Node) bool {
	for _, names := range [][]string{n.Inputs, n.Outputs} {
		for _, name := range names {
			if name == "" {
				continue
			}
			f, ok := p.facts[name]
			if !ok {
				f = p.plan.values[p.byName[name]].fact
			}
			sizes, ok := f.Sizes()
			if !ok || f.Type.Kind != onnx.KindTensor || f.Elem().Bits() < 8 {
				return false
			}
			if count, err := onnx.Elements(sizes); err != nil || count == 0 {
				return false
			}
		}
	}
	return true
}

// outputs finds the outputs that fast steps can write where the caller is given them.
func (p *planner) outputs() {
	times := make(map[int]int)
	for _, k := range p.plan.output {
		times[k]++
	}
	for k, n := range times {
		if v := &p.plan.values[k]; v.place == inArena && n == 1 {
			v.place = inOutput
		}
	}
}

// root gives the value whose memory a value lies in.
func (p *Plan) root(k int) int {
	for p.values[k].place == inView {
		k = p.values[k].base
	}
	return k
}

// lifetimes finds the steps between which each value must be kept.
func (p *planner) lifetimes() {
	values := p.plan.values
	for i := range values {
		values[i].first, values[i].last = -1, -1
	}
	for i, s := range p.plan.steps {
		for _, k := range s.out {
			if k >= 0 {
				values[k].first = i
				values[k].last = max(values[k].last, i)
			}
		}
		for _, list := range [][]int{s.in, s.around} {
			for _, k := range list {
				if k >= 0 {
					values[p.plan.root(k)].last = i
				}
			}
		}
	}
	for _, k := range p.plan.output {
		values[p.plan.root(k)].last = len(p.plan.steps)
	}
	for k := range values {
		root := &values[p.plan.root(k)]
		if root.place == inHeap && root.last >= 0 && root.last < len(p.plan.steps) {
			s := &p.plan.steps[root.last]
			s.done = append(s.done, k)
		}
	}
}
