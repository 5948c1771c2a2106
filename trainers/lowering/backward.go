package lowering

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// backward computes the gradient of the loss by input i of a unit from the gradient by its output k; see layer for those that come in
// two parts.
type backward struct {
	operator
	u      *unit
	k, i   int
	reads  []int // the inputs among its operands, in order
	readsY bool  // whether the output follows them; the output's gradient is last
}

func newBackward(u *unit, k, i int, operands gorgonia.Nodes, output, grad *gorgonia.Node) (*backward, gorgonia.Nodes, error) {
	b := &backward{u: u, k: k, i: i}
	reads := everything
	switch {
	case u.view:
		reads = nothing
	case u.rule.reads != nil:
		reads = u.rule.reads(i)
	}
	var children gorgonia.Nodes
	take := func(n *gorgonia.Node, v *value) error {
		t, err := typeOf(v.elem, len(v.dims))
		if err != nil {
			return err
		}
		children, b.typ = append(children, n), append(b.typ, t)
		return nil
	}
	for c, at := range u.operands() {
		if reads.input(at) {
			if err := take(operands[c], u.in[at]); err != nil {
				return nil, nil, err
			}
			b.reads = append(b.reads, at)
		}
	}
	if reads&theOutput != 0 {
		b.readsY = true
		if err := take(output, u.out[k]); err != nil {
			return nil, nil, err
		}
	}
	if err := take(grad, u.result(k, i)); err != nil {
		return nil, nil, err
	}
	source := u.source(i)
	result, err := typeOf(source.elem, len(source.dims))
	if err != nil {
		return nil, nil, err
	}
	b.typ = append(b.typ, result)
	b.arity = len(children)
	b.shape = shapeOf(source.dims)
	b.id = u.p.nextID()
	b.text = fmt.Sprintf("%s: gradient by input %d", u.place, i)
	if i == before {
		b.text = u.place + ": gradient by what is activated"
	}
	return b, children, nil
}

// DiffWRT says that gradients are not differentiated again.
func (b *backward) DiffWRT(n int) []bool { return make([]bool, n) }

// SymDiff is never asked, because DiffWRT is false throughout.
func (b *backward) SymDiff(operands gorgonia.Nodes, _, _ *gorgonia.Node) (gorgonia.Nodes, error) {
	return make(gorgonia.Nodes, len(operands)), nil
}

// Do computes the gradient on a machine that is not ours.
func (b *backward) Do(values ...gorgonia.Value) (gorgonia.Value, error) {
	a, err := b.u.prepared()
	if err != nil {
		return nil, err
	}
	return a.backward(b, values)
}
