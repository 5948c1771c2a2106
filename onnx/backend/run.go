package backend

import (
	"context"
	"fmt"
	"slices"
	"unsafe"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// run is the memory of one run of a plan, kept for the next one.
type run struct {
	arena  []byte
	values []onnx.Value        // by value; those in the arena and constants stay from run to run
	frames []ops.Frame         // by step; empty for plain ones
	patch  [][]patch           // by step: tensors of its frame that differ from run to run
	forms  map[*step]*lateForm // of steps whose shapes only a run tells; nil as long as there was none
	table  *ops.Table          // for these
	watch  func(step int)      // called once a step is done, with -1 before the first; nil but in profiles
}

// patch is an operand of a frame that each run sets. view is the operand where it is another value's memory under another shape.
type patch struct {
	operand, value int
	out            bool
	view           *onnx.Tensor
}

func newRun(p *Plan) *run {
	r := &run{arena: onnx.AlignedBytes(p.arena), values: make([]onnx.Value, len(p.values)),
		frames: make([]ops.Frame, len(p.steps)), patch: make([][]patch, len(p.steps))}
	for k := range p.values {
		if t := r.fixed(p, k); t != nil {
			r.values[k] = t
		}
	}
	for i, s := range p.steps {
		if s.fast == nil {
			continue
		}
		f := &r.frames[i]
		f.In, f.Out = make([]*onnx.Tensor, len(s.in)), make([]*onnx.Tensor, len(s.out))
		f.Scratch, f.Kept = r.arena[s.scratch:s.scratch+s.fast.Scratch], r.arena[s.kept:s.kept+s.fast.Kept]
		if s.fast.Own != nil {
			f.Own = s.fast.Own()
		}
		operand := func(list []*onnx.Tensor, slot, k int, out bool) {
			switch {
			case k < 0:
			case r.values[k] != nil:
				list[slot] = r.values[k].(*onnx.Tensor)
			default:
				q := patch{operand: slot, value: k, out: out}
				if p.values[k].place == inView {
					sizes, _ := p.values[k].fact.Sizes()
					q.view = &onnx.Tensor{Type: p.values[k].fact.Elem(), Dims: sizes}
				}
				r.patch[i] = append(r.patch[i], q)
			}
		}
		for slot, k := range s.in {
			operand(f.In, slot, k, false)
		}
		for slot, k := range s.out {
			operand(f.Out, slot, k, true)
		}
	}
	return r
}

// set fills in what differs from run to run in the frame of step i.
func (r *run) set(p *Plan, i int) {
	f := &r.frames[i]
	for _, q := range r.patch[i] {
		t := q.view
		if t != nil {
			t.Data = r.values[p.root(q.value)].(*onnx.Tensor).Data
		} else {
			t = r.value(p, q.value).(*onnx.Tensor)
		}
		if q.out {
			f.Out[q.operand] = t
		} else {
			f.In[q.operand] = t
		}
	}
}

// reset lets go of what set put in the frame.
func (r *run) reset(i int) {
	f := &r.frames[i]
	for _, q := range r.patch[i] {
		if q.view != nil {
			q.view.Data = nil
		}
		if q.out {
			f.Out[q.operand] = nil
		} else {
			f.In[q.operand] = nil
		}
	}
}

// fixed gives the tensor of a value whose memory is the same in every run, or nil.
func (r *run) fixed(p *Plan, k int) *onnx.Tensor {
	v := &p.values[k]
	switch v.place {
	case inConstant:
		return v.constant
	case inArena:
		sizes, _ := v.fact.Sizes()
		return &onnx.Tensor{Type: v.fact.Elem(), Dims: sizes, Data: r.arena[v.offset : v.offset+v.size : v.offset+v.size]}
	case inView:
		if base := r.fixed(p, v.base); base != nil {
			return reshaped(base, v.fact)
		}
	}
	return nil
}

// Run computes the outputs for inputs of the plan's shapes, as [Model.Run] does.
func (p *Plan) Run(ctx context.Context, in []onnx.Value) (out []onnx.Value, err error) {
	out = p.makeOutputs()
	if err := p.run(ctx, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// makeOutputs makes the outputs whose shapes are known before a run.
func (p *Plan) makeOutputs() []onnx.Value {
	out := make([]onnx.Value, len(p.output))
	for i, k := range p.output {
		if v := &p.values[k]; v.place == inOutput {
			sizes, _ := v.fact.Sizes()
			out[i] = onnx.NewTensor(v.fact.Elem(), sizes...)
		}
	}
	return out
}

// RunInto is Run into outputs that the caller made: tensors of the right types and shapes, which are overwritten, also where the run
// fails. They must not share memory with inputs or with each other. An output whose shape only the run tells may be nil: it is made.
func (p *Plan) RunInto(ctx context.Context, in, out []onnx.Value) error {
	if len(out) != len(p.output) {
		return fmt.Errorf("backend: the graph has %d outputs, %d are given", len(p.output), len(out))
	}
	for i, v := range out {
		value := &p.values[p.output[i]]
		if v == nil && value.place != inOutput {
			continue // it is made for this run
		}
		o, ok := v.(*onnx.Tensor)
		if !ok || o == nil {
			return fmt.Errorf("backend: output %q: it is %v, no tensor is given for it", value.name, value.fact)
		}
		if value.place == inOutput && !suits(o, value.fact) {
			return fmt.Errorf("backend: output %q: it is %v, memory for %v is given", value.name, value.fact, o)
		}
		for _, others := range [][]onnx.Value{in, out[:i]} {
			for _, other := range others {
				if t, ok := other.(*onnx.Tensor); ok && t != nil && overlap(t.Data, o.Data) {
					return fmt.Errorf("backend: output %q: its memory is also that of an input or of another output", value.name)
				}
			}
		}
	}
	return p.run(ctx, in, out)
}

// suits says whether a tensor has memory for a value of which all is known.
func suits(t *onnx.Tensor, f ops.Fact) bool {
	if t.Type != f.Type.Elem || len(t.Dims) != len(f.Type.Dims) || !t.Bound() {
		return false
	}
	for i, n := range t.Dims {
		if f.Type.Dims[i].Value != n {
			return false
		}
	}
	return true
}

func overlap(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	p, q := uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0]))
	return p < q+uintptr(len(b)) && q < p+uintptr(len(a))
}

func (p *Plan) run(ctx context.Context, in, out []onnx.Value) error {
	r := p.pool.Get().(*run)
	defer p.pool.Put(r)
	return r.once(ctx, p, in, out)
}

// once is one run, after which the memory holds on to nothing that is the caller's or was made for it.
func (r *run) once(ctx context.Context, p *Plan, in, out []onnx.Value) error {
	err := r.do(ctx, p, in, out)
	for k := range p.values {
		if place := p.values[k].place; place == inInput || place == inHeap || place == inOutput || place == inView && r.values[k] != nil && !p.keeps(k) {
			r.values[k] = nil
		}
	}
	if err != nil {
		return fmt.Errorf("backend: %w", err)
	}
	return nil
}

// keeps says whether a view lies in memory that stays.
func (p *Plan) keeps(k int) bool {
	place := p.values[p.root(k)].place
	return place == inConstant || place == inArena
}

func (r *run) do(ctx context.Context, p *Plan, in, out []onnx.Value) (err error) {
	current := -1
	defer func() {
		if x := recover(); x != nil {
			place := "inputs"
			if current >= 0 {
				place = ops.Place(p.steps[current].node, current)
			}
			err = fmt.Errorf("%s: internal error: %v", place, x)
		}
	}()
	for i, k := range p.inputs {
		if r.values[k] = in[i]; in[i] == nil {
			r.values[k] = p.model.defaults[i]
		}
	}
	for i, k := range p.output {
		if p.values[k].place == inOutput {
			r.values[k] = out[i]
		}
	}
	if r.watch != nil {
		r.watch(-1)
	}
	for i := range p.steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		current = i
		s := &p.steps[i]
		if s.fast != nil {
			r.set(p, i)
			err = s.fast.Run(&r.frames[i])
			r.reset(i)
		} else {
			err = r.unplanned(ctx, p, s)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", ops.Place(s.node, i), err)
		}
		for _, k := range s.done {
			r.values[k] = nil
		}
		if r.watch != nil {
			r.watch(i)
		}
	}
	for i, k := range p.output {
		if p.values[k].place == inOutput {
			continue
		}
		if out[i], err = r.give(p, k, out[i]); err != nil {
			return fmt.Errorf("output %q: %w", p.values[k].name, err)
		}
	}
	return nil
}

// value gives a value at hand; a view of one is made when it is first asked for.
func (r *run) value(p *Plan, k int) onnx.Value {
	if r.values[k] == nil && p.values[k].place == inView {
		r.values[k] = reshaped(r.value(p, p.values[k].base).(*onnx.Tensor), p.values[k].fact)
	}
	return r.values[k]
}

// unplanned runs a step that has no fast way in the plan.
func (r *run) unplanned(ctx context.Context, p *Plan, s *step) error {
	in := make([]onnx.Value, len(s.in))
	for i, k := range s.in {
		if k >= 0 {
			in[i] = r.value(p, k)
		}
	}
	out, ok, err := r.late(p, s, in)
	if err != nil {
		return err
	}
	if !ok {
		if out, err = r.evaluate(ctx, p, s, in); err != nil {
			return err
		}
	}
	for i, k := range s.out {
		if k < 0 {
			continue
		}
		if out[i] == nil {
			return fmt.Errorf("output %d is not computed", i)
		}
		if err := fits(p.values[k].fact, out[i]); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
		r.values[k] = r.own(out[i])
	}
	return nil
}

// evaluate computes a step's outputs by Eval.
func (r *run) evaluate(ctx context.Context, p *Plan, s *step, in []onnx.Value) ([]onnx.Value, error) {
	around := make(map[string]onnx.Value, len(s.around))
	for _, k := range s.around {
		around[p.values[k].name] = r.value(p, k)
	}
	o := ops.EvalOptions{Limit: p.model.options.limit(), Seed: p.model.options.Seed}
	if len(p.bodies) > 0 {
		o.Body = (&visit{ctx: ctx, plan: p, around: around}).body
	}
	out, err := p.eval.EvalNode(ctx, s.node, in, around, o)
	if err == nil && len(out) < len(s.out) {
		err = fmt.Errorf("%d outputs are named, the operator has %d", len(s.out), len(out))
	}
	return out, err
}

// fits holds a value against what was known of it: what the graph declares of a shape that only a run tells may be wrong.
func fits(f ops.Fact, v onnx.Value) error {
	t, ok := v.(*onnx.Tensor)
	if !ok || f.Type.Kind != onnx.KindTensor {
		return nil
	}
	_, err := ops.Merge(f.Type, ops.Fact{Type: onnx.TypeOf(t)})
	return err
}

// own copies a tensor that lies in the arena, whose memory other values take over later: an operator may hand its input on.
func (r *run) own(v onnx.Value) onnx.Value {
	t, ok := v.(*onnx.Tensor)
	if !ok || len(t.Data) == 0 || len(r.arena) == 0 {
		return v
	}
	start := uintptr(unsafe.Pointer(&r.arena[0]))
	if at := uintptr(unsafe.Pointer(&t.Data[0])); at < start || at >= start+uintptr(len(r.arena)) {
		return v
	}
	return copyTensor(t)
}

// give hands an output to the caller: a copy that nothing else writes to.
func (r *run) give(p *Plan, k int, into onnx.Value) (onnx.Value, error) {
	v := r.value(p, k)
	t, ok := v.(*onnx.Tensor)
	if !ok {
		return v, nil
	}
	if into == nil {
		return copyTensor(t), nil
	}
	o, ok := into.(*onnx.Tensor)
	if !ok || o.Type != t.Type || !slices.Equal(o.Dims, t.Dims) || len(o.Data) != len(t.Data) {
		return nil, fmt.Errorf("it is %v, memory for %v is given", t, into)
	}
	copy(o.Data, t.Data)
	copy(o.Strings, t.Strings)
	return o, nil
}

func copyTensor(t *onnx.Tensor) *onnx.Tensor {
	c := &onnx.Tensor{Type: t.Type, Dims: slices.Clone(t.Dims), Strings: slices.Clone(t.Strings)}
	if t.Type != onnx.String {
		c.Data = onnx.AlignedBytes(len(t.Data))
		copy(c.Data, t.Data)
	}
	return c
}
