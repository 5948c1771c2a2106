package scoring

import (
	"context"
	"fmt"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
)

// InputError is a name that is no input of the model, or an input that is missing. Its text lists the inputs there are.
type InputError struct{ text string }

func (e *InputError) Error() string { return e.text }

// Describe lists a model's inputs with types and shapes.
func Describe(m *backend.Model) string {
	var parts []string
	for _, v := range m.Inputs() {
		parts = append(parts, fmt.Sprintf("%s %v", v.Name, v.Type))
	}
	if parts == nil {
		return "the model has no inputs"
	}
	return "the model's inputs are " + strings.Join(parts, ", ")
}

// Arrange brings tensors by name into the order of a model's inputs, converting float64 to float32 and int32 to int64 where
// that is what the model takes; note is told of every conversion. Inputs with a default may be left out.
func Arrange(m *backend.Model, named map[string]*onnx.Tensor, note func(string)) ([]onnx.Value, error) {
	known := make(map[string]bool)
	in := make([]onnx.Value, len(m.Inputs()))
	required := make(map[string]bool)
	for _, v := range m.Required() {
		required[v.Name] = true
	}
	for i, v := range m.Inputs() {
		known[v.Name] = true
		t := named[v.Name]
		if t == nil {
			if required[v.Name] {
				return nil, &InputError{fmt.Sprintf("input %q is missing; %s", v.Name, Describe(m))}
			}
			continue
		}
		c, err := convert(v, t, note)
		if err != nil {
			return nil, err
		}
		in[i] = c
	}
	for name := range named {
		if !known[name] {
			return nil, &InputError{fmt.Sprintf("the model has no input %q; %s", name, Describe(m))}
		}
	}
	return in, nil
}

func convert(v *onnx.ValueInfo, t *onnx.Tensor, note func(string)) (*onnx.Tensor, error) {
	want := v.Type.Elem
	switch {
	case t.Type == want || v.Type.Kind != onnx.KindTensor || want == onnx.Undefined:
		return t, nil
	case t.Type == onnx.Double && want == onnx.Float:
		c := onnx.NewTensor(onnx.Float, t.Dims...)
		for i, x := range t.Float64s() {
			c.Float32s()[i] = float32(x)
		}
		note(fmt.Sprintf("input %q: converted from float64 to float32", v.Name))
		return c, nil
	case t.Type == onnx.Int32 && want == onnx.Int64:
		c := onnx.NewTensor(onnx.Int64, t.Dims...)
		for i, x := range t.Int32s() {
			c.Int64s()[i] = int64(x)
		}
		note(fmt.Sprintf("input %q: converted from int32 to int64", v.Name))
		return c, nil
	}
	return nil, fmt.Errorf("input %q takes %v, the array is %v; save it as %v, for example with numpy: array.astype(%q)",
		v.Name, v.Type, t, want, numpyName(want))
}

func numpyName(t onnx.ElemType) string {
	switch t {
	case onnx.Float:
		return "float32"
	case onnx.Double:
		return "float64"
	}
	return t.String()
}

// Tensors runs a model on tensors in the order of its inputs. With a batch size, inputs whose first dimensions are one symbol are
// run in pieces of so many rows, and the outputs joined.
func Tensors(ctx context.Context, m *backend.Model, in []onnx.Value, batch int) ([]onnx.Value, error) {
	rows, ok := batchRows(m, in)
	if batch < 1 || !ok || rows <= int64(batch) {
		return m.Run(ctx, in)
	}
	var joined []onnx.Value
	for lo := int64(0); lo < rows; lo += int64(batch) {
		hi := min(lo+int64(batch), rows)
		piece := make([]onnx.Value, len(in))
		for i, v := range in {
			if t, ok := v.(*onnx.Tensor); ok {
				piece[i] = rowsOf(t, lo, hi)
			}
		}
		out, err := m.Run(ctx, piece)
		if err != nil {
			return nil, fmt.Errorf("rows %d to %d: %w", lo, hi-1, err)
		}
		for i, v := range out {
			t, ok := v.(*onnx.Tensor)
			if !ok || len(t.Dims) == 0 || t.Dims[0] != hi-lo {
				return nil, fmt.Errorf("output %q: %v has no row for each of %d inputs; run without --batch-size", m.Outputs()[i].Name, onnx.TypeOf(v), hi-lo)
			}
			if lo == 0 {
				joined = append(joined, t)
				continue
			}
			all := joined[i].(*onnx.Tensor)
			all.Dims[0] += hi - lo
			all.Data, all.Strings = append(all.Data, t.Data...), append(all.Strings, t.Strings...)
		}
	}
	return joined, nil
}

// batchRows gives the number of rows where every input's first dimension is the same symbol, and whether it is so.
func batchRows(m *backend.Model, in []onnx.Value) (rows int64, ok bool) {
	symbol := ""
	for i, v := range m.Inputs() {
		t, isTensor := in[i].(*onnx.Tensor)
		if in[i] == nil {
			continue
		}
		if !isTensor || !v.Type.Ranked || len(v.Type.Dims) == 0 || v.Type.Dims[0].Param == "" || t.Type.Bits()%8 != 0 {
			return 0, false
		}
		if symbol == "" {
			symbol, rows = v.Type.Dims[0].Param, t.Dims[0]
		}
		if v.Type.Dims[0].Param != symbol || len(t.Dims) == 0 || t.Dims[0] != rows {
			return 0, false
		}
	}
	return rows, symbol != ""
}
