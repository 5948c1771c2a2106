package wire

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/gonyx/gonyx/onnx"
)

// DecodeTensor reads a tensor by itself (TensorProto), as test vectors and .pb files hold it.
func DecodeTensor(data []byte, opts Options) (*onnx.Tensor, error) {
	d := newDecoder(data, opts)
	defer d.close()
	t, err := d.tensor(data)
	if err != nil {
		return nil, fmt.Errorf("wire: tensor: %w", err)
	}
	return t, nil
}

// stored is what a tensor's message says about its elements, before it is known whether that is sound.
type stored struct {
	message  []byte
	raw      []byte // raw_data; nil where the field is absent
	typed    [maxTypedField + 1]int
	external bool
	entries  []onnx.Entry // external_data
}

func (d *decoder) tensor(b []byte) (*onnx.Tensor, error) {
	t := &onnx.Tensor{}
	if err := d.charge(unsafe.Sizeof(*t)); err != nil {
		return nil, err
	}
	s := stored{message: b}
	var segment part
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			t.Dims = r.int64s("dims", t.Dims)
		case 2:
			t.Type = onnx.ElemType(r.int32("data_type"))
		case 3:
			segment.add(d, &r, "segment")
		case 4, 5, 7, 10, 11:
			s.typed[r.num] += typedFields[r.num].count(&r)
		case 6:
			t.Strings = append(t.Strings, r.str("string_data"))
		case 8:
			t.Name = r.str("name")
		case 9:
			s.raw = r.blob("raw_data")
		case 12:
			t.Doc = r.str("doc_string")
		case 13:
			s.entries = list(&r, "external_data", 1, s.entries, d.entry)
		case 14:
			location := r.int32("data_location")
			if location != 0 && location != 1 {
				r.fail(fmt.Errorf("unknown data_location %d", location))
			}
			s.external = location == 1
		case 16:
			t.Metadata = list(&r, "metadata_props", 1, t.Metadata, d.entry)
		default:
			t.Unknown = append(t.Unknown, r.raw...)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if segment.set {
		var err error
		if t.Segment, err = d.segment(segment.bytes); err != nil {
			return nil, at(err, "segment")
		}
	}
	if err := d.elements(t, &s); err != nil {
		return nil, err
	}
	return t, nil
}

func (d *decoder) segment(b []byte) (*onnx.Segment, error) {
	s := &onnx.Segment{}
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			s.Begin = r.int64("begin")
		case 2:
			s.End = r.int64("end")
		default:
			s.Unknown = append(s.Unknown, r.raw...)
		}
	}
	return s, r.err
}

// elements checks the tensor's type and shape against what is stored and takes the elements from there.
func (d *decoder) elements(t *onnx.Tensor, s *stored) error {
	if t.Type == onnx.Undefined {
		return errors.New("no element type")
	}
	if !t.Type.Valid() {
		return fmt.Errorf("unknown element type %d", t.Type)
	}
	size, err := onnx.ByteSize(t.Type, t.Dims)
	if err != nil {
		return err
	}
	if size > d.limit {
		return fmt.Errorf("%v takes %d bytes, more than the memory limit of %d", t, size, d.limit)
	}
	field := typedField(t.Type)
	for num, n := range s.typed {
		if n > 0 && num != field {
			return fmt.Errorf("%s has %d values, where a tensor of %v keeps none", typedFields[num].name, n, t.Type)
		}
	}
	if len(t.Strings) > 0 && t.Type != onnx.String {
		return fmt.Errorf("string_data has %d values, where a tensor of %v keeps none", len(t.Strings), t.Type)
	}
	if t.External, err = external(s.entries); err != nil {
		return err
	}
	switch {
	case s.external:
		return d.externalElements(t, s, size)
	case t.Type == onnx.String:
		return stringElements(t, s)
	case len(s.raw) > 0 && s.typed[field] > 0:
		return fmt.Errorf("both raw_data and %s hold values", typedFields[field].name)
	case s.typed[field] > 0 || s.raw == nil:
		return typedElements(t, s, field, size)
	}
	if int64(len(s.raw)) != size {
		return fmt.Errorf("raw data has %d bytes, %v needs %d", len(s.raw), t, size)
	}
	t.Data, t.Storage = settle(s.raw, t), onnx.StorageRaw
	return nil
}

func stringElements(t *onnx.Tensor, s *stored) error {
	if len(s.raw) > 0 {
		return errors.New("raw_data holds bytes, where strings stand in string_data")
	}
	if got, want := len(t.Strings), t.Len(); got != want {
		return fmt.Errorf("string_data has %d values, %v needs %d", got, t, want)
	}
	if t.Strings == nil {
		t.Strings = []string{}
	}
	t.Storage = onnx.StorageTyped
	return nil
}

func (d *decoder) externalElements(t *onnx.Tensor, s *stored, size int64) error {
	switch field := typedField(t.Type); {
	case t.Type == onnx.String:
		return errors.New("strings cannot be external data")
	case len(s.raw) > 0 || s.typed[field] > 0:
		return errors.New("the elements are external, but the tensor holds some itself")
	case t.External == nil || t.External.Location == "":
		return errors.New("external data without a location")
	case t.External.HasLength && t.External.Length != size:
		return fmt.Errorf("external data %s has %d bytes, %v needs %d", quote(t.External.Location), t.External.Length, t, size)
	}
	t.Storage = onnx.StorageExternal
	if d.folder == nil {
		return nil
	}
	data, err := d.folder.read(t.External, size)
	if err != nil {
		return at(err, "external data "+quote(t.External.Location))
	}
	t.Data = settle(data, t)
	return nil
}

// settle gives the bytes of a tensor in the form that [onnx.Tensor] promises: aligned for its elements, bool 0 or 1,
// no bits set after the last element. It gives b itself where that is so, and a copy where it is not: b may be shared.
func settle(b []byte, t *onnx.Tensor) []byte {
	if len(b) == 0 {
		return []byte{}
	}
	ours := false
	own := func() {
		if !ours {
			b, ours = copied(b), true
		}
	}
	if !aligned(b, t.Type) {
		own()
	}
	if t.Type == onnx.Bool {
		for i, v := range b {
			if v > 1 {
				own()
				b[i] = 1
			}
		}
	}
	if used := uint(int64(t.Len())*int64(t.Type.Bits())) % 8; used != 0 {
		last, mask := len(b)-1, byte(1)<<used-1
		if b[last]&^mask != 0 {
			own()
			b[last] &= mask
		}
	}
	return b
}

// smallData is the size from which data that is copied starts at a cache line.
const smallData = 256

func newData(n int) []byte {
	if n < smallData {
		return make([]byte, n) // starts at a multiple of the element's size, as that divides n
	}
	return onnx.AlignedBytes(n)
}

func copied(b []byte) []byte {
	c := newData(len(b))
	copy(c, b)
	return c
}

// aligned says whether b starts where elements of the type may start.
func aligned(b []byte, elem onnx.ElemType) bool {
	size := uintptr(max(elem.Bits()/8, 1))
	return uintptr(unsafe.Pointer(&b[0]))%min(size, 8) == 0
}
