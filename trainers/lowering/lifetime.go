package lowering

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// gradients brings each parameter's gradient to the parameter: written there at once where nothing else uses the slot.
func (w *planner) gradients() {
	if !w.pl.train {
		return
	}
	for _, q := range w.m.p.params {
		at := w.m.bySlot[q.gradNode]
		own := w.blocks[at] != nil && w.uses[at] == 0
		for _, other := range w.m.p.params {
			own = own && (other == q || w.m.bySlot[other.gradNode] != at)
		}
		h := w.header(at)
		if own {
			w.blocks[at] = nil
			h.Data = q.grad.Data
			if f := w.frames[at]; f != nil {
				f.param = q
			}
			continue
		}
		w.uses[at]++
		w.code = append(w.code, instruction{text: "gradient of " + q.name, in: []int{at}})
		w.act("gradient of "+q.name, func() error {
			copy(q.grad.Data, h.Data)
			return nil
		})
	}
}

// lifetimes ends each block at the last instruction that reads its memory, under whichever slot.
func (w *planner) lifetimes() {
	end := len(w.code)
	dies := make([]int, len(w.m.slots))
	for i, c := range w.code {
		for _, at := range c.in {
			if at >= 0 {
				dies[at] = i
			}
		}
		for _, at := range c.out {
			if at >= 0 {
				dies[at] = max(dies[at], i)
			}
		}
	}
	for at, kept := range w.pl.kept {
		if kept {
			dies[at] = end
		}
	}
	for i := len(w.code) - 1; i >= 0; i-- {
		c := &w.code[i]
		for _, out := range c.out {
			if out < 0 || w.blocks[out] != nil {
				continue
			}
			// The memory of a view, or of a result that an operator made itself, may be that of any input.
			for _, in := range c.in {
				if in >= 0 {
					dies[in] = max(dies[in], dies[out])
				}
			}
		}
	}
	for at, b := range w.blocks {
		if b != nil {
			b.dies = max(b.dies, dies[at])
			w.pl.blocks = append(w.pl.blocks, b)
		}
	}
}

// place gives each block its offset: blocks whose lives overlap do not share memory. It fails where all together take more than
// the limit.
func (w *planner) place() error {
	const alignment = onnx.Alignment
	pl, limit := w.pl, w.m.p.options.Limit
	if limit == 0 {
		limit = ops.DefaultLimit
	}
	order := slices.Clone(pl.blocks)
	slices.SortStableFunc(order, func(a, b *block) int { return a.born - b.born })
	var live []*block // by offset
	for _, b := range order {
		live = slices.DeleteFunc(live, func(o *block) bool { return o.dies < b.born })
		at, where := 0, len(live)
		for i, o := range live {
			if at+b.size <= o.offset {
				where = i
				break
			}
			at = (o.offset + o.size + alignment - 1) / alignment * alignment
		}
		b.offset = at
		live = slices.Insert(live, where, b)
		if pl.arena = max(pl.arena, at+b.size); int64(pl.arena) > limit {
			return fmt.Errorf("%s: by then the values take %d bytes together, more than the memory limit of %d; a smaller batch takes less",
				w.code[b.born].text, pl.arena, limit)
		}
	}
	return nil
}
