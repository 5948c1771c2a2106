package ops

import (
	"math"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// Every float16 and bfloat16 widens to a float that narrows to it again; bfloat16 is the upper half of a float.
func TestHalfFloatsGoRound(t *testing.T) {
	for _, elem := range []onnx.ElemType{onnx.Float16, onnx.BFloat16} {
		for bits := range 1 << 16 {
			f := halfValue(uint16(bits), elem)
			if elem == onnx.BFloat16 && f == f && math.Float32bits(f) != uint32(bits)<<16 {
				t.Fatalf("%v %#04x: got %v, want %v", elem, bits, f, math.Float32frombits(uint32(bits)<<16))
			}
			got := narrowHalf(float64(f), elem)
			if f != f {
				if back := halfValue(got, elem); back == back {
					t.Fatalf("%v %#04x: got %v, want NaN", elem, bits, back)
				}
				continue
			}
			if got != uint16(bits) {
				t.Fatalf("%v %#04x is %v: got %#04x back", elem, bits, f, got)
			}
		}
	}
}

func TestHalfFloatsRoundToEven(t *testing.T) {
	cases := map[string]struct {
		elem onnx.ElemType
		in   float64
		want uint16
	}{
		"half of the last bit, even below":   {onnx.Float16, 1 + math.Ldexp(1, -11), 0x3c00},
		"half of the last bit, odd below":    {onnx.Float16, 1 + 3*math.Ldexp(1, -11), 0x3c02},
		"more than half of the last bit":     {onnx.Float16, 1 + 1.001*math.Ldexp(1, -11), 0x3c01},
		"the greatest":                       {onnx.Float16, 65504, 0x7bff},
		"just below what becomes infinite":   {onnx.Float16, 65519.99, 0x7bff},
		"half way to infinity":               {onnx.Float16, 65520, 0x7c00},
		"far beyond the greatest":            {onnx.Float16, -1e300, 0xfc00},
		"half of the smallest":               {onnx.Float16, math.Ldexp(1, -25), 0x0000},
		"more than half of the smallest":     {onnx.Float16, 1.01 * math.Ldexp(1, -25), 0x0001},
		"subnormal that rounds up to normal": {onnx.Float16, math.Ldexp(1, -14) - math.Ldexp(1, -26), 0x0400},
		"minus zero":                         {onnx.Float16, math.Copysign(0, -1), 0x8000},
		"bfloat16, half of the last bit":     {onnx.BFloat16, 1 + math.Ldexp(1, -8), 0x3f80},
		"bfloat16, the greatest float":       {onnx.BFloat16, math.MaxFloat32, 0x7f80},
		"bfloat16, twice rounded is wrong":   {onnx.BFloat16, 1 + math.Ldexp(1, -8) + math.Ldexp(1, -40), 0x3f81},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := narrowHalf(c.in, c.elem); got != c.want {
				t.Errorf("%v: got %#04x, want %#04x", c.in, got, c.want)
			}
		})
	}
}
