package lowering

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// step is a unit's forward at known facts.
type step struct {
	kind    stepKind
	scratch int // bytes
	run     func(*work) error
}

type stepKind uint8

const (
	planned stepKind = iota // writes into memory of a known size that it is given
	viewed                  // hands on the memory of its first input
	dynamic                 // makes its own memory, or hands on that of any input
)

// work is what a step runs on. in and out are headers: a step that is not planned sets the data of out, and the dims where
// they were not known.
type work struct {
	in, out []*onnx.Tensor
	scratch []byte
}

// call describes the unit at facts.
func (u *unit) call(facts ops.Facts) *call {
	c := &call{node: u.node, op: u.op, set: u.p.options.Set, pool: u.p.options.Pool, plain: u.p.options.Plain}
	c.in = make([]ops.Fact, len(u.in))
	c.cons = make([]*onnx.Tensor, len(u.in))
	for i, v := range u.in {
		if v != nil {
			c.in[i] = facts[v.name]
			c.cons[i] = c.in[i].Value
			c.fed = c.fed || i == 0 && v.input >= 0
		}
	}
	if u.layer != nil {
		c.mid = facts[u.layer.mid.name]
		if u.layer.up != nil {
			c.large = facts[u.layer.up.out[0].name]
		}
	}
	c.out = make([]ops.Fact, len(u.out))
	for k, v := range u.out {
		if v != nil {
			c.out[k] = facts[v.name]
		}
	}
	return c
}

// compile finds the fastest way to run the unit forward at the facts of a call.
func (u *unit) compile(c *call) (step, error) {
	settled := true
	for i, f := range c.in {
		if _, ok := f.Sizes(); u.in[i] != nil && !ok {
			settled = false
		}
	}
	for k, f := range c.out {
		if _, ok := f.Sizes(); u.out[k] != nil && !ok {
			settled = false
		}
	}
	if settled && u.view {
		return step{kind: viewed, run: func(w *work) error {
			w.out[0].Data = w.in[0].Data
			return nil
		}}, nil
	}
	if settled {
		if s, ok := u.specialized(c); ok {
			f := &ops.Frame{}
			return step{kind: planned, scratch: s.Scratch, run: func(w *work) error {
				f.In, f.Out, f.Scratch = w.in, w.out, w.scratch
				return s.Run(f)
			}}, nil
		}
	}
	limit := u.p.options.Limit
	return step{kind: dynamic, run: func(w *work) error {
		values := make([]onnx.Value, len(w.in))
		for i, t := range w.in {
			if t != nil {
				values[i] = t
			}
		}
		env := &ops.Env{Limit: limit}
		var res []onnx.Value
		var err error
		if settled { // inference has checked these shapes when the plan was made
			res, err = u.op.Eval(env, values)
		} else {
			res, err = ops.EvalOp(u.op, env, values)
		}
		if err != nil {
			return err
		}
		for k, t := range w.out {
			if t == nil {
				continue
			}
			if k >= len(res) {
				return fmt.Errorf("output %d is not computed", k)
			}
			r, ok := res[k].(*onnx.Tensor)
			if !ok || r == nil || r.Type != t.Type {
				return fmt.Errorf("output %d is not a tensor of %v", k, t.Type)
			}
			t.Dims, t.Data, t.Strings = r.Dims, r.Data, r.Strings
		}
		return nil
	}}, nil
}

func (u *unit) specialized(c *call) (ops.Step, bool) {
	if u.rule != nil && u.rule.forward != nil {
		if s, ok := u.rule.forward(c); ok {
			return s, true
		}
	}
	sp, ok := u.op.(ops.Specializer)
	if !ok {
		return ops.Step{}, false
	}
	return sp.Specialize(ops.Target{Set: c.set, Pool: c.pool}, c.in, c.cons)
}
