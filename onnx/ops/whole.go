package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// The fast ways of integers, which count and index: plain loops into memory that is there.

// specializeWhole is an operation on two inputs of int64 or int32, which have one shape or of which one is a single number.
func specializeWhole(a arithmetic, in []Fact) (Step, bool) {
	if len(in) != 2 || a.int == nil || a.mean || in[0].Elem() != in[1].Elem() {
		return Step{}, false
	}
	x, ok := in[0].Sizes()
	y, ok2 := in[1].Sizes()
	if !ok || !ok2 || count(x) == 0 || count(y) == 0 {
		return Step{}, false
	}
	swapped := false
	l := overlayOf(x, y)
	if l.kind == overlayNone {
		l, swapped = overlayOf(y, x), true
	}
	if l.kind != overlaySame && l.kind != overlayScalar {
		return Step{}, false
	}
	steps := [2]int{1, 1}
	if l.kind == overlayScalar {
		steps[1] = 0
	}
	if swapped {
		steps[0], steps[1] = steps[1], steps[0]
	}
	switch in[0].Elem() {
	case onnx.Int64:
		return Step{Run: func(f *Frame) error { return wholePairs[int64](a, f, steps) }}, true
	case onnx.Int32:
		return Step{Run: func(f *Frame) error { return wholePairs[int32](a, f, steps) }}, true
	}
	return Step{}, false
}

func wholePairs[T int32 | int64](a arithmetic, f *Frame, steps [2]int) error {
	x, y, out := onnx.View[T](f.In[0]), onnx.View[T](f.In[1]), onnx.View[T](f.Out[0])
	for i := range out {
		by := y[i*steps[1]]
		if a.divides && by == 0 {
			return fmt.Errorf("division by zero: element %d of input 1", i*steps[1])
		}
		out[i] = T(a.int(int64(x[i*steps[0]]), int64(by)))
	}
	return nil
}

// Specialize casts between the types that models compute and count in.
func (c cast) Specialize(_ Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	var convert func(y, x *onnx.Tensor)
	switch in[0].Elem() {
	case onnx.Float:
		convert = fromFloats[float32](c.to)
	case onnx.Double:
		convert = fromFloats[float64](c.to)
	case onnx.Int32:
		convert = fromWhole[int32](c.to)
	case onnx.Int64:
		convert = fromWhole[int64](c.to)
	case onnx.Uint8, onnx.Bool:
		convert = fromWhole[uint8](c.to)
	}
	if convert == nil {
		return Step{}, false
	}
	return Step{Run: func(f *Frame) error {
		convert(f.Out[0], f.In[0])
		return nil
	}}, true
}

func fromWhole[F int32 | int64 | uint8](to onnx.ElemType) func(y, x *onnx.Tensor) {
	switch to {
	case onnx.Float:
		return each(func(v F) float32 { return float32(v) })
	case onnx.Double:
		return each(func(v F) float64 { return float64(v) })
	case onnx.Int32:
		return each(func(v F) int32 { return int32(v) })
	case onnx.Int64:
		return each(func(v F) int64 { return int64(v) })
	case onnx.Uint8:
		return each(func(v F) uint8 { return uint8(v) })
	case onnx.Bool:
		return each(func(v F) bool { return v != 0 })
	}
	return nil
}

func fromFloats[F float32 | float64](to onnx.ElemType) func(y, x *onnx.Tensor) {
	switch to {
	case onnx.Float:
		return each(func(v F) float32 { return float32(v) })
	case onnx.Double:
		return each(func(v F) float64 { return float64(v) })
	case onnx.Int32:
		return each(func(v F) int32 { return int32(toInt(float64(v), 32)) })
	case onnx.Int64:
		return each(func(v F) int64 { return toInt(float64(v), 64) })
	case onnx.Uint8:
		return each(func(v F) uint8 { return uint8(toUint(float64(v), 8)) })
	case onnx.Bool:
		return each(func(v F) bool { return v != 0 })
	}
	return nil
}

// each applies a function to every element.
func each[F, T onnx.Element](convert func(F) T) func(y, x *onnx.Tensor) {
	return func(y, x *onnx.Tensor) {
		to := onnx.View[T](y)
		for i, v := range onnx.View[F](x) {
			to[i] = convert(v)
		}
	}
}
