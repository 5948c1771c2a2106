package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gonyx/gonyx/onnx"
)

func (w *writer) tensor(t *onnx.Tensor) {
	storage, place := w.placeOf(t)
	if w.measuring {
		if err := checkTensor(t, storage, place); err != nil {
			w.fail(err)
			return
		}
	}
	field := 0
	if storage == onnx.StorageTyped {
		field = typedField(t.Type)
	}
	w.ints(1, t.Dims)
	w.int(2, int64(t.Type))
	if s := t.Segment; s != nil {
		w.message(3, "segment", single, "", func() {
			w.int(1, s.Begin)
			w.int(2, s.End)
			w.put(s.Unknown)
		})
	}
	switch field {
	case 4, 5, 7:
		w.typed(field, t)
	}
	for _, s := range t.Strings {
		w.strAlways(6, s)
	}
	w.str(8, t.Name)
	if storage == onnx.StorageRaw && t.Type != onnx.String {
		w.blob(9, t.Data)
	}
	switch field {
	case 10, 11:
		w.typed(field, t)
	}
	w.str(12, t.Doc)
	if place != nil {
		w.entries(13, "external_data", entriesOf(place))
	}
	if storage == onnx.StorageExternal {
		w.intAlways(14, 1)
	}
	w.entries(16, "metadata_props", t.Metadata)
	w.put(t.Unknown)
}

// placeOf says how the tensor is stored and, where it is or was, outside the file.
func (w *writer) placeOf(t *onnx.Tensor) (onnx.Storage, *onnx.External) {
	if place := w.moved[t]; place != nil {
		return onnx.StorageExternal, place
	}
	if w.inline {
		if t.Storage == onnx.StorageExternal {
			return onnx.StorageRaw, nil
		}
		return t.Storage, nil
	}
	return t.Storage, t.External
}

// checkTensor says what would keep a reader from taking the tensor.
func checkTensor(t *onnx.Tensor, storage onnx.Storage, place *onnx.External) error {
	if !t.Type.Valid() {
		return fmt.Errorf("unknown element type %d", t.Type)
	}
	size, err := onnx.ByteSize(t.Type, t.Dims)
	switch {
	case err != nil:
		return err
	case storage == onnx.StorageExternal && t.Type == onnx.String:
		return errors.New("strings cannot be external data")
	case t.Type != onnx.String && len(t.Strings) > 0:
		return fmt.Errorf("a tensor of %v has strings", t.Type)
	case storage == onnx.StorageExternal && (place == nil || place.Location == ""):
		return errors.New("external data without a location")
	case storage == onnx.StorageExternal && place.HasLength && place.Length != size:
		return fmt.Errorf("external data %s has %d bytes, %v needs %d", quote(place.Location), place.Length, t, size)
	case storage == onnx.StorageExternal:
		return nil
	case !t.Bound() && len(t.Data) == 0 && len(t.Strings) == 0:
		return fmt.Errorf("%v has no data: bind its values first", t)
	case !t.Bound():
		return fmt.Errorf("%v has %d bytes and %d strings, it needs %d bytes", t, len(t.Data), len(t.Strings), size)
	}
	return nil
}

func entriesOf(x *onnx.External) []onnx.Entry {
	entries := []onnx.Entry{{Key: "location", Value: x.Location}}
	if x.HasOffset {
		entries = append(entries, onnx.Entry{Key: "offset", Value: strconv.FormatInt(x.Offset, 10)})
	}
	if x.HasLength {
		entries = append(entries, onnx.Entry{Key: "length", Value: strconv.FormatInt(x.Length, 10)})
	}
	if x.Checksum != "" {
		entries = append(entries, onnx.Entry{Key: "checksum", Value: x.Checksum})
	}
	return append(entries, x.Other...)
}

// typed writes the elements as a packed list of numbers; none at all where there are none.
func (w *writer) typed(field int, t *onnx.Tensor) {
	n := int(typedCount(t.Type, int64(t.Len())))
	if n == 0 {
		return
	}
	num := protowire.Number(field)
	if typedFields[field].size > 0 {
		w.blob(num, t.Data)
		return
	}
	w.message(num, typedFields[field].name, single, "", func() {
		for i := range n {
			w.varint(listed(t, i))
			if w.out != nil && len(w.buf) > flushSize {
				w.flush()
			}
		}
	})
}

// listed gives number i of a tensor's list: signed types with their sign, all others as the number their bits are.
func listed(t *onnx.Tensor, i int) uint64 {
	switch t.Type {
	case onnx.Int8:
		return uint64(int64(int8(t.Data[i])))
	case onnx.Int16:
		return uint64(int64(int16(binary.LittleEndian.Uint16(t.Data[2*i:]))))
	case onnx.Int32:
		return uint64(int64(int32(binary.LittleEndian.Uint32(t.Data[4*i:]))))
	}
	switch t.Type.Bits() {
	case 6:
		return uint64(getBits(t.Data, i*6))
	case 16:
		return uint64(binary.LittleEndian.Uint16(t.Data[2*i:]))
	case 32:
		return uint64(binary.LittleEndian.Uint32(t.Data[4*i:]))
	case 64:
		return binary.LittleEndian.Uint64(t.Data[8*i:])
	}
	return uint64(t.Data[i])
}

func (w *writer) sparseTensor(s *onnx.SparseTensor) {
	if s.Values == nil {
		w.fail(errors.New("no values"))
		return
	}
	if w.measuring {
		if err := checkSparse(s); err != nil {
			w.fail(err)
			return
		}
	}
	w.message(1, "values", 0, s.Values.Name, func() { w.tensor(s.Values) })
	if s.Indices != nil {
		w.message(2, "indices", single, "", func() { w.tensor(s.Indices) })
	}
	w.ints(3, s.Dims)
	w.put(s.Unknown)
}
