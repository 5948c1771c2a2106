package wire

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gonyx/gonyx/onnx"
)

// Encode writes a model (ModelProto). Equal models give equal bytes: fields in the order of their numbers, lists in
// their own, unknown fields last. Tensors are stored as their Storage says; of an external one the place is written
// and not the data. A tensor without data, and a model whose bytes a reader of the format would refuse for their size
// or their nesting, is an error.
func Encode(m *onnx.Model) ([]byte, error) {
	w := &writer{}
	data, err := w.encode(func() { w.model(m) })
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	return data, nil
}

func (w *writer) model(m *onnx.Model) {
	g := m.Graph
	if g == nil {
		w.fail(errors.New("no graph"))
		return
	}
	w.int(1, m.IRVersion)
	w.str(2, m.ProducerName)
	w.str(3, m.ProducerVersion)
	w.str(4, m.Domain)
	w.int(5, m.ModelVersion)
	w.str(6, m.Doc)
	w.message(7, "graph", single, "", func() { w.graph(g) })
	w.opsets(8, g.Opsets)
	w.entries(14, "metadata_props", m.Metadata)
	for _, info := range m.TrainingInfo {
		w.blob(20, info)
	}
	for i, f := range g.Functions {
		w.message(25, "function", i, f.Name, func() { w.function(f) })
	}
	for i, c := range m.Configurations {
		w.message(26, "configuration", i, c.Name, func() {
			w.str(1, c.Name)
			w.int(2, int64(c.NumDevices))
			w.strs(3, c.Devices)
			w.put(c.Unknown)
		})
	}
	w.put(m.Unknown)
}

// opsets and entries write both their fields even where they are empty, as other writers do.
func (w *writer) opsets(num protowire.Number, list []onnx.Opset) {
	for i, o := range list {
		w.message(num, "opset_import", i, o.Domain, func() {
			w.strAlways(1, o.Domain)
			w.intAlways(2, o.Version)
			w.put(o.Unknown)
		})
	}
}

func (w *writer) entries(num protowire.Number, label string, list []onnx.Entry) {
	for i, e := range list {
		w.message(num, label, i, e.Key, func() {
			w.strAlways(1, e.Key)
			w.strAlways(2, e.Value)
			w.put(e.Unknown)
		})
	}
}

func (w *writer) function(f *onnx.Function) {
	w.str(1, f.Name)
	w.strs(4, f.Inputs)
	w.strs(5, f.Outputs)
	w.strs(6, f.Attributes)
	w.nodes(7, f.Nodes)
	w.str(8, f.Doc)
	w.opsets(9, f.Opsets)
	w.str(10, f.Domain)
	w.attributes(11, f.AttributeProto)
	w.valueInfos(12, "value_info", f.ValueInfo)
	w.str(13, f.Overload)
	w.entries(14, "metadata_props", f.Metadata)
	w.put(f.Unknown)
}
