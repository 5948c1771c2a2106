package lowering

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// backward computes the gradient of the loss by input i of a unit from the gradient by its output k; see layer for those that come in
// two parts. Where a rule makes gradients together, the first one's node computes all, and the others have it as their operand and pick
// theirs.
type backward struct {
	operator
	u      *unit
	k, i   int
	all    []int // the inputs by which it makes gradients together, i first
	pick   int   // where in all of its operand this one stands; 0 where it computes
	reads  []int // the inputs among its operands, in order
	readsY bool  // whether the output follows them; the output's gradient is last
}

func newBackward(u *unit, k, i int, operands gorgonia.Nodes, output, grad *gorgonia.Node) (*backward, gorgonia.Nodes, error) {
	b := &backward{u: u, k: k, i: i}
	return b.drawn(u.reads(i), operands, output, grad)
}

// newTogether makes the nodes of gradients that are made together: by the inputs of all, in their order.
func newTogether(u *unit, k int, all []int, operands gorgonia.Nodes, output, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	reads := nothing
	for _, i := range all {
		reads |= u.reads(i)
	}
	if u.layer != nil {
		reads |= u.reads(before)
	}
	b, children, err := (&backward{u: u, k: k, i: all[0], all: all}).drawn(reads, operands, output, grad)
	if err != nil {
		return nil, err
	}
	nodes := make(gorgonia.Nodes, len(all))
	if nodes[0], err = applied(b, children); err != nil {
		return nil, err
	}
	for n := 1; n < len(all); n++ {
		pick, children, err := (&backward{u: u, k: k, i: all[n], pick: n}).drawn(nothing, operands, output, nodes[0])
		if err != nil {
			return nil, err
		}
		pick.typ[0] = b.typ[len(b.typ)-1]
		if nodes[n], err = applied(pick, children); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

// reads is what the gradient by input i is computed from.
func (u *unit) reads(i int) need {
	switch {
	case u.view:
		return nothing
	case u.rule.reads != nil:
		return u.rule.reads(i)
	}
	return everything
}

// drawn gives the operator and its operands; grad is the last one.
func (b *backward) drawn(reads need, operands gorgonia.Nodes, output, grad *gorgonia.Node) (*backward, gorgonia.Nodes, error) {
	u, k, i := b.u, b.k, b.i
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
	if err := take(grad, b.result()); err != nil {
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

// result is the value whose gradient the last operand is.
func (b *backward) result() *value {
	if b.all != nil {
		return b.u.out[b.k]
	}
	return b.u.result(b.k, b.i)
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
