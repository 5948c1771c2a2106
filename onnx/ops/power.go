package ops

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// Pow: z = x to the power of y, element by element. x and y broadcast; z has the element type of x, y may have another.
// An integer to an integer power wraps; a negative power of it is truncated, of zero an error. An integer to a float power is
// computed in float64 and cast.
// 1: limited broadcasting by attribute · 7: NumPy's broadcasting · 12: integers, and y of another type · 13, 15: types.
// https://onnx.ai/onnx/operators/onnx__Pow.html

func powerFamily() []Meaning {
	return []Meaning{{Name: "Pow", Class: Rounds, New: func(*Attrs) Op { return power{} }, Upgrade: map[int64]Rewrite{7: broadcastUp7},
		Downgrade: map[int64]Rewrite{7: broadcastDown7}}}
}

type power struct{}

func (power) Infer(_ *Env, in []Fact) ([]Fact, error) {
	out, err := inferElementwise(in[0].Elem(), in)
	return []Fact{out}, err
}

func (p power) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	x, y := t[0], t[1]
	if isHalf(x.Type) || isHalf(y.Type) {
		return throughFloat(env, p, in)
	}
	z, err := broadcastNew(env, x.Type, t)
	if err != nil {
		return nil, err
	}
	strides := [][]int{BroadcastStrides(x.Dims, z.Dims), BroadcastStrides(y.Dims, z.Dims)}
	exponent := floatReader(y)
	if exponent == nil {
		return nil, unsupported(y.Type)
	}
	i := 0
	switch {
	case x.Type == onnx.Float:
		a, out := x.Float32s(), z.Float32s()
		Walk(z.Dims, func(at []int) {
			out[i] = float32(math.Pow(float64(a[at[0]]), exponent(at[1])))
			i++
		}, strides...)
	case x.Type == onnx.Double:
		a, out := x.Float64s(), z.Float64s()
		Walk(z.Dims, func(at []int) {
			out[i] = math.Pow(a[at[0]], exponent(at[1]))
			i++
		}, strides...)
	case x.Type == onnx.Int32 || x.Type == onnx.Int64:
		base := intReader(x)
		whole := intReader(y)
		var failed error
		Walk(z.Dims, func(at []int) {
			var v int64
			if whole == nil {
				v = toInt(math.Pow(float64(base(at[0])), exponent(at[1])), x.Type.Bits())
			} else if v, err = intPower(base(at[0]), whole(at[1]), y.Type == onnx.Uint64); err != nil && failed == nil {
				failed = err
			}
			if x.Type == onnx.Int32 {
				z.Int32s()[i] = int32(v)
			} else {
				z.Int64s()[i] = v
			}
			i++
		}, strides...)
		if failed != nil {
			return nil, failed
		}
	default:
		return nil, unsupported(x.Type)
	}
	return []onnx.Value{z}, nil
}

// Specialize runs constant powers of 2 and 3 of floats on the kernels.
func (power) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	x, ok := in[0].Sizes()
	y, ok2 := in[1].Sizes()
	if !ok || !ok2 || consts[1] == nil || in[0].Elem() != onnx.Float || len(y) > len(x) || count(y) != 1 || !isFloat(consts[1].Type) && !isInteger(consts[1].Type) {
		return Step{}, false
	}
	e := floatReader(consts[1])(0)
	if e != 2 && e != 3 {
		return Step{}, false
	}
	return Step{Run: func(f *Frame) error {
		x, y := f.In[0].Float32s(), f.Out[0].Float32s()
		t.Set.Binary(t.Pool, kernels.Mul, y, x, x)
		if e == 3 {
			t.Set.Binary(t.Pool, kernels.Mul, y, y, x)
		}
		return nil
	}}, true
}

// intPower is b to the power of e, wrapping. unsigned says that e holds the bits of a uint64.
func intPower(b, e int64, unsigned bool) (int64, error) {
	if e < 0 && !unsigned {
		switch b {
		case 0:
			return 0, fmt.Errorf("zero to the power of %d", e)
		case 1:
			return 1, nil
		case -1:
			return 1 - 2*(e&1), nil
		}
		return 0, nil
	}
	r := int64(1)
	for n := uint64(e); n > 0; n >>= 1 {
		if n&1 != 0 {
			r *= b
		}
		b *= b
	}
	return r, nil
}

// floatReader reads the elements of a tensor of numbers as float64, or is nil for another type.
func floatReader(t *onnx.Tensor) func(i int) float64 {
	switch t.Type {
	case onnx.Float:
		return reader[float32, float64](t)
	case onnx.Double:
		return reader[float64, float64](t)
	case onnx.Int8:
		return reader[int8, float64](t)
	case onnx.Int16:
		return reader[int16, float64](t)
	case onnx.Int32:
		return reader[int32, float64](t)
	case onnx.Int64:
		return reader[int64, float64](t)
	case onnx.Uint8:
		return reader[uint8, float64](t)
	case onnx.Uint16:
		return reader[uint16, float64](t)
	case onnx.Uint32:
		return reader[uint32, float64](t)
	case onnx.Uint64:
		return reader[uint64, float64](t)
	case onnx.Float16, onnx.BFloat16:
		v := onnx.View[uint16](t)
		return func(i int) float64 { return float64(halfValue(v[i], t.Type)) }
	}
	return nil
}

// intReader reads the elements of an integer tensor as int64, those of uint64 with the same bits, or is nil for another type.
func intReader(t *onnx.Tensor) func(i int) int64 {
	switch t.Type {
	case onnx.Int8:
		return reader[int8, int64](t)
	case onnx.Int16:
		return reader[int16, int64](t)
	case onnx.Int32:
		return reader[int32, int64](t)
	case onnx.Int64:
		return reader[int64, int64](t)
	case onnx.Uint8:
		return reader[uint8, int64](t)
	case onnx.Uint16:
		return reader[uint16, int64](t)
	case onnx.Uint32:
		return reader[uint32, int64](t)
	case onnx.Uint64:
		return reader[uint64, int64](t)
	}
	return nil
}

func reader[T number, W wide](t *onnx.Tensor) func(i int) W {
	v := onnx.View[T](t)
	return func(i int) W { return W(v[i]) }
}

// toInt truncates a float to a signed integer of so many bits: NaN becomes 0, what is out of range the nearest end of it. The
// standard leaves both open.
func toInt(f float64, bits int) int64 {
	top := math.Ldexp(1, bits-1)
	switch {
	case f != f:
		return 0
	case f >= top:
		return int64(uint64(1)<<(bits-1) - 1)
	case f <= -top:
		return -1 << (bits - 1)
	}
	return int64(f)
}

// toUint truncates a float to an unsigned integer of so many bits: NaN and what is below it become 0, what is above it the greatest.
func toUint(f float64, bits int) uint64 {
	switch {
	case !(f > 0):
		return 0
	case f >= math.Ldexp(1, bits):
		return ^uint64(0) >> (64 - bits)
	}
	return uint64(f)
}
