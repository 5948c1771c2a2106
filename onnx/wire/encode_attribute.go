package wire

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gonyx/gonyx/onnx"
)

func (w *writer) attributes(num protowire.Number, list []*onnx.Attribute) {
	for i, a := range list {
		w.message(num, "attribute", i, a.Name, func() { w.attribute(a) })
	}
}

// attribute writes the value that the type promises, even where it is the default, and any other that is there.
func (w *writer) attribute(a *onnx.Attribute) {
	w.checkAttribute(a)
	is := func(t onnx.AttributeType) bool { return a.Type == t && a.RefName == "" }
	w.str(1, a.Name)
	if math.Float32bits(a.Float) != 0 || is(onnx.AttributeFloat) {
		w.floatAlways(2, a.Float)
	}
	if a.Int != 0 || is(onnx.AttributeInt) {
		w.intAlways(3, a.Int)
	}
	if a.Str != nil || is(onnx.AttributeString) {
		w.blob(4, a.Str)
	}
	if a.Tensor != nil {
		w.message(5, "tensor", single, "", func() { w.tensor(a.Tensor) })
	}
	if a.Graph != nil {
		w.message(6, "graph", single, "", func() { w.graph(a.Graph) })
	}
	for _, v := range a.Floats {
		w.floatAlways(7, v)
	}
	w.ints(8, a.Ints)
	for _, s := range a.Strs {
		w.blob(9, s)
	}
	for i, t := range a.Tensors {
		w.message(10, "tensor", i, t.Name, func() { w.tensor(t) })
	}
	for i, g := range a.Graphs {
		w.message(11, "graph", i, "", func() { w.graph(g) })
	}
	w.str(13, a.Doc)
	if a.TypeProto != nil {
		w.message(14, "type", single, "", func() { w.typ(a.TypeProto) })
	}
	for i, t := range a.TypeProtos {
		w.message(15, "type", i, "", func() { w.typ(t) })
	}
	w.int(20, int64(a.Type))
	w.str(21, a.RefName)
	if a.SparseTensor != nil {
		w.message(22, "sparse tensor", single, "", func() { w.sparseTensor(a.SparseTensor) })
	}
	for i, s := range a.SparseTensors {
		w.message(23, "sparse tensor", i, s.Name(), func() { w.sparseTensor(s) })
	}
	w.put(a.Unknown)
}

func (w *writer) checkAttribute(a *onnx.Attribute) {
	if a.Type < 0 || a.Type > onnx.AttributeTypeProtos {
		w.fail(fmt.Errorf("unknown attribute type %d", a.Type))
	}
	if a.RefName != "" {
		return
	}
	if a.Type == onnx.AttributeUndefined {
		w.fail(errors.New("no type"))
	}
	if err := checkValue(a); err != nil {
		w.fail(err)
	}
}
