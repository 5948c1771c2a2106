package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// BroadcastDims gives the shape that shapes broadcast to (NumPy's rules, as the standard's Broadcasting.md has them), as far
// as it is known.
func BroadcastDims(shapes ...[]onnx.Dim) ([]onnx.Dim, error) {
	rank := 0
	for _, s := range shapes {
		rank = max(rank, len(s))
	}
	out := make([]onnx.Dim, rank)
	for i := range out {
		out[i] = onnx.Fixed(1)
	}
	for _, s := range shapes {
		for i, d := range s {
			k := rank - len(s) + i
			got, err := broadcastDim(out[k], d)
			if err != nil {
				return nil, fmt.Errorf("shapes %s do not broadcast: axis %d: %w", shapesText(shapes), k, err)
			}
			out[k] = got
		}
	}
	return out, nil
}

func broadcastDim(a, b onnx.Dim) (onnx.Dim, error) {
	switch {
	case a.Known() && b.Known():
		if a.Value == b.Value || b.Value == 1 {
			return a, nil
		}
		if a.Value == 1 {
			return b, nil
		}
		return a, fmt.Errorf("%d against %d", a.Value, b.Value)
	case a.Known() && a.Value == 1:
		return b, nil
	case b.Known() && b.Value == 1:
		return a, nil
	case a.Known():
		return a, nil // the other must turn out to be 1 or the same
	case b.Known():
		return b, nil
	case a.Param != "" && a.Param == b.Param:
		return a, nil
	}
	return onnx.UnknownDim(), nil
}

func shapesText(shapes [][]onnx.Dim) string {
	s := ""
	for i, d := range shapes {
		if i > 0 {
			s += ", "
		}
		s += onnx.ShapeString(d)
	}
	return s
}

// BroadcastSizes is BroadcastDims for known shapes.
func BroadcastSizes(shapes ...[]int64) ([]int64, error) {
	dims := make([][]onnx.Dim, len(shapes))
	for i, s := range shapes {
		dims[i] = onnx.FixedDims(s...)
	}
	out, err := BroadcastDims(dims...)
	if err != nil {
		return nil, err
	}
	sizes := make([]int64, len(out))
	for i, d := range out {
		sizes[i] = d.Value
	}
	return sizes, nil
}

// Strides gives the row-major strides of a shape in elements.
func Strides(dims []int64) []int {
	s := make([]int, len(dims))
	step := 1
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = step
		step *= int(dims[i])
	}
	return s
}

// BroadcastStrides gives the strides that walk a tensor of shape dims as if it had shape out: 0 along an axis it is
// repeated on.
func BroadcastStrides(dims, out []int64) []int {
	own := Strides(dims)
	s := make([]int, len(out))
	shift := len(out) - len(dims)
	for i, d := range dims {
		if d != 1 {
			s[shift+i] = own[i]
		}
	}
	return s
}

// Walk visits every index of a shape in row-major order and hands on the offset that each set of strides gives there.
// The slice is reused from call to call.
func Walk(dims []int64, f func(offsets []int), strides ...[]int) {
	total := 1
	for _, d := range dims {
		total *= int(d)
	}
	index := make([]int64, len(dims))
	offsets := make([]int, len(strides))
	for range total {
		f(offsets)
		for axis := len(dims) - 1; axis >= 0; axis-- {
			index[axis]++
			for k, s := range strides {
				offsets[k] += s[axis]
			}
			if index[axis] < dims[axis] {
				break
			}
			for k, s := range strides {
				offsets[k] -= s[axis] * int(dims[axis])
			}
			index[axis] = 0
		}
	}
}

// Axis brings an axis to 0..rank-1, or fails where it is out of range. A negative one counts from the end.
func Axis(axis int64, rank int) (int, error) {
	k := axis
	if k < 0 {
		k += int64(rank)
	}
	if k < 0 || k >= int64(rank) {
		return 0, fmt.Errorf("axis %d is outside the %d axes of the input", axis, rank)
	}
	return int(k), nil
}
