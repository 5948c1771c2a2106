package tensorfn

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gonyx/gonyx/exporters"
	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/gradients"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/trainers/lowering"
)

// Function computes tensors from others. It is safe for any number of goroutines, of which one computes at a time.
type Function struct {
	graph     *onnx.Graph
	gradients bool

	lock    sync.Mutex
	program *lowering.Program
}

// Function makes a function of the inputs that gives the outputs. Inputs are placeholders, or any other tensors, whose own
// computation is left out then. It fails with the first mistake made in the space, and where an output depends on a placeholder
// that is not among the inputs.
func (s *Space) Function(inputs, outputs []graphs.Value) (*Function, error) {
	g, err := s.b.Part(s.name, inputs, outputs)
	if err != nil {
		return nil, fmt.Errorf("tensorfn: %w", err)
	}
	f := &Function{graph: g, gradients: slices.ContainsFunc(g.Nodes, func(n *onnx.Node) bool { return s.gradients[n.Name] })}
	f.program, err = lowering.Lower(g, lowering.Options{Forward: true, Set: kernels.Best()})
	if err != nil {
		return nil, fmt.Errorf("tensorfn: %w", err)
	}
	return f, nil
}

// Call evaluates the outputs for values of the inputs, in Gorgonia. The values are left alone; the results are the caller's.
func (f *Function) Call(values ...*onnx.Tensor) ([]*onnx.Tensor, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	for i, v := range values {
		if v == nil {
			return nil, fmt.Errorf("tensorfn: input %d is missing", i)
		}
	}
	if err := f.program.Run(values, false); err != nil {
		return nil, fmt.Errorf("tensorfn: %w", err)
	}
	results := make([]*onnx.Tensor, len(f.graph.Outputs))
	for i, out := range f.graph.Outputs {
		t := f.program.Output(out.Name)
		results[i] = onnx.NewTensor(t.Type, slices.Clone(t.Dims)...)
		results[i].Name = out.Name
		copy(results[i].Data, t.Data)
		copy(results[i].Strings, t.Strings)
	}
	return results, nil
}

// Graph gives a copy of the graph that the function is, at the newest opset.
func (f *Function) Graph() *onnx.Graph { return f.graph.Clone() }

// Export writes the function as a model file at an opset of the default domain, gradients included, and proves before the file
// appears that it gives what Gorgonia gives; see [exporters.Export]. At opset 0 it is the exporters' default, or with
// gradients the oldest that they can be written at, [gradients.MinOpset]; with gradients an older one is refused.
func (f *Function) Export(ctx context.Context, path string, opset int64) (*exporters.Report, error) {
	switch {
	case opset == 0 && f.gradients:
		opset = gradients.MinOpset
	case opset == 0:
		opset = exporters.DefaultOpset
	case opset < gradients.MinOpset && f.gradients:
		return nil, fmt.Errorf("tensorfn: %s: gradients are written at opset %d or newer, opset %d was asked for", path, gradients.MinOpset, opset)
	}
	return exporters.Export(ctx, path, exporters.Spec{
		Graph: f.Graph(), Opset: opset,
		Reference: func(inputs []*onnx.Tensor) ([]*onnx.Tensor, error) { return f.Call(inputs...) },
	})
}
