package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Fact is what is known of a value before anything runs: its type and shape, and the value itself or the elements of a
// small integer vector where they are known.
type Fact struct {
	Type  onnx.Type
	Value *onnx.Tensor // the whole value, where known
	Elems []onnx.Dim   // elements of an integer tensor of rank 0 or 1, each known or symbolic, where Value is not known
}

// Absent is the fact of an optional input that is not there.
var Absent = Fact{}

// Absent says whether the fact is that of an optional input that is not there.
func (f Fact) Absent() bool { return f.Type.Kind == onnx.KindUndefined }

// Tensor is the fact of a tensor of a known rank.
func Tensor(elem onnx.ElemType, dims ...onnx.Dim) Fact {
	return Fact{Type: onnx.TensorType(elem, dims...)}
}

// Unranked is the fact of a tensor of which only the element type is known.
func Unranked(elem onnx.ElemType) Fact { return Fact{Type: onnx.UnrankedTensorType(elem)} }

// factsOf is FactOf of each.
func factsOf(values []onnx.Value) []Fact {
	facts := make([]Fact, len(values))
	for i, v := range values {
		facts[i] = FactOf(v)
	}
	return facts
}

// Known is the fact of a value that is known.
func Known(t *onnx.Tensor) Fact {
	return Fact{Type: onnx.TensorType(t.Type, onnx.FixedDims(t.Dims...)...), Value: t}
}

// Elem gives the element type of a tensor.
func (f Fact) Elem() onnx.ElemType { return f.Type.Elem }

// Ranked says whether the rank is known.
func (f Fact) Ranked() bool { return f.Type.Ranked }

// Dims gives the dimensions where Ranked.
func (f Fact) Dims() []onnx.Dim { return f.Type.Dims }

// Rank gives the number of dimensions where Ranked.
func (f Fact) Rank() int { return len(f.Type.Dims) }

// Sizes gives the dimensions as numbers, and whether all of them are known.
func (f Fact) Sizes() ([]int64, bool) {
	if !f.Type.Ranked {
		return nil, false
	}
	sizes := make([]int64, len(f.Type.Dims))
	for i, d := range f.Type.Dims {
		if !d.Known() {
			return nil, false
		}
		sizes[i] = d.Value
	}
	return sizes, true
}

// Ints gives the elements of an integer tensor of rank 0 or 1 as dimensions, and whether how many there are is known.
// An element that is not known is onnx.UnknownDim. Negative known elements are told apart by known values only: see
// KnownInts.
func (f Fact) Ints() ([]onnx.Dim, bool) {
	if f.Value != nil {
		v, err := IntsOf(f.Value)
		if err != nil {
			return nil, false
		}
		dims := make([]onnx.Dim, len(v))
		for i, n := range v {
			dims[i] = onnx.Fixed(n)
		}
		return dims, true
	}
	if f.Elems != nil {
		return f.Elems, true
	}
	if f.Ranked() && f.Rank() == 1 && f.Dims()[0].Known() && f.Dims()[0].Value <= maxElems {
		dims := make([]onnx.Dim, f.Dims()[0].Value)
		for i := range dims {
			dims[i] = onnx.UnknownDim()
		}
		return dims, true
	}
	return nil, false
}

// maxElems bounds the vectors whose elements inference follows; shapes are far shorter.
const maxElems = 1024

// KnownInts gives the elements of an integer tensor whose value is known.
func (f Fact) KnownInts() ([]int64, bool) {
	if f.Value == nil {
		return nil, false
	}
	v, err := IntsOf(f.Value)
	return v, err == nil
}

// IntsOf reads an int32 or int64 tensor as int64.
func IntsOf(t *onnx.Tensor) ([]int64, error) {
	switch t.Type {
	case onnx.Int64:
		return t.Int64s(), nil
	case onnx.Int32:
		v := make([]int64, t.Len())
		for i, n := range t.Int32s() {
			v[i] = int64(n)
		}
		return v, nil
	}
	return nil, fmt.Errorf("%v where int64 or int32 is needed", t)
}

// String prints the type with its shape, and the value of a small known vector.
func (f Fact) String() string {
	if f.Absent() {
		return "absent"
	}
	s := f.Type.String()
	if v, ok := f.KnownInts(); ok && len(v) <= 8 {
		return s + fmt.Sprint(v)
	}
	return s
}

// FactOf is the fact of a value at hand, for evaluating and testing.
func FactOf(v onnx.Value) Fact {
	if v == nil {
		return Absent
	}
	if t, ok := v.(*onnx.Tensor); ok {
		return Known(t)
	}
	return Fact{Type: onnx.TypeOf(v)}
}

// sameDim merges what two facts say of one dimension, or fails where they contradict.
func sameDim(a, b onnx.Dim) (onnx.Dim, error) {
	switch {
	case a.Known() && b.Known():
		if a.Value != b.Value {
			return a, fmt.Errorf("dimension %v does not match %v", a, b)
		}
		return a, nil
	case a.Known():
		return a, nil
	case b.Known():
		return b, nil
	case a.Param != "":
		return a, nil
	}
	return b, nil
}

// Merge joins a declared type with an inferred fact, or fails where they contradict. A declared symbol gives its name to
// a dimension of which nothing is known.
func Merge(declared onnx.Type, f Fact) (Fact, error) {
	if declared.Kind == onnx.KindUndefined {
		return f, nil
	}
	if f.Absent() || f.Type.Kind == onnx.KindTensor && f.Elem() == onnx.Undefined && !f.Ranked() {
		return Fact{Type: declared}, nil
	}
	if declared.Kind != f.Type.Kind {
		return f, fmt.Errorf("%v is declared, %v is computed", declared, f.Type)
	}
	if declared.Kind != onnx.KindTensor {
		return f, nil
	}
	if declared.Elem != onnx.Undefined && f.Elem() != onnx.Undefined && declared.Elem != f.Elem() {
		return f, fmt.Errorf("%v is declared, %v is computed", declared, f.Type)
	}
	if f.Elem() == onnx.Undefined {
		f.Type.Elem = declared.Elem
	}
	if !declared.Ranked {
		return f, nil
	}
	if !f.Ranked() {
		f.Type.Ranked, f.Type.Dims = true, declared.Dims
		return f, nil
	}
	if len(declared.Dims) != f.Rank() {
		return f, fmt.Errorf("%v is declared, %v is computed", declared, f.Type)
	}
	dims := slices.Clone(f.Dims())
	for i := range dims {
		d, err := sameDim(dims[i], declared.Dims[i])
		if err != nil {
			return f, fmt.Errorf("%v is declared, %v is computed", declared, f.Type)
		}
		dims[i] = d
	}
	f.Type.Dims = dims
	return f, nil
}
