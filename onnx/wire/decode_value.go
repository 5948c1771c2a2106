package wire

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/gonyx/gonyx/onnx"
)

// DecodeValue reads a value of the type that a graph declares for it: TensorProto, SparseTensorProto, SequenceProto,
// OptionalProto or MapProto. These messages do not say which of them they are, so the type's kind must be right;
// beyond it, the types of a sequence's elements, an optional's value and a map's values are held against the type
// where it states them, and shapes are not.
func DecodeValue(data []byte, typ onnx.Type, opts Options) (onnx.Value, error) {
	d := newDecoder(data, opts)
	defer d.close()
	v, err := d.value(data, typ.Kind, &typ)
	if err != nil {
		return nil, fmt.Errorf("wire: %v: %w", typ, err)
	}
	return v, nil
}

// value reads a value of the kind. declared is its type as far as that is known; it may be nil.
func (d *decoder) value(b []byte, kind onnx.Kind, declared *onnx.Type) (onnx.Value, error) {
	var of *onnx.Type
	if declared != nil {
		of = declared.Of
	}
	switch kind {
	case onnx.KindTensor:
		return asValue(d.tensor(b))
	case onnx.KindSparseTensor:
		return asValue(d.sparseTensor(b))
	case onnx.KindSequence:
		return asValue(d.sequence(b, of))
	case onnx.KindOptional:
		return asValue(d.optional(b, of))
	case onnx.KindMap:
		return asValue(d.mapping(b, of))
	}
	return nil, errors.New("values of this type have no encoding")
}

// asValue keeps a nil pointer from becoming a value that is not nil.
func asValue[T onnx.Value](v T, err error) (onnx.Value, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// valueKinds is indexed by the elem_type of a sequence or an optional. Neither table is ever written.
var valueKinds = [...]onnx.Kind{onnx.KindUndefined, onnx.KindTensor, onnx.KindSparseTensor, onnx.KindSequence,
	onnx.KindMap, onnx.KindOptional}

var kindNames = [...]string{onnx.KindUndefined: "nothing", onnx.KindTensor: "tensor", onnx.KindSparseTensor: "sparse tensor",
	onnx.KindSequence: "sequence", onnx.KindMap: "map", onnx.KindOptional: "optional", onnx.KindOpaque: "opaque"}

// inside gathers the values in a sequence or an optional, which must be of one kind.
type inside struct {
	kind     onnx.Kind // of the values seen
	stated   onnx.Kind // by elem_type
	declared *onnx.Type
}

func (in *inside) state(r *reader) {
	n := r.int32("elem_type")
	if r.err == nil && (n < 0 || int(n) >= len(valueKinds)) {
		r.fail(fmt.Errorf("unknown elem_type %d", n))
		return
	}
	in.stated = valueKinds[n]
}

func (in *inside) see(r *reader, kind onnx.Kind) {
	if in.kind != onnx.KindUndefined && in.kind != kind {
		r.fail(fmt.Errorf("values of two kinds: %s and %s", kindNames[in.kind], kindNames[kind]))
	}
	in.kind = kind
}

// settle gives the one type of the values: what is declared, else what the values are.
func (in *inside) settle(values []onnx.Value) (onnx.Type, error) {
	if in.stated == onnx.KindUndefined {
		in.stated = in.kind
	}
	if in.kind != onnx.KindUndefined && in.kind != in.stated {
		return onnx.Type{}, fmt.Errorf("elem_type says %s, but a %s is there", kindNames[in.stated], kindNames[in.kind])
	}
	elem := onnx.Type{Kind: in.stated}
	for i, v := range values {
		got := withoutShape(onnx.TypeOf(v))
		if i == 0 {
			elem = got
		} else if !agree(elem, got) {
			return onnx.Type{}, fmt.Errorf("value %d is %v, value 0 is %v", i, got, elem)
		}
	}
	if in.declared == nil || in.declared.Kind == onnx.KindUndefined {
		return elem, nil
	}
	if !agree(*in.declared, elem) {
		return onnx.Type{}, fmt.Errorf("%v is there, where %v is declared", elem, *in.declared)
	}
	return *in.declared, nil
}

func withoutShape(t onnx.Type) onnx.Type {
	t.Ranked, t.Dims = false, nil
	return t
}

// agree says whether two types are the same as far as both are known, shapes left out.
func agree(a, b onnx.Type) bool {
	if a.Kind == onnx.KindUndefined || b.Kind == onnx.KindUndefined {
		return true
	}
	if a.Kind != b.Kind || a.Elem != b.Elem && a.Elem != 0 && b.Elem != 0 || a.Key != b.Key && a.Key != 0 && b.Key != 0 {
		return false
	}
	return a.Of == nil || b.Of == nil || agree(*a.Of, *b.Of)
}

func (d *decoder) sequence(b []byte, declared *onnx.Type) (*onnx.Sequence, error) {
	s := &onnx.Sequence{}
	if err := d.charge(unsafe.Sizeof(*s)); err != nil {
		return nil, err
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	in := inside{declared: declared}
	r := reader{rest: b}
	add := func(kind onnx.Kind) {
		in.see(&r, kind)
		s.Values = list(&r, "value", 0, s.Values, func(b []byte) (onnx.Value, error) { return d.value(b, kind, declared) })
	}
	for r.next() {
		switch r.num {
		case 1:
			s.Name = r.str("name")
		case 2:
			in.state(&r)
		case 3:
			add(onnx.KindTensor)
		case 4:
			add(onnx.KindSparseTensor)
		case 5:
			add(onnx.KindSequence)
		case 6:
			add(onnx.KindMap)
		case 7:
			add(onnx.KindOptional)
		default:
			s.Unknown = append(s.Unknown, r.raw...)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	var err error
	s.Elem, err = in.settle(s.Values)
	return s, err
}

func (d *decoder) optional(b []byte, declared *onnx.Type) (*onnx.Optional, error) {
	o := &onnx.Optional{}
	if err := d.charge(unsafe.Sizeof(*o)); err != nil {
		return nil, err
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	in := inside{declared: declared}
	var value part
	r := reader{rest: b}
	add := func(kind onnx.Kind) {
		in.see(&r, kind)
		value.add(d, &r, "value")
	}
	for r.next() {
		switch r.num {
		case 1:
			o.Name = r.str("name")
		case 2:
			in.state(&r)
		case 3:
			add(onnx.KindTensor)
		case 4:
			add(onnx.KindSparseTensor)
		case 5:
			add(onnx.KindSequence)
		case 6:
			add(onnx.KindMap)
		case 7:
			add(onnx.KindOptional)
		default:
			o.Unknown = append(o.Unknown, r.raw...)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	var values []onnx.Value
	if value.set {
		v, err := d.value(value.bytes, in.kind, declared)
		if err != nil {
			return nil, at(err, "value")
		}
		o.Value, values = v, []onnx.Value{v}
	}
	var err error
	o.Elem, err = in.settle(values)
	return o, err
}

func (d *decoder) mapping(b []byte, declared *onnx.Type) (*onnx.Map, error) {
	m := &onnx.Map{}
	if err := d.charge(unsafe.Sizeof(*m) + unsafe.Sizeof(*m.Keys)); err != nil {
		return nil, err
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	var keyType onnx.ElemType
	var keys []int64
	var words []string
	var values part
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			m.Name = r.str("name")
		case 2:
			keyType = onnx.ElemType(r.int32("key_type"))
		case 3:
			keys = r.int64s("keys", keys)
		case 4:
			words = append(words, r.str("string_keys"))
		case 5:
			values.add(d, &r, "values")
		default:
			m.Unknown = append(m.Unknown, r.raw...)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	var err error
	if m.Keys, err = mapKeys(keyType, keys, words); err != nil {
		return nil, err
	}
	if m.Values, err = d.sequence(values.bytes, declared); err != nil {
		return nil, at(err, "values")
	}
	if got, want := len(m.Values.Values), m.Keys.Len(); got != want {
		return nil, fmt.Errorf("%d values for %d keys", got, want)
	}
	return m, nil
}

// keyRange gives the least and the greatest key of an integer type as the format lists them; of uint64, the bits.
func keyRange(elem onnx.ElemType) (least, most int64, ok bool) {
	bits := elem.Bits()
	switch elem {
	case onnx.Int8, onnx.Int16, onnx.Int32:
		return -1 << (bits - 1), 1<<(bits-1) - 1, true
	case onnx.Uint8, onnx.Uint16, onnx.Uint32:
		return 0, 1<<bits - 1, true
	case onnx.Int64, onnx.Uint64:
		return math.MinInt64, math.MaxInt64, true
	}
	return 0, 0, false
}

func mapKeys(elem onnx.ElemType, keys []int64, words []string) (*onnx.Tensor, error) {
	least, most, integer := keyRange(elem)
	switch {
	case elem == onnx.String && len(keys) == 0:
		return &onnx.Tensor{Type: elem, Dims: []int64{int64(len(words))}, Strings: append([]string{}, words...), Storage: onnx.StorageTyped}, nil
	case elem == onnx.String || integer && len(words) > 0:
		return nil, fmt.Errorf("keys of another type than key_type says, %v", elem)
	case !integer:
		return nil, fmt.Errorf("key_type %d is neither an integer type nor string", elem)
	}
	t := onnx.NewTensor(elem, int64(len(keys)))
	size := elem.Bits() / 8
	for i, k := range keys {
		if k < least || k > most {
			return nil, fmt.Errorf("key %d is %d, which %v cannot hold", i, k, elem)
		}
		for j := range size {
			t.Data[i*size+j] = byte(k >> (8 * j))
		}
	}
	return t, nil
}
