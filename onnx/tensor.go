package onnx

import (
	"fmt"
	"math"
	"strings"
	"unsafe"
)

// Storage says where a file keeps a tensor's elements. It does not change what the tensor is.
type Storage uint8

// The ways a file stores a tensor.
const (
	StorageRaw      Storage = iota // raw_data
	StorageTyped                   // float_data, int32_data, int64_data, double_data, uint64_data (strings always are)
	StorageExternal                // another file, see [External]
)

// Tensor is an n-dimensional array of one element type, in row-major order (TensorProto).
//
// Data holds the elements little-endian in the format's raw layout, whatever the file's storage was: elements of 2, 4
// and 6 bits packed into one stream of bits with the first in the low bits and zeros after the last, complex numbers
// as real and imaginary part, bool as one byte of 0 or 1. Elements of a string tensor stand in Strings.
type Tensor struct {
	Name     string
	Doc      string
	Type     ElemType
	Dims     []int64
	Data     []byte
	Strings  []string
	Storage  Storage
	External *External
	Segment  *Segment
	Metadata []Entry
	Unknown  []byte
}

// External says where a tensor's bytes stand outside the model file.
type External struct {
	Location  string // relative to the model's folder
	Offset    int64
	Length    int64
	HasOffset bool
	HasLength bool
	Checksum  string
	Other     []Entry // keys this version does not know
}

// Segment is the part of a larger tensor that this one holds (TensorProto.Segment).
type Segment struct {
	Begin, End int64
	Unknown    []byte
}

// Value is what flows through a graph: a *[Tensor], *[SparseTensor], *[Sequence], *[Optional] or *[Map].
type Value interface{ valueType() Type }

// TypeOf gives the type of a value, with the shape of a tensor.
func TypeOf(v Value) Type { return v.valueType() }

// Sequence is a list of values of one type (SequenceProto).
type Sequence struct {
	Name    string
	Elem    Type
	Values  []Value
	Unknown []byte
}

// Optional is a value or nothing; nothing where Value is nil (OptionalProto).
type Optional struct {
	Name    string
	Elem    Type
	Value   Value
	Unknown []byte
}

// Map maps the elements of Keys, an integer or string tensor of one dimension, to Values in the same order (MapProto).
type Map struct {
	Name    string
	Keys    *Tensor
	Values  *Sequence
	Unknown []byte
}

// SparseTensor holds the elements that are not zero (SparseTensorProto). Its name is that of Values.
type SparseTensor struct {
	Values  *Tensor // [nnz]
	Indices *Tensor // int64 [nnz] linear, or [nnz, rank]
	Dims    []int64
	Unknown []byte
}

// Name gives the name of the tensor, which the format keeps with its values.
func (s *SparseTensor) Name() string {
	if s.Values == nil {
		return ""
	}
	return s.Values.Name
}

func (t *Tensor) valueType() Type { return TensorType(t.Type, FixedDims(t.Dims...)...) }
func (s *SparseTensor) valueType() Type {
	elem := Undefined
	if s.Values != nil {
		elem = s.Values.Type
	}
	return Type{Kind: KindSparseTensor, Elem: elem, Ranked: true, Dims: FixedDims(s.Dims...)}
}
func (s *Sequence) valueType() Type { return Type{Kind: KindSequence, Of: &s.Elem} }
func (o *Optional) valueType() Type { return Type{Kind: KindOptional, Of: &o.Elem} }
func (m *Map) valueType() Type {
	return Type{Kind: KindMap, Key: m.Keys.Type, Of: &m.Values.Elem}
}

// Elements counts the elements that dims hold, or fails where one is negative or the count overflows.
func Elements(dims []int64) (int64, error) {
	n := int64(1)
	for _, d := range dims {
		if d < 0 {
			return 0, fmt.Errorf("negative dimension %d in shape %v", d, dims)
		}
		if d != 0 && n > math.MaxInt64/d {
			return 0, fmt.Errorf("shape %v has more elements than fit 64 bits", dims)
		}
		n *= d
	}
	return n, nil
}

// ByteSize gives the bytes that a tensor of this type and shape takes (16 for the header of each string), or fails
// where a dimension is negative or the size overflows.
func ByteSize(elem ElemType, dims []int64) (int64, error) {
	n, err := Elements(dims)
	if err != nil {
		return 0, err
	}
	if n > math.MaxInt64/16 {
		return 0, fmt.Errorf("shape %v of %v takes more bytes than fit 64 bits", dims, elem)
	}
	if elem == String {
		return n * 16, nil
	}
	return elem.ByteLen(n), nil
}

// Len counts the elements. The dimensions must be sound, which decoding checks.
func (t *Tensor) Len() int {
	n := int64(1)
	for _, d := range t.Dims {
		n *= d
	}
	return int(n)
}

// Bound says whether the tensor has its elements: false for a parameter that awaits its weights and for external data
// that was not loaded.
func (t *Tensor) Bound() bool {
	if t.Type == String {
		return len(t.Strings) == t.Len()
	}
	return int64(len(t.Data)) == t.Type.ByteLen(int64(t.Len()))
}

// String describes the tensor without its elements: "float[2,3]".
func (t *Tensor) String() string {
	parts := make([]string, len(t.Dims))
	for i, d := range t.Dims {
		parts[i] = fmt.Sprint(d)
	}
	return t.Type.String() + "[" + strings.Join(parts, ",") + "]"
}

// Alignment of the memory that [NewTensor] and [AlignedBytes] give, in bytes: a cache line, a vector register.
const Alignment = 64

// AlignedBytes gives n zero bytes whose start is a multiple of [Alignment].
func AlignedBytes(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	b := make([]byte, n+Alignment)
	shift := (Alignment - int(uintptr(unsafe.Pointer(&b[0]))%Alignment)) % Alignment
	return b[shift : shift+n : shift+n]
}

// NewTensor makes a tensor of zeros (or empty strings). It panics where dims are negative or overflow: check sizes that
// come from data with [ByteSize] first.
func NewTensor(elem ElemType, dims ...int64) *Tensor {
	size, err := ByteSize(elem, dims)
	if err != nil {
		panic("onnx.NewTensor: " + err.Error())
	}
	t := &Tensor{Type: elem, Dims: dims}
	if elem == String {
		t.Strings = make([]string, t.Len())
		return t
	}
	t.Data = AlignedBytes(int(size))
	return t
}

// Element is a Go type that a tensor's elements can be seen as. float16 and bfloat16 are uint16, the float8 family and
// bool are uint8 or their own type.
type Element interface {
	~float32 | ~float64 | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~bool | ~complex64 | ~complex128
}

// View sees the tensor's bytes as elements of T without copying. It panics where the size of T is not that of the
// element type. Data that does not start at a multiple of T's size is copied first, which decoding and NewTensor
// never make necessary.
func View[T Element](t *Tensor) []T {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if t.Type.Bits() != size*8 {
		panic(fmt.Sprintf("onnx.View: %v seen as elements of %d bytes", t, size))
	}
	if len(t.Data) > 0 && uintptr(unsafe.Pointer(&t.Data[0]))%unsafe.Alignof(zero) != 0 {
		aligned := AlignedBytes(len(t.Data))
		copy(aligned, t.Data)
		t.Data = aligned
	}
	return ElementsOf[T](t.Data)
}

// ElementsOf sees bytes as elements of T without copying. The bytes must start at a multiple of T's alignment.
func ElementsOf[T Element](b []byte) []T {
	if len(b) == 0 {
		return []T{}
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), len(b)/int(unsafe.Sizeof(*new(T))))
}

// BytesOf sees elements as bytes without copying.
func BytesOf[T Element](v []T) []byte {
	if len(v) == 0 {
		return []byte{}
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
}

// Float32s sees a float tensor's elements.
func (t *Tensor) Float32s() []float32 { t.must(Float); return View[float32](t) }

// Float64s sees a double tensor's elements.
func (t *Tensor) Float64s() []float64 { t.must(Double); return View[float64](t) }

// Int32s sees an int32 tensor's elements.
func (t *Tensor) Int32s() []int32 { t.must(Int32); return View[int32](t) }

// Int64s sees an int64 tensor's elements.
func (t *Tensor) Int64s() []int64 { t.must(Int64); return View[int64](t) }

// Uint8s sees a uint8 tensor's elements.
func (t *Tensor) Uint8s() []uint8 { t.must(Uint8); return t.Data }

// Bools sees a bool tensor's elements.
func (t *Tensor) Bools() []bool { t.must(Bool); return View[bool](t) }

func (t *Tensor) must(elem ElemType) {
	if t.Type != elem {
		panic(fmt.Sprintf("onnx.Tensor: elements of %v read as %v", t.Type, elem))
	}
}

// FromFloat32s makes a float tensor over v, which it does not copy.
func FromFloat32s(v []float32, dims ...int64) *Tensor {
	return &Tensor{Type: Float, Dims: dims, Data: BytesOf(v)}
}

// FromInt64s makes an int64 tensor over v, which it does not copy. Without dims it has one dimension.
func FromInt64s(v []int64, dims ...int64) *Tensor {
	if dims == nil {
		dims = []int64{int64(len(v))}
	}
	return &Tensor{Type: Int64, Dims: dims, Data: BytesOf(v)}
}

// FromStrings makes a string tensor over v, which it does not copy.
func FromStrings(v []string, dims ...int64) *Tensor {
	return &Tensor{Type: String, Dims: dims, Strings: v}
}

// Scalar32 makes a float tensor of rank 0.
func Scalar32(v float32) *Tensor { return FromFloat32s([]float32{v}, []int64{}...) }

// Scalar64 makes an int64 tensor of rank 0.
func Scalar64(v int64) *Tensor { return FromInt64s([]int64{v}, []int64{}...) }
