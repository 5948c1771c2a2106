package onnx

import (
	"fmt"
	"strings"
)

// Kind says what a value is.
type Kind int32

// The kinds of a value; TypeProto's oneof.
const (
	KindUndefined Kind = iota
	KindTensor
	KindSparseTensor
	KindSequence
	KindMap
	KindOptional
	KindOpaque
)

// Type is the type of a value (TypeProto).
type Type struct {
	Kind       Kind
	Elem       ElemType // of a tensor or sparse tensor
	Ranked     bool     // whether Dims is known; a tensor type without a shape is legal
	Dims       []Dim    // shape of a tensor or sparse tensor where Ranked
	Key        ElemType // of a map
	Of         *Type    // element of a sequence or optional, value of a map
	Domain     string   // of an opaque type
	Name       string   // of an opaque type
	Denotation string
	Unknown    []byte

	// Fields unknown to this version, of the message for the kind and of the shape in it.
	KindUnknown, ShapeUnknown []byte
}

// TensorType makes a tensor type with a shape.
func TensorType(elem ElemType, dims ...Dim) Type {
	return Type{Kind: KindTensor, Elem: elem, Ranked: true, Dims: dims}
}

// UnrankedTensorType makes a tensor type without a shape.
func UnrankedTensorType(elem ElemType) Type { return Type{Kind: KindTensor, Elem: elem} }

// String spells the type as the standard's schemas do, with the shape where known: "tensor(float)[batch,3,64,64]",
// "seq(tensor(int64))".
func (t Type) String() string {
	switch t.Kind {
	case KindTensor, KindSparseTensor:
		word := "tensor"
		if t.Kind == KindSparseTensor {
			word = "sparse_tensor"
		}
		s := word + "(" + t.Elem.String() + ")"
		if t.Ranked {
			s += ShapeString(t.Dims)
		}
		return s
	case KindSequence:
		return "seq(" + t.of() + ")"
	case KindOptional:
		return "optional(" + t.of() + ")"
	case KindMap:
		return "map(" + t.Key.String() + "," + t.of() + ")"
	case KindOpaque:
		return "opaque(" + t.Domain + "," + t.Name + ")"
	}
	return "undefined"
}

func (t Type) of() string {
	if t.Of == nil {
		return "undefined"
	}
	return t.Of.String()
}

// Dim is one dimension of a shape: a known size, a symbol, or unknown.
type Dim struct {
	Value      int64  // the size, or -1 where it is not known
	Param      string // the symbol, where the size is not known but named
	Denotation string
	Unknown    string // fields unknown to this version; a string, so that dimensions can be compared with ==
}

// Fixed is a dimension of known size.
func Fixed(n int64) Dim { return Dim{Value: n} }

// Symbol is a dimension with a name in place of a size.
func Symbol(name string) Dim { return Dim{Value: -1, Param: name} }

// UnknownDim is a dimension of which nothing is known.
func UnknownDim() Dim { return Dim{Value: -1} }

// FixedDims makes dimensions of known sizes.
func FixedDims(sizes ...int64) []Dim {
	dims := make([]Dim, len(sizes))
	for i, n := range sizes {
		dims[i] = Fixed(n)
	}
	return dims
}

// Known says whether the size is known.
func (d Dim) Known() bool { return d.Value >= 0 }

// String gives the size, the symbol or "?".
func (d Dim) String() string {
	switch {
	case d.Known():
		return fmt.Sprint(d.Value)
	case d.Param != "":
		return d.Param
	}
	return "?"
}

// ShapeString prints a shape: "[batch,3,64,64]", "[]" for a scalar.
func ShapeString(dims []Dim) string {
	parts := make([]string, len(dims))
	for i, d := range dims {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ",") + "]"
}
