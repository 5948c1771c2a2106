package lowering

import (
	"errors"
	"fmt"
	"slices"

	"github.com/chewxy/hm"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Options say what is trained and on what it runs.
type Options struct {
	// Loss names the value that is minimised, a float scalar of rank 0; the first output where empty.
	Loss string
	// Wrt names the parameters that are trained; every initializer without data where nil. Other parameters keep their
	// values.
	Wrt []string
	// Parameters holds the values to start from, by name. They are copied. A parameter that has data in the graph may be
	// left out.
	Parameters map[string]*onnx.Tensor
	// Batch is the size that symbolic dimensions have in the Gorgonia graph, at least 2; 2 where 0. Any batch size runs,
	// whatever it is drawn with.
	Batch int
	// Set computes; the portable one where left out.
	Set kernels.Set
	// Pool shares the work; one thread where nil.
	Pool *kernels.Pool
	// Limit bounds any one tensor in bytes; ops.DefaultLimit where 0.
	Limit int64
}

// value is one value of the lifted graph.
type value struct {
	name     string
	elem     onnx.ElemType
	dims     []int64 // at the batch size the graph is drawn with; nil where not known
	node     *gorgonia.Node
	constant *onnx.Tensor // where it never changes
	param    *Param       // where it is trained
	input    int          // number among the graph's inputs, or -1
	needs    bool         // depends on a trained parameter by way of gradients
	reaches  bool         // the loss depends on it by way of gradients
}

// Lower makes a training program of a graph. It fails where a parameter has no value, where the loss does not depend on a
// parameter in a way that has a gradient, and, wrapping ops.ErrUnsupported and naming all of them, where operators cannot be
// evaluated or are not trainable. The graph and the options' tensors are left alone.
func Lower(g *onnx.Graph, o Options) (*Program, error) {
	p := &Program{options: o, byName: make(map[string]*value)}
	if err := p.lower(g); err != nil {
		return nil, fmt.Errorf("lowering: %w", err)
	}
	return p, nil
}

func (p *Program) lower(g *onnx.Graph) error {
	if p.options.Batch == 0 {
		p.options.Batch = 2
	}
	if p.options.Batch < 2 {
		return fmt.Errorf("batch size %d to draw the graph with is not at least 2", p.options.Batch)
	}
	g = g.Clone()
	if err := p.parameters(g); err != nil {
		return err
	}
	var err error
	if p.lifted, err = ops.LiftWithin(g, p.options.Limit); err != nil {
		return err
	}
	prune(p.lifted.Graph, p.options.Loss)
	if err := p.draw(); err != nil {
		return err
	}
	if err := p.read(); err != nil {
		return err
	}
	if err := p.differentiability(); err != nil {
		return err
	}
	if err := p.build(); err != nil {
		return err
	}
	p.machine, err = newMachine(p)
	return err
}

// parameters settles which initializers are trained and gives all others their values. Trained ones lose their data, so that
// nothing takes it for a constant.
func (p *Program) parameters(g *onnx.Graph) error {
	train := p.options.Wrt
	if train == nil {
		for _, t := range g.Initializers {
			if !t.Bound() {
				train = append(train, t.Name)
			}
		}
	}
	byName := make(map[string]*onnx.Tensor, len(g.Initializers))
	for _, t := range g.Initializers {
		byName[t.Name] = t
	}
	for name := range p.options.Parameters {
		if byName[name] == nil {
			return fmt.Errorf("parameter %q: the graph has no initializer of that name", name)
		}
	}
	for _, t := range g.Initializers {
		start := t
		if v := p.options.Parameters[t.Name]; v != nil {
			if v.Type != t.Type || !slices.Equal(v.Dims, t.Dims) {
				return fmt.Errorf("parameter %q: the value is %v, the graph has %v", t.Name, v, t)
			}
			start = v
		}
		if !start.Bound() {
			return fmt.Errorf("parameter %q: %v has no value to start from", t.Name, t)
		}
		if !slices.Contains(train, t.Name) {
			t.Data, t.Strings = start.Data, start.Strings
			continue
		}
		if t.Type != onnx.Float {
			return fmt.Errorf("parameter %q: %v cannot be trained; only float can", t.Name, t)
		}
		if t.Len() == 0 {
			return fmt.Errorf("parameter %q: %v has no elements", t.Name, t)
		}
		v := onnx.NewTensor(onnx.Float, slices.Clone(t.Dims)...)
		copy(v.Data, start.Data)
		param, err := newParam(t.Name, v)
		if err != nil {
			return err
		}
		p.params = append(p.params, param)
		t.Data = nil
	}
	for _, name := range train {
		if byName[name] == nil {
			return fmt.Errorf("parameter %q: the graph has no initializer of that name", name)
		}
	}
	if len(p.params) == 0 {
		return fmt.Errorf("there is no parameter to train: every initializer has its data")
	}
	return nil
}

// prune drops the nodes that neither an output nor the loss depends on.
func prune(g *onnx.Graph, loss string) {
	wanted := map[string]bool{loss: true}
	for _, v := range g.Outputs {
		wanted[v.Name] = true
	}
	kept := make([]*onnx.Node, 0, len(g.Nodes))
	for _, n := range slices.Backward(g.Nodes) {
		if slices.ContainsFunc(n.Outputs, func(name string) bool { return name != "" && wanted[name] }) {
			kept = append(kept, n)
			ops.Reads(n, func(name string) { wanted[name] = true })
		}
	}
	slices.Reverse(kept)
	g.Nodes = kept
}

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
	used := map[string]bool{p.options.Loss: true}
	for _, v := range g.Outputs {
		used[v.Name] = true
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
		place := ops.Place(n, i)
		if version, ok := p.lifted.Held[n]; ok {
			missing = append(missing, fmt.Errorf("%s: version %d of the operator is %w yet", place, version, ops.ErrUnsupported))
			continue
		}
		op, m, err := table.Op(n)
		if errors.Is(err, ops.ErrUnsupported) {
			missing = append(missing, fmt.Errorf("%s: %w", place, err))
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		for _, a := range n.Attributes {
			if a.Subgraphs() != nil {
				missing = append(missing, fmt.Errorf("%s: an operator with subgraphs is %w in training", place, ops.ErrUnsupported))
			}
		}
		u := &unit{p: p, node: n, place: place, op: op, random: m.Class == ops.Random, rule: trainable[onnx.NormalDomain(n.Domain)+"\x00"+n.OpType]}
		for k, name := range n.Inputs {
			var v *value
			if name != "" {
				if v = p.byName[name]; v == nil {
					if len(missing) > 0 {
						break // it is the result of a node that is missing
					}
					return fmt.Errorf("%s: input %d: value %q is not defined", place, k, name)
				}
			}
			u.in = append(u.in, v)
		}
		if len(u.in) < len(n.Inputs) {
			continue
		}
		for _, name := range n.Outputs {
			var v *value
			if name != "" && used[name] {
				if f := p.facts[name]; f.Type.Kind != onnx.KindTensor {
					return fmt.Errorf("%s: output %q is %v; only tensors are trained on", place, name, f.Type)
				}
				v = p.add(name)
			}
			u.out = append(u.out, v)
		}
		p.units = append(p.units, u)
	}
	if missing != nil {
		return errors.Join(missing...)
	}
	for _, u := range p.units {
		if u.rule != nil && u.rule.view != nil && u.out[0] != nil && u.first() == 0 && !slices.ContainsFunc(u.out[1:], func(v *value) bool { return v != nil }) {
			u.view = u.rule.view(u.call(p.facts))
		}
		if u.random && !u.view {
			missing = append(missing, fmt.Errorf("%s: an operator that draws random numbers is %w in training; feed them as an input", u.place, ops.ErrUnsupported))
		}
	}
	if missing != nil {
		return errors.Join(missing...)
	}
	for _, v := range g.Outputs {
		if p.byName[v.Name] == nil {
			return fmt.Errorf("output %q is not computed", v.Name)
		}
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

// differentiability follows gradients from the parameters up and from the loss down, and refuses what would lose one.
func (p *Program) differentiability() error {
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
		}
		if trouble != nil {
			missing = append(missing, fmt.Errorf("%s: %w", u.place, trouble))
		}
	}
	if missing != nil {
		slices.Reverse(missing)
		return errors.Join(missing...)
	}
	for _, q := range p.params {
		if v := p.byName[q.name]; !v.reaches {
			return p.unreached(v)
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

// unreached explains why a parameter would not be trained.
func (p *Program) unreached(v *value) error {
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
		return fmt.Errorf("parameter %q: the loss %q does not depend on it; leave it out of what is trained", v.name, p.loss.name)
	}
	return fmt.Errorf("parameter %q: the loss %q depends on it only by ways that have no gradient (%s); leave it out of what is trained",
		v.name, p.loss.name, stop)
}

// build makes the Gorgonia graph and its gradients.
func (p *Program) build() error {
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
	wrt := make(gorgonia.Nodes, len(p.params))
	for i, q := range p.params {
		q.node = p.byName[q.name].node
		wrt[i] = q.node
	}
	grads, err := gorgonia.Grad(p.loss.node, wrt...)
	if err != nil {
		return fmt.Errorf("gradient of %q: %w", p.loss.name, err)
	}
	for i, q := range p.params {
		q.gradNode = grads[i]
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
