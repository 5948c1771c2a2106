package onnx

// ElemType is the type of a tensor's elements. The numbers are the format's (TensorProto.DataType).
type ElemType int32

// The element types.
const (
	Undefined      ElemType = 0
	Float          ElemType = 1
	Uint8          ElemType = 2
	Int8           ElemType = 3
	Uint16         ElemType = 4
	Int16          ElemType = 5
	Int32          ElemType = 6
	Int64          ElemType = 7
	String         ElemType = 8
	Bool           ElemType = 9
	Float16        ElemType = 10
	Double         ElemType = 11
	Uint32         ElemType = 12
	Uint64         ElemType = 13
	Complex64      ElemType = 14
	Complex128     ElemType = 15
	BFloat16       ElemType = 16
	Float8E4M3FN   ElemType = 17
	Float8E4M3FNUZ ElemType = 18
	Float8E5M2     ElemType = 19
	Float8E5M2FNUZ ElemType = 20
	Uint4          ElemType = 21
	Int4           ElemType = 22
	Float4E2M1     ElemType = 23
	Float8E8M0     ElemType = 24
	Uint2          ElemType = 25
	Int2           ElemType = 26
	Float6E2M3     ElemType = 27
	Float6E3M2     ElemType = 28
)

type elemInfo struct {
	name string
	bits int // 0: not of fixed size
}

// elems is indexed by element type; it is never written.
var elems = [...]elemInfo{
	{"undefined", 0}, {"float", 32}, {"uint8", 8}, {"int8", 8}, {"uint16", 16}, {"int16", 16}, {"int32", 32},
	{"int64", 64}, {"string", 0}, {"bool", 8}, {"float16", 16}, {"double", 64}, {"uint32", 32}, {"uint64", 64},
	{"complex64", 64}, {"complex128", 128}, {"bfloat16", 16}, {"float8e4m3fn", 8}, {"float8e4m3fnuz", 8},
	{"float8e5m2", 8}, {"float8e5m2fnuz", 8}, {"uint4", 4}, {"int4", 4}, {"float4e2m1", 4}, {"float8e8m0", 8},
	{"uint2", 2}, {"int2", 2}, {"float6e2m3", 6}, {"float6e3m2", 6},
}

// Valid says whether the number is one of the format's element types, Undefined left out.
func (t ElemType) Valid() bool { return t > 0 && int(t) < len(elems) }

// String gives the schema's word: "float", "int64", "bfloat16", …
func (t ElemType) String() string {
	if t < 0 || int(t) >= len(elems) {
		return "unknown element type"
	}
	return elems[t].name
}

// Bits gives the size of an element in bits: 2, 4 and 6 for the packed types, 0 for strings and unknown types.
func (t ElemType) Bits() int {
	if t < 0 || int(t) >= len(elems) {
		return 0
	}
	return elems[t].bits
}

// ByteLen gives the bytes that n elements take, packed types rounded up to a whole byte; 0 for strings.
func (t ElemType) ByteLen(n int64) int64 {
	if bits := int64(t.Bits()); bits >= 8 {
		return n * (bits / 8)
	} else {
		return (n*bits + 7) / 8
	}
}

// ParseElemType gives the element type of a schema word such as "float" or "int64".
func ParseElemType(word string) (ElemType, bool) {
	for i, e := range elems {
		if i > 0 && e.name == word {
			return ElemType(i), true
		}
	}
	return Undefined, false
}
