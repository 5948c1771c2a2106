package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// What inference follows of small integer vectors, so that a shape computed by nodes keeps its symbols.

// wantVector fails where a fact is known not to be of rank 1.
func wantVector(f Fact, what string) error {
	if f.Ranked() && f.Rank() != 1 {
		return fmt.Errorf("%s has %d axes, want a vector", what, f.Rank())
	}
	return nil
}

// wantOne fails where a fact is known not to have exactly one element.
func wantOne(f Fact, what string) error {
	if sizes, ok := f.Sizes(); ok {
		if n, err := onnx.Elements(sizes); err != nil || n != 1 {
			return fmt.Errorf("%s is %v, want one element", what, f.Type)
		}
	}
	return nil
}

// elemsOf gives the elements that are followed of an int64 or int32 tensor of a known rank of 0 or 1.
func elemsOf(f Fact) ([]onnx.Dim, bool) {
	if f.Elem() != onnx.Int64 && f.Elem() != onnx.Int32 || !f.Ranked() || f.Rank() > 1 {
		return nil, false
	}
	if f.Value != nil && f.Value.Len() > maxElems {
		return nil, false
	}
	return f.Ints()
}

// withElems adds what is known of the elements to the fact of an int64 tensor of rank 0 or 1; its value where all of them
// are known.
func withElems(f Fact, elems []onnx.Dim) Fact {
	if f.Elem() != onnx.Int64 && f.Elem() != onnx.Int32 || f.Value != nil {
		return f
	}
	sizes, ok := f.Sizes()
	if !ok || len(sizes) > 1 || count(sizes) != len(elems) {
		return f
	}
	open, known := 0, 0
	for _, d := range elems {
		switch {
		case d.Known():
			known++
		case d.Param == "":
			open++
		}
	}
	if open == len(elems) && open > 0 {
		return f
	}
	f.Elems = elems
	if known == len(elems) && f.Elem() == onnx.Int64 {
		v := make([]int64, len(elems))
		for i, d := range elems {
			v[i] = d.Value
		}
		f.Value, f.Elems = onnx.FromInt64s(v, sizes...), nil
	}
	return f
}

// productDim multiplies dimensions as far as they are known: a symbol survives where it is multiplied by 1.
func productDim(dims []onnx.Dim) onnx.Dim {
	n, open := int64(1), []onnx.Dim(nil)
	for _, d := range dims {
		switch {
		case !d.Known():
			open = append(open, d)
		case d.Value == 0:
			return onnx.Fixed(0)
		case n > (1<<62)/d.Value:
			return onnx.UnknownDim()
		default:
			n *= d.Value
		}
	}
	switch {
	case open == nil:
		return onnx.Fixed(n)
	case len(open) == 1 && n == 1:
		return open[0]
	}
	return onnx.UnknownDim()
}

// unknownDims are n dimensions of which nothing is known.
func unknownDims(n int) []onnx.Dim {
	dims := make([]onnx.Dim, n)
	for i := range dims {
		dims[i] = onnx.UnknownDim()
	}
	return dims
}

// axesOf brings a list of axes to 0..rank-1, or fails where one is out of range or named twice.
func axesOf(axes []int64, rank int) ([]int, error) {
	out := make([]int, len(axes))
	seen := make(map[int]bool, len(axes))
	for i, a := range axes {
		k, err := Axis(a, rank)
		if err != nil {
			return nil, err
		}
		if seen[k] {
			return nil, fmt.Errorf("axis %d is named twice in %v", k, axes)
		}
		seen[k] = true
		out[i] = k
	}
	return out, nil
}
