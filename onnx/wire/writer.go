package wire

import (
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gonyx/gonyx/onnx"
)

// writer writes messages. A message's length stands before its content, so everything is gone through twice by the
// same code: first it is only measured and checked, then it is written, with no copy of what is inside.
type writer struct {
	measuring bool
	size      int   // measuring: bytes of the message at hand so far
	lengths   []int // of every message, in the order in which they begin
	next      int   // writing: how many of them have begun

	buf []byte
	out io.Writer // where buf is emptied to; nil where buf is all
	err error     // the first mistake in what is written, or of out

	within []frame
	depth  int
	moved  map[*onnx.Tensor]*onnx.External // tensors that stand in another file than they say
	inline bool                            // write external tensors that are loaded into the file
}

// frame is a place in the model, spelled out only where an error needs it.
type frame struct {
	label string
	i     int
	name  string
}

// single is the index of what is not in a list.
const single = -1

func (w *writer) fail(err error) {
	if w.err != nil {
		return
	}
	for i := len(w.within) - 1; i >= 0; i-- {
		f := w.within[i]
		if f.i == single {
			err = at(err, f.label)
		} else {
			err = at(err, place(f.label, f.i, f.name))
		}
	}
	w.err = err
}

// encode measures and checks what body writes, then gives its bytes.
func (w *writer) encode(body func()) ([]byte, error) {
	size, err := w.measure(body)
	if err != nil {
		return nil, err
	}
	w.buf = make([]byte, 0, size)
	body()
	return w.buf, w.err
}

// encodeTo is encode into a stream.
func (w *writer) encodeTo(out io.Writer, body func()) error {
	if _, err := w.measure(body); err != nil {
		return err
	}
	w.out = out
	body()
	w.flush()
	return w.err
}

func (w *writer) measure(body func()) (int, error) {
	w.measuring = true
	body()
	w.measuring = false
	if w.err == nil && w.size > maxFile {
		w.err = fmt.Errorf("%d bytes, more than the %d that the format can hold in one file; keep tensors as external data", w.size, maxFile)
	}
	return w.size, w.err
}

// flushSize is how much is gathered before it goes to the stream.
const flushSize = 64 << 10

func (w *writer) flush() {
	if w.err == nil && len(w.buf) > 0 {
		_, w.err = w.out.Write(w.buf)
	}
	w.buf = w.buf[:0]
}

func (w *writer) put(b []byte) {
	if w.measuring {
		w.size += len(b)
		return
	}
	if w.out != nil && len(w.buf)+len(b) > flushSize {
		w.flush()
		if len(b) > flushSize {
			if w.err == nil {
				_, w.err = w.out.Write(b)
			}
			return
		}
	}
	w.buf = append(w.buf, b...)
}

func (w *writer) varint(v uint64) {
	if w.measuring {
		w.size += protowire.SizeVarint(v)
		return
	}
	w.buf = protowire.AppendVarint(w.buf, v)
}

func (w *writer) tag(num protowire.Number, typ protowire.Type) {
	w.varint(protowire.EncodeTag(num, typ))
}

// message writes the message that body writes the fields of. i is its index in a list or single.
func (w *writer) message(num protowire.Number, label string, i int, name string, body func()) {
	w.tag(num, protowire.BytesType)
	if w.measuring {
		w.within = append(w.within, frame{label, i, name})
		slot, before := len(w.lengths), w.size
		w.lengths = append(w.lengths, 0)
		w.size = 0
		body()
		w.lengths[slot] = w.size
		w.size += before + protowire.SizeVarint(uint64(w.size))
		w.within = w.within[:len(w.within)-1]
		return
	}
	w.varint(uint64(w.lengths[w.next]))
	w.next++
	body()
}

// nest writes a graph, type or value, of which only so many may lie in one another: a reader would refuse more.
func (w *writer) nest(body func()) {
	if w.err != nil { // a graph that holds itself would be gone through without end
		return
	}
	if w.depth >= maxDepth {
		w.fail(fmt.Errorf("nested deeper than %d", maxDepth))
		return
	}
	w.depth++
	body()
	w.depth--
}

// The fields. Those named Always are written even where they have their default.

func (w *writer) int(num protowire.Number, v int64) {
	if v != 0 {
		w.intAlways(num, v)
	}
}

func (w *writer) intAlways(num protowire.Number, v int64) {
	w.tag(num, protowire.VarintType)
	w.varint(uint64(v))
}

func (w *writer) floatAlways(num protowire.Number, v float32) {
	w.tag(num, protowire.Fixed32Type)
	w.fixed32(math.Float32bits(v))
}

func (w *writer) fixed32(v uint32) {
	if w.measuring {
		w.size += 4
		return
	}
	w.buf = protowire.AppendFixed32(w.buf, v)
}

func (w *writer) str(num protowire.Number, s string) {
	if s != "" {
		w.strAlways(num, s)
	}
}

func (w *writer) strAlways(num protowire.Number, s string) {
	w.tag(num, protowire.BytesType)
	w.varint(uint64(len(s)))
	if w.measuring {
		w.size += len(s)
		return
	}
	w.buf = append(w.buf, s...)
}

func (w *writer) strs(num protowire.Number, list []string) {
	for _, s := range list {
		w.strAlways(num, s)
	}
}

func (w *writer) blob(num protowire.Number, b []byte) {
	w.tag(num, protowire.BytesType)
	w.varint(uint64(len(b)))
	w.put(b)
}

// ints writes a list as the format declares it: a field for each number.
func (w *writer) ints(num protowire.Number, list []int64) {
	for _, v := range list {
		w.intAlways(num, v)
	}
}
