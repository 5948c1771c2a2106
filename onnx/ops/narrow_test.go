package ops

import (
	"math"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

var smallFloats = map[string]onnx.ElemType{
	"e4m3fn": onnx.Float8E4M3FN, "e4m3fnuz": onnx.Float8E4M3FNUZ, "e5m2": onnx.Float8E5M2, "e5m2fnuz": onnx.Float8E5M2FNUZ,
	"e2m1": onnx.Float4E2M1, "e2m3": onnx.Float6E2M3, "e3m2": onnx.Float6E3M2,
}

// Every code of a small float stands for a number that rounds to it again, numbers of greater codes are greater, and what lies between two
// rounds to the nearer, half way to the even one.
func TestSmallFloatsGoRound(t *testing.T) {
	for name, elem := range smallFloats {
		s, _ := smallFloatOf(elem)
		before := math.Inf(-1)
		for code := range 1 << s.bits {
			v := s.value(uint8(code))
			if v != v {
				if s.nan == 0 {
					t.Errorf("%s %#x: got NaN, which it does not have", name, code)
				} else if back := s.value(s.code(v, false)); back == back {
					t.Errorf("%s: NaN becomes %v", name, back)
				}
				continue
			}
			if got := s.code(v, false); int(got) != code {
				t.Errorf("%s: %#x is %v: got %#x back", name, code, v, got)
			}
			if size := code &^ (1 << (s.bits - 1)); size != code {
				continue // of the negative ones the same holds by symmetry
			}
			if code > 0 && v <= before {
				t.Errorf("%s: %#x is %v, not above %v", name, code, v, before)
			}
			if code > 0 && !math.IsInf(v, 0) {
				half, even := (v+before)/2, code&^1
				if got := s.code(half, false); int(got) != even && int(got) != even|1<<(s.bits-1) {
					t.Errorf("%s: %v, half way between %#x and %#x: got %#x, want the even one", name, half, code-1, code, got)
				}
			}
			before = v
		}
	}
}

// Numbers that the standard's tables give: the greatest, the smallest, and what is beyond.
func TestSmallFloatsEnds(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, want := range map[string][4]float64{ // the greatest, the smallest, a million, and a million where it does not saturate
		"e4m3fn": {448, math.Ldexp(1, -9), 448, nan}, "e4m3fnuz": {240, math.Ldexp(1, -10), 240, nan},
		"e5m2": {57344, math.Ldexp(1, -16), 57344, inf}, "e5m2fnuz": {57344, math.Ldexp(1, -17), 57344, nan},
		"e2m1": {6, 0.5, 6, 6}, "e2m3": {7.5, 0.125, 7.5, 7.5}, "e3m2": {28, 0.0625, 28, 28},
	} {
		s, _ := smallFloatOf(smallFloats[name])
		got := [4]float64{s.value(s.greatest), s.value(1), s.value(s.code(1e6, true)), s.value(s.code(1e6, false))}
		for i, w := range want {
			if got[i] != w && (got[i] == got[i] || w == w) {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
		}
	}
}

// Elements of 2, 4 and 6 bits stand in one stream of bits, the first in the low ones.
func TestPackedElements(t *testing.T) {
	for _, elem := range []onnx.ElemType{onnx.Int2, onnx.Uint2, onnx.Int4, onnx.Uint4, onnx.Float6E2M3} {
		x := onnx.NewTensor(elem, 13)
		write := quantaWriter(x, true)
		read := quantaReader(x)
		for i := range 13 {
			write(i, float64(i%2))
		}
		for i := range 13 {
			if got := read(i); got != float64(i%2) {
				t.Errorf("%v: element %d: got %v, want %d", elem, i, got, i%2)
			}
		}
	}
	x := onnx.NewTensor(onnx.Int4, 3)
	write := quantaWriter(x, true)
	for i, v := range []float64{-8, 7, -1} {
		write(i, v)
	}
	if x.Data[0] != 0x78 || x.Data[1] != 0x0f {
		t.Errorf("-8, 7, -1 as int4: got %#x, want 0x78 0x0f", x.Data)
	}
}
