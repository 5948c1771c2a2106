package graphs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/gonyx/gonyx/onnx"
)

// weightsDiffer says how two weights differ: in type, shape or the first element that does.
func weightsDiffer(x, y *formWeight) string {
	s, t := x.tensor, y.tensor
	where := "weight " + quoted(x.name, y.name)
	if s.Type != t.Type || !slices.Equal(s.Dims, t.Dims) {
		return where + ": " + s.String() + against + t.String()
	}
	where += " " + s.String()
	if !s.Bound() || !t.Bound() {
		switch {
		case s.Bound():
			return where + ": data against none"
		case t.Bound():
			return where + ": no data against some"
		}
		return where + ": they have no data, so their names count"
	}
	if s.Type == onnx.String {
		for i := range s.Strings {
			if s.Strings[i] != t.Strings[i] {
				return fmt.Sprintf("%s: element %s: %s against %s", where, position(i, s.Dims),
					clipped(strconv.Quote(s.Strings[i])), clipped(strconv.Quote(t.Strings[i])))
			}
		}
		return where
	}
	at := firstByte(s.Data, t.Data)
	i := at
	if bits := s.Type.Bits(); bits >= 8 {
		i = at / (bits / 8)
	} else {
		for i = at * 8 / bits; i < s.Len()-1 && packed(s, i) == packed(t, i); i++ {
		}
	}
	return fmt.Sprintf("%s: element %s: %s against %s", where, position(i, s.Dims), element(s, i), element(t, i))
}

// firstByte gives the first place where two slices of one length differ.
func firstByte(a, b []byte) int {
	const block = 4096
	from := 0
	for from+block <= len(a) && bytes.Equal(a[from:from+block], b[from:from+block]) {
		from += block
	}
	for from < len(a)-1 && a[from] == b[from] {
		from++
	}
	return from
}

// position spells an element's place: [2,3].
func position(i int, dims []int64) string {
	at := make([]int64, len(dims))
	rest := int64(i)
	for k := len(dims) - 1; k >= 0; k-- {
		if dims[k] > 0 {
			at[k] = rest % dims[k]
			rest /= dims[k]
		}
	}
	text := ""
	for k, v := range at {
		if k > 0 {
			text += ","
		}
		text += strconv.FormatInt(v, 10)
	}
	return "[" + text + "]"
}

// packed gives element i of a type of fewer than 8 bits.
func packed(t *onnx.Tensor, i int) uint8 {
	bits := t.Type.Bits()
	v := uint8(0)
	for k := range bits {
		at := i*bits + k
		v |= t.Data[at/8] >> (at % 8) & 1 << k
	}
	return v
}

// element spells an element: its value, and for one that is not whole its bits too.
func element(t *onnx.Tensor, i int) string {
	bits := t.Type.Bits()
	if bits < 8 {
		return fmt.Sprintf("%#x", packed(t, i))
	}
	b := t.Data[i*bits/8 : (i+1)*bits/8]
	switch t.Type {
	case onnx.Float, onnx.Double:
		return fmt.Sprintf("%s (0x%0*x)", plain(t, i), bits/4, littleEndian(b))
	}
	return plain(t, i)
}

// plain spells an element of at least 8 bits, or a string, by its value; by its bits where Go has no such number.
func plain(t *onnx.Tensor, i int) string {
	if t.Type == onnx.String {
		return strconv.Quote(t.Strings[i])
	}
	size := t.Type.Bits() / 8
	b := t.Data[i*size : (i+1)*size]
	switch t.Type {
	case onnx.Float:
		return fmt.Sprint(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case onnx.Double:
		return fmt.Sprint(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	case onnx.Int8:
		return fmt.Sprint(int8(b[0]))
	case onnx.Int16:
		return fmt.Sprint(int16(binary.LittleEndian.Uint16(b)))
	case onnx.Int32:
		return fmt.Sprint(int32(binary.LittleEndian.Uint32(b)))
	case onnx.Int64:
		return fmt.Sprint(int64(binary.LittleEndian.Uint64(b)))
	case onnx.Bool:
		return fmt.Sprint(b[0] != 0)
	case onnx.Uint8, onnx.Uint16, onnx.Uint32, onnx.Uint64:
		return fmt.Sprint(littleEndian(b))
	case onnx.Complex64, onnx.Complex128:
		return fmt.Sprintf("%#x + %#xi", littleEndian(b[:len(b)/2]), littleEndian(b[len(b)/2:]))
	}
	return fmt.Sprintf("%#x", littleEndian(b))
}

func littleEndian(b []byte) uint64 {
	v := uint64(0)
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

func floatText(v float32) string { return fmt.Sprintf("%v (0x%08x)", v, math.Float32bits(v)) }

// listsDiffer says how two attributes of one type differ: in full where they are short, else at the first element that does.
func listsDiffer(x, y *formAttr) string {
	a, b := x.value, y.value
	if a.Type == onnx.AttributeFloat {
		return floatText(a.Float) + against + floatText(b.Float)
	}
	short, other := x.text(), y.text()
	if short != other && len(short) <= maxListText && len(other) <= maxListText {
		return short + against + other
	}
	switch {
	case a.Type == onnx.AttributeInts && len(a.Ints) == len(b.Ints):
		for i := range a.Ints {
			if a.Ints[i] != b.Ints[i] {
				return fmt.Sprintf("element %d: %d against %d", i, a.Ints[i], b.Ints[i])
			}
		}
	case a.Type == onnx.AttributeFloats && len(a.Floats) == len(b.Floats):
		for i := range a.Floats {
			if math.Float32bits(a.Floats[i]) != math.Float32bits(b.Floats[i]) {
				return fmt.Sprintf("element %d: %s against %s", i, floatText(a.Floats[i]), floatText(b.Floats[i]))
			}
		}
	case a.Type == onnx.AttributeStrings && len(a.Strs) == len(b.Strs):
		for i := range a.Strs {
			if !bytes.Equal(a.Strs[i], b.Strs[i]) {
				return fmt.Sprintf("element %d: %s against %s", i, clipped(fmt.Sprintf("%q", a.Strs[i])), clipped(fmt.Sprintf("%q", b.Strs[i])))
			}
		}
	}
	return clipped(short) + against + clipped(other)
}
