package lowering

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// layer is a Conv or Gemm with the activation that reads it and, of a convolution, the upsampling that it reads and the pooling that
// reads the activation, as one unit:
//
//	y = MaxPool(f(Conv(Resize(x), w, b)))
//
// The activation is computed where the product is stored, and upsampling and pooling while images are in cache. The gradients by x, w and b of a
// convolution are made together, an image at a time; those of a Gemm in two parts: by mid, what the activation reads, from y alone, and
// from there by x, w and b. The units that a layer stands for stay for whoever asks for their results.
type layer struct {
	up, base, pool *unit // up, pool: nil where there is none
	mid            *value
	act            kernels.Activation
	passed         bool // the gradient that comes is past the activation already
}

// before is the input number that stands for what the activation reads.
const before = -1

// join makes layers of the units.
func (p *Program) join() error {
	if p.options.Plain {
		return nil
	}
	readers := make(map[*value][]*unit)
	kept := make(map[*value]bool)
	makers := make(map[*value]*unit)
	for _, u := range p.units {
		for _, v := range u.in {
			readers[v] = append(readers[v], u)
		}
		for _, v := range u.out {
			makers[v] = u
		}
	}
	for _, v := range p.lifted.Graph.Outputs {
		kept[p.byName[v.Name]] = true
	}
	kept[p.byName[p.options.Loss]] = true
	// reader gives the unit that alone reads what u makes, as its first input.
	reader := func(u *unit) *unit {
		if len(u.out) != 1 || u.out[0] == nil || u.out[0].constant != nil || kept[u.out[0]] || len(readers[u.out[0]]) != 1 {
			return nil
		}
		if r := readers[u.out[0]][0]; r.in[0] == u.out[0] && r.rule != nil && isDefault(r.node) {
			return r
		}
		return nil
	}
	table := ops.NewTable()
	for _, base := range p.units {
		if base.rule == nil || base.layer != nil || !isDefault(base.node) || base.node.OpType != "Conv" && base.node.OpType != "Gemm" {
			continue
		}
		last := reader(base)
		if last == nil || base.out[0].elem != onnx.Float || base.out[0].dims == nil {
			continue
		}
		act, ok := activationOf(last.node)
		if !ok || len(last.out) != 1 || last.out[0] == nil {
			continue
		}
		l := &layer{base: base, mid: base.out[0], act: act}
		if base.node.OpType == "Conv" {
			if up := makers[base.in[0]]; up != nil && reader(up) == base && up.node.OpType == "Resize" && isDefault(up.node) && up.rule != nil {
				_, simple := ops.KernelUpsample(up.op, up.call(p.facts).in)
				_, conv := ops.KernelConv(base.op, base.call(p.facts).in)
				if simple && conv && up.settled() {
					l.up = up
				}
			}
			if pool := reader(last); pool != nil && pool.node.OpType == "MaxPool" && !slices.ContainsFunc(pool.out[1:], func(v *value) bool { return v != nil }) {
				_, conv := ops.KernelConv(base.op, base.call(p.facts).in)
				_, _, pooling := ops.KernelPool(pool.op, pool.call(p.facts).in[0])
				if conv && pooling {
					l.pool, last = pool, pool
				}
			}
		}
		u, err := l.unit(last, table)
		if err != nil {
			return fmt.Errorf("%s: %w", base.place, err)
		}
		p.units[slices.Index(p.units, last)] = u
	}
	return nil
}

// settled says whether all inputs but the first never change.
func (u *unit) settled() bool {
	return !slices.ContainsFunc(u.in[1:], func(v *value) bool { return v != nil && (v.constant == nil || v.input >= 0) })
}

func isDefault(n *onnx.Node) bool { return onnx.NormalDomain(n.Domain) == onnx.DomainDefault }

// activationOf gives the activation that a node is, where its derivative can be told from its result.
func activationOf(n *onnx.Node) (kernels.Activation, bool) {
	switch n.OpType {
	case "Relu":
		return kernels.Activation{Function: kernels.Relu}, true
	case "Sigmoid":
		return kernels.Activation{Function: kernels.Sigmoid}, true
	case "Tanh":
		return kernels.Activation{Function: kernels.Tanh}, true
	case "LeakyRelu":
		s, _ := ops.Schema(n.Domain, n.OpType, 0)
		a := ops.NewAttrs(n, s)
		slope := a.Float("alpha")
		return kernels.Activation{Function: kernels.LeakyRelu, Slope: slope}, a.Err() == nil && slope >= 0
	}
	return kernels.Activation{}, false
}

// unit makes the unit that stands for the layer; last is the one whose result it takes over.
func (l *layer) unit(last *unit, table *ops.Table) (*unit, error) {
	base := l.base
	activation := l.activation()
	n := base.node.Clone()
	n.Domain, n.OpType = onnx.DomainPrivate, ops.FusedPrefix+n.OpType
	n.Attributes = append(n.Attributes, onnx.AttrString("activation", activation))
	if l.act.Function == kernels.LeakyRelu {
		n.Attributes = append(n.Attributes, onnx.AttrFloat("slope", l.act.Slope))
	}
	fused, _, err := table.Op(n)
	if err != nil {
		return nil, err
	}
	u := &unit{p: base.p, node: base.node, op: fused, layer: l, in: base.in, out: last.out[:1], place: base.place + " with " + activation}
	chain := chained{middle: fused}
	if l.pool != nil {
		chain.last = l.pool.op
		u.place += " and MaxPool"
	}
	if l.up != nil {
		chain.first, chain.rest = l.up.op, l.up.call(base.p.facts).in[1:]
		u.in = slices.Clone(base.in)
		u.in[0] = l.up.in[0]
		u.place += " after Resize"
	}
	if chain.first != nil || chain.last != nil {
		u.op = chain
	}
	var together func(c *call, wrt []int) (gradient, error)
	if base.rule.together != nil {
		together = l.together
	}
	u.rule = &rule{name: base.rule.name, wrt: base.rule.wrt, gradient: l.gradient, together: together, forward: l.forward, reads: func(i int) need {
		switch {
		case i == before && l.passed:
			return nothing
		case i == before:
			return theOutput
		case base.rule.reads == nil:
			return everything
		}
		return base.rule.reads(i)
	}}
	return u, nil
}

func (l *layer) activation() string {
	switch l.act.Function {
	case kernels.Relu:
		return "Relu"
	case kernels.Sigmoid:
		return "Sigmoid"
	case kernels.Tanh:
		return "Tanh"
	}
	return "LeakyRelu"
}

// chained is an operator with one before it, which has all its inputs but the first in rest, and one after it, of which the first
// result counts. Both may be nil.
type chained struct {
	first, middle, last ops.Op
	rest                []ops.Fact
}

// Infer goes through all.
func (o chained) Infer(env *ops.Env, in []ops.Fact) ([]ops.Fact, error) {
	in = slices.Clone(in)
	if o.first != nil {
		out, err := o.first.Infer(env, append(in[:1:1], o.rest...))
		if err != nil {
			return nil, err
		}
		in[0] = out[0]
	}
	out, err := o.middle.Infer(env, in)
	if err != nil || o.last == nil {
		return out, err
	}
	if out, err = o.last.Infer(env, out); err != nil {
		return nil, err
	}
	return out[:1], nil
}

// Eval goes through all.
func (o chained) Eval(env *ops.Env, in []onnx.Value) ([]onnx.Value, error) {
	in = slices.Clone(in)
	if o.first != nil {
		all := in[:1:1]
		for _, f := range o.rest {
			if f.Value == nil {
				all = append(all, nil)
				continue
			}
			all = append(all, f.Value)
		}
		out, err := o.first.Eval(env, all)
		if err != nil {
			return nil, err
		}
		in[0] = out[0]
	}
	out, err := o.middle.Eval(env, in)
	if err != nil || o.last == nil {
		return out, err
	}
	if out, err = o.last.Eval(env, out); err != nil {
		return nil, err
	}
	return out[:1], nil
}

// product is the call of the base unit that a layer's call holds.
func (l *layer) product(c *call) *call {
	b := *c
	b.node, b.op, b.out, b.k = l.base.node, l.base.op, []ops.Fact{c.mid}, 0
	if l.up != nil {
		b.in = slices.Clone(c.in)
		b.in[0] = c.large
	}
	return &b
}

// around is what a convolution's layer has beside it.
func (l *layer) around(c *call) (a around, err error) {
	a.act = l.act
	if l.up != nil {
		shape, ok := ops.KernelUpsample(l.up.op, append([]ops.Fact{c.in[0]}, l.up.call(l.up.p.facts).in[1:]...))
		if !ok {
			return a, fmt.Errorf("an upsampling of %v to %v is %w", c.in[0], c.large, ops.ErrUnsupported)
		}
		shape.Planes = int(c.dims(0)[1])
		a.up = &shape
	}
	if l.pool != nil {
		shape, _, ok := ops.KernelPool(l.pool.op, c.mid)
		if !ok {
			return a, fmt.Errorf("a pooling of %v is %w", c.mid, ops.ErrUnsupported)
		}
		a.pool = &shape
	}
	return a, nil
}

// gradient is that by an input of the product, from the gradient by mid, or that by mid.
func (l *layer) gradient(c *call, i int) (gradient, error) {
	if i != before {
		return l.base.rule.gradient(l.product(c), i)
	}
	return derivative(c, l.act)
}

// together makes those by several inputs of a convolution straight from y.
func (l *layer) together(c *call, wrt []int) (gradient, error) {
	a, err := l.around(c)
	if err != nil {
		return gradient{}, err
	}
	if l.passed {
		a.act = kernels.Activation{}
	}
	return convGradients(l.product(c), wrt, a)
}

// forward is the way of a product that stays sparse, or of a convolution with what is around it.
func (l *layer) forward(c *call) (ops.Step, bool) {
	if l.base.node.OpType == "Gemm" {
		return sparseForward(c, l.act)
	}
	a, err := l.around(c)
	if err != nil {
		return ops.Step{}, false
	}
	if a.pool != nil {
		c.argmax = make([]int32, count(c.outDims()))
	}
	return convForward(l.product(c), a)
}
