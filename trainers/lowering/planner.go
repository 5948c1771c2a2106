package lowering

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// planner makes a plan.
type planner struct {
	m      *machine
	all    bool // every value is kept
	pl     *plan
	facts  ops.Facts
	calls  map[*unit]*call
	needed []bool // by slot
	code   []instruction
	blocks []*block
	uses   []int          // by slot: how many instructions read it
	frames map[int]*frame // by slot: what a gradient runs on
}

// newPlan makes a plan for the inputs that were fed. With all it computes and keeps every value of the ONNX graph.
func newPlan(m *machine, train, all bool) (*plan, error) {
	facts, err := m.factsFor()
	if err != nil {
		return nil, err
	}
	n := len(m.slots)
	w := &planner{m: m, all: all, facts: facts, calls: make(map[*unit]*call), needed: make([]bool, n),
		blocks: make([]*block, n), uses: make([]int, n), frames: make(map[int]*frame)}
	w.pl = &plan{train: train, headers: make([]*onnx.Tensor, n), kept: make([]bool, n), age: 0}
	for _, t := range m.inputs {
		w.pl.shapes = append(w.pl.shapes, slices.Clone(t.Dims))
	}
	w.choose()
	for i := range w.code {
		if err := w.guarded(i); err != nil {
			return nil, fmt.Errorf("%s: %w", w.code[i].text, err)
		}
	}
	w.gradients()
	w.lifetimes()
	if err := w.place(); err != nil {
		return nil, err
	}
	for i := range m.inputs {
		at := m.slotOf(m.p.byName[m.p.lifted.Graph.Inputs[i].Name])
		if w.pl.headers[at] == nil {
			at = -1
		}
		w.pl.inputs = append(w.pl.inputs, at)
	}
	return w.pl, nil
}

// choose finds the instructions that something asks for.
func (w *planner) choose() {
	m, p := w.m, w.m.p
	keep := func(v *value) {
		at := m.slotOf(v)
		w.needed[at], w.pl.kept[at] = true, true
	}
	if p.loss != nil {
		keep(p.loss)
	}
	for _, v := range p.lifted.Graph.Outputs {
		keep(p.byName[v.Name])
	}
	for _, name := range p.watched {
		keep(p.byName[name])
	}
	if w.all {
		for _, v := range p.values {
			keep(v)
		}
	}
	if w.pl.train {
		for _, q := range p.params {
			w.needed[m.bySlot[q.gradNode]] = true
		}
		for _, v := range p.wanted {
			at := m.bySlot[v.gradNode]
			w.needed[at], w.pl.kept[at] = true, true
		}
	}
	for i := len(m.code) - 1; i >= 0; i-- {
		c := m.code[i]
		if !slices.ContainsFunc(c.out, func(at int) bool { return at >= 0 && w.needed[at] }) {
			continue
		}
		w.code = append(w.code, c)
		if c.unit != nil && w.known(c.unit) {
			continue // its inputs are not read
		}
		for _, at := range c.in {
			if at >= 0 {
				w.needed[at] = true
				w.uses[at]++
			}
		}
	}
	slices.Reverse(w.code)
	for at, needed := range w.needed {
		if needed {
			w.header(at)
		}
	}
}

// known says whether inference knows all that a unit computes.
func (w *planner) known(u *unit) bool {
	for _, v := range u.out {
		if v != nil && w.facts[v.name].Value == nil {
			return false
		}
	}
	return true
}

// header makes the header of a slot: its type and, where inference knows it, its shape.
func (w *planner) header(at int) *onnx.Tensor {
	if w.pl.headers[at] != nil {
		return w.pl.headers[at]
	}
	s := &w.m.slots[at]
	t := s.fixed
	if t == nil && s.value != nil && s.value.input < 0 {
		t = w.facts[s.value.name].Value
	}
	if t == nil {
		v := s.like
		t = &onnx.Tensor{Name: v.name, Type: v.elem}
		if sizes, ok := w.facts[v.name].Sizes(); ok {
			t.Dims = sizes
		}
	}
	w.pl.headers[at] = t
	return t
}

// memory gives a slot a block of the arena. Where its shape is not known it has none.
func (w *planner) memory(at, i int) error {
	t := w.header(at)
	size, err := onnx.ByteSize(t.Type, t.Dims)
	if err != nil {
		return err
	}
	w.blocks[at] = &block{size: int(size), born: i, dies: i, bind: func(b []byte) { t.Data = b }}
	return nil
}

// guarded plans an instruction. A panic on the way becomes its error.
func (w *planner) guarded(i int) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return w.instruction(i)
}

func (w *planner) instruction(i int) error {
	c := &w.code[i]
	switch {
	case c.unit != nil:
		return w.forward(i, c)
	case c.back != nil:
		return w.backward(i, c)
	}
	return w.sum(i, c)
}

func (w *planner) headersOf(slots []int) []*onnx.Tensor {
	list := make([]*onnx.Tensor, len(slots))
	for k, at := range slots {
		if at >= 0 {
			list[k] = w.header(at)
		}
	}
	return list
}

func (w *planner) act(text string, run func() error) {
	w.pl.actions = append(w.pl.actions, action{text: text, run: run})
}

// nothingToDo keeps actions and instructions in step.
func nothingToDo() error { return nil }

func (w *planner) forward(i int, c *instruction) error {
	u := c.unit
	if w.known(u) {
		w.act(c.text, nothingToDo)
		return nil
	}
	call := u.call(w.facts)
	w.calls[u] = call
	s, err := u.compile(call)
	if err != nil {
		return err
	}
	k := &work{in: w.headersOf(c.in), out: w.headersOf(c.out)}
	for n, at := range c.out {
		if at < 0 {
			continue
		}
		if known := w.facts[u.out[n].name].Value; known != nil {
			// It stands beside others that inference does not know; the constant itself must not be written.
			t := &onnx.Tensor{Type: known.Type, Dims: known.Dims}
			k.out[n] = t
			if s.kind == planned {
				w.scratch(i, len(known.Data), func(b []byte) { t.Data = b })
			}
			continue
		}
		if s.kind == planned {
			if err := w.memory(at, i); err != nil {
				return err
			}
		}
	}
	w.scratch(i, s.scratch, func(b []byte) { k.scratch = b })
	w.act(c.text, func() error { return s.run(k) })
	return nil
}

// scratch reserves memory for one action.
func (w *planner) scratch(i, size int, bind func([]byte)) {
	if size > 0 {
		w.pl.blocks = append(w.pl.blocks, &block{size: size, born: i, dies: i, bind: bind})
	}
}

func (w *planner) backward(i int, c *instruction) error {
	b := c.back
	u := b.u
	out := w.header(c.out[0])
	if u.view {
		dy := w.header(c.in[len(c.in)-1])
		w.act(c.text, func() error {
			out.Data = dy.Data
			return nil
		})
		return nil
	}
	shared := w.calls[u]
	if shared == nil { // nothing of the forward pass is needed
		shared = u.call(w.facts)
		w.calls[u] = shared
	}
	call := shared
	if shared.k != b.k {
		other := *shared
		other.k = b.k
		call = &other
	}
	f := &frame{in: make([]*onnx.Tensor, len(u.in)), dx: out, dy: w.header(c.in[len(c.in)-1])}
	var g gradient
	var err error
	if b.all != nil {
		for _, at := range c.out {
			f.all = append(f.all, nil)
			if at >= 0 && w.needed[at] {
				f.all[len(f.all)-1] = w.header(at)
			}
		}
		g, err = u.rule.together(call, b.all)
	} else {
		g, err = u.rule.gradient(call, b.i)
	}
	if err != nil {
		return err
	}
	for k, at := range b.reads {
		f.in[at] = w.header(c.in[k])
	}
	if b.readsY {
		f.y = w.header(c.in[len(b.reads)])
	}
	if b.all == nil {
		w.frames[c.out[0]] = f
	}
	for _, at := range c.out {
		if at < 0 || !w.needed[at] {
			continue
		}
		if err := w.memory(at, i); err != nil {
			return err
		}
	}
	w.scratch(i, 4*g.scratch, func(b []byte) { f.scratch = onnx.ElementsOf[float32](b) })
	w.act(c.text, func() error {
		g.run(f)
		return nil
	})
	return nil
}

// sum adds two gradients of one value.
func (w *planner) sum(i int, c *instruction) error {
	if err := w.memory(c.out[0], i); err != nil {
		return err
	}
	a, b, out := w.header(c.in[0]), w.header(c.in[1]), w.header(c.out[0])
	set, pool := w.m.p.options.Set, w.m.p.options.Pool
	w.act(c.text, func() error {
		set.Binary(pool, kernels.Add, out.Float32s(), a.Float32s(), b.Float32s())
		return nil
	})
	return nil
}
