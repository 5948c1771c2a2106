package wire

import (
	"errors"
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/gonyx/gonyx/onnx"
)

func (d *decoder) attribute(b []byte) (*onnx.Attribute, error) {
	a := &onnx.Attribute{}
	if err := d.charge(unsafe.Sizeof(*a)); err != nil {
		return nil, err
	}
	var tensor, graph, sparse, typ part
	var found uint // bit t: a value of type t is there
	value := func(t onnx.AttributeType) { found |= 1 << t }
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			a.Name = r.str("name")
		case 2:
			a.Float = r.float("f")
			value(onnx.AttributeFloat)
		case 3:
			a.Int = r.int64("i")
			value(onnx.AttributeInt)
		case 4:
			a.Str = r.blob("s")
			value(onnx.AttributeString)
		case 5:
			tensor.add(d, &r, "t")
			value(onnx.AttributeTensor)
		case 6:
			graph.add(d, &r, "g")
			value(onnx.AttributeGraph)
		case 7:
			a.Floats = r.floats("floats", a.Floats)
			value(onnx.AttributeFloats)
		case 8:
			a.Ints = r.int64s("ints", a.Ints)
			value(onnx.AttributeInts)
		case 9:
			a.Strs = append(a.Strs, r.blob("strings"))
			value(onnx.AttributeStrings)
		case 10:
			a.Tensors = list(&r, "tensor", 8, a.Tensors, d.tensor)
			value(onnx.AttributeTensors)
		case 11:
			a.Graphs = list(&r, "graph", 0, a.Graphs, d.graph)
			value(onnx.AttributeGraphs)
		case 13:
			a.Doc = r.str("doc_string")
		case 14:
			typ.add(d, &r, "tp")
			value(onnx.AttributeTypeProto)
		case 15:
			a.TypeProtos = list(&r, "type", 0, a.TypeProtos, d.typ)
			value(onnx.AttributeTypeProtos)
		case 20:
			a.Type = onnx.AttributeType(r.int32("type"))
		case 21:
			a.RefName = r.str("ref_attr_name")
		case 22:
			sparse.add(d, &r, "sparse_tensor")
			value(onnx.AttributeSparseTensor)
		case 23:
			a.SparseTensors = list(&r, "sparse tensor", 0, a.SparseTensors, d.sparseTensor)
			value(onnx.AttributeSparseTensors)
		default:
			a.Unknown = append(a.Unknown, r.raw...)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if err := d.attributeParts(a, tensor, graph, sparse, typ); err != nil {
		return nil, err
	}
	return a, settleType(a, found)
}

// attributeParts reads the values that are messages and occur once.
func (d *decoder) attributeParts(a *onnx.Attribute, tensor, graph, sparse, typ part) (err error) {
	if tensor.set {
		if a.Tensor, err = d.tensor(tensor.bytes); err != nil {
			return at(err, "tensor")
		}
	}
	if graph.set {
		if a.Graph, err = d.graph(graph.bytes); err != nil {
			return at(err, "graph")
		}
	}
	if sparse.set {
		if a.SparseTensor, err = d.sparseTensor(sparse.bytes); err != nil {
			return at(err, "sparse tensor")
		}
	}
	if typ.set {
		if a.TypeProto, err = d.typ(typ.bytes); err != nil {
			return at(err, "type")
		}
	}
	return nil
}

// settleType holds the attribute's type against the values found. Files of the first IR version do not state the
// type: then the one value there is tells it.
func settleType(a *onnx.Attribute, found uint) error {
	if a.Type < 0 || a.Type > onnx.AttributeTypeProtos {
		return fmt.Errorf("unknown attribute type %d", a.Type)
	}
	if a.RefName != "" {
		return nil
	}
	if a.Type == onnx.AttributeUndefined {
		switch bits.OnesCount(found) {
		case 0:
			return errors.New("neither a type nor a value")
		case 1:
			a.Type = onnx.AttributeType(bits.TrailingZeros(found))
		default:
			return errors.New("several values and no type to choose one")
		}
	}
	if a.Type == onnx.AttributeString && a.Str == nil {
		a.Str = []byte{}
	}
	return checkValue(a)
}

// checkValue says where the value that the type promises is not there. Numbers and lists have a default: 0, no elements.
func checkValue(a *onnx.Attribute) error {
	missing := false
	switch a.Type {
	case onnx.AttributeTensor:
		missing = a.Tensor == nil
	case onnx.AttributeGraph:
		missing = a.Graph == nil
	case onnx.AttributeSparseTensor:
		missing = a.SparseTensor == nil
	case onnx.AttributeTypeProto:
		missing = a.TypeProto == nil
	}
	if missing {
		return fmt.Errorf("its type says %v, but it holds none", a.Type)
	}
	return nil
}
