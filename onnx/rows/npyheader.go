package rows

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// The bounds of NumPy itself: no array has more dimensions, and no header of an array of numbers comes near the length.
const (
	maxRank   = 64
	maxHeader = 1 << 16
)

const npyMagic = "\x93NUMPY"

// npyHeader says what follows it in an NPY file.
type npyHeader struct {
	elem      onnx.ElemType
	bigEndian bool
	fortran   bool // the first index runs fastest
	dims      []int64
}

// npyType ties an element type to NumPy's kind and size.
type npyType struct {
	elem  onnx.ElemType
	descr string
}

// npyTypes is never written.
var npyTypes = [...]npyType{
	{onnx.Float, "f4"}, {onnx.Double, "f8"}, {onnx.Float16, "f2"},
	{onnx.Int8, "i1"}, {onnx.Int16, "i2"}, {onnx.Int32, "i4"}, {onnx.Int64, "i8"},
	{onnx.Uint8, "u1"}, {onnx.Uint16, "u2"}, {onnx.Uint32, "u4"}, {onnx.Uint64, "u8"},
	{onnx.Bool, "b1"}, {onnx.Complex64, "c8"}, {onnx.Complex128, "c16"},
}

// readNPYHeader reads up to the first element and gives the number of bytes that took.
func readNPYHeader(r io.Reader) (npyHeader, int64, error) {
	var start [8]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return npyHeader{}, 0, fmt.Errorf("npy: too short for a header: %w", err)
	}
	if string(start[:6]) != npyMagic {
		return npyHeader{}, 0, fmt.Errorf("npy: starts with %q, not with NumPy's mark; is it a .npy file?", start[:6])
	}
	lengthBytes := 2
	switch start[6] {
	case 1:
	case 2, 3:
		lengthBytes = 4
	default:
		return npyHeader{}, 0, fmt.Errorf("npy: format version %d.%d is not known", start[6], start[7])
	}
	var length [4]byte
	if _, err := io.ReadFull(r, length[:lengthBytes]); err != nil {
		return npyHeader{}, 0, fmt.Errorf("npy: too short for a header: %w", err)
	}
	n := int64(length[0]) | int64(length[1])<<8 | int64(length[2])<<16 | int64(length[3])<<24
	if n > maxHeader {
		return npyHeader{}, 0, fmt.Errorf("npy: a header of %d bytes, at most %d", n, maxHeader)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return npyHeader{}, 0, fmt.Errorf("npy: header cut short: %w", err)
	}
	p := literal{rest: string(text)}
	h, err := p.header()
	if err != nil {
		return npyHeader{}, 0, fmt.Errorf("npy: header: %w", err)
	}
	return h, int64(8+lengthBytes) + n, nil
}

// literal reads the Python dictionary that NumPy writes as a header:
// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
type literal struct{ rest string }

func (p *literal) header() (npyHeader, error) {
	var h npyHeader
	seen := map[string]bool{}
	if err := p.want("{"); err != nil {
		return h, err
	}
	for !p.take("}") {
		key, err := p.text()
		if err != nil {
			return h, err
		}
		if seen[key] {
			return h, fmt.Errorf("%q twice", key)
		}
		seen[key] = true
		if err := p.want(":"); err != nil {
			return h, err
		}
		switch key {
		case "descr":
			if strings.HasPrefix(p.rest, "[") {
				return h, fmt.Errorf("an array of records; save each of its columns as an array of its own")
			}
			var descr string
			if descr, err = p.text(); err == nil {
				h.elem, h.bigEndian, err = elemOfDescr(descr)
			}
		case "fortran_order":
			switch {
			case p.take("True"):
				h.fortran = true
			case p.take("False"):
			default:
				err = fmt.Errorf("fortran_order: found %s, want True or False", p.found())
			}
		case "shape":
			h.dims, err = p.shape()
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return h, err
		}
		if p.take("}") {
			break
		}
		if err := p.want(","); err != nil {
			return h, err
		}
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return h, fmt.Errorf("%q is missing", key)
		}
	}
	if p.skip(); p.rest != "" {
		return h, fmt.Errorf("found %s behind the last brace", p.found())
	}
	return h, nil
}

func (p *literal) skip() { p.rest = strings.TrimLeft(p.rest, " \n\t\r") }

func (p *literal) take(s string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok
}

func (p *literal) want(s string) error {
	if !p.take(s) {
		return fmt.Errorf("found %s, want %q", p.found(), s)
	}
	p.skip()
	return nil
}

func (p *literal) found() string {
	if p.rest == "" {
		return "the end"
	}
	return strconv.Quote(p.rest[:min(len(p.rest), 20)])
}

func (p *literal) text() (string, error) {
	p.skip()
	for _, quote := range []string{"'", `"`} {
		if rest, ok := strings.CutPrefix(p.rest, quote); ok {
			inside, behind, closed := strings.Cut(rest, quote)
			if !closed {
				return "", fmt.Errorf("a text without its closing %s", quote)
			}
			p.rest = behind
			return inside, nil
		}
	}
	return "", fmt.Errorf("found %s, want a text in quotes", p.found())
}

func (p *literal) shape() ([]int64, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	dims := []int64{}
	for !p.take(")") {
		digits := len(p.rest) - len(strings.TrimLeft(p.rest, "0123456789"))
		n, err := strconv.ParseInt(p.rest[:digits], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("shape: found %s, want a size", p.found())
		}
		p.rest = strings.TrimPrefix(p.rest[digits:], "L") // Python 2 wrote long integers so
		if dims = append(dims, n); len(dims) > maxRank {
			return nil, fmt.Errorf("shape: more than %d dimensions", maxRank)
		}
		if p.take(")") {
			break
		}
		if err := p.want(","); err != nil {
			return nil, fmt.Errorf("shape: %w", err)
		}
	}
	return dims, nil
}

// elemOfDescr reads NumPy's code of byte order, kind and size, such as "<f4".
func elemOfDescr(descr string) (elem onnx.ElemType, bigEndian bool, err error) {
	if descr == "" {
		return 0, false, fmt.Errorf("an empty type")
	}
	order, kind := descr[:1], descr[1:]
	for _, t := range npyTypes {
		if t.descr != kind {
			continue
		}
		switch {
		case order == "<", order == "|" && t.elem.Bits() == 8:
			return t.elem, false, nil
		case order == ">":
			return t.elem, t.elem.Bits() > 8, nil
		}
		return 0, false, fmt.Errorf("type %q: byte order %q is not known", descr, order)
	}
	switch kind[:min(1, len(kind))] {
	case "O":
		return 0, false, fmt.Errorf("type %q: Python objects cannot be read; save an array of numbers", descr)
	case "U", "S":
		return 0, false, fmt.Errorf("type %q: texts cannot be read; save an array of numbers", descr)
	}
	return 0, false, fmt.Errorf("type %.20q is not one of NumPy's numbers that a tensor can hold", descr)
}

// appendNPYHeader gives the header of a tensor in row-major order, padded as NumPy does so that the elements start at a
// multiple of 64 bytes.
func appendNPYHeader(b []byte, t *onnx.Tensor) ([]byte, error) {
	var descr string
	for _, n := range npyTypes {
		if n.elem == t.Type {
			descr = "<" + n.descr
			if t.Type.Bits() == 8 {
				descr = "|" + n.descr
			}
		}
	}
	if descr == "" {
		return nil, fmt.Errorf("npy: NumPy has no %v; cast it to a type it has", t.Type)
	}
	if len(t.Dims) > maxRank {
		return nil, fmt.Errorf("npy: %d dimensions, NumPy has at most %d", len(t.Dims), maxRank)
	}
	var dims strings.Builder
	for i, d := range t.Dims {
		if i > 0 {
			dims.WriteString(" ")
		}
		dims.WriteString(strconv.FormatInt(d, 10))
		if i < len(t.Dims)-1 || i == 0 {
			dims.WriteString(",")
		}
	}
	dict := "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + dims.String() + "), }"
	const before = len(npyMagic) + 4
	pad := 64 - (before+len(dict)+1)%64
	if pad == 64 {
		pad = 0
	}
	length := len(dict) + pad + 1
	b = append(b, npyMagic...)
	b = append(b, 1, 0, byte(length), byte(length>>8))
	b = append(b, dict...)
	b = append(b, strings.Repeat(" ", pad)...)
	return append(b, '\n'), nil
}
