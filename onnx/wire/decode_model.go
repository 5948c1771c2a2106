package wire

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/gonyx/gonyx/onnx"
)

var errNoGraph = errors.New("no graph or an empty one: the file is not an ONNX model, or nothing is in it")

// Decode reads a model (ModelProto). The model shares memory with data, see the package's description.
func Decode(data []byte, opts Options) (*onnx.Model, error) {
	d := newDecoder(data, opts)
	defer d.close()
	m, err := d.model(data)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	return m, nil
}

func (d *decoder) model(b []byte) (*onnx.Model, error) {
	m := &onnx.Model{}
	var graph part
	var opsets []onnx.Opset
	var functions []*onnx.Function
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			m.IRVersion = r.int64("ir_version")
		case 2:
			m.ProducerName = r.str("producer_name")
		case 3:
			m.ProducerVersion = r.str("producer_version")
		case 4:
			m.Domain = r.str("domain")
		case 5:
			m.ModelVersion = r.int64("model_version")
		case 6:
			m.Doc = r.str("doc_string")
		case 7:
			graph.add(d, &r, "graph")
		case 8:
			opsets = list(&r, "opset_import", 1, opsets, d.opset)
		case 14:
			m.Metadata = list(&r, "metadata_props", 1, m.Metadata, d.entry)
		case 20:
			m.TrainingInfo = append(m.TrainingInfo, r.blob("training_info"))
		case 25:
			functions = list(&r, "function", 1, functions, d.function)
		case 26:
			m.Configurations = list(&r, "configuration", 1, m.Configurations, d.configuration)
		default:
			m.Unknown = append(m.Unknown, r.raw...)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if !graph.set {
		return nil, errNoGraph
	}
	g, err := d.graph(graph.bytes)
	if err != nil {
		return nil, at(err, "graph")
	}
	g.Opsets, g.Functions = opsets, functions
	m.Graph = g
	return m, nil
}

func (d *decoder) opset(b []byte) (onnx.Opset, error) {
	var o onnx.Opset
	if err := d.charge(unsafe.Sizeof(o)); err != nil {
		return o, err
	}
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			o.Domain = r.str("domain")
		case 2:
			o.Version = r.int64("version")
		default:
			o.Unknown = append(o.Unknown, r.raw...)
		}
	}
	return o, r.err
}

func (d *decoder) entry(b []byte) (onnx.Entry, error) {
	var e onnx.Entry
	if err := d.charge(unsafe.Sizeof(e)); err != nil {
		return e, err
	}
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			e.Key = r.str("key")
		case 2:
			e.Value = r.str("value")
		default:
			e.Unknown = append(e.Unknown, r.raw...)
		}
	}
	return e, r.err
}

func (d *decoder) function(b []byte) (*onnx.Function, error) {
	f := &onnx.Function{}
	if err := d.charge(unsafe.Sizeof(*f)); err != nil {
		return nil, err
	}
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			f.Name = r.str("name")
		case 4:
			f.Inputs = append(f.Inputs, r.str("input"))
		case 5:
			f.Outputs = append(f.Outputs, r.str("output"))
		case 6:
			f.Attributes = append(f.Attributes, r.str("attribute"))
		case 7:
			f.Nodes = list(&r, "node", 3, f.Nodes, d.node)
		case 8:
			f.Doc = r.str("doc_string")
		case 9:
			f.Opsets = list(&r, "opset_import", 1, f.Opsets, d.opset)
		case 10:
			f.Domain = r.str("domain")
		case 11:
			f.AttributeProto = list(&r, "attribute", 1, f.AttributeProto, d.attribute)
		case 12:
			f.ValueInfo = list(&r, "value_info", 1, f.ValueInfo, d.valueInfo)
		case 13:
			f.Overload = r.str("overload")
		case 14:
			f.Metadata = list(&r, "metadata_props", 1, f.Metadata, d.entry)
		default:
			f.Unknown = append(f.Unknown, r.raw...)
		}
	}
	return f, r.err
}

func (d *decoder) configuration(b []byte) (*onnx.DeviceConfiguration, error) {
	c := &onnx.DeviceConfiguration{}
	if err := d.charge(unsafe.Sizeof(*c)); err != nil {
		return nil, err
	}
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			c.Name = r.str("name")
		case 2:
			c.NumDevices = r.int32("num_devices")
		case 3:
			c.Devices = append(c.Devices, r.str("device"))
		default:
			c.Unknown = append(c.Unknown, r.raw...)
		}
	}
	return c, r.err
}
