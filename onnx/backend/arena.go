package backend

import (
	"fmt"
	"sort"

	"github.com/gonyx/gonyx/onnx"
)

// block is a piece of the arena over the steps that it is needed in.
type block struct {
	size, first, last int
	values            []int // that live in it, one after the other
	step              int   // whose scratch or kept memory it is, or -1
	kept              bool
	offset            int
}

// layout gives every arena value and every scratch an offset, so that those needed at the same time do not overlap: largest
// first, each at the lowest place that is free for its life.
func (p *planner) layout() error {
	blocks := p.blocks()
	order := make([]*block, len(blocks))
	copy(order, blocks)
	sort.SliceStable(order, func(i, j int) bool { return order[i].size > order[j].size })
	var placed []*block // by offset
	total := 0
	limit := int(min(p.plan.model.options.limit(), int64(1)<<62))
	for _, b := range order {
		at := 0
		for _, other := range placed {
			if other.last < b.first || b.last < other.first {
				continue
			}
			if other.offset >= at+b.size {
				break
			}
			at = max(at, other.offset+other.size)
		}
		b.offset = at
		k := sort.Search(len(placed), func(i int) bool { return placed[i].offset > at })
		placed = append(placed, nil)
		copy(placed[k+1:], placed[k:])
		placed[k] = b
		total = max(total, at+b.size)
		if total > limit {
			name := "scratch memory"
			if len(b.values) > 0 {
				name = fmt.Sprintf("value %q", p.plan.values[b.values[0]].name)
			}
			return fmt.Errorf("%s of %d bytes makes the arena larger than the memory limit of %d", name, b.size, limit)
		}
	}
	for _, b := range blocks {
		switch {
		case b.kept:
			p.plan.steps[b.step].kept = b.offset
		case b.step >= 0:
			p.plan.steps[b.step].scratch = b.offset
		}
		for _, k := range b.values {
			p.plan.values[k].offset = b.offset
		}
	}
	p.plan.arena = total
	return nil
}

// blocks joins values that a step may compute in place with the value they take the memory of.
func (p *planner) blocks() []*block {
	values, steps := p.plan.values, p.plan.steps
	owner := make(map[int]*block)
	var blocks []*block
	round := func(n int) int { return (n + onnx.Alignment - 1) / onnx.Alignment * onnx.Alignment }
	for i, s := range steps {
		for slot, k := range s.out {
			if k < 0 || values[k].place != inArena {
				continue
			}
			if slot == 0 && s.fast.InPlace && len(s.in) > 0 && s.in[0] >= 0 {
				r := p.plan.root(s.in[0])
				if b := owner[r]; b != nil && values[r].last == i && values[r].size == values[k].size && p.alone(s, r) {
					b.values = append(b.values, k)
					b.last = values[k].last
					owner[k] = b
					continue
				}
			}
			b := &block{size: round(values[k].size), first: values[k].first, last: values[k].last, values: []int{k}, step: -1}
			owner[k] = b
			blocks = append(blocks, b)
		}
		if s.fast != nil && s.fast.Scratch > 0 {
			blocks = append(blocks, &block{size: round(s.fast.Scratch), first: i, last: i, step: i})
		}
		if s.fast != nil && s.fast.Kept > 0 { // it is never another's, so that what is in it stays
			blocks = append(blocks, &block{size: round(s.fast.Kept), first: -1, last: len(steps), step: i, kept: true})
		}
	}
	return blocks
}

// alone says whether a step reads the memory of value r through its first input only.
func (p *planner) alone(s step, r int) bool {
	for _, k := range s.in[1:] {
		if k >= 0 && p.plan.root(k) == r {
			return false
		}
	}
	return true
}
