package lowering

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
	"gorgonia.org/gorgonia"
)

// Program is a graph in Gorgonia, ready to run forward and backward. It is not safe for more than one goroutine at a time.
type Program struct {
	options Options
	lifted  *ops.Lifted
	facts   ops.Facts // at the batch size that the graph is drawn with
	values  []*value
	byName  map[string]*value
	units   []*unit
	params  []*Param
	loss    *value // nil where the program only goes forward
	wanted  []wanted
	graph   *gorgonia.ExprGraph
	ids     uint32
	watched []string
	aside   []string // values that only whoever asks for them needs, because nodes were joined
	machine *machine
}

// wanted is an input by which there is a gradient.
type wanted struct {
	input    *value
	gradNode *gorgonia.Node
}

// Run computes the outputs from inputs in the order of the graph's inputs, and the gradients of the loss by the parameters
// where train is set. An input may be nil where the graph has an initializer of its name. Symbolic dimensions take any size,
// as long as one symbol has one size. Inputs are left alone. An error names the node; a panic in an operator is an error.
func (p *Program) Run(inputs []*onnx.Tensor, train bool) error {
	if train && p.options.Forward {
		return fmt.Errorf("lowering: the program only goes forward; it has no gradients")
	}
	if err := p.machine.feed(inputs); err != nil {
		return fmt.Errorf("lowering: %w", err)
	}
	p.machine.train = train
	return p.machine.RunAll()
}

// InputGradient gives the gradient of the loss by an input of the options, of the shape that the input had in the last run; nil
// where there is none of that name or the last run did not train. It is good until the next run: copy what is to be kept.
func (p *Program) InputGradient(name string) *onnx.Tensor {
	for _, w := range p.wanted {
		if current := p.machine.current; w.input.name == name && current != nil && current.train {
			return current.headers[p.machine.bySlot[w.gradNode]]
		}
	}
	return nil
}

// Loss is the loss of the last run, which a program that only goes forward has not.
func (p *Program) Loss() float32 { return p.Value(p.loss.name).Float32s()[0] }

// Output gives an output of the last run, or nil where there is none of that name. It is good until the next run: copy what
// is to be kept.
func (p *Program) Output(name string) *onnx.Tensor {
	if !slices.ContainsFunc(p.lifted.Graph.Outputs, func(v *onnx.ValueInfo) bool { return v.Name == name }) {
		return nil
	}
	return p.Value(name)
}

// Names lists every value of the graph that a run can give, in running order: inputs, parameters and constants first.
func (p *Program) Names() []string {
	names := make([]string, len(p.values))
	for i, v := range p.values {
		names[i] = v.name
	}
	return names
}

// Has says whether Names has the name.
func (p *Program) Has(name string) bool { return p.byName[name] != nil }

// Watch keeps named values from the next run on, so that Value finds them there. It fails for a name that the graph does not have.
func (p *Program) Watch(names ...string) error {
	for _, name := range names {
		if p.byName[name] == nil {
			return fmt.Errorf("lowering: watch %q: no output depends on a value of that name", name)
		}
	}
	for _, name := range names {
		if !slices.Contains(p.watched, name) {
			p.watched = append(p.watched, name)
		}
	}
	p.machine.forget()
	return nil
}

// Value gives a value of the last run, or nil where there is none of that name or nothing has run. Outputs, the loss and
// watched values are there; any other is computed again, once a run, from the inputs of the last run, which must still be as they were,
// and the parameters as they are now. It is good until the next run: copy what is to be kept.
func (p *Program) Value(name string) *onnx.Tensor {
	v := p.byName[name]
	if v == nil {
		return nil
	}
	if v.param != nil {
		return v.param.value
	}
	if v.constant != nil && v.input < 0 {
		return v.constant
	}
	return p.machine.value(v)
}

// Params lists the trained parameters in the order of the graph's initializers.
func (p *Program) Params() []*Param { return p.params }

// ValueGrads lists the trained parameters for a gorgonia.Solver.
func (p *Program) ValueGrads() []gorgonia.ValueGrad {
	list := make([]gorgonia.ValueGrad, len(p.params))
	for i, q := range p.params {
		list[i] = q
	}
	return list
}

// Graph is the Gorgonia graph with its gradients, drawn at the batch size of the options.
func (p *Program) Graph() *gorgonia.ExprGraph { return p.graph }

// VM is the machine that runs the graph; RunAll repeats the last run.
func (p *Program) VM() gorgonia.VM { return p.machine }
