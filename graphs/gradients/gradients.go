package gradients

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// MinOpset is the oldest opset of the default domain at which gradients can be written: that of Pad with axes and of reductions
// whose axes are an input.
const MinOpset = 18

// OutputName names the output that holds the gradient by a value: "grad_x" for x.
func OutputName(wrt string) string { return "grad_" + wrt }

// Gradients gives the graph, lifted to the newest opset, with one more output for each name of wrt: the gradient of the named
// output by that input, initializer or value in between, of its type and shape, called by [OutputName]. The gradient of an
// output of many elements is that of their sum. The graph is left alone; parameters without data stay without.
//
// It fails where a name is not there, where the output does not depend on a value in a way that has a gradient, and, wrapping
// ops.ErrUnsupported and naming all of them, where operators on the way have none.
func Gradients(g *onnx.Graph, output string, wrt []string) (*onnx.Graph, error) {
	b, err := graphs.Extend(g)
	if err != nil {
		return nil, fmt.Errorf("gradients: %w", err)
	}
	if !slices.ContainsFunc(g.Outputs, func(v *onnx.ValueInfo) bool { return v.Name == output }) {
		return nil, fmt.Errorf("gradients: the graph has no output %q", output)
	}
	y, _ := b.Value(output)
	values := make([]graphs.Value, len(wrt))
	for i, name := range wrt {
		v, ok := b.Value(name)
		if !ok {
			return nil, fmt.Errorf("gradients: the graph has no value %q", name)
		}
		values[i] = v
	}
	grads, err := Of(y, values...)
	if err != nil {
		return nil, err
	}
	for i, v := range grads {
		b.Output(OutputName(wrt[i]), v)
	}
	m, err := b.Model()
	if err != nil {
		return nil, fmt.Errorf("gradients: %w", err)
	}
	return m.Graph, nil
}

// Of records, in the builder that y belongs to, the gradients of the sum of y's elements by values of the same builder, in
// their order. It fails as [Gradients] does.
func Of(y graphs.Value, wrt ...graphs.Value) ([]graphs.Value, error) {
	p := &pass{
		b: y.Builder(), rules: make(map[string]*rule), needs: make(map[string]bool),
		grads: make(map[string]graphs.Value), kept: make(map[string]graphs.Value),
	}
	if p.b == nil {
		return nil, errors.New("gradients: the value belongs to no builder")
	}
	if err := p.b.Err(); err != nil {
		return nil, err
	}
	for _, family := range rules() {
		for i := range family {
			p.rules[family[i].domain+"\x00"+family[i].name] = &family[i]
		}
	}
	var grads []graphs.Value
	var err error
	p.b.In("gradients", func() { grads, err = p.run(y, wrt) })
	if err == nil {
		err = p.b.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("gradients: %w", err)
	}
	return grads, nil
}

// Trainable says whether the operator of the newest version has a gradient. One that is a constant to gradients, such as a
// comparison, may stand on the way all the same.
func Trainable(domain, name string) bool {
	for _, family := range rules() {
		for _, r := range family {
			if r.domain == onnx.NormalDomain(domain) && r.name == name {
				return !r.stop
			}
		}
	}
	return false
}

// pass is one walk from an output back.
type pass struct {
	b     *graphs.Builder
	rules map[string]*rule
	needs map[string]bool         // values that depend on wrt by way of gradients
	grads map[string]graphs.Value // by value, the sum of what has come back to it
	kept  map[string]graphs.Value // constants and shapes that are used again
}

func (p *pass) run(y graphs.Value, wrt []graphs.Value) ([]graphs.Value, error) {
	if f := y.Fact(); !isReal(f) || !f.Ranked() {
		return nil, fmt.Errorf("output %q: %v is not a tensor of floats of known rank", y.Name(), f)
	}
	for _, v := range wrt {
		if v.Builder() != p.b {
			return nil, fmt.Errorf("value %q belongs to another builder than output %q", v.Name(), y.Name())
		}
		if f := v.Fact(); !isReal(f) || !f.Ranked() {
			return nil, fmt.Errorf("value %q: %v is not a tensor of floats of known rank", v.Name(), f)
		}
		p.needs[v.Name()] = true
	}
	nodes := p.b.Nodes()
	for _, n := range nodes {
		if r := p.rule(n); r != nil && r.stop || !p.reads(n) {
			continue
		}
		for _, name := range n.Outputs {
			if v, ok := p.b.Value(name); ok && !isConstant(v.Fact()) {
				p.needs[name] = true
			}
		}
	}
	p.grads[y.Name()] = p.filled(y, 1)
	var missing []error
	for i, n := range slices.Backward(nodes) {
		if err := p.node(n); err != nil {
			err = fmt.Errorf("%s: %w", ops.Place(n, i), err)
			if !errors.Is(err, ops.ErrUnsupported) {
				return nil, err
			}
			missing = append(missing, err)
		}
		if err := p.b.Err(); err != nil {
			return nil, err
		}
	}
	if missing != nil {
		slices.Reverse(missing)
		return nil, errors.Join(missing...)
	}
	grads := make([]graphs.Value, len(wrt))
	for i, v := range wrt {
		grad, ok := p.grads[v.Name()]
		if !ok {
			return nil, fmt.Errorf("value %q: output %q does not depend on it in a way that has a gradient", v.Name(), y.Name())
		}
		grads[i] = grad
	}
	return grads, nil
}

// isReal says whether values of the type could have gradients.
func isReal(f ops.Fact) bool {
	switch f.Elem() {
	case onnx.Float, onnx.Double, onnx.Float16, onnx.BFloat16:
		return f.Type.Kind == onnx.KindTensor
	}
	return false
}

// isConstant says whether values of the type are known to be constants to gradients. What nothing is known of may not be.
func isConstant(f ops.Fact) bool {
	return f.Type.Kind == onnx.KindTensor && f.Elem() != onnx.Undefined && !isReal(f)
}

// reads says whether a node depends on wrt by way of gradients, in its subgraphs, too.
func (p *pass) reads(n *onnx.Node) bool {
	found := false
	ops.Reads(n, func(name string) { found = found || p.needs[name] })
	return found
}

func (p *pass) rule(n *onnx.Node) *rule {
	return p.rules[onnx.NormalDomain(n.Domain)+"\x00"+n.OpType]
}

// node takes the gradients by a node's outputs to its inputs. Where the node has none here its inputs get a stand-in, so that
// what is before it is looked at as well.
func (p *pass) node(n *onnx.Node) error {
	c := &call{pass: p, node: n, dy: make([]graphs.Value, len(n.Outputs))}
	reached := false
	for k, name := range n.Outputs {
		v, _ := p.b.Value(name)
		c.y = append(c.y, v)
		if grad, ok := p.grads[name]; ok && name != "" && p.needs[name] {
			c.dy[k], reached = grad, true
		}
	}
	if !reached {
		return nil
	}
	for _, name := range n.Inputs {
		v, ok := p.b.Value(name)
		if !ok {
			v = absent
		}
		c.x = append(c.x, v)
	}
	r := p.rule(n)
	if r == nil {
		ops.Reads(n, func(name string) {
			if v, ok := p.b.Value(name); ok && p.needs[name] && p.grads[name] == absent {
				p.grads[name] = v
			}
		})
		if p.reads(n) {
			return fmt.Errorf("the operator has no gradient: %w", ops.ErrUnsupported)
		}
		return nil
	}
	var trouble error
	for i, x := range c.x {
		if x == absent || !p.needs[x.Name()] {
			continue
		}
		grad, err := c.by(r, i)
		if err != nil {
			if !errors.Is(err, ops.ErrUnsupported) {
				return err
			}
			if trouble == nil {
				trouble = err
			}
			if _, ok := p.grads[x.Name()]; !ok {
				p.grads[x.Name()] = x
			}
			continue
		}
		if sum, ok := p.grads[x.Name()]; ok {
			grad = sum.Add(grad)
		}
		p.grads[x.Name()] = grad
	}
	return trouble
}

// by gives the gradient by input i of a call.
func (c *call) by(r *rule, i int) (graphs.Value, error) {
	if r.first > 0 && i >= r.first {
		return absent, fmt.Errorf("a gradient by input %d is %w", i, ops.ErrUnsupported)
	}
	for k, dy := range c.dy {
		if k > 0 && dy != absent && !r.manyOutputs {
			return absent, fmt.Errorf("a gradient by way of output %d is %w", k, ops.ErrUnsupported)
		}
		if !r.manyOutputs && k == 0 && dy == absent {
			return absent, fmt.Errorf("a gradient by way of another output than the first is %w", ops.ErrUnsupported)
		}
	}
	for _, v := range append(slices.Clone(c.x), c.y...) {
		if v != absent && v.Name() != "" && !v.Fact().Ranked() {
			return absent, fmt.Errorf("the rank of %q is not known; its gradient is %w", v.Name(), ops.ErrUnsupported)
		}
	}
	for _, v := range []graphs.Value{c.x[i], c.y[0]} {
		if v.Name() != "" && !isReal(v.Fact()) {
			return absent, fmt.Errorf("a gradient of %q, %v, is %w", v.Name(), v.Fact(), ops.ErrUnsupported)
		}
	}
	return r.gradient(c, i)
}
