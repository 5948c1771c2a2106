package ops

import (
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// The element types of quantized values: integers of 2 to 32 bits and floats of 4 to 8. Reading any of them gives a float64 exactly.
// Floats: sign, exponent, fraction; https://onnx.ai/onnx/technical/float8.html and float4.html.

// smallFloat is the layout of a float of at most 8 bits.
type smallFloat struct {
	bits, fraction, bias int
	greatest             uint8 // the code of the greatest finite number
	infinite             bool  // the code after it is infinity
	nan                  uint8 // the code of NaN, without a sign; 0: there is none
	unsigned             bool  // no negative zero, and its code is NaN
}

func smallFloatOf(t onnx.ElemType) (smallFloat, bool) {
	switch t {
	case onnx.Float8E4M3FN:
		return smallFloat{bits: 8, fraction: 3, bias: 7, greatest: 0x7e, nan: 0x7f}, true
	case onnx.Float8E4M3FNUZ:
		return smallFloat{bits: 8, fraction: 3, bias: 8, greatest: 0x7f, nan: 0x80, unsigned: true}, true
	case onnx.Float8E5M2:
		return smallFloat{bits: 8, fraction: 2, bias: 15, greatest: 0x7b, infinite: true, nan: 0x7f}, true
	case onnx.Float8E5M2FNUZ:
		return smallFloat{bits: 8, fraction: 2, bias: 16, greatest: 0x7f, nan: 0x80, unsigned: true}, true
	case onnx.Float4E2M1:
		return smallFloat{bits: 4, fraction: 1, bias: 1, greatest: 0x7}, true
	case onnx.Float6E2M3:
		return smallFloat{bits: 6, fraction: 3, bias: 1, greatest: 0x1f}, true
	case onnx.Float6E3M2:
		return smallFloat{bits: 6, fraction: 2, bias: 3, greatest: 0x1f}, true
	}
	return smallFloat{}, false
}

// value is the number that a code stands for.
func (s smallFloat) value(code uint8) float64 {
	sign := uint8(1) << (s.bits - 1)
	if s.unsigned && code == sign {
		return math.NaN()
	}
	size := code &^ sign
	var v float64
	switch {
	case size > s.greatest && s.infinite && size == s.greatest+1:
		v = math.Inf(1)
	case size > s.greatest:
		v = math.NaN()
	case size>>s.fraction == 0:
		v = math.Ldexp(float64(size), 1-s.bias-s.fraction)
	default:
		v = math.Ldexp(float64(int(size)&(1<<s.fraction-1)+1<<s.fraction), int(size>>s.fraction)-s.bias-s.fraction)
	}
	if code&sign != 0 {
		return -v
	}
	return v
}

// code rounds to the nearest number, ties to even. What is beyond the greatest becomes it with saturate, and where the format has nothing
// else; otherwise infinity or NaN.
func (s smallFloat) code(f float64, saturate bool) uint8 {
	sign := uint8(0)
	if math.Signbit(f) {
		sign = 1 << (s.bits - 1)
	}
	f = math.Abs(f)
	if f != f {
		if s.nan == 0 {
			return s.greatest // there is no NaN
		}
		if s.unsigned {
			return s.nan
		}
		return sign | s.nan
	}
	code := int(s.greatest) + 1
	if f < math.Ldexp(1, 10-s.bias+1<<(s.bits-1-s.fraction)) { // far beyond the greatest there is no need to round
		exp := 1 - s.bias
		if f >= math.Ldexp(1, exp) {
			_, e := math.Frexp(f)
			exp = e - 1
		}
		// Numbers of one exponent are evenly spaced codes, and a carry out of the fraction is the next exponent.
		code = int(math.RoundToEven(math.Ldexp(f, s.fraction-exp))) + (exp+s.bias-1)<<s.fraction
	}
	if code > int(s.greatest) {
		switch {
		case saturate || s.nan == 0:
			code = int(s.greatest)
		case s.infinite:
			code = int(s.greatest) + 1
		case s.unsigned:
			return s.nan
		default:
			code = int(s.nan)
		}
	}
	if s.unsigned && code == 0 {
		return 0
	}
	return sign | uint8(code)
}

// integerRange gives the bounds of an integer element type that values are quantized to.
func integerRange(t onnx.ElemType) (lo, hi int64, ok bool) {
	switch t {
	case onnx.Int2, onnx.Int4, onnx.Int8, onnx.Int16, onnx.Int32:
		half := int64(1) << (t.Bits() - 1)
		return -half, half - 1, true
	case onnx.Uint2, onnx.Uint4, onnx.Uint8, onnx.Uint16:
		return 0, int64(1)<<t.Bits() - 1, true
	}
	return 0, 0, false
}

// quantaReader reads the elements of a quantized tensor, or is nil for a type that none is of.
func quantaReader(t *onnx.Tensor) func(i int) float64 {
	if s, ok := smallFloatOf(t.Type); ok {
		return func(i int) float64 { return s.value(bitsAt(t.Data, i, s.bits)) }
	}
	switch t.Type {
	case onnx.Int8, onnx.Int16, onnx.Int32, onnx.Uint8, onnx.Uint16:
		read := intReader(t)
		return func(i int) float64 { return float64(read(i)) }
	case onnx.Int2, onnx.Int4:
		bits := t.Type.Bits()
		return func(i int) float64 { return float64(int8(bitsAt(t.Data, i, bits)<<(8-bits)) >> (8 - bits)) }
	case onnx.Uint2, onnx.Uint4:
		bits := t.Type.Bits()
		return func(i int) float64 { return float64(bitsAt(t.Data, i, bits)) }
	}
	return nil
}

// quantaWriter stores numbers that are in the range of the integer type, or any in a small float; it is nil for a type that no
// quantized tensor is of. Packed types are written once into zeros.
func quantaWriter(t *onnx.Tensor, saturate bool) func(i int, f float64) {
	if s, ok := smallFloatOf(t.Type); ok {
		return func(i int, f float64) { putBits(t.Data, i, s.bits, s.code(f, saturate)) }
	}
	switch t.Type {
	case onnx.Int8, onnx.Int16, onnx.Uint8, onnx.Uint16:
		write := intWriter(t, true)
		return func(i int, f float64) { write(i, int64(f)) }
	case onnx.Int2, onnx.Int4, onnx.Uint2, onnx.Uint4:
		bits := t.Type.Bits()
		return func(i int, f float64) { putBits(t.Data, i, bits, uint8(int64(f))&(1<<bits-1)) }
	}
	return nil
}

// bitsAt reads element i of a stream of elements of up to 8 bits, the first in the low bits.
func bitsAt(data []byte, i, bits int) uint8 {
	at := i * bits
	v := uint(data[at/8]) >> (at % 8)
	if at%8+bits > 8 {
		v |= uint(data[at/8+1]) << (8 - at%8)
	}
	return uint8(v & (1<<bits - 1))
}

// putBits writes element i into zeros.
func putBits(data []byte, i, bits int, v uint8) {
	at := i * bits
	data[at/8] |= v << (at % 8)
	if at%8+bits > 8 {
		data[at/8+1] |= v >> (8 - at%8)
	}
}

// scaleReader reads the elements of a scale: floats, and powers of two in 8 bits.
func scaleReader(t *onnx.Tensor) func(i int) float64 {
	switch {
	case t.Type == onnx.Float8E8M0:
		return func(i int) float64 {
			if t.Data[i] == 0xff {
				return math.NaN()
			}
			return math.Ldexp(1, int(t.Data[i])-127)
		}
	case t.Type == onnx.Int32:
		v := t.Int32s()
		return func(i int) float64 { return float64(v[i]) }
	case isFloat(t.Type):
		return floatReader(t)
	}
	return nil
}

// roundAs rounds a number to a float element type that it is computed in.
func roundAs(f float64, t onnx.ElemType) float64 {
	switch {
	case isHalf(t):
		return float64(halfValue(narrowHalf(f, t), t))
	case t == onnx.Float:
		return float64(float32(f))
	}
	return f
}
