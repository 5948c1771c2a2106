package ops

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/schema"
)

// stepper takes a node from version to version of its operator.
type stepper struct {
	w      *writer
	names  *names
	facts  func(name string) Fact
	lift   bool            // a node that cannot go further up is held instead of refused
	consts []*onnx.Tensor  // constants that rewrites made and nobody collected yet
	made   map[string]bool // values that rewrites made: what the facts say of their names is about something else
}

// step takes a node of opset from to opset to and hands on what it becomes there, in running order.
func (t *stepper) step(n *onnx.Node, from, to int64, emit func(*onnx.Node) error) error {
	cur, ok := Schema(n.Domain, n.OpType, from)
	if !ok {
		return fmt.Errorf("operator %s does not exist at opset %d", qualified(n), from)
	}
	if to >= from {
		return t.up(n, cur, to, emit)
	}
	return t.down(n, cur, from, to, emit)
}

func (t *stepper) up(n *onnx.Node, cur *schema.Op, to int64, emit func(*onnx.Node) error) error {
	for {
		next := after(cur, to)
		if next == nil {
			return emit(n)
		}
		m := t.w.c.walk.table.Meaning(n.Domain, n.OpType)
		if m == nil || m.Upgrade[next.Since] == nil {
			if next.Deprecated || !schema.Superset(cur, next) {
				if !t.lift {
					return fmt.Errorf("%s-%d cannot be written as %s-%d: nothing here says how", n.OpType, cur.Since, n.OpType, next.Since)
				}
				t.w.c.walk.held[n] = cur.Since
				return emit(n)
			}
			cur = next
			continue
		}
		nodes, err := t.rewrite(n, m.Upgrade[next.Since])
		if err != nil {
			if t.lift && (errIsUnknown(err) || errors.Is(err, ErrUnsupported)) {
				t.w.c.walk.held[n] = cur.Since
				return emit(n)
			}
			return fmt.Errorf("%s-%d to %s-%d: %w", n.OpType, cur.Since, n.OpType, next.Since, err)
		}
		if len(nodes) == 1 && nodes[0] == n && nodes[0].OpType == cur.Name {
			cur = next
			continue
		}
		for _, k := range nodes {
			if err := t.step(k, next.Since, to, emit); err != nil {
				return err
			}
		}
		return nil
	}
}

func (t *stepper) down(n *onnx.Node, cur *schema.Op, from, to int64, emit func(*onnx.Node) error) error {
	for cur.Since > to {
		m := t.w.c.walk.table.Meaning(n.Domain, n.OpType)
		if m == nil || m.Downgrade[cur.Since] == nil {
			old, ok := Schema(n.Domain, n.OpType, cur.Since-1)
			if !ok {
				return fmt.Errorf("%s does not exist before opset %d", n.OpType, cur.Since)
			}
			if err := fitDown(n, old, cur); err != nil {
				return fmt.Errorf("%s-%d cannot be written as %s-%d: %w", n.OpType, cur.Since, n.OpType, old.Since, err)
			}
			cur = old
			continue
		}
		below := cur.Since - 1
		nodes, err := t.rewrite(n, m.Downgrade[cur.Since])
		if err != nil {
			return fmt.Errorf("%s-%d to opset %d: %w", n.OpType, cur.Since, below, err)
		}
		for _, k := range nodes {
			older, ok := Schema(k.Domain, k.OpType, below)
			if !ok {
				return fmt.Errorf("operator %s does not exist at opset %d", qualified(k), below)
			}
			if err := t.down(k, older, below, to, emit); err != nil {
				return err
			}
		}
		return nil
	}
	return emit(n)
}

// fits holds a node that conversion is about to write against the version it is written at: another version may take other numbers of
// inputs and other types, of outputs too, which attributes and what is inferred give.
func (t *stepper) fits(n *onnx.Node, opset int64) error {
	op, ok := Schema(n.Domain, n.OpType, opset)
	if !ok || op.Deprecated {
		return fmt.Errorf("operator %s does not exist at opset %d", qualified(n), opset)
	}
	err := checkNode(n, op)
	if err == nil {
		err = checkValues(n, op, t.factOf, true)
	}
	if err != nil {
		return fmt.Errorf("it cannot be written as %s-%d: %w", n.OpType, op.Since, err)
	}
	return nil
}

func (t *stepper) rewrite(n *onnx.Node, rewrite Rewrite) ([]*onnx.Node, error) {
	r := &Rewriter{Node: n, names: t.names, facts: t.facts, read: t.w.isRead}
	for _, name := range n.Inputs {
		r.In = append(r.In, t.factOf(name))
	}
	for _, name := range n.Outputs {
		r.Out = append(r.Out, t.factOf(name))
	}
	given := slices.Clone(n.Outputs)
	if err := rewrite(r); err != nil {
		return nil, err
	}
	t.consts = append(t.consts, r.consts...)
	if t.made == nil {
		t.made = make(map[string]bool)
	}
	for _, k := range r.nodes {
		for _, name := range k.Outputs {
			if name != "" && !slices.Contains(given, name) {
				t.made[name] = true
			}
		}
	}
	return r.nodes, nil
}

func (t *stepper) factOf(name string) Fact {
	if name == "" {
		return Absent
	}
	for _, k := range t.consts {
		if k.Name == name {
			return Known(k)
		}
	}
	if t.made[name] && !t.lift {
		return Absent
	}
	return t.facts(name)
}

// after gives the next version of an operator up to an opset, or nil.
func after(op *schema.Op, to int64) *schema.Op {
	if op.Domain == onnx.DomainPrivate {
		return nil
	}
	for _, v := range schema.Versions(op.Domain, op.Name) {
		if v.Since > op.Since {
			if v.Since > to {
				return nil
			}
			return v
		}
	}
	return nil
}

// fitDown makes a node legal for an older version that the newer one only extends: what is new must be left out or stand at
// its default.
func fitDown(n *onnx.Node, old, cur *schema.Op) error {
	if !schema.Superset(old, cur) {
		return fmt.Errorf("nothing here says how")
	}
	if old.Inputs.Max >= 0 && len(n.Inputs) > old.Inputs.Max {
		return fmt.Errorf("input %d is not there yet", old.Inputs.Max)
	}
	if old.Outputs.Max >= 0 && len(n.Outputs) > old.Outputs.Max {
		return fmt.Errorf("output %d is not there yet", old.Outputs.Max)
	}
	var err error
	n.Attributes = slices.DeleteFunc(n.Attributes, func(a *onnx.Attribute) bool {
		if old.Attribute(a.Name) != nil {
			return false
		}
		s := cur.Attribute(a.Name)
		if s == nil || !AtDefault(a, s) {
			err = fmt.Errorf("attribute %q is not there yet", a.Name)
			return false
		}
		return true
	})
	return err
}

// AtDefault says whether an attribute has the value that the schema gives it when it is left out.
func AtDefault(a *onnx.Attribute, s *schema.Attribute) bool {
	if !s.HasDefault() {
		return false
	}
	switch a.Type {
	case onnx.AttributeInt:
		return a.Int == s.Default.Int
	case onnx.AttributeFloat:
		return a.Float == s.Default.Float()
	case onnx.AttributeString:
		return string(a.Str) == s.Default.Str
	case onnx.AttributeInts:
		return slices.Equal(a.Ints, s.Default.Ints)
	}
	return false
}
