package lowering

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// points is what the gradient of an elementwise operator computes from: everything repeated to the shape of the output.
type points struct {
	x  [][]float32 // the inputs that the rule reads
	y  []float32   // the output, where the rule reads it
	dy []float32
	dx []float32 // to be written
}

// operand is how an input comes to the shape of the output.
type operand struct {
	direct  bool
	convert bool // its elements are not floats
	expand  func(dst, src []float32)
	size    int // its elements
}

// pointwise makes the gradient by input i of an operator that works element by element on inputs that broadcast. f writes
// elements lo..hi of dx, which is then summed over the axes that the input was repeated along. work is the cost of an element
// in operations. Integer and bool operands come as floats.
func pointwise(c *call, i int, reads need, work int, f func(p *points, lo, hi int)) (gradient, error) {
	out := c.outDims()
	n := count(out)
	operands := make([]operand, len(c.in))
	scratch := 0
	for k, fact := range c.in {
		if fact.Absent() || !reads.input(k) {
			continue
		}
		dims, ok := fact.Sizes()
		if !ok {
			return gradient{}, fmt.Errorf("input %d: its shape is not known", k)
		}
		o := operand{direct: slices.Equal(dims, out), convert: fact.Elem() != onnx.Float, size: count(dims)}
		switch fact.Elem() {
		case onnx.Float, onnx.Double, onnx.Int64, onnx.Int32, onnx.Bool:
		default:
			return gradient{}, fmt.Errorf("input %d: a gradient with %v is %w", k, fact.Elem(), ops.ErrUnsupported)
		}
		if o.convert {
			scratch += o.size
		}
		if !o.direct {
			o.expand = expander(dims, out)
			scratch += n
		}
		operands[k] = o
	}
	var reduce func(dst, src []float32)
	if own := c.dims(i); !slices.Equal(own, out) {
		reduce = reducer(c.set, c.pool, own, out)
		scratch += n
	}
	p := &points{x: make([][]float32, len(c.in))}
	part := func(lo, hi int) { f(p, lo, hi) }
	pool := c.pool
	return gradient{scratch: scratch, run: func(fr *frame) {
		left := fr.scratch
		take := func(n int) []float32 {
			s := left[:n:n]
			left = left[n:]
			return s
		}
		for k, o := range operands {
			p.x[k] = nil
			if o.size == 0 && !o.direct || fr.in[k] == nil || !reads.input(k) {
				continue
			}
			var x []float32
			if o.convert {
				x = take(o.size)
				toFloats(x, fr.in[k])
			} else {
				x = fr.in[k].Float32s()
			}
			if !o.direct {
				full := take(n)
				o.expand(full, x)
				x = full
			}
			p.x[k] = x
		}
		if fr.y != nil {
			p.y = fr.y.Float32s()
		}
		p.dy, p.dx = fr.dy.Float32s(), fr.dx.Float32s()
		if reduce != nil {
			p.dx = take(n)
		}
		pool.Run(n, work*n, part)
		if reduce != nil {
			reduce(fr.dx.Float32s(), p.dx)
		}
	}}, nil
}

// toFloats reads numbers of another type.
func toFloats(dst []float32, t *onnx.Tensor) {
	switch t.Type {
	case onnx.Double:
		for i, v := range t.Float64s() {
			dst[i] = float32(v)
		}
	case onnx.Int64:
		for i, v := range t.Int64s() {
			dst[i] = float32(v)
		}
	case onnx.Int32:
		for i, v := range t.Int32s() {
			dst[i] = float32(v)
		}
	case onnx.Bool:
		for i, v := range t.Bools() {
			dst[i] = 0
			if v {
				dst[i] = 1
			}
		}
	}
}
