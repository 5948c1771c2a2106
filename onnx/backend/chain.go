package backend

import (
	"slices"

	"github.com/gonyx/gonyx/onnx/ops"
)

// chained is a step while links are joined to it: itself, or what it is a link on.
type chained struct {
	step  step
	links []ops.Link // In counts the step's inputs and then operands
	parts []step     // that were joined
}

// mostLinks bounds a chain; what its operands read stays alive until it is done.
const mostLinks = 16

// joinLinks joins steps that work number by number to the step that makes what they read and that nobody else reads, a convolution
// or another such step: their values are never in memory as a whole. Options.Plain leaves them apart.
func (p *planner) joinLinks() {
	if p.plan.model.options.Plain {
		return
	}
	readers := p.readers()
	maker := make(map[int]*chained) // of each value
	gone := make(map[int]bool)
	made := make(map[*chained]int) // at which step
	for i, s := range p.plan.steps {
		c := p.begin(s)
		if s.fast != nil && s.fast.Link != nil {
			if before := p.before(s, maker, readers); before != nil {
				gone[made[before]] = true
				c = before
				c.join(s)
			}
		}
		made[c] = i
		if len(s.out) == 1 && s.out[0] >= 0 {
			maker[s.out[0]] = c
		}
	}
	var kept []step
	for i, s := range p.plan.steps {
		if gone[i] {
			continue
		}
		if len(s.out) == 1 {
			if c := maker[s.out[0]]; c != nil && len(c.parts) > 1 {
				s = p.whole(c)
			}
		}
		kept = append(kept, s)
	}
	p.plan.steps = kept
}

// readers counts how often each value is read: by steps, as an output and by views of its memory.
func (p *planner) readers() map[int]int {
	n := make(map[int]int)
	for _, s := range p.plan.steps {
		for _, list := range [][]int{s.in, s.around} {
			for _, k := range list {
				n[k]++
			}
		}
	}
	for _, k := range p.plan.output {
		n[k]++
	}
	for _, v := range p.plan.values {
		if v.place == inView {
			n[v.base]++
		}
	}
	return n
}

// begin makes a chain of one step.
func (p *planner) begin(s step) *chained {
	c := &chained{step: s, parts: []step{s}}
	if s.fast != nil && s.fast.Link != nil && s.fast.Then == nil {
		l := s.fast.Link.To(s.fast.Link.On[0])
		c.step.in = []int{s.in[l.On[0]]}
		if l.In >= 0 {
			c.step.in = append(c.step.in, s.in[l.In])
			l.In = 1
		}
		c.links = []ops.Link{l}
	}
	return c
}

// before gives the chain that a step can be joined to, one with a product in it by choice, or nil.
func (p *planner) before(s step, maker map[int]*chained, readers map[int]int) *chained {
	var best *chained
	for _, slot := range s.fast.Link.On {
		k := s.in[slot]
		c := maker[k]
		if c == nil || readers[k] != 1 || p.plan.values[k].place != inArena || len(c.links) >= mostLinks ||
			c.step.fast == nil || c.step.fast.Then == nil && c.step.fast.Link == nil {
			continue
		}
		if best == nil || best.step.fast.Then == nil && c.step.fast.Then != nil {
			best = c
		}
	}
	return best
}

// join adds a step that reads what the chain makes.
func (c *chained) join(s step) {
	result := c.parts[len(c.parts)-1].out[0]
	slot := slices.Index(s.in, result)
	l := s.fast.Link.To(slot)
	if l.In >= 0 {
		c.step.in = append(slices.Clip(c.step.in), s.in[l.In])
		l.In = len(c.step.in) - 1
	}
	c.links = append(c.links, l)
	c.parts = append(c.parts, s)
}

// whole is the step that does all of a chain.
func (p *planner) whole(c *chained) step {
	last := c.parts[len(c.parts)-1]
	var fast ops.Step
	if c.step.fast.Then != nil {
		fast = c.step.fast.Then(c.links)
	} else {
		fast = ops.Chained(p.plan.model.target, c.links)
	}
	for _, s := range c.parts[:len(c.parts)-1] {
		p.plan.values[s.out[0]].place = inRegion
	}
	return step{node: last.node, in: c.step.in, out: last.out, around: c.step.around, fast: &fast, chain: c.parts}
}
