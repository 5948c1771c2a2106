package lowering

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// differentiability follows gradients from the parameters up and from the loss down, and refuses what would lose one.
func (p *Program) differentiability() error {
	if p.options.Forward {
		for _, u := range p.units {
			u.diff = make([]bool, len(u.in))
		}
		return nil
	}
	name := p.options.Loss
	if name == "" {
		if len(p.lifted.Graph.Outputs) == 0 {
			return fmt.Errorf("the graph has no output to take for the loss")
		}
		name = p.lifted.Graph.Outputs[0].Name
	}
	p.loss = p.byName[name]
	if p.loss == nil {
		return fmt.Errorf("loss %q: the graph has no such value", name)
	}
	if f := p.facts[name]; f.Elem() != onnx.Float || !f.Ranked() || f.Rank() != 0 {
		return fmt.Errorf("loss %q: %v is not a float scalar; reduce it with keepdims 0", name, f.Type)
	}
	for _, q := range p.params {
		p.byName[q.name].needs = true
	}
	for _, name := range p.options.Inputs {
		v := p.byName[name]
		if v == nil || v.input < 0 || v.constant != nil {
			return fmt.Errorf("input %q: the graph has no input of that name without a default", name)
		}
		if v.elem != onnx.Float {
			return fmt.Errorf("input %q: a gradient in %v is %w; use float", name, v.elem, ops.ErrUnsupported)
		}
		v.needs = true
		p.wanted = append(p.wanted, wanted{input: v})
	}
	for _, u := range p.units {
		for _, v := range u.out {
			if v != nil && v.constant == nil && isReal(v.elem) && !u.stops() {
				v.needs = slices.ContainsFunc(u.in, func(x *value) bool { return x != nil && x.needs })
			}
		}
	}
	p.loss.reaches = true
	var missing []error
	for _, u := range slices.Backward(p.units) {
		u.diff = make([]bool, len(u.in))
		reached := slices.ContainsFunc(u.out, func(v *value) bool { return v != nil && v.reaches && v.needs })
		if !reached {
			continue
		}
		var trouble error
		for i, v := range u.in {
			if v == nil || !v.needs {
				continue
			}
			u.diff[i], v.reaches = true, true
			if err := u.trainable(i); err != nil && trouble == nil {
				trouble = err
			}
			if trouble == nil && !u.view {
				trouble = u.tryGradient(i)
			}
		}
		if trouble == nil {
			continue
		}
		trouble = fmt.Errorf("%s: %w", u.place, trouble)
		if !errors.Is(trouble, ops.ErrUnsupported) {
			return trouble
		}
		missing = append(missing, trouble)
	}
	if missing != nil {
		slices.Reverse(missing)
		return errors.Join(missing...)
	}
	for _, q := range p.params {
		if v := p.byName[q.name]; !v.reaches {
			return p.unreached("parameter", "leave it out of what is trained", v)
		}
	}
	for _, w := range p.wanted {
		if !w.input.reaches {
			return p.unreached("input", "it has no gradient", w.input)
		}
	}
	return nil
}

// isReal says whether values of the type could have gradients.
func isReal(elem onnx.ElemType) bool {
	switch elem {
	case onnx.Float, onnx.Double, onnx.Float16, onnx.BFloat16:
		return true
	}
	return false
}

// stops says whether the operator is a constant to gradients by what it means.
func (u *unit) stops() bool { return u.rule != nil && u.rule.stop }

// trainable says why there is no gradient by input i.
func (u *unit) trainable(i int) error {
	switch {
	case u.rule == nil:
		return fmt.Errorf("the operator is %w in training: there is no gradient for it", ops.ErrUnsupported)
	case !u.view && u.rule.gradient == nil:
		return fmt.Errorf("the operator in this form is %w in training: there is no gradient for it", ops.ErrUnsupported)
	case u.rule.wrt != nil && !u.rule.wrt(i):
		return fmt.Errorf("a gradient by input %d is %w", i, ops.ErrUnsupported)
	}
	for _, v := range append([]*value{u.in[i]}, u.out...) {
		if v == nil || !v.needs {
			continue
		}
		if v.elem != onnx.Float {
			return fmt.Errorf("training in %v is %w; use float", v.elem, ops.ErrUnsupported)
		}
		if v.dims == nil {
			return fmt.Errorf("the shape of %q depends on data; its gradient is %w", v.name, ops.ErrUnsupported)
		}
	}
	return nil
}

// tryGradient makes the gradients by input i at the shapes that the graph is drawn with: what cannot be done shows before anything runs.
func (u *unit) tryGradient(i int) error {
	for k, v := range u.out {
		if v == nil || !v.reaches || !v.needs {
			continue
		}
		c := u.call(u.p.facts)
		c.k = k
		if _, err := u.rule.gradient(c, i); err != nil {
			return fmt.Errorf("gradient by input %d: %w", i, err)
		}
	}
	return nil
}

// unreached explains why a parameter would not be trained, or why an input has no gradient.
func (p *Program) unreached(what, advice string, v *value) error {
	feeds := map[*value]bool{v: true}
	stop := ""
	for _, u := range p.units {
		if !slices.ContainsFunc(u.in, func(x *value) bool { return x != nil && feeds[x] }) {
			continue
		}
		for _, out := range u.out {
			if out == nil {
				continue
			}
			feeds[out] = true
			if !out.needs && stop == "" {
				stop = u.place
			}
		}
	}
	if !feeds[p.loss] {
		return fmt.Errorf("%s %q: the loss %q does not depend on it; %s", what, v.name, p.loss.name, advice)
	}
	return fmt.Errorf("%s %q: the loss %q depends on it only by ways that have no gradient (%s); %s",
		what, v.name, p.loss.name, stop, advice)
}
