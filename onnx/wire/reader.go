package wire

import (
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// reader walks the fields of one message. The methods for a field's value note the first mistake in err, which ends
// the walk; they are told the field's name for the message.
type reader struct {
	rest []byte
	err  error

	// The field at hand.
	num    protowire.Number
	typ    protowire.Type
	raw    []byte // the field with its tag
	scalar uint64 // of wire types varint, fixed32, fixed64
	bytes  []byte // of wire type bytes
}

// next goes to the next field, and says whether there is one.
func (r *reader) next() bool {
	if r.err != nil || len(r.rest) == 0 {
		return false
	}
	num, typ, n := protowire.ConsumeTag(r.rest)
	if n < 0 {
		r.err = fmt.Errorf("a field's tag is broken: %s", broken(n))
		return false
	}
	if !num.IsValid() {
		r.err = fmt.Errorf("field number %d does not exist", num)
		return false
	}
	body := r.rest[n:]
	m := 0
	switch typ {
	case protowire.VarintType:
		r.scalar, m = protowire.ConsumeVarint(body)
	case protowire.Fixed32Type:
		var v uint32
		v, m = protowire.ConsumeFixed32(body)
		r.scalar = uint64(v)
	case protowire.Fixed64Type:
		r.scalar, m = protowire.ConsumeFixed64(body)
	case protowire.BytesType:
		var length uint64
		if length, m = protowire.ConsumeVarint(body); m < 0 {
			break
		}
		if left := len(body) - m; length > uint64(left) {
			r.err = fmt.Errorf("field %d claims %d bytes, but %d are left", num, length, left)
			return false
		}
		end := m + int(length)
		r.bytes = body[m:end:end]
		m = end
	default: // groups, which nothing in the format uses, and wire types that do not exist
		m = protowire.ConsumeFieldValue(num, typ, body)
	}
	if m < 0 {
		r.err = fmt.Errorf("field %d is broken: %s", num, broken(m))
		return false
	}
	r.num, r.typ = num, typ
	r.raw, r.rest = r.rest[:n+m], body[m:]
	return true
}

// broken says in a word what a negative length of protowire means.
func broken(n int) string {
	if errors.Is(protowire.ParseError(n), io.ErrUnexpectedEOF) {
		return "it is cut short"
	}
	return "no number of 64 bits, no whole group, or a wire type that does not exist"
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) want(name string, typ protowire.Type) bool {
	if r.typ == typ {
		return true
	}
	r.fail(fmt.Errorf("%s is encoded as %s, it must be %s", name, wireName(r.typ), wireName(typ)))
	return false
}

func wireName(t protowire.Type) string {
	switch t {
	case protowire.VarintType:
		return "a varint"
	case protowire.Fixed32Type:
		return "fixed 32 bits"
	case protowire.Fixed64Type:
		return "fixed 64 bits"
	case protowire.BytesType:
		return "bytes"
	}
	return "a group"
}

// int64 reads an int64 field; as in every reader of protobuf, int32 is the same encoding cut to its low bits.
func (r *reader) int64(name string) int64 {
	if !r.want(name, protowire.VarintType) {
		return 0
	}
	return int64(r.scalar)
}

func (r *reader) int32(name string) int32 { return int32(r.int64(name)) }

func (r *reader) float(name string) float32 {
	if !r.want(name, protowire.Fixed32Type) {
		return 0
	}
	return math.Float32frombits(uint32(r.scalar))
}

// blob reads bytes or a message, which it does not copy. Its capacity ends where it ends. It is never nil on success.
func (r *reader) blob(name string) []byte {
	if !r.want(name, protowire.BytesType) {
		return nil
	}
	return r.bytes
}

func (r *reader) str(name string) string { return string(r.blob(name)) }

// int64s appends a repeated int64 field's values to list, packed or not.
func (r *reader) int64s(name string, list []int64) []int64 {
	if r.typ != protowire.BytesType {
		return append(list, r.int64(name))
	}
	if n := varintsIn(r.bytes); list == nil && n > 0 {
		list = make([]int64, 0, n)
	}
	for b := r.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			r.fail(fmt.Errorf("%s: value %d is broken: %s", name, len(list), broken(n)))
			return list
		}
		list = append(list, int64(v))
		b = b[n:]
	}
	return list
}

// floats appends a repeated float field's values to list, packed or not.
func (r *reader) floats(name string, list []float32) []float32 {
	if r.typ != protowire.BytesType {
		return append(list, r.float(name))
	}
	if len(r.bytes)%4 != 0 {
		r.fail(fmt.Errorf("%s is packed in %d bytes, which 4 does not divide", name, len(r.bytes)))
		return list
	}
	for b := r.bytes; len(b) > 0; b = b[4:] {
		v, _ := protowire.ConsumeFixed32(b)
		list = append(list, math.Float32frombits(v))
	}
	return list
}

// varintsIn counts the values packed in b.
func varintsIn(b []byte) int {
	n := 0
	for _, c := range b {
		n += int(c>>7) ^ 1
	}
	return n
}

// list appends the message at hand to those before it. nameField is the field that holds such a message's name, for
// errors; 0 where it has none.
func list[T any](r *reader, label string, nameField protowire.Number, before []T, decode func([]byte) (T, error)) []T {
	b := r.blob(label)
	if r.err != nil {
		return before
	}
	v, err := decode(b)
	if err != nil {
		r.fail(at(err, place(label, len(before), nameIn(b, nameField))))
		return before
	}
	return append(before, v)
}

// part is a message that occurs once. Protobuf merges one that occurs again into the first, which is the same as
// decoding both one after the other.
type part struct {
	bytes  []byte
	set    bool
	merged bool // bytes is ours
}

func (p *part) add(d *decoder, r *reader, name string) {
	b := r.blob(name)
	if r.err != nil {
		return
	}
	if !p.set {
		p.bytes, p.set = b, true
		return
	}
	cost := 2 * len(b)
	if !p.merged {
		cost += len(p.bytes)
	}
	if err := d.charge(uintptr(cost)); err != nil {
		r.fail(at(err, name))
		return
	}
	p.bytes, p.merged = append(p.bytes, b...), true
}
