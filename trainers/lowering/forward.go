package lowering

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"slices"

	"github.com/chewxy/hm"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// unit is one ONNX node in a Gorgonia graph. Each output that something uses is a Gorgonia node of its own: the first
// computes all of them, the others have it as a further operand and pick theirs.
type unit struct {
	p      *Program
	node   *onnx.Node
	place  string // for errors
	op     ops.Op
	rule   *rule    // nil: the operator is not trainable
	in     []*value // nil where absent
	out    []*value // nil where nothing uses it
	diff   []bool   // inputs by which a gradient is asked for
	random bool     // it draws random numbers
	view   bool     // the output is the first input under another shape

	alone *alone // how it runs on a machine that is not ours
	layer *layer // what it stands for; nil: one node
}

// operands lists the positions of the inputs that are there: the operands of the Gorgonia nodes, in order.
func (u *unit) operands() []int {
	var list []int
	for i, v := range u.in {
		if v != nil {
			list = append(list, i)
		}
	}
	return list
}

// source is the value that the gradient by input i, or by what a layer's activation reads, is that of.
func (u *unit) source(i int) *value {
	if i == before {
		return u.layer.mid
	}
	return u.in[i]
}

// result is the value by which there is a gradient where that by input i is asked for.
func (u *unit) result(k, i int) *value {
	if u.layer != nil && i != before && !u.layer.passed {
		return u.layer.mid
	}
	return u.out[k]
}

// first is the output whose Gorgonia node computes.
func (u *unit) first() int {
	for k, v := range u.out {
		if v != nil {
			return k
		}
	}
	return -1
}

// operator is what all of this package's Gorgonia operators share. No two are the same, so that Gorgonia, which takes nodes
// of one hash for one node, never merges them.
type operator struct {
	id    uint32
	arity int
	typ   []hm.Type // of the operands, then of the result
	shape tensor.Shape
	text  string
}

// Arity is the number of operands.
func (o *operator) Arity() int { return o.arity }

// Type is that of the function. It is made anew because Gorgonia takes it apart.
func (o *operator) Type() hm.Type { return hm.NewFnType(o.typ...) }

// InferShape gives the shape at the batch size that the graph is drawn with.
func (o *operator) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	return o.shape.Clone(), nil
}

// ReturnsPtr says that results may be referred to.
func (o *operator) ReturnsPtr() bool { return true }

// CallsExtern says that nothing outside Go is called.
func (o *operator) CallsExtern() bool { return false }

// OverwritesInput says that operands are left alone.
func (o *operator) OverwritesInput() int { return -1 }

// WriteHash writes what tells this operator from every other of its graph.
func (o *operator) WriteHash(h hash.Hash) { fmt.Fprintf(h, "gonyx %d %s", o.id, o.text) }

// Hashcode is the operator's number in its graph.
func (o *operator) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// String is the node's place.
func (o *operator) String() string { return o.text }

// forward computes output k of a unit.
type forward struct {
	operator
	u    *unit
	k    int
	pick bool // the operand after the inputs has computed it
}

// DiffWRT says by which operands there is a gradient.
func (f *forward) DiffWRT(n int) []bool {
	diff := make([]bool, n)
	for c, i := range f.u.operands() {
		diff[c] = f.u.diff[i] && differentiable(f.u.out[f.k])
	}
	return diff
}

// SymDiff gives, for each operand that has one, the node of its gradient.
func (f *forward) SymDiff(operands gorgonia.Nodes, output, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	grads := make(gorgonia.Nodes, len(operands))
	diff := f.DiffWRT(len(operands))
	if f.u.rule != nil && f.u.rule.together != nil && !f.u.p.options.Plain && slices.Contains(diff, true) {
		return f.together(diff, operands, output, grad)
	}
	if f.u.layer != nil && !f.u.layer.passed && slices.Contains(diff, true) {
		b, children, err := newBackward(f.u, f.k, before, operands, output, grad)
		if err == nil {
			grad, err = applied(b, children)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.u.place, err)
		}
	}
	for c, i := range f.u.operands() {
		if !diff[c] {
			continue
		}
		b, children, err := newBackward(f.u, f.k, i, operands, output, grad)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.u.place, err)
		}
		if grads[c], err = applied(b, children); err != nil {
			return nil, fmt.Errorf("%s: %w", f.u.place, err)
		}
	}
	return grads, nil
}

// together is SymDiff of gradients that are made together.
func (f *forward) together(diff []bool, operands gorgonia.Nodes, output, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	var all, where []int
	for c, i := range f.u.operands() {
		if diff[c] {
			all, where = append(all, i), append(where, c)
		}
	}
	nodes, err := newTogether(f.u, f.k, all, operands, output, grad)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.u.place, err)
	}
	grads := make(gorgonia.Nodes, len(operands))
	for n, c := range where {
		grads[c] = nodes[n]
	}
	return grads, nil
}

// applied makes the node of an operator. Gorgonia takes nodes of one 32-bit hash for one node, which must not pass unseen.
func applied(op gorgonia.Op, operands gorgonia.Nodes) (*gorgonia.Node, error) {
	n, err := gorgonia.ApplyOp(op, operands...)
	if err != nil {
		return nil, err
	}
	if n.Op() != op {
		return nil, fmt.Errorf("gorgonia takes the node for %v: %w", n.Op(), errOneHash)
	}
	return n, nil
}

// errOneHash says what happened and what helps.
var errOneHash = errors.New("two nodes have the same hash; a change of any node's name gives others")

// Do computes the output on a machine that is not ours, at the batch size that the graph is drawn with.
func (f *forward) Do(values ...gorgonia.Value) (gorgonia.Value, error) {
	a, err := f.u.prepared()
	if err != nil {
		return nil, err
	}
	return a.forward(f, values)
}

// differentiable says whether a value has a gradient here.
func differentiable(v *value) bool { return v != nil && v.elem == onnx.Float }
