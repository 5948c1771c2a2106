package graphs

import (
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// One method an operator, named as the standard names it. Shapes broadcast as NumPy's do.

func (v Value) unary(op string, attrs ...*onnx.Attribute) Value {
	return v.b.Op(op, []Value{v}, attrs...)
}
func (v Value) binary(op string, w Value) Value { return v.b.Op(op, []Value{v, w}) }

// Add is v + w.
func (v Value) Add(w Value) Value { return v.binary("Add", w) }

// Sub is v - w.
func (v Value) Sub(w Value) Value { return v.binary("Sub", w) }

// Mul is v · w, element by element.
func (v Value) Mul(w Value) Value { return v.binary("Mul", w) }

// Div is v / w.
func (v Value) Div(w Value) Value { return v.binary("Div", w) }

// Pow is v to the power w.
func (v Value) Pow(w Value) Value { return v.binary("Pow", w) }

// Min is the smaller of both.
func (v Value) Min(w Value) Value { return v.binary("Min", w) }

// Max is the larger of both.
func (v Value) Max(w Value) Value { return v.binary("Max", w) }

// Scale is v times a number.
func (v Value) Scale(f float32) Value { return v.Mul(v.b.Scalar(f)) }

// Square is v · v.
func (v Value) Square() Value { return v.Mul(v) }

// Equal compares; the result is bool.
func (v Value) Equal(w Value) Value { return v.binary("Equal", w) }

// Greater compares; the result is bool.
func (v Value) Greater(w Value) Value { return v.binary("Greater", w) }

// Less compares; the result is bool.
func (v Value) Less(w Value) Value { return v.binary("Less", w) }

// Where takes elements of a where the condition v holds and of b elsewhere.
func (v Value) Where(a, b Value) Value { return v.b.Op("Where", []Value{v, a, b}) }

// Cast converts the elements.
func (v Value) Cast(to onnx.ElemType) Value { return v.unary("Cast", onnx.AttrInt("to", int64(to))) }

// Identity is v itself, as a value of its own.
func (v Value) Identity() Value { return v.unary("Identity") }

// StopGradient is v, and a constant to gradients. It may stand in losses only; an exported loss has Identity in its place.
func (v Value) StopGradient() Value {
	return v.b.Node("stopgradient", onnx.Node{OpType: "StopGradient", Domain: onnx.DomainPrivate}, 1, v)[0]
}

// Neg is -v.
func (v Value) Neg() Value { return v.unary("Neg") }

// Abs is |v|.
func (v Value) Abs() Value { return v.unary("Abs") }

// Sqrt is the square root.
func (v Value) Sqrt() Value { return v.unary("Sqrt") }

// Exp is e to the power v.
func (v Value) Exp() Value { return v.unary("Exp") }

// Log is the natural logarithm.
func (v Value) Log() Value { return v.unary("Log") }

// Relu is max(v, 0).
func (v Value) Relu() Value { return v.unary("Relu") }

// LeakyRelu is v where positive, alpha · v elsewhere.
func (v Value) LeakyRelu(alpha float32) Value {
	return v.unary("LeakyRelu", onnx.AttrFloat("alpha", alpha))
}

// Sigmoid is 1 / (1 + e^-v).
func (v Value) Sigmoid() Value { return v.unary("Sigmoid") }

// Tanh is the hyperbolic tangent.
func (v Value) Tanh() Value { return v.unary("Tanh") }

// Softmax is e^v over its sum along the last axis.
func (v Value) Softmax() Value {
	return v.unary("Softmax", onnx.AttrInt("axis", int64(len(v.Dims())-1)))
}

// Clip keeps v within [low, high]; an infinite bound is left out.
func (v Value) Clip(low, high float32) Value {
	in := []Value{v, {}, {}}
	if !math.IsInf(float64(low), -1) {
		in[1] = v.b.Const("min", onnx.Scalar32(low))
	}
	if !math.IsInf(float64(high), 1) {
		in[2] = v.b.Const("max", onnx.Scalar32(high))
	}
	for len(in) > 1 && in[len(in)-1].b == nil {
		in = in[:len(in)-1]
	}
	return v.b.Op("Clip", in)
}

// Reshape gives v another shape; -1 is worked out, 0 copies the dimension.
func (v Value) Reshape(dims ...int64) Value {
	return v.b.Op("Reshape", []Value{v, v.b.Ints("shape", dims...)})
}

// Flatten joins all axes but the first.
func (v Value) Flatten() Value { return v.unary("Flatten", onnx.AttrInt("axis", 1)) }

// Transpose permutes the axes.
func (v Value) Transpose(perm ...int64) Value {
	return v.unary("Transpose", onnx.AttrInts("perm", perm...))
}

// Squeeze removes axes of size 1.
func (v Value) Squeeze(axes ...int64) Value {
	return v.b.Op("Squeeze", []Value{v, v.b.Ints("axes", axes...)})
}

// Unsqueeze adds axes of size 1.
func (v Value) Unsqueeze(axes ...int64) Value {
	return v.b.Op("Unsqueeze", []Value{v, v.b.Ints("axes", axes...)})
}

// Slice takes the elements from start up to end (excluded) along an axis.
func (v Value) Slice(axis, start, end int64) Value {
	b := v.b
	return b.Op("Slice", []Value{v, b.Ints("starts", start), b.Ints("ends", end), b.Ints("axes", axis)})
}

// Gather takes elements along an axis by index; indices is int64.
func (v Value) Gather(axis int64, indices Value) Value {
	return v.b.Op("Gather", []Value{v, indices}, onnx.AttrInt("axis", axis))
}

// Concat joins values along an axis.
func Concat(axis int64, values ...Value) Value {
	return values[0].b.Op("Concat", values, onnx.AttrInt("axis", axis))
}

// MatMul is the matrix product over the last two axes.
func (v Value) MatMul(w Value) Value { return v.binary("MatMul", w) }

// Gemm is v · w + bias for v [rows, in], w [in, out], bias [out].
func (v Value) Gemm(w, bias Value) Value { return v.b.Op("Gemm", []Value{v, w, bias}) }

func (v Value) reduce(op string, keep bool, axes []int64) Value {
	in := []Value{v}
	if len(axes) > 0 {
		in = append(in, v.b.Ints("axes", axes...))
	}
	attr := onnx.AttrInt("keepdims", 0)
	if keep {
		attr.Int = 1
	}
	return v.b.Op(op, in, attr)
}

// ReduceSum sums over axes, all of them where none is given, and drops them.
func (v Value) ReduceSum(axes ...int64) Value { return v.reduce("ReduceSum", false, axes) }

// ReduceMean averages over axes, all of them where none is given, and drops them.
func (v Value) ReduceMean(axes ...int64) Value { return v.reduce("ReduceMean", false, axes) }

// ReduceMax is the largest element over axes, all of them where none is given, and drops them.
func (v Value) ReduceMax(axes ...int64) Value { return v.reduce("ReduceMax", false, axes) }

// ArgMax is the index of the largest element along an axis, the first where several are; the axis stays, of size 1.
func (v Value) ArgMax(axis int64) Value {
	return v.unary("ArgMax", onnx.AttrInt("axis", axis), onnx.AttrInt("keepdims", 1))
}

// OneHot lays whole numbers from 0 below depth out as rows of depth numbers, 1 at the number's place and 0 else, along a new last axis.
func (v Value) OneHot(depth int64) Value {
	values := v.b.Const("one_hot_values", onnx.FromFloat32s([]float32{0, 1}, 2))
	return v.b.Op("OneHot", []Value{v, v.b.Const("one_hot_depth", onnx.Scalar64(depth)), values})
}
