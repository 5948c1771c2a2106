package backend

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// A model's metadata may say what an input is where nobody gives it: the key is DefaultPrefix with the input's name, the value
// DefaultZeros. The input stays a plain one for every other runtime.
const (
	DefaultPrefix = "gonyx.default."
	DefaultZeros  = "zeros"
)

// readDefaults gives the inputs that the metadata has a default for.
func readDefaults(file *onnx.Model) (map[string]bool, error) {
	zeros := make(map[string]bool)
	for _, e := range file.Metadata {
		name, ok := strings.CutPrefix(e.Key, DefaultPrefix)
		if !ok {
			continue
		}
		if e.Value != DefaultZeros {
			return nil, fmt.Errorf("backend: metadata %q: default %q is not %q, the only one there is", e.Key, e.Value, DefaultZeros)
		}
		if !slices.ContainsFunc(file.Graph.Inputs, func(v *onnx.ValueInfo) bool { return v.Name == name }) {
			return nil, fmt.Errorf("backend: metadata %q: the model has no input %q", e.Key, name)
		}
		zeros[name] = true
	}
	return zeros, nil
}

// Complete puts zeros in the place of inputs that are not given and whose metadata says so. Their sizes must be known from the model or by
// a symbol that another input has.
func (m *Model) Complete(in []onnx.Value) ([]onnx.Value, error) {
	if len(m.zeros) == 0 || len(in) != len(m.graph.Inputs) {
		return in, nil
	}
	symbols := make(map[string]int64)
	for i, v := range m.graph.Inputs {
		t, ok := in[i].(*onnx.Tensor)
		if !ok || t == nil || len(t.Dims) != len(v.Type.Dims) {
			continue
		}
		for k, d := range v.Type.Dims {
			if d.Param != "" {
				symbols[d.Param] = t.Dims[k]
			}
		}
	}
	full := slices.Clone(in)
	for i, v := range m.graph.Inputs {
		if in[i] != nil || !m.zeros[v.Name] {
			continue
		}
		dims := make([]int64, len(v.Type.Dims))
		for k, d := range v.Type.Dims {
			n, known := symbols[d.Param]
			switch {
			case d.Known():
				dims[k] = d.Value
			case d.Param != "" && known:
				dims[k] = n
			default:
				return nil, fmt.Errorf("backend: %w: input %q (%v) is not given, and nothing says how long axis %d of its zeros is", ErrInput, v.Name, v.Type, k)
			}
		}
		env := ops.Env{Limit: m.options.limit()}
		t, err := env.New(v.Type.Elem, dims...)
		if err != nil {
			return nil, fmt.Errorf("backend: input %q: %w", v.Name, err)
		}
		full[i] = t
	}
	return full, nil
}
