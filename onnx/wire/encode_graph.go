package wire

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gonyx/gonyx/onnx"
)

// graph writes what belongs to GraphProto; opsets and functions belong to the model around it.
func (w *writer) graph(g *onnx.Graph) {
	w.nest(func() {
		w.nodes(1, g.Nodes)
		w.str(2, g.Name)
		for i, t := range g.Initializers {
			w.message(5, "initializer", i, t.Name, func() { w.tensor(t) })
		}
		w.str(10, g.Doc)
		w.valueInfos(11, "input", g.Inputs)
		w.valueInfos(12, "output", g.Outputs)
		w.valueInfos(13, "value_info", g.ValueInfo)
		for i, q := range g.Quantization {
			w.message(14, "quantization_annotation", i, q.TensorName, func() {
				w.str(1, q.TensorName)
				w.entries(2, "quant_parameter_tensor_names", q.Parameters)
				w.put(q.Unknown)
			})
		}
		for i, s := range g.SparseInitializers {
			w.message(15, "sparse_initializer", i, s.Name(), func() { w.sparseTensor(s) })
		}
		w.entries(16, "metadata_props", g.Metadata)
		w.put(g.Unknown)
	})
}

func (w *writer) nodes(num protowire.Number, list []*onnx.Node) {
	for i, n := range list {
		w.message(num, "node", i, n.Name, func() { w.node(n) })
	}
}

func (w *writer) node(n *onnx.Node) {
	w.strs(1, n.Inputs)
	w.strs(2, n.Outputs)
	w.str(3, n.Name)
	w.str(4, n.OpType)
	w.attributes(5, n.Attributes)
	w.str(6, n.Doc)
	w.str(7, n.Domain)
	w.str(8, n.Overload)
	w.entries(9, "metadata_props", n.Metadata)
	for i, c := range n.Devices {
		w.message(10, "device_configuration", i, c.ConfigurationID, func() { w.nodeDevice(c) })
	}
	w.put(n.Unknown)
}

func (w *writer) nodeDevice(c *onnx.NodeDevice) {
	w.str(1, c.ConfigurationID)
	for i, s := range c.Sharding {
		w.message(2, "sharding_spec", i, s.TensorName, func() { w.shardingSpec(s) })
	}
	if c.HasStage {
		w.intAlways(3, int64(c.PipelineStage))
	}
	w.put(c.Unknown)
}

func (w *writer) shardingSpec(s *onnx.ShardingSpec) {
	w.str(1, s.TensorName)
	w.ints(2, s.Devices)
	for i, g := range s.Groups {
		w.message(3, "index_to_device_group_map", i, "", func() {
			w.intAlways(1, g.Key)
			w.ints(2, g.Values)
			w.put(g.Unknown)
		})
	}
	for i, dim := range s.Dims {
		w.message(4, "sharded_dim", i, "", func() {
			w.intAlways(1, dim.Axis)
			for i, simple := range dim.Sharding {
				w.message(2, "simple_sharding", i, "", func() {
					w.extent(simple.Extent)
					w.int(3, simple.NumShards)
					w.put(simple.Unknown)
				})
			}
			w.put(dim.Unknown)
		})
	}
	w.put(s.Unknown)
}

// extent writes the size or the symbol of a dimension, or neither.
func (w *writer) extent(dim onnx.Dim) {
	if dim.Known() {
		w.intAlways(1, dim.Value)
	} else {
		w.str(2, dim.Param)
	}
}

func (w *writer) valueInfos(num protowire.Number, label string, list []*onnx.ValueInfo) {
	for i, v := range list {
		w.message(num, label, i, v.Name, func() {
			w.str(1, v.Name)
			if t := &v.Type; t.Kind != onnx.KindUndefined || t.Denotation != "" || len(t.Unknown) > 0 {
				w.message(2, "type", single, "", func() { w.typ(t) })
			}
			w.str(3, v.Doc)
			w.entries(4, "metadata_props", v.Metadata)
			w.put(v.Unknown)
		})
	}
}

// kindFields is indexed by kind and gives the field of TypeProto that stands for it; it is never written.
var kindFields = [...]protowire.Number{onnx.KindTensor: 1, onnx.KindSequence: 4, onnx.KindMap: 5, onnx.KindOpaque: 7,
	onnx.KindSparseTensor: 8, onnx.KindOptional: 9}

func (w *writer) typ(t *onnx.Type) {
	w.nest(func() {
		field := kindFields[t.Kind]
		if field != 0 && field < 6 {
			w.message(field, "type", single, "", func() { w.typeBody(t) })
		}
		w.str(6, t.Denotation)
		if field > 6 {
			w.message(field, "type", single, "", func() { w.typeBody(t) })
		}
		w.put(t.Unknown)
	})
}

func (w *writer) typeBody(t *onnx.Type) {
	switch t.Kind {
	case onnx.KindTensor, onnx.KindSparseTensor:
		w.int(1, int64(t.Elem))
		if t.Ranked {
			w.message(2, "shape", single, "", func() { w.shape(t) })
		}
	case onnx.KindMap:
		w.int(1, int64(t.Key))
		if t.Of != nil {
			w.message(2, "value_type", single, "", func() { w.typ(t.Of) })
		}
	case onnx.KindSequence, onnx.KindOptional:
		if t.Of != nil {
			w.message(1, "elem_type", single, "", func() { w.typ(t.Of) })
		}
	case onnx.KindOpaque:
		w.str(1, t.Domain)
		w.str(2, t.Name)
	}
	w.put(t.KindUnknown)
}

func (w *writer) shape(t *onnx.Type) {
	for i, dim := range t.Dims {
		w.message(1, "dimension", i, "", func() {
			w.extent(dim)
			w.str(3, dim.Denotation)
			w.put([]byte(dim.Unknown))
		})
	}
	w.put(t.ShapeUnknown)
}
