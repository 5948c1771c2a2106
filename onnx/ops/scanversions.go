package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// The step between the versions of Scan with and without a batch axis, see scan.go.

// scanUp9 runs a Scan for every row of the batch inside a Scan over the batch: initial states [batch, …] and scan inputs
// [batch, steps, …] are cut along their first axis, and what each row gives is stacked again.
func scanUp9(r *Rewriter) error {
	if r.Input(0) != "" {
		return fmt.Errorf("Scan with sequence lengths is %w", ErrUnsupported)
	}
	body := r.Node.Attribute("body")
	scans := r.Node.Attribute("num_scan_inputs")
	inputs := r.Node.Inputs[min(1, len(r.Node.Inputs)):]
	if body == nil || body.Graph == nil || scans == nil || scans.Int < 1 || scans.Int > int64(len(inputs)) || len(body.Graph.Inputs) != len(inputs) {
		return fmt.Errorf("the body must take the %d inputs, some of which are scanned", len(inputs))
	}
	if len(r.Node.Outputs) > len(body.Graph.Outputs) {
		return fmt.Errorf("%d outputs are named, the body gives %d", len(r.Node.Outputs), len(body.Graph.Outputs))
	}
	row := &onnx.Graph{Name: r.stem() + "/row"}
	inner := &onnx.Node{Name: r.names.freshNode(r.stem() + "/row"), OpType: "Scan", Attributes: []*onnx.Attribute{body, scans}}
	if back := r.Take("directions"); back != nil {
		back.Name = "scan_input_directions"
		inner.Attributes = append(inner.Attributes, back)
	}
	for i := range inputs {
		v := &onnx.ValueInfo{Name: r.names.fresh(r.stem() + "/in"), Type: onnx.UnrankedTensorType(body.Graph.Inputs[i].Type.Elem)}
		if f := r.Fact(i + 1); f.Elem() != onnx.Undefined {
			v.Type.Elem = f.Elem()
			if f.Ranked() && f.Rank() > 0 {
				v.Type = onnx.TensorType(f.Elem(), f.Dims()[1:]...)
			}
		}
		row.Inputs = append(row.Inputs, v)
		inner.Inputs = append(inner.Inputs, v.Name)
	}
	for _, v := range body.Graph.Outputs {
		out := &onnx.ValueInfo{Name: r.names.fresh(r.stem() + "/out"), Type: onnx.UnrankedTensorType(v.Type.Elem)}
		row.Outputs = append(row.Outputs, out)
		inner.Outputs = append(inner.Outputs, out.Name)
	}
	row.Nodes = []*onnx.Node{inner}
	r.Node.Inputs = inputs
	r.Node.Attributes = []*onnx.Attribute{onnx.AttrGraph("body", row), onnx.AttrInt("num_scan_inputs", int64(len(inputs)))}
	return r.Keep()
}

// scanDown9 gives every input a batch axis of size 1 and takes it from the outputs.
func scanDown9(r *Rewriter) error {
	for _, name := range []string{"scan_input_axes", "scan_output_axes", "scan_output_directions"} {
		if a := r.Take(name); a != nil && slices.ContainsFunc(a.Ints, func(n int64) bool { return n != 0 }) {
			return fmt.Errorf("attribute %q must be of zeros there", name)
		}
	}
	if back := r.Node.Attribute("scan_input_directions"); back != nil {
		back.Name = "directions"
	}
	axis := func() *onnx.Attribute { return onnx.AttrInts("axes", 0) }
	inputs := []string{""}
	for _, name := range r.Node.Inputs {
		inputs = append(inputs, r.Emit("Unsqueeze", []string{name}, axis()))
	}
	outputs := r.Node.Outputs
	r.Node.Inputs = inputs
	r.Node.Outputs = slices.Clone(outputs)
	for i, name := range outputs {
		if name != "" {
			r.Node.Outputs[i] = r.names.fresh(name + "/batch")
		}
	}
	made := slices.Clone(r.Node.Outputs)
	if err := r.Keep(); err != nil {
		return err
	}
	for i, name := range outputs {
		if name != "" {
			r.EmitTo(name, "Squeeze", []string{made[i]}, axis())
		}
	}
	return nil
}
