package ops

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// number is a Go type of the elements that operators compute with; float16 and bfloat16 go through float32.
type number interface {
	~float32 | ~float64 | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// wide is a type that elements are computed in before the result is rounded or wrapped to the element type: float64 for the
// floats, int64 for signed and uint64 for unsigned integers. For one addition, subtraction, multiplication, division or square
// root this gives exactly what computing in the element type itself gives.
type wide interface{ float64 | int64 | uint64 }

func isFloat(t onnx.ElemType) bool {
	return t == onnx.Float || t == onnx.Double || isHalf(t)
}

func isHalf(t onnx.ElemType) bool { return t == onnx.Float16 || t == onnx.BFloat16 }

// isInteger says whether the elements are integers of 8 to 64 bits.
func isInteger(t onnx.ElemType) bool { return isSigned(t) || isUnsigned(t) }

func isSigned(t onnx.ElemType) bool {
	switch t {
	case onnx.Int8, onnx.Int16, onnx.Int32, onnx.Int64:
		return true
	}
	return false
}

func isUnsigned(t onnx.ElemType) bool {
	switch t {
	case onnx.Uint8, onnx.Uint16, onnx.Uint32, onnx.Uint64:
		return true
	}
	return false
}

// unsupported is the error of an operator that has its meaning here but not for an element type.
func unsupported(t onnx.ElemType) error {
	return fmt.Errorf("element type %v is %w", t, ErrUnsupported)
}

// throughFloat evaluates an operator on float16 or bfloat16 inputs: they are widened to float, and outputs narrowed to the types
// that the operator says its outputs have.
func throughFloat(env *Env, op Op, in []onnx.Value) ([]onnx.Value, error) {
	facts := make([]Fact, len(in))
	widened := make([]onnx.Value, len(in))
	for i, v := range in {
		facts[i], widened[i] = FactOf(v), v
		t, ok := v.(*onnx.Tensor)
		if !ok || t == nil || !isHalf(t.Type) {
			continue
		}
		w, err := env.New(onnx.Float, t.Dims...)
		if err != nil {
			return nil, err
		}
		widenHalf(w.Float32s(), t)
		widened[i] = w
	}
	want, err := op.Infer(env, facts)
	if err != nil {
		return nil, err
	}
	out, err := op.Eval(env, widened)
	if err != nil {
		return nil, err
	}
	for i, v := range out {
		t, ok := v.(*onnx.Tensor)
		if !ok || t == nil || t.Type != onnx.Float || i >= len(want) || !isHalf(want[i].Elem()) {
			continue
		}
		n, err := env.New(want[i].Elem(), t.Dims...)
		if err != nil {
			return nil, err
		}
		bits := onnx.View[uint16](n)
		for k, f := range t.Float32s() {
			bits[k] = narrowHalf(float64(f), n.Type)
		}
		out[i] = n
	}
	return out, nil
}

func widenHalf(dst []float32, t *onnx.Tensor) {
	for i, bits := range onnx.View[uint16](t) {
		dst[i] = halfValue(bits, t.Type)
	}
}

// halfLayout gives the bits of the fraction and the exponent's bias of float16 and bfloat16.
func halfLayout(t onnx.ElemType) (fraction, bias int) {
	if t == onnx.BFloat16 {
		return 7, 127
	}
	return 10, 15
}

// halfValue gives the number that the bits of a float16 or bfloat16 stand for; both are exact in float32.
func halfValue(bits uint16, t onnx.ElemType) float32 {
	fraction, bias := halfLayout(t)
	m, e := int(bits)&(1<<fraction-1), int(bits&0x7fff)>>fraction
	var v float64
	switch {
	case e == 2*bias+1 && m != 0:
		v = math.NaN()
	case e == 2*bias+1:
		v = math.Inf(1)
	case e == 0:
		v = math.Ldexp(float64(m), 1-bias-fraction)
	default:
		v = math.Ldexp(float64(m+1<<fraction), e-bias-fraction)
	}
	if bits&0x8000 != 0 {
		v = math.Copysign(v, -1)
	}
	return float32(v)
}

// narrowHalf rounds to the nearest float16 or bfloat16, ties to even; what is beyond the greatest becomes infinite.
func narrowHalf(f float64, t onnx.ElemType) uint16 {
	fraction, bias := halfLayout(t)
	sign := uint16(math.Float64bits(f)>>48) & 0x8000
	f = math.Abs(f)
	infinite := uint16(2*bias+1) << fraction
	switch {
	case f != f:
		return sign | infinite | 1<<(fraction-1)
	case f >= math.Ldexp(1, bias+1):
		return sign | infinite
	case f < math.Ldexp(1, 1-bias): // subnormal: the fraction alone, a carry out of it is the smallest normal number
		return sign | uint16(math.RoundToEven(math.Ldexp(f, bias+fraction-1)))
	}
	m, e := math.Frexp(f) // m in [0.5, 1): a carry out of the fraction goes into the exponent, and beyond it to infinity
	return sign | uint16((e+bias-1)<<fraction+int(math.RoundToEven(math.Ldexp(m, fraction+1)))-1<<fraction)
}
