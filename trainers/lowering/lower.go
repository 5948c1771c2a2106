package lowering

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
	"gorgonia.org/gorgonia"
)

// Options say what is trained and on what it runs.
type Options struct {
	// Loss names the value that is minimised, a float scalar of rank 0; the first output where empty.
	Loss string
	// Wrt names the parameters that are trained; every initializer without data where nil. Other parameters keep their
	// values.
	Wrt []string
	// Inputs names inputs of floats by which gradients are made besides, see [Program.InputGradient].
	Inputs []string
	// Forward makes a program that computes outputs alone: there is no loss, every initializer has its value, nothing is trained.
	Forward bool
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
	// Plain lowers each node by itself. Else neighbours are joined where one operator does the work of several in fewer passes;
	// results are equal within rounding.
	Plain bool
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
	if o := p.options; o.Forward && (o.Loss != "" || len(o.Wrt) > 0 || len(o.Inputs) > 0) {
		return fmt.Errorf("a program that only goes forward has neither a loss nor gradients")
	}
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
	p.fold()
	if err := p.draw(); err != nil {
		return err
	}
	if err := p.read(); err != nil {
		return err
	}
	p.joinEntropies()
	if err := p.join(); err != nil {
		return err
	}
	if err := p.differentiability(); err != nil {
		return err
	}
	p.joinSigmoids()
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
	if train == nil && !p.options.Forward {
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
	if len(p.params) == 0 && len(p.options.Inputs) == 0 && !p.options.Forward {
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
