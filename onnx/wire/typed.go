package wire

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gonyx/gonyx/onnx"
)

// A typedList is a field of TensorProto that holds elements as a list of numbers.
type typedList struct {
	name string
	wire protowire.Type
	size int // bytes of a value on the wire, 0 for varints
}

const maxTypedField = 11

// typedFields is indexed by field number; it is never written.
var typedFields = [maxTypedField + 1]typedList{
	4:  {"float_data", protowire.Fixed32Type, 4},
	5:  {"int32_data", protowire.VarintType, 0},
	7:  {"int64_data", protowire.VarintType, 0},
	10: {"double_data", protowire.Fixed64Type, 8},
	11: {"uint64_data", protowire.VarintType, 0},
}

// typedField gives the number of the field that lists elements of the type; 0 for strings, which have a field apart.
func typedField(elem onnx.ElemType) int {
	switch elem {
	case onnx.String:
		return 0
	case onnx.Float, onnx.Complex64:
		return 4
	case onnx.Int64:
		return 7
	case onnx.Double, onnx.Complex128:
		return 10
	case onnx.Uint32, onnx.Uint64:
		return 11
	}
	return 5
}

// typedCount gives the number of values that n elements are listed as. Complex numbers are two; elements of 2 and 4
// bits are listed by packed bytes, those of 6 bits one by one.
func typedCount(elem onnx.ElemType, n int64) int64 {
	switch bits := elem.Bits(); {
	case elem == onnx.Complex64 || elem == onnx.Complex128:
		return 2 * n
	case bits < 6:
		return elem.ByteLen(n)
	}
	return n
}

// count counts the values in the field at hand, packed or not.
func (l typedList) count(r *reader) int {
	if r.typ != protowire.BytesType {
		r.want(l.name, l.wire)
		return 1
	}
	if l.size == 0 {
		return varintsIn(r.bytes)
	}
	if len(r.bytes)%l.size != 0 {
		r.fail(fmt.Errorf("%s is packed in %d bytes, which %d does not divide", l.name, len(r.bytes), l.size))
	}
	return len(r.bytes) / l.size
}

// typedElements takes a tensor's elements from the list in a field of its message.
func typedElements(t *onnx.Tensor, s *stored, field int, size int64) error {
	l := typedFields[field]
	want := typedCount(t.Type, int64(t.Len()))
	if got := int64(s.typed[field]); got != want {
		if got == 0 {
			return fmt.Errorf("no data, %v needs %d bytes", t, size)
		}
		return fmt.Errorf("%s has %d values, %v needs %d", l.name, got, t, want)
	}
	t.Storage = onnx.StorageTyped
	if size == 0 {
		t.Data = []byte{}
		return nil
	}
	var err error
	if l.size > 0 {
		t.Data, err = l.fixed(s.message, field, t.Type, int(size))
	} else {
		t.Data, err = l.varints(s.message, field, t.Type, int(size))
	}
	if err != nil {
		return err
	}
	t.Data = settle(t.Data, t)
	return nil
}

// fixed collects a list of fixed-size values, whose bytes are those of the raw layout. Where they stand together at
// a multiple of the element's size, the message's own bytes are the result.
func (l typedList) fixed(message []byte, field int, elem onnx.ElemType, size int) ([]byte, error) {
	var data []byte
	r := reader{rest: message}
	for r.next() {
		if int(r.num) != field {
			continue
		}
		values := r.bytes
		if r.typ != protowire.BytesType {
			values = r.raw[len(r.raw)-l.size:]
		}
		if len(values) == size && aligned(values, elem) {
			return values, nil
		}
		if data == nil {
			data = newData(size)[:0]
		}
		data = append(data, values...)
	}
	return data, r.err
}

// varints collects a list of varints in the raw layout of the element type.
func (l typedList) varints(message []byte, field int, elem onnx.ElemType, size int) ([]byte, error) {
	data, n := newData(size), 0
	r := reader{rest: message}
	for r.next() {
		if int(r.num) != field {
			continue
		}
		if r.typ == protowire.VarintType {
			if err := l.put(data, n, elem, r.scalar); err != nil {
				return nil, err
			}
			n++
			continue
		}
		for b := r.bytes; len(b) > 0; n++ {
			v, m := protowire.ConsumeVarint(b)
			if m < 0 {
				return nil, fmt.Errorf("%s: value %d is broken: %s", l.name, n, broken(m))
			}
			if err := l.put(data, n, elem, v); err != nil {
				return nil, err
			}
			b = b[m:]
		}
	}
	return data, r.err
}

// put writes value n of a list into data. A value that fits the element type as a signed or as an unsigned number
// is taken: writers differ in how they list an int8, a float16's bits or a pair of int4.
func (l typedList) put(data []byte, n int, elem onnx.ElemType, v uint64) error {
	bits := elem.Bits()
	if bits < 6 {
		bits = 8
	}
	if l.name == "int32_data" {
		v = uint64(int64(int32(v)))
	}
	if elem == onnx.Bool && v != 0 {
		v = 1
	}
	signed := int64(v)
	if bits < 64 && v>>bits != 0 && (elem == onnx.Uint32 || signed >= 0 || signed < -1<<(bits-1)) {
		return fmt.Errorf("%s: value %d is %d, which %v cannot hold", l.name, n, signed, elem)
	}
	switch bits {
	case 6:
		putBits(data, n*6, byte(v)&0x3f)
	case 8:
		data[n] = byte(v)
	case 16:
		binary.LittleEndian.PutUint16(data[2*n:], uint16(v))
	case 32:
		binary.LittleEndian.PutUint32(data[4*n:], uint32(v))
	case 64:
		binary.LittleEndian.PutUint64(data[8*n:], v)
	}
	return nil
}

// putBits ors 6 bits into the stream at bit i, low bits first.
func putBits(data []byte, i int, v byte) {
	data[i/8] |= v << (i % 8)
	if i%8 > 2 {
		data[i/8+1] |= v >> (8 - i%8)
	}
}

// getBits takes 6 bits from the stream at bit i.
func getBits(data []byte, i int) byte {
	v := data[i/8] >> (i % 8)
	if i%8 > 2 {
		v |= data[i/8+1] << (8 - i%8)
	}
	return v & 0x3f
}
