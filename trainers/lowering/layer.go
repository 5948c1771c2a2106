package lowering

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// layer is a Conv or Gemm with the activation that reads it and, after a convolution, the pooling that reads that, as one unit:
//
//	y = MaxPool(f(Conv(x, w, b)))
//
// The activation is computed where the product is stored, and the pooling while images are in cache. The gradients by x, w and b of a
// convolution are made together, an image at a time; those of a Gemm in two parts: by mid, what the activation reads, from y alone, and
// from there by x, w and b. The units that a layer stands for stay for whoever asks for their results.
type layer struct {
	base, pool *unit // pool: nil where there is none
	mid        *value
	act        kernels.Activation
	passed     bool // the gradient that comes is past the activation already
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
	for _, u := range p.units {
		for _, v := range u.in {
			readers[v] = append(readers[v], u)
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
	if l.pool != nil {
		u.op = pooled{fused, l.pool.op}
		u.place += " and MaxPool"
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

// pooled is an operator and a pooling of its result.
type pooled struct{ first, pool ops.Op }

// Infer goes through both.
func (o pooled) Infer(env *ops.Env, in []ops.Fact) ([]ops.Fact, error) {
	mid, err := o.first.Infer(env, in)
	if err != nil {
		return nil, err
	}
	out, err := o.pool.Infer(env, mid)
	if err != nil {
		return nil, err
	}
	return out[:1], nil
}

// Eval goes through both.
func (o pooled) Eval(env *ops.Env, in []onnx.Value) ([]onnx.Value, error) {
	mid, err := o.first.Eval(env, in)
	if err != nil {
		return nil, err
	}
	out, err := o.pool.Eval(env, mid)
	if err != nil {
		return nil, err
	}
	return out[:1], nil
}

// product is the call of the base unit that a layer's call holds.
func (l *layer) product(c *call) *call {
	b := *c
	b.node, b.op, b.out, b.k = l.base.node, l.base.op, []ops.Fact{c.mid}, 0
	return &b
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
	var window *kernels.PoolShape
	if l.pool != nil {
		shape, _, ok := ops.KernelPool(l.pool.op, c.mid)
		if !ok {
			return gradient{}, fmt.Errorf("a gradient of this pooling of %v is %w", c.mid, ops.ErrUnsupported)
		}
		window = &shape
	}
	act := l.act
	if l.passed {
		act = kernels.Activation{}
	}
	return convGradients(l.product(c), wrt, act, window)
}

// poolBytes is how much of a convolution's result should wait for its pooling.
const poolBytes = 256 << 10

// forward is the way of a product that stays sparse, or of a convolution with its pooling, some images at a time.
func (l *layer) forward(c *call) (ops.Step, bool) {
	if l.pool == nil {
		if l.base.node.OpType == "Gemm" {
			return sparseForward(c, l.act)
		}
		return ops.Step{}, false
	}
	shape, ok := ops.KernelConv(l.base.op, c.in)
	window, _, ok2 := ops.KernelPool(l.pool.op, c.mid)
	if !ok || !ok2 {
		return ops.Step{}, false
	}
	conv := kernels.NewConv(shape)
	oh, ow := conv.Output()
	size, in, out := shape.OC*oh*ow, shape.C*shape.H*shape.W, shape.OC*window.OH*window.OW
	images := count(c.dims(0)[:1])
	threads := c.pool.Threads()
	some := min(images, max(1, poolBytes/4/size/threads)*threads)
	argmax := make([]int32, images*out)
	c.argmax = argmax
	packed, own := conv.PackedLen(), conv.ForwardScratch(c.pool, true)
	return ops.Step{Scratch: 4 * (packed + own + some*size), Run: func(f *ops.Frame) error {
		scratch := f.ScratchFloats()
		call := kernels.ConvForward{Packed: scratch[:packed], Scratch: scratch[packed : packed+own], Act: l.act}
		mid := scratch[packed+own:][:some*size]
		conv.Pack(call.Packed, f.In[1].Float32s())
		if len(f.In) > 2 && f.In[2] != nil {
			call.Bias = f.In[2].Float32s()
		}
		x, y, at := f.In[0].Float32s(), f.Out[0].Float32s(), argmax
		for first := 0; first < images; first += some {
			n := min(some, images-first)
			call.X, call.Y = x[first*in:][:n*in], mid[:n*size]
			conv.Forward(c.set, c.pool, call)
			part := window
			part.Planes = n * shape.OC
			c.set.MaxPool(c.pool, part, call.Y, y[first*out:][:n*out], at[first*out:][:n*out])
		}
		return nil
	}}, true
}
