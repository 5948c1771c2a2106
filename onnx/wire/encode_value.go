package wire

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gonyx/gonyx/onnx"
)

// EncodeValue writes a value by itself, as [DecodeValue] and [DecodeTensor] read it.
func EncodeValue(v onnx.Value) ([]byte, error) {
	w := &writer{}
	data, err := w.encode(func() { w.value(v) })
	if err != nil {
		return nil, fmt.Errorf("wire: value: %w", err)
	}
	return data, nil
}

func (w *writer) value(v onnx.Value) {
	switch v := v.(type) {
	case *onnx.Tensor:
		w.tensor(v)
	case *onnx.SparseTensor:
		w.sparseTensor(v)
	case *onnx.Sequence:
		w.sequence(v)
	case *onnx.Optional:
		w.optional(v)
	case *onnx.Map:
		w.mapping(v)
	default:
		w.fail(errors.New("nothing there"))
	}
}

// valueField gives the elem_type of a sequence or an optional of such values; the field that holds them is 2 more.
func valueField(kind onnx.Kind) protowire.Number {
	for i, k := range valueKinds {
		if k == kind {
			return protowire.Number(i)
		}
	}
	return 0
}

// inside writes the values of a sequence or an optional, all of the type that it states.
func (w *writer) inside(elem onnx.Type, values []onnx.Value) {
	field := valueField(elem.Kind)
	if field == 0 && elem.Kind != onnx.KindUndefined || field == 0 && len(values) > 0 {
		w.fail(fmt.Errorf("values of type %v have no encoding", elem))
		return
	}
	w.int(2, int64(field))
	for i, v := range values {
		w.message(field+2, "value", i, "", func() {
			if kind := kindOfValue(v); kind != elem.Kind {
				w.fail(fmt.Errorf("%s, where %s is wanted", kindNames[kind], kindNames[elem.Kind]))
				return
			}
			w.value(v)
		})
	}
}

func kindOfValue(v onnx.Value) onnx.Kind {
	switch v.(type) {
	case *onnx.Tensor:
		return onnx.KindTensor
	case *onnx.SparseTensor:
		return onnx.KindSparseTensor
	case *onnx.Sequence:
		return onnx.KindSequence
	case *onnx.Optional:
		return onnx.KindOptional
	case *onnx.Map:
		return onnx.KindMap
	}
	return onnx.KindUndefined
}

func (w *writer) sequence(s *onnx.Sequence) {
	w.nest(func() {
		w.str(1, s.Name)
		w.inside(s.Elem, s.Values)
		w.put(s.Unknown)
	})
}

func (w *writer) optional(o *onnx.Optional) {
	w.nest(func() {
		w.str(1, o.Name)
		var values []onnx.Value
		if o.Value != nil {
			values = []onnx.Value{o.Value}
		}
		w.inside(o.Elem, values)
		w.put(o.Unknown)
	})
}

func (w *writer) mapping(m *onnx.Map) {
	w.nest(func() {
		if m.Keys == nil || m.Values == nil || len(m.Keys.Dims) != 1 || !m.Keys.Bound() || len(m.Values.Values) != m.Keys.Len() {
			w.fail(errors.New("keys must be a tensor of one dimension, with a value for each"))
			return
		}
		_, _, integer := keyRange(m.Keys.Type)
		if !integer && m.Keys.Type != onnx.String {
			w.fail(fmt.Errorf("keys are %v, they must be integers or strings", m.Keys))
			return
		}
		w.str(1, m.Name)
		w.int(2, int64(m.Keys.Type))
		if integer {
			w.ints(3, keyNumbers(m.Keys))
		}
		w.strs(4, m.Keys.Strings)
		w.message(5, "values", single, "", func() { w.sequence(m.Values) })
		w.put(m.Unknown)
	})
}

// keyNumbers gives integer keys as the format lists them.
func keyNumbers(t *onnx.Tensor) []int64 {
	size := t.Type.Bits() / 8
	keys := make([]int64, t.Len())
	for i := range keys {
		var v uint64
		for j := range size {
			v |= uint64(t.Data[i*size+j]) << (8 * j)
		}
		keys[i] = int64(v)
		if unused := 64 - t.Type.Bits(); t.Type == onnx.Int8 || t.Type == onnx.Int16 || t.Type == onnx.Int32 {
			keys[i] = int64(v) << unused >> unused
		}
	}
	return keys
}
