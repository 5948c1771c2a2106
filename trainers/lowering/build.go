package lowering

import (
	"fmt"
	"slices"

	"github.com/chewxy/hm"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// build makes the Gorgonia graph and its gradients. Gorgonia panics on what it cannot draw; here that is an error.
func (p *Program) build() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("gorgonia: panic: %v", v)
		}
	}()
	p.graph = gorgonia.NewGraph()
	for _, u := range p.units {
		for _, v := range u.in {
			if v != nil && v.node == nil {
				if err := p.leaf(v); err != nil {
					return err
				}
			}
		}
		if err := p.apply(u); err != nil {
			return fmt.Errorf("%s: %w", u.place, err)
		}
	}
	for _, v := range p.values {
		if v.node == nil {
			if err := p.leaf(v); err != nil {
				return err
			}
		}
	}
	if p.options.Forward {
		return nil
	}
	wrt := make(gorgonia.Nodes, len(p.params))
	for i, q := range p.params {
		q.node = p.byName[q.name].node
		wrt[i] = q.node
	}
	for _, w := range p.wanted {
		wrt = append(wrt, w.input.node)
	}
	grads, err := gorgonia.Grad(p.loss.node, wrt...)
	if err != nil {
		return fmt.Errorf("gradient of %q: %w", p.loss.name, err)
	}
	for i, q := range p.params {
		q.gradNode = grads[i]
	}
	for i := range p.wanted {
		p.wanted[i].gradNode = grads[len(p.params)+i]
	}
	return nil
}

// leaf makes the node of an input, a parameter or a constant. Gorgonia keeps it as a variable without an operator.
func (p *Program) leaf(v *value) error {
	if v.dims == nil {
		return fmt.Errorf("value %q: its shape is not known", v.name)
	}
	t, err := typeOf(v.elem, len(v.dims))
	if err != nil {
		return fmt.Errorf("value %q: %w", v.name, err)
	}
	v.node = gorgonia.NewUniqueNode(gorgonia.In(p.graph), gorgonia.WithType(t), gorgonia.WithShape(shapeOf(v.dims)...), gorgonia.WithName(v.name))
	return nil
}

// apply makes the nodes of a unit's outputs. What inference knows already is a constant and needs none.
func (p *Program) apply(u *unit) error {
	k := u.first()
	if k < 0 || !slices.ContainsFunc(u.out, func(v *value) bool { return v != nil && v.constant == nil }) {
		return nil
	}
	if len(u.operands()) == 0 {
		return p.once(u)
	}
	var children gorgonia.Nodes
	var types []hm.Type
	for _, i := range u.operands() {
		v := u.in[i]
		t, err := typeOf(v.elem, rankOf(p.facts, v))
		if err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
		children, types = append(children, v.node), append(types, t)
	}
	for out, v := range u.out {
		if v == nil {
			continue
		}
		t, err := typeOf(v.elem, rankOf(p.facts, v))
		if err != nil {
			return fmt.Errorf("output %d: %w", out, err)
		}
		f := &forward{u: u, k: out, pick: out != k}
		f.id, f.text, f.shape = p.nextID(), u.place, p.nominal(v)
		operands := slices.Clone(children)
		f.typ = slices.Clone(types)
		if f.pick {
			operands = append(operands, u.out[k].node)
			first, err := typeOf(u.out[k].elem, rankOf(p.facts, u.out[k]))
			if err != nil {
				return err
			}
			f.typ = append(f.typ, first)
		}
		f.arity = len(operands)
		f.typ = append(f.typ, t)
		if v.node, err = applied(f, operands); err != nil {
			return err
		}
		gorgonia.WithName(v.name)(v.node)
	}
	return nil
}

// nominal gives the shape that a value has in the Gorgonia graph. Sizes that depend on data stand as 1.
func (p *Program) nominal(v *value) tensor.Shape {
	if v.dims != nil {
		return shapeOf(v.dims)
	}
	s := make(tensor.Shape, rankOf(p.facts, v))
	for i := range s {
		s[i] = 1
	}
	return s
}

// rankOf gives a value's rank; 1 stands in for one that depends on data, which our machine does not ask for.
func rankOf(facts ops.Facts, v *value) int {
	if f := facts[v.name]; f.Ranked() {
		return f.Rank()
	}
	return 1
}

// once evaluates a node without inputs.
func (p *Program) once(u *unit) error {
	res, err := ops.EvalOp(u.op, &ops.Env{Limit: p.options.Limit}, nil)
	if err != nil {
		return err
	}
	for k, v := range u.out {
		if v == nil {
			continue
		}
		t, ok := res[k].(*onnx.Tensor)
		if !ok {
			return fmt.Errorf("output %d is not a tensor; only tensors are trained on", k)
		}
		v.constant, v.elem, v.dims = t, t.Type, t.Dims
		p.facts[v.name] = ops.Known(t)
	}
	return nil
}

func (p *Program) nextID() uint32 {
	p.ids++
	return p.ids
}
