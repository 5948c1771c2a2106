package ops

import (
	"github.com/gonyx/gonyx/onnx"
)

// NonZero: the indices of the elements that are not zero, in row-major order. X any numeric or bool tensor; Y int64
// [max(rank, 1)… rank axes, count]: the count is known only when X is. A scalar gives [0, count].
// 9: first · 13: types.
// https://onnx.ai/onnx/operators/onnx__NonZero.html

func nonZeroFamily() []Meaning {
	return []Meaning{{Name: "NonZero", Class: Exact, New: func(*Attrs) Op { return nonZero{} }}}
}

type nonZero struct{}

func (nonZero) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if !in[0].Ranked() {
		return []Fact{Tensor(onnx.Int64, onnx.UnknownDim(), onnx.UnknownDim())}, nil
	}
	return []Fact{Tensor(onnx.Int64, onnx.Fixed(int64(in[0].Rank())), onnx.UnknownDim())}, nil
}

func (nonZero) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	set := nonZeroElements(x)
	count := int64(0)
	for _, b := range set {
		if b {
			count++
		}
	}
	rank := len(x.Dims)
	out, err := env.New(onnx.Int64, int64(rank), count)
	if err != nil {
		return nil, err
	}
	y, strides, col := out.Int64s(), Strides(x.Dims), int64(0)
	for i, b := range set {
		if !b {
			continue
		}
		for axis, s := range strides {
			y[int64(axis)*count+col] = int64(i) / int64(s) % x.Dims[axis]
		}
		col++
	}
	return []onnx.Value{out}, nil
}

// nonZeroElements says of every element whether it is not zero. -0 is zero, NaN is not.
func nonZeroElements(t *onnx.Tensor) []bool {
	set := make([]bool, t.Len())
	switch t.Type {
	case onnx.Float:
		markNonZero(set, t.Float32s())
	case onnx.Double:
		markNonZero(set, t.Float64s())
	case onnx.String:
		for i, s := range t.Strings {
			set[i] = s != ""
		}
	case onnx.Float16, onnx.BFloat16:
		for i, bits := range onnx.View[uint16](t) {
			set[i] = bits&0x7fff != 0
		}
	default:
		size := t.Type.Bits() / 8
		for i := range set {
			for _, b := range t.Data[i*size : (i+1)*size] {
				set[i] = set[i] || b != 0
			}
		}
	}
	return set
}

func markNonZero[T ~float32 | ~float64](set []bool, v []T) {
	for i, x := range v {
		set[i] = x != 0
	}
}
