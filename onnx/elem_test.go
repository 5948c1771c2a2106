package onnx_test

import (
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// The numbers, words and packing are those of onnx.proto and the operator schemas of ONNX 1.23.
func TestElemTypes(t *testing.T) {
	for word, want := range map[string]struct {
		elem  onnx.ElemType
		bits  int
		bytes [6]int64 // of 0 to 5 elements
	}{
		"bool":       {9, 8, [6]int64{0, 1, 2, 3, 4, 5}},
		"float":      {1, 32, [6]int64{0, 4, 8, 12, 16, 20}},
		"complex128": {15, 128, [6]int64{0, 16, 32, 48, 64, 80}},
		"int4":       {22, 4, [6]int64{0, 1, 1, 2, 2, 3}},
		"float4e2m1": {23, 4, [6]int64{0, 1, 1, 2, 2, 3}},
		"uint2":      {25, 2, [6]int64{0, 1, 1, 1, 1, 2}},
		"float6e2m3": {27, 6, [6]int64{0, 1, 2, 3, 3, 4}}, // four elements in three bytes, ceil(6n/8) bytes in all
		"float6e3m2": {28, 6, [6]int64{0, 1, 2, 3, 3, 4}},
		"string":     {8, 0, [6]int64{}},
	} {
		elem, known := onnx.ParseElemType(word)
		if !known || elem != want.elem || !elem.Valid() || elem.String() != word {
			t.Errorf("%s: got number %d, word %v, valid %v; want number %d", word, elem, elem, elem.Valid(), want.elem)
		}
		if elem.Bits() != want.bits {
			t.Errorf("%s: got %d bits, want %d", word, elem.Bits(), want.bits)
		}
		for n, bytes := range want.bytes {
			if got := elem.ByteLen(int64(n)); got != bytes {
				t.Errorf("%d elements of %s: got %d bytes, want %d", n, word, got, bytes)
			}
		}
	}
	for _, elem := range []onnx.ElemType{-1, 0, 29} {
		if elem.Valid() || elem.Bits() != 0 {
			t.Errorf("number %d: got a valid type of %d bits, want an unknown one", int32(elem), elem.Bits())
		}
	}
	if elem, known := onnx.ParseElemType("undefined"); known {
		t.Errorf("undefined: got %v, want no element type", elem)
	}
}
