package ops

import (
	"github.com/gonyx/gonyx/onnx"
)

// cells sees a tensor of any element type as a list of equal things that operators which only move elements can copy.
// Elements of less than a byte take a byte each here.
type cells struct {
	elem onnx.ElemType
	size int // bytes of one; 0 for strings
	data []byte
	text []string
}

func cellsOf(t *onnx.Tensor) cells {
	switch bits := t.Type.Bits(); {
	case t.Type == onnx.String:
		return cells{elem: t.Type, text: t.Strings}
	case bits < 8:
		data := make([]byte, t.Len())
		for i := range data {
			at := i * bits
			word := uint16(t.Data[at/8])
			if at/8+1 < len(t.Data) {
				word |= uint16(t.Data[at/8+1]) << 8
			}
			data[i] = byte(word >> (at % 8) & (1<<bits - 1))
		}
		return cells{elem: t.Type, size: 1, data: data}
	default:
		return cells{elem: t.Type, size: bits / 8, data: t.Data}
	}
}

// newCells makes cells of zeros for a tensor, or fails where the tensor would take more than the limit.
func (e *Env) newCells(elem onnx.ElemType, dims []int64) (cells, error) {
	if err := e.Fits(elem, dims); err != nil {
		return cells{}, err
	}
	if elem == onnx.String {
		return cells{elem: elem, text: make([]string, count(dims))}, nil
	}
	size := max(elem.Bits()/8, 1)
	return cells{elem: elem, size: size, data: onnx.AlignedBytes(size * count(dims))}, nil
}

// tensor is the tensor of these cells.
func (c cells) tensor(dims []int64) *onnx.Tensor {
	t := &onnx.Tensor{Type: c.elem, Dims: dims, Data: c.data, Strings: c.text}
	bits := c.elem.Bits()
	if c.elem == onnx.String || bits >= 8 {
		return t
	}
	t.Data = onnx.AlignedBytes(int(c.elem.ByteLen(int64(len(c.data)))))
	for i, v := range c.data {
		at := i * bits
		word := uint16(v) << (at % 8)
		t.Data[at/8] |= byte(word)
		if word > 0xff {
			t.Data[at/8+1] |= byte(word >> 8)
		}
	}
	return t
}

// set copies n cells of src from index j to index i.
func (c cells) set(i int, src cells, j, n int) {
	if c.size == 0 {
		copy(c.text[i:i+n], src.text[j:j+n])
		return
	}
	copy(c.data[i*c.size:(i+n)*c.size], src.data[j*c.size:(j+n)*c.size])
}

// fill puts one cell of src everywhere.
func (c cells) fill(src cells) {
	if c.size == 0 {
		for i := range c.text {
			c.text[i] = src.text[0]
		}
		return
	}
	if len(c.data) == 0 {
		return
	}
	for done := copy(c.data, src.data[:c.size]); done < len(c.data); {
		done += copy(c.data[done:], c.data[:done])
	}
}

// strided says where the elements of a result of shape dims, in order, stand in a source: at base + Σ index·step. Steps may be
// 0 (a repeated element) and negative.
type strided struct {
	base  int
	dims  []int64
	steps []int
}

// merged is the same with neighbouring axes joined where the source has them in one piece.
func (l strided) merged() strided {
	m := strided{base: l.base}
	for i, d := range l.dims {
		if d == 1 {
			continue
		}
		if k := len(m.dims) - 1; k >= 0 && m.steps[k] == l.steps[i]*int(d) {
			m.dims[k] *= d
			m.steps[k] = l.steps[i]
			continue
		}
		m.dims, m.steps = append(m.dims, d), append(m.steps, l.steps[i])
	}
	return m
}

// move fills dst, which has the elements in order, from src.
func (l strided) move(dst, src cells) { l.merged().walk(dst, src) }

// walk is move of what is merged already.
func (l strided) walk(dst, src cells) {
	if count(l.dims) == 0 {
		return
	}
	at := 0
	l.axis(0, l.base, &at, dst, src)
}

func (l strided) axis(k, from int, at *int, dst, src cells) {
	if k == len(l.dims) {
		dst.set(*at, src, from, 1)
		*at++
		return
	}
	n, step := int(l.dims[k]), l.steps[k]
	if k < len(l.dims)-1 {
		for i := range n {
			l.axis(k+1, from+i*step, at, dst, src)
		}
		return
	}
	switch {
	case step == 1:
		dst.set(*at, src, from, n)
	case dst.size == 4:
		to, in := onnx.ElementsOf[uint32](dst.data)[*at:*at+n], onnx.ElementsOf[uint32](src.data)
		for i := range to {
			to[i] = in[from+i*step]
		}
	default:
		for i := range n {
			dst.set(*at+i, src, from+i*step, 1)
		}
	}
	*at += n
}

// eval makes the tensor that strides describe.
func (l strided) eval(env *Env, x *onnx.Tensor) (*onnx.Tensor, error) {
	y, err := env.newCells(x.Type, l.dims)
	if err != nil {
		return nil, err
	}
	l.move(y, cellsOf(x))
	return y.tensor(l.dims), nil
}

// step is eval into memory of a plan; there is none for elements that have to be unpacked.
func (l strided) step(elem onnx.ElemType) (Step, bool) {
	if elem.Bits() < 8 {
		return Step{}, false
	}
	l = l.merged()
	return Step{Run: func(f *Frame) error {
		l.walk(cellsOf(f.Out[0]), aligned(f.In[0]))
		return nil
	}}, true
}

// aligned is cellsOf with data that can be seen as machine words.
func aligned(t *onnx.Tensor) cells {
	if t.Type.Bits() == 32 {
		onnx.View[uint32](t) // moves misaligned data
	}
	return cellsOf(t)
}

// copyStep copies the first input's bytes: what operators do that only rename the shape.
func copyStep(elem onnx.ElemType) (Step, bool) {
	if elem == onnx.String {
		return Step{}, false
	}
	return Step{InPlace: true, Run: func(f *Frame) error {
		copy(f.Out[0].Data, f.In[0].Data)
		return nil
	}}, true
}
