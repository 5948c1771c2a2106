package lowering

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// draw infers the facts at the batch size that the graph is drawn with.
func (p *Program) draw() error {
	g := p.lifted.Graph
	in := make([]ops.Fact, len(g.Inputs))
	for i, v := range g.Inputs {
		if v.Type.Kind != onnx.KindTensor || !v.Type.Ranked {
			return fmt.Errorf("input %q: %v is not a tensor of known rank", v.Name, v.Type)
		}
		dims := slices.Clone(v.Type.Dims)
		for k := range dims {
			if !dims[k].Known() {
				dims[k] = onnx.Fixed(int64(p.options.Batch))
			}
		}
		in[i] = ops.Tensor(v.Type.Elem, dims...)
	}
	var err error
	p.facts, err = ops.InferGraph(p.lifted, in, p.options.Limit)
	return err
}

// read makes the values and units of the graph, and lists what cannot be evaluated.
func (p *Program) read() error {
	if err := p.leaves(); err != nil {
		return err
	}
	if err := p.nodes(); err != nil {
		return err
	}
	for _, v := range p.lifted.Graph.Outputs {
		if p.byName[v.Name] == nil {
			return fmt.Errorf("output %q is not computed", v.Name)
		}
	}
	return nil
}

// leaves makes the values that no node makes.
func (p *Program) leaves() error {
	g := p.lifted.Graph
	params := make(map[string]*Param, len(p.params))
	for _, q := range p.params {
		params[q.name] = q
	}
	for i, in := range g.Inputs {
		p.add(in.Name).input = i
	}
	for _, t := range g.Initializers {
		v := p.byName[t.Name]
		if v == nil {
			v = p.add(t.Name)
		} else if params[t.Name] != nil {
			return fmt.Errorf("parameter %q is an input as well", t.Name)
		}
		if v.param = params[t.Name]; v.param == nil {
			v.constant = t
		}
	}
	for _, s := range g.SparseInitializers {
		t, err := ops.Densify(s, p.options.Limit)
		if err != nil {
			return fmt.Errorf("sparse initializer %q: %w", s.Name(), err)
		}
		p.add(s.Name()).constant = t
	}
	return nil
}

// nodes makes the units with the values that something uses.
func (p *Program) nodes() error {
	g := p.lifted.Graph
	used := map[string]bool{p.options.Loss: true}
	for _, v := range g.Outputs {
		used[v.Name] = true
	}
	for _, name := range p.aside {
		used[name] = true
	}
	for _, n := range g.Nodes {
		for _, name := range n.Inputs {
			used[name] = true
		}
	}
	table := ops.NewTable()
	trainable := make(map[string]*rule)
	for _, family := range rules() {
		for i := range family {
			trainable[family[i].domain+"\x00"+family[i].name] = &family[i]
		}
	}
	var missing []error
	for i, n := range g.Nodes {
		u := &unit{p: p, node: n, place: ops.Place(n, i), rule: trainable[onnx.NormalDomain(n.Domain)+"\x00"+n.OpType]}
		err := u.evaluable(table)
		if err == nil && len(missing) == 0 { // else values may be missing, too
			err = u.wire(used)
		}
		if err == nil {
			p.units = append(p.units, u)
			continue
		}
		err = fmt.Errorf("%s: %w", u.place, err)
		if !errors.Is(err, ops.ErrUnsupported) {
			return err
		}
		missing = append(missing, err)
	}
	return errors.Join(missing...)
}

// evaluable reads the unit's operator, or says why it cannot run.
func (u *unit) evaluable(table *ops.Table) error {
	if version, held := u.p.lifted.Held[u.node]; held {
		return fmt.Errorf("version %d of the operator is %w yet", version, ops.ErrUnsupported)
	}
	op, m, err := table.Op(u.node)
	if err != nil {
		return err
	}
	u.op, u.random = op, m.Class == ops.Random
	for _, a := range u.node.Attributes {
		if a.Subgraphs() != nil {
			return fmt.Errorf("an operator with subgraphs is %w in training", ops.ErrUnsupported)
		}
	}
	return nil
}

// wire finds the unit's inputs, makes those of its outputs that something uses, and settles whether it is a view.
func (u *unit) wire(used map[string]bool) error {
	p := u.p
	for k, name := range u.node.Inputs {
		var v *value
		if name != "" {
			if v = p.byName[name]; v == nil {
				return fmt.Errorf("input %d: value %q is not defined", k, name)
			}
		}
		u.in = append(u.in, v)
	}
	outs := 0
	for _, name := range u.node.Outputs {
		var v *value
		if name != "" && used[name] {
			if f := p.facts[name]; f.Type.Kind != onnx.KindTensor {
				return fmt.Errorf("output %q: %v is %w in training; only tensors are trained on", name, f.Type, ops.ErrUnsupported)
			}
			v = p.add(name)
			outs++
		}
		u.out = append(u.out, v)
	}
	if u.rule != nil && u.rule.view != nil && outs == 1 && u.out[0] != nil {
		u.view = u.rule.view(u.call(p.facts))
	}
	if u.random && !u.view {
		return fmt.Errorf("an operator that draws random numbers is %w in training; feed them as an input", ops.ErrUnsupported)
	}
	return nil
}

func (p *Program) add(name string) *value {
	f := p.facts[name]
	v := &value{name: name, elem: f.Elem(), input: -1}
	if sizes, ok := f.Sizes(); ok {
		v.dims = sizes
	}
	v.constant = p.lifted.Facts[name].Value // known whatever the batch size
	p.values = append(p.values, v)
	p.byName[name] = v
	return v
}
