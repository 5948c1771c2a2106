package kernels

import (
	"math"
	"unsafe"
)

// depthwise is a convolution of every channel with one kernel of its own, taken row
// by row: some rows of one channel with zeros around them lie in scratch that stays
// in the first cache, and give as many rows of the result as they reach.
type depthwise struct {
	side, stride int     // kernel and stride, the same in both directions
	h, w         int     // plane that is given
	top, left    int     // zeros before it
	oh, ow       int     // result
	row          int     // length of a row in scratch; with stride 2, of one of its halves
	rows         int     // of the result that are computed at once
	cols         [2]line // where even and odd pixels of a row go; with stride 1, all of them
}

// depthwiseRows is how many numbers of the image should lie in scratch.
const depthwiseRows = 4 << 10

// newDepthwise gives the way for a shape, or nil where the kernels have none.
func newDepthwise(c ConvShape) *depthwise {
	switch k := c.KH; {
	case c.Groups < 2 || c.Groups != c.C || c.Groups != c.OC || c.KH != c.KW || c.StrideH != c.StrideW || c.DilationH*c.DilationW != 1:
		return nil
	case k != 3 && k != 5 && k != 7 || c.StrideH > 2 || k == 7 && c.StrideH == 2:
		return nil
	}
	d := &depthwise{side: c.KH, stride: c.StrideH, h: c.H, w: c.W, top: c.PadTop, left: c.PadLeft}
	d.oh, d.ow = c.Output()
	d.row = (d.ow + (d.side-1)/d.stride + 15) &^ 15
	d.rows = min(d.oh, max(4, (depthwiseRows/(d.row*d.stride)-d.side)/d.stride&^3))
	for px := range d.stride {
		d.cols[px] = lineUp(d.row, d.w, px-d.left, d.stride, 1)
	}
	return d
}

// held is the number of rows of the image in scratch.
func (d *depthwise) held() int { return (d.rows-1)*d.stride + d.side }

// scratch is the length of one worker's: rows, and what vectors of the last reach
// beyond it.
func (d *depthwise) scratch() int { return d.held()*d.row*d.stride + 32 }

// depthwiseArgs is what one call of an inner kernel computes. Strides are in bytes.
// The fields' order is known to the generator (_avo/depthwise.go).
type depthwiseArgs struct {
	x, y, w    unsafe.Pointer // w: numbers 32 bytes apart
	rowX       int            // from row to row of the image
	phase      int            // from even to odd pixels
	rowY       int
	rows, cols int
	lo, hi     float32
	bias       float32
}

// depthwiseTask is a depthwise convolution of a batch, shared out by planes.
type depthwiseTask struct {
	set           Set
	d             *depthwise
	channels      int
	x, w, bias, y []float32
	act           Activation
	then          Chain
	scratch       []float32 // for each worker
}

// run computes t on p for n images. Packed weights are those of flat.
func (d *depthwise) run(p *Pool, t depthwiseTask, n int) {
	units := n * t.channels
	if parts := p.split(units, 2*units*d.oh*d.ow*d.side*d.side); parts > 1 && p.begin() {
		p.depthwise = t
		p.share(&p.depthwise, units, parts)
		p.depthwise = depthwiseTask{}
		p.end()
		return
	}
	t.run(0, 0, units)
}

func (t *depthwiseTask) run(worker, lo, hi int) {
	d := t.d
	size := d.scratch()
	rows := t.scratch[worker*size:][:size]
	clear(rows)
	a := depthwiseArgs{x: unsafe.Pointer(&rows[0]), rowX: 4 * d.row * d.stride, phase: 4 * d.row, rowY: 4 * d.ow, cols: d.ow}
	clipped := false
	a.lo, a.hi, clipped = t.act.bounds()
	done := lo * d.oh * d.ow // what of the result is complete
	for u := lo; u < hi; u++ {
		c := u % t.channels
		x, y := t.x[u*d.h*d.w:][:d.h*d.w], t.y[u*d.oh*d.ow:][:d.oh*d.ow]
		w := t.w[c*d.side*d.side*block:][:d.side*d.side*block]
		if a.w = unsafe.Pointer(&w[0]); t.bias != nil {
			a.bias = t.bias[c]
		}
		for first := 0; first < d.oh; first += d.rows {
			a.rows = min(d.rows, d.oh-first)
			d.load(t.set, rows, x, first*d.stride-d.top, (a.rows-1)*d.stride+d.side)
			z := y[first*d.ow:][:a.rows*d.ow]
			if t.set.isa == portable {
				depthwisePortable(d, rows, w, z, &a)
			} else {
				raceWrite(z)
				a.y = unsafe.Pointer(&z[0])
				t.set.depthwise(d, &a)
			}
			// Small planes are finished together.
			if end := u*d.oh*d.ow + first*d.ow + len(z); end-done >= chainBlock/2 || u == hi-1 {
				z := t.y[done:end]
				if !clipped {
					t.set.unary(t.act, z, z)
				}
				if t.then != nil {
					t.then.apply(t.set, z, z, done)
				}
				done = end
			}
		}
	}
}

// load writes n rows of plane x from row y on to scratch, zeros for those outside.
// What lies left and right of the plane is zero already.
func (d *depthwise) load(s Set, rows, x []float32, y, n int) {
	step := d.row * d.stride
	first, last := max(0, -y), min(n, d.h-y) // rows inside the image
	if first >= last {
		clear(rows[:n*step])
		return
	}
	if d.rows < d.oh { // else they stay what they are
		clear(rows[:first*step])
		clear(rows[last*step : n*step])
	}
	rows = rows[first*step:]
	for px := range d.stride {
		cols := &d.cols[px]
		if cols.n == 0 {
			continue
		}
		to, from := rows[px*d.row+cols.to:], x[(y+first)*d.w+cols.from:]
		if d.stride == 1 {
			s.padRows(to, step, from, d.w, cols.n, last-first)
		} else {
			s.padEvenRows(to, step, from, d.w, cols.n, last-first)
		}
	}
}

// bounds gives what an activation clips to, and whether that is all of it.
func (f Activation) bounds() (lo, hi float32, ok bool) {
	inf := float32(math.Inf(1))
	switch f.Function {
	case Identity:
		return -inf, inf, true
	case Relu:
		return 0, inf, true
	case Clip:
		return f.Slope, f.Shift, f.Slope <= f.Shift
	}
	return -inf, inf, false
}

// depthwisePortable computes a.rows rows of the result y from rows in scratch.
func depthwisePortable(d *depthwise, rows, w, y []float32, a *depthwiseArgs) {
	step := d.row * d.stride
	for i := range a.rows {
		out := y[i*d.ow:][:d.ow]
		for j := range out {
			out[j] = a.bias
		}
		for ky := range d.side {
			for kx := range d.side {
				in := rows[(i*d.stride+ky)*step+kx%d.stride*d.row+kx/d.stride:]
				axpyPortable(out, w[(ky*d.side+kx)*block], in[:d.ow])
			}
		}
		for j, v := range out { // NaN stays
			if v < a.lo {
				out[j] = a.lo
			} else if v > a.hi {
				out[j] = a.hi
			}
		}
	}
}
