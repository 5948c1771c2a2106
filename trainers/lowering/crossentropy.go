package lowering

import (
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// entropy is the binary cross-entropy of each element,
//
//	-(t·log c + (1-t)·log(1-c)), c = Clip(y, lo, hi),
//
// which losses write as ten nodes, as one unit. It computes what they do in the same order, in one pass; its gradient by y is
// dy·(c-t)/(c·(1-c)), and 0 beyond the clip, where theirs adds up two ways. The target t gets no gradient. The nodes stay for whoever
// asks for their results.
type entropy struct {
	last   *unit // the node whose result it takes over
	lo, hi float32
	// logits says that y is Sigmoid(z) of a layer, and that the gradient is that by z: dy·(y-t), where dividing by y·(1-y) and multiplying
	// with it again would lose digits.
	logits bool
}

// joinEntropies finds the cross-entropies among the units.
func (p *Program) joinEntropies() {
	if p.options.Plain {
		return
	}
	makers := make(map[*value]*unit)
	for _, u := range p.units {
		for _, v := range u.out {
			makers[v] = u
		}
	}
	f := entropyFinder{p, makers}
	for i, u := range p.units {
		if e, ok := f.find(u); ok {
			p.units[i] = e
		}
	}
}

// joinSigmoids has the gradients of cross-entropies go past the sigmoids of the layers that they read, where no other gradient
// comes to these.
func (p *Program) joinSigmoids() {
	layers := make(map[*value]*unit)
	copies := make(map[*value]*unit) // that only give a value another name
	readers := make(map[*value]int)
	for _, u := range p.units {
		switch l := u.layer; {
		case l != nil && l.pool == nil && l.act.Function == kernels.Sigmoid:
			layers[u.out[0]] = u
		case l == nil && isDefault(u.node) && u.node.OpType == "Identity":
			copies[u.out[0]] = u
		}
		for i, v := range u.in {
			if v != nil && u.diff[i] {
				readers[v]++
			}
		}
	}
	for _, u := range p.units {
		e, ok := u.op.(*entropy)
		if !ok || !u.diff[0] {
			continue
		}
		for v := u.in[0]; readers[v] == 1 && v != p.loss; {
			if made := layers[v]; made != nil {
				e.logits, made.layer.passed = true, true
				break
			}
			if copies[v] == nil {
				break
			}
			v = copies[v].in[0]
		}
	}
}

type entropyFinder struct {
	p      *Program
	makers map[*value]*unit
}

// inputs gives the inputs of the unit that makes v, where it is such an operator.
func (f entropyFinder) inputs(v *value, op string, n int) ([]*value, bool) {
	u := f.makers[v]
	if u == nil || u.layer != nil || !isDefault(u.node) || u.node.OpType != op || len(u.in) != n || len(u.out) != 1 || slices.Contains(u.in, nil) {
		return nil, false
	}
	return u.in, true
}

// rest gives x of 1-x.
func (f entropyFinder) rest(v *value) *value {
	if in, ok := f.inputs(v, "Sub", 2); ok {
		if one, ok := numberOf(in[0]); ok && one == 1 {
			return in[1]
		}
	}
	return nil
}

// logOf gives x of log x.
func (f entropyFinder) logOf(v *value) *value {
	if in, ok := f.inputs(v, "Log", 1); ok {
		return in[0]
	}
	return nil
}

// find makes the unit for a cross-entropy that ends in a unit.
func (f entropyFinder) find(last *unit) (*unit, bool) {
	if len(last.out) != 1 || last.out[0] == nil || last.rule == nil {
		return nil, false
	}
	sum, ok := f.inputs(last.out[0], "Neg", 1)
	if !ok {
		return nil, false
	}
	parts, ok := f.inputs(sum[0], "Add", 2)
	if !ok {
		return nil, false
	}
	on, ok := f.inputs(parts[0], "Mul", 2)
	off, ok2 := f.inputs(parts[1], "Mul", 2)
	if !ok || !ok2 {
		return nil, false
	}
	t, clipped := on[0], f.logOf(on[1])
	beside := f.logOf(off[1])
	if clipped == nil || beside == nil || f.rest(off[0]) != t || f.rest(beside) != clipped {
		return nil, false
	}
	clip, ok := f.inputs(clipped, "Clip", 3)
	if !ok {
		return nil, false
	}
	e := &entropy{last: last}
	lo, ok := numberOf(clip[1])
	hi, ok2 := numberOf(clip[2])
	e.lo, e.hi = lo, hi
	y, out := clip[0], last.out[0]
	fixed := t.constant != nil || t.input >= 0 && !slices.Contains(f.p.options.Inputs, t.name)
	if !ok || !ok2 || !(0 < lo && lo < hi && hi < 1) || !fixed || y == t || out.constant != nil {
		return nil, false
	}
	if y.elem != onnx.Float || y.dims == nil || !slices.Equal(y.dims, t.dims) || !slices.Equal(y.dims, out.dims) {
		return nil, false
	}
	return &unit{p: f.p, node: last.node, place: last.place + " of a cross-entropy", op: e, in: []*value{y, t}, out: last.out,
		rule: &rule{name: "cross-entropy", wrt: first(1), reads: always(inputs(0, 1)), gradient: e.gradient}}, true
}

// numberOf gives the one number of a constant.
func numberOf(v *value) (float32, bool) {
	if c := v.constant; c != nil && v.input < 0 && c.Type == onnx.Float && c.Len() == 1 && c.Bound() {
		return c.Float32s()[0], true
	}
	return 0, false
}

// Infer gives the result the shape of y.
func (e *entropy) Infer(_ *ops.Env, in []ops.Fact) ([]ops.Fact, error) { return in[:1:1], nil }

// Eval computes it on the portable kernels.
func (e *entropy) Eval(_ *ops.Env, in []onnx.Value) ([]onnx.Value, error) {
	y, t := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor)
	out := onnx.NewTensor(onnx.Float, slices.Clone(y.Dims)...)
	ops.Target{}.Set.CrossEntropy(nil, out.Float32s(), y.Float32s(), t.Float32s(), e.lo, e.hi)
	return []onnx.Value{out}, nil
}

// Specialize computes it in one pass.
func (e *entropy) Specialize(t ops.Target, in []ops.Fact, _ []*onnx.Tensor) (ops.Step, bool) {
	dims, ok := in[0].Sizes()
	other, ok2 := in[1].Sizes()
	if !ok || !ok2 || !slices.Equal(dims, other) {
		return ops.Step{}, false
	}
	return ops.Step{Run: func(f *ops.Frame) error {
		t.Set.CrossEntropy(t.Pool, f.Out[0].Float32s(), f.In[0].Float32s(), f.In[1].Float32s(), e.lo, e.hi)
		return nil
	}}, true
}

func (e *entropy) gradient(c *call, _ int) (gradient, error) {
	if e.logits {
		return gradient{run: func(f *frame) {
			c.set.CrossEntropyOfSigmoid(c.pool, f.dx.Float32s(), f.dy.Float32s(), f.in[0].Float32s(), f.in[1].Float32s(), e.lo, e.hi)
		}}, nil
	}
	return gradient{run: func(f *frame) {
		c.set.CrossEntropyDerivative(c.pool, f.dx.Float32s(), f.dy.Float32s(), f.in[0].Float32s(), f.in[1].Float32s(), e.lo, e.hi)
	}}, nil
}
