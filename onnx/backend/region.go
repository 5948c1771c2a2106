package backend

import (
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// regionBytes bounds what a region keeps between its stages for one image: it should stay in a processor's own cache, beside weights.
const regionBytes = 1 << 20

// aloneBytes bounds the same for a convolution that goes by squares, which pays for itself.
const aloneBytes = 4 << 20

// regions joins chains of steps that work image by image, each the only reader of what the one before it makes, into steps that take
// an image through the whole chain; and single convolutions that a region computes with less work. Options.Plain leaves them apart.
func (p *planner) regions() {
	if p.plan.model.options.Plain {
		return
	}
	next := p.chains()
	first := make(map[int]bool)
	for i, s := range p.plan.steps {
		first[i] = staged(s)
	}
	for _, j := range next {
		delete(first, j)
	}
	gone := make(map[int]bool)
	for i := range p.plan.steps {
		if !first[i] {
			continue
		}
		chain := []int{i}
		for j, ok := next[i]; ok; j, ok = next[j] {
			chain = append(chain, j)
		}
		for len(chain) > 0 {
			n := p.region(chain)
			for _, k := range chain[:n-1] {
				gone[k] = true
			}
			chain = chain[n:]
		}
	}
	kept := p.plan.steps[:0]
	for i, s := range p.plan.steps {
		if !gone[i] {
			kept = append(kept, s)
		}
	}
	p.plan.steps = kept
}

// chains gives for each step that works image by image the one that alone reads its result and does so, too.
func (p *planner) chains() map[int]int {
	readers := make(map[int][]int) // of each value's memory, -1 for what is not a step
	read := func(k, by int) {
		if k >= 0 {
			readers[k] = append(readers[k], by)
		}
	}
	for i, s := range p.plan.steps {
		for slot, k := range s.in {
			if slot > 0 || !staged(s) {
				read(k, -1)
				continue
			}
			read(k, i)
		}
		for _, k := range s.around {
			read(k, -1)
		}
	}
	for _, k := range p.plan.output {
		read(k, -1)
	}
	for _, v := range p.plan.values {
		if v.place == inView {
			read(v.base, -1)
		}
	}
	next := make(map[int]int)
	for i, s := range p.plan.steps {
		if !staged(s) {
			continue
		}
		if by := readers[s.out[0]]; len(by) == 1 && by[0] >= 0 {
			next[i] = by[0]
		}
	}
	return next
}

func staged(s step) bool { return s.fast != nil && s.fast.Stage != nil && len(s.out) == 1 }

// region puts one step in the place of the last of as many steps of a chain as fit in cache, and says how many that is; 1 where
// joining does not pay.
func (p *planner) region(chain []int) int {
	m := p.plan.model
	var stages []kernels.Stage
	for _, i := range chain {
		more := append(stages, *p.plan.steps[i].fast.Stage)
		if 4*kernels.RegionLen(m.target.Set, more...) > regionBytes {
			break
		}
		stages = more
	}
	n := len(stages)
	if g := *p.plan.steps[chain[0]].fast.Stage; n < 2 && g.BySquares(m.target.Set) && 4*kernels.RegionLen(m.target.Set, g) <= aloneBytes {
		stages, n = []kernels.Stage{g}, 1
	} else if n < 2 || !slices.ContainsFunc(stages, func(g kernels.Stage) bool { return g.Conv != nil || g.Transposed != nil }) {
		return 1
	}
	nodes := make([]*onnx.Node, n)
	for k, i := range chain[:n] {
		nodes[k] = p.plan.steps[i].node
	}
	image, _ := p.plan.values[p.plan.steps[chain[0]].in[0]].fact.Sizes()
	region := m.packs.region(m.target.Set, nodes, image[1:], stages)
	head, last := p.plan.steps[chain[0]], &p.plan.steps[chain[n-1]]
	sizes, _ := p.plan.values[last.out[0]].fact.Sizes()
	fast := ops.Regional(m.target, region, int(sizes[0]), nil)
	joined := step{node: last.node, in: head.in[:1:1], out: last.out, fast: &fast}
	for _, i := range chain[:n] {
		s := p.plan.steps[i]
		joined.region = append(joined.region, s)
		if k := s.out[0]; i != chain[n-1] {
			p.plan.values[k].place = inRegion
		}
	}
	*last = joined
	return n
}
