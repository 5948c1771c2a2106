package wire

import (
	"unsafe"

	"github.com/gonyx/gonyx/onnx"
)

func (d *decoder) graph(b []byte) (*onnx.Graph, error) {
	g := &onnx.Graph{}
	if err := d.charge(unsafe.Sizeof(*g)); err != nil {
		return nil, err
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			g.Nodes = list(&r, "node", 3, g.Nodes, d.node)
		case 2:
			g.Name = r.str("name")
		case 5:
			g.Initializers = list(&r, "initializer", 8, g.Initializers, d.tensor)
		case 10:
			g.Doc = r.str("doc_string")
		case 11:
			g.Inputs = list(&r, "input", 1, g.Inputs, d.valueInfo)
		case 12:
			g.Outputs = list(&r, "output", 1, g.Outputs, d.valueInfo)
		case 13:
			g.ValueInfo = list(&r, "value_info", 1, g.ValueInfo, d.valueInfo)
		case 14:
			g.Quantization = list(&r, "quantization_annotation", 1, g.Quantization, d.quantization)
		case 15:
			g.SparseInitializers = list(&r, "sparse_initializer", 0, g.SparseInitializers, d.sparseTensor)
		case 16:
			g.Metadata = list(&r, "metadata_props", 1, g.Metadata, d.entry)
		default:
			g.Unknown = append(g.Unknown, r.raw...)
		}
	}
	return g, r.err
}

func (d *decoder) quantization(b []byte) (*onnx.QuantizationAnnotation, error) {
	q := &onnx.QuantizationAnnotation{}
	if err := d.charge(unsafe.Sizeof(*q)); err != nil {
		return nil, err
	}
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			q.TensorName = r.str("tensor_name")
		case 2:
			q.Parameters = list(&r, "quant_parameter_tensor_names", 1, q.Parameters, d.entry)
		default:
			q.Unknown = append(q.Unknown, r.raw...)
		}
	}
	return q, r.err
}

func (d *decoder) node(b []byte) (*onnx.Node, error) {
	n := &onnx.Node{}
	if err := d.charge(unsafe.Sizeof(*n)); err != nil {
		return nil, err
	}
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			n.Inputs = append(n.Inputs, r.str("input"))
		case 2:
			n.Outputs = append(n.Outputs, r.str("output"))
		case 3:
			n.Name = r.str("name")
		case 4:
			n.OpType = r.str("op_type")
		case 5:
			n.Attributes = list(&r, "attribute", 1, n.Attributes, d.attribute)
		case 6:
			n.Doc = r.str("doc_string")
		case 7:
			n.Domain = r.str("domain")
		case 8:
			n.Overload = r.str("overload")
		case 9:
			n.Metadata = list(&r, "metadata_props", 1, n.Metadata, d.entry)
		case 10:
			n.Devices = list(&r, "device_configuration", 1, n.Devices, d.nodeDevice)
		default:
			n.Unknown = append(n.Unknown, r.raw...)
		}
	}
	return n, r.err
}

func (d *decoder) nodeDevice(b []byte) (*onnx.NodeDevice, error) {
	n := &onnx.NodeDevice{}
	if err := d.charge(unsafe.Sizeof(*n)); err != nil {
		return nil, err
	}
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			n.ConfigurationID = r.str("configuration_id")
		case 2:
			n.Sharding = list(&r, "sharding_spec", 1, n.Sharding, d.shardingSpec)
		case 3:
			n.PipelineStage, n.HasStage = r.int32("pipeline_stage"), true
		default:
			n.Unknown = append(n.Unknown, r.raw...)
		}
	}
	return n, r.err
}

func (d *decoder) shardingSpec(b []byte) (*onnx.ShardingSpec, error) {
	s := &onnx.ShardingSpec{}
	if err := d.charge(unsafe.Sizeof(*s)); err != nil {
		return nil, err
	}
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			s.TensorName = r.str("tensor_name")
		case 2:
			s.Devices = r.int64s("device", s.Devices)
		case 3:
			s.Groups = list(&r, "index_to_device_group_map", 0, s.Groups, d.deviceGroup)
		case 4:
			s.Dims = list(&r, "sharded_dim", 0, s.Dims, d.shardedDim)
		default:
			s.Unknown = append(s.Unknown, r.raw...)
		}
	}
	return s, r.err
}

func (d *decoder) deviceGroup(b []byte) (onnx.DeviceGroup, error) {
	var g onnx.DeviceGroup
	if err := d.charge(unsafe.Sizeof(g)); err != nil {
		return g, err
	}
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			g.Key = r.int64("key")
		case 2:
			g.Values = r.int64s("value", g.Values)
		default:
			g.Unknown = append(g.Unknown, r.raw...)
		}
	}
	return g, r.err
}

func (d *decoder) shardedDim(b []byte) (*onnx.ShardedDim, error) {
	s := &onnx.ShardedDim{}
	if err := d.charge(unsafe.Sizeof(*s)); err != nil {
		return nil, err
	}
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			s.Axis = r.int64("axis")
		case 2:
			s.Sharding = list(&r, "simple_sharding", 0, s.Sharding, d.simpleShardedDim)
		default:
			s.Unknown = append(s.Unknown, r.raw...)
		}
	}
	return s, r.err
}

func (d *decoder) simpleShardedDim(b []byte) (*onnx.SimpleShardedDim, error) {
	s := &onnx.SimpleShardedDim{Extent: onnx.UnknownDim()}
	if err := d.charge(unsafe.Sizeof(*s)); err != nil {
		return nil, err
	}
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			s.Extent = readSize(&r)
		case 2:
			s.Extent = onnx.Symbol(r.str("dim_param"))
		case 3:
			s.NumShards = r.int64("num_shards")
		default:
			s.Unknown = append(s.Unknown, r.raw...)
		}
	}
	return s, r.err
}
