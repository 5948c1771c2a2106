package kernels

import "unsafe"

// flat is a convolution as the inner kernels see it: planes with their padding
// around them, one row behind the other, so that an output pixel at index q of its
// plane is the sum over k, an input channel and a place in the kernel, of
//
//	w[k] · plane[q + offs[k]]
//
// with the same offs for every q. A stride s is taken out by splitting a plane in
// s·s phases, the pixels that are s apart; a plane that needs neither padding nor
// phases is used where it lies. Rows of the result then are cols apart; those
// beyond ow are never computed or not kept.
type flat struct {
	in, out, groups  int // channels a group
	taps             int // of the kernel
	h, w             int // plane that is given
	insertH, insertW int // distance at which its pixels are put, zeros between them
	padTop, padLeft  int // zeros before it; below 0, pixels cut off
	strideH, strideW int
	phasesH, phasesW int
	rows, cols       int   // of one phase
	oh, ow           int   // result
	offs             []int // in bytes, for the channels of a group
	direct           bool  // the plane is used where it lies
}

// prepare fills in what follows from the rest.
func (f *flat) prepare(kh, kw, dilationH, dilationW int) {
	f.taps = kh * kw
	f.phasesH = min(f.strideH, (kh-1)*dilationH+1)
	f.phasesW = min(f.strideW, (kw-1)*dilationW+1)
	f.rows = f.oh + (kh-1)*dilationH/f.strideH
	f.cols = f.ow + (kw-1)*dilationW/f.strideW
	f.direct = f.rows == f.h && f.cols == f.w && f.padTop == 0 && f.padLeft == 0 &&
		f.strideH == 1 && f.strideW == 1 && f.insertH == 1 && f.insertW == 1
	for c := range f.in {
		for y := range kh {
			for x := range kw {
				y, x := y*dilationH, x*dilationW
				phase := (c*f.phasesH+y%f.strideH)*f.phasesW + x%f.strideW
				f.offs = append(f.offs, 4*((phase*f.rows+y/f.strideH)*f.cols+x/f.strideW))
			}
		}
	}
}

// k is the length of the sum for one output.
func (f *flat) k() int { return len(f.offs) }

// planeLen is the length of a plane as the kernels see it.
func (f *flat) planeLen() int { return f.phasesH * f.phasesW * f.rows * f.cols }

// block is how many output channels stand together in packed weights: for each k,
// their weights side by side, with zeros for channels that are not there.
const block = 8

func (f *flat) blocks() int { return (f.out + block - 1) / block }

func (f *flat) packedLen() int { return f.groups * f.blocks() * f.k() * block }

// pack writes to dst the weights w, of which that from input channel i to output
// channel o at tap t of group g is at g·stepG + o·stepO + i·stepI + t. With flip the
// taps go backwards.
func (f *flat) pack(dst, w []float32, stepG, stepO, stepI int, flip bool) {
	for g := range f.groups {
		for b := range f.blocks() {
			d := dst[(g*f.blocks()+b)*f.k()*block:][:f.k()*block]
			for r := range block {
				o := b*block + r
				for i := range f.in {
					for t := range f.taps {
						v := float32(0)
						if o < f.out {
							tap := t
							if flip {
								tap = f.taps - 1 - t
							}
							v = w[g*stepG+o*stepO+i*stepI+tap]
						}
						d[(i*f.taps+t)*block+r] = v
					}
				}
			}
		}
	}
}

// walk is how the result of one image is cut in strips that are computed at once,
// so that what they read stays in cache.
type walk struct {
	oh, ow, cols int  // as in flat, or the whole plane as one row where its rows touch
	rows         int  // rows of a strip
	width        int  // columns of a strip
	joined       bool // its rows are computed as one, with what lies between them, and copied
	strips       int
	cuts, cut    int // parts of the channels of the result that are computed apart, and which of them is
}

const (
	maxJoined = 512  // pixels of a strip that is copied
	minStrip  = 384  // least pixels of other strips, a multiple of every tile
	stripLoad = 6144 // pixels of all channels that a strip should read
)

// walk chooses the strips: rows written where they belong, or joined where single
// rows would waste lanes.
func (f *flat) walk(s Set) walk {
	w := walk{oh: f.oh, ow: f.ow, cols: f.cols}
	if f.ow == f.cols {
		w.oh, w.ow, w.cols = 1, f.oh*f.ow, f.oh*f.ow
	}
	length := max(minStrip, stripLoad/f.in/minStrip*minStrip)
	w.width = min(w.ow, length)
	w.rows = min(w.oh, length/w.width)
	if s.isa != portable {
		// Joined rows are copied, about eight pixels a cycle and some cycles a row.
		mr := min(block, f.out)
		apart := w.oh * (20 + s.cycles(mr, w.ow, f.k()))
		rows, joined := s.joinedRows(mr, w.oh, w.ow, w.cols, f.k(), 1, maxJoined)
		if rows > 1 && joined+w.oh*mr*(8+w.ow/8) < apart {
			w.rows, w.joined = rows, true
		}
	}
	w.strips = (w.oh + w.rows - 1) / w.rows * ((w.ow + w.width - 1) / w.width)
	return w
}

// joinedRows is how many of high rows, a multiple of step, should be computed as one
// with what lies between them, at most so many pixels, and roughly what all of them
// then cost for a block of mr channels.
func (s Set) joinedRows(mr, high, wide, cols, k, step, pixels int) (rows, cost int) {
	const call = 400 // cycles beside the multiplications
	for r := step; r == step || r < high+step && (r-1)*cols+wide <= pixels; r += step {
		c := (high / r) * (call + s.cycles(mr, (r-1)*cols+wide, k))
		if left := high % r; left > 0 {
			c += call + s.cycles(mr, (left-1)*cols+wide, k)
		}
		if rows == 0 || c < cost {
			rows, cost = r, c
		}
	}
	return rows, cost
}

// strip computes strip number i of one image: x the image as the kernels see it, y
// its result [groups·out, oh, ow], which is at base of the whole. tile holds
// block·maxJoined elements of scratch.
func (f *flat) strip(s Set, w walk, i int, x, weights, bias []float32, act Activation, y, tile []float32, then Chain, base int) {
	across := (w.ow + w.width - 1) / w.width
	row, col := i/across*w.rows, i%across*w.width
	rows, n := min(w.rows, w.oh-row), min(w.width, w.ow-col)
	q := row*w.cols + col
	y, base = y[row*w.ow+col:], base+row*w.ow+col
	plane := f.oh * f.ow
	blocks := f.groups * f.blocks()
	lo, hi := 0, blocks
	if w.cuts > 1 {
		lo, hi = blocks*w.cut/w.cuts, blocks*(w.cut+1)/w.cuts
	}
	for k := lo; k < hi; k++ {
		g, b := k/f.blocks(), k%f.blocks()
		xg := x[g*f.in*f.planeLen()+q:]
		oc := g*f.out + b*block
		mr := min(block, f.out-b*block)
		r := result{y: y[oc*plane:], plane: plane, channels: mr, rows: rows, cols: n, nextX: w.cols, nextY: w.ow}
		if w.joined {
			r.y, r.plane, r.rows, r.cols = tile, maxJoined, 1, (rows-1)*w.cols+w.ow
		}
		var bb []float32
		if bias != nil {
			bb = bias[oc : oc+mr]
		}
		complete := s.convolve(f, xg, weights[(g*f.blocks()+b)*f.k()*block:][:f.k()*block], bb, act, r)
		if w.joined {
			for o := range mr {
				s.copyRows(y[(oc+o)*plane:], w.ow, tile[o*maxJoined:], w.cols, w.ow, rows)
			}
		}
		if complete && len(then) == 0 {
			continue
		}
		for o := range mr { // rows of a strip touch, or there is one
			z := y[(oc+o)*plane:][:(rows-1)*w.ow+n]
			if !complete {
				s.unary(act, z, z)
			}
			then.apply(s, z, z, base+(oc+o)*plane)
		}
	}
}

// result is where a part of a convolution goes: rows by cols pixels of some
// channels that are plane apart.
type result struct {
	y            []float32
	plane        int
	channels     int
	rows, cols   int
	nextX, nextY int // from row to row of the image and of the result
}

// convolve computes r.y[i·plane+p·nextY+j] = act(bias[i] + Σₖ w[k·block+i]·
// x[p·nextX+j+offs[k]]) for channels i, rows p and columns j and reports whether act
// was applied.
func (s Set) convolve(f *flat, x, w, bias []float32, act Activation, r result) bool {
	if s.isa == portable {
		for p := range r.rows {
			convolvePortable(f, x[p*r.nextX:], w, bias, r.y[p*r.nextY:], r.plane, r.channels, r.cols)
		}
		return act.Function == Identity
	}
	if raceEnabled {
		for i := range r.channels {
			for p := range r.rows {
				raceWrite(r.y[i*r.plane+p*r.nextY:][:r.cols])
			}
		}
	}
	complete := false
	for i := 0; i < r.channels; i += s.rows(true) {
		a := tileArgs{
			a: at(w, i), rowA: 4, stepA: 4 * block, b: at(x, 0), offs: &f.offs[0], k: f.k(),
			c: at(r.y, i*r.plane), rowC: 4 * r.plane, spread: 1, rows: r.rows, nextB: 4 * r.nextX, nextC: 4 * r.nextY,
		}
		if bias != nil {
			a.init, a.rowInit = at(bias, i), 4
		} else {
			a.init = unsafe.Pointer(&zeroInit)
		}
		complete = a.activation(act)
		s.strip(true, min(s.rows(true), r.channels-i), r.cols, a)
	}
	return complete
}

// convolvePortable is one row of convolve without its activation; ld is the plane.
func convolvePortable(f *flat, x, w, bias, y []float32, ld, mr, n int) {
	for i := range mr {
		row := y[i*ld:][:n]
		b := float32(0)
		if bias != nil {
			b = bias[i]
		}
		for j := range row {
			row[j] = b
		}
		k := 0
		for ; k+4 <= len(f.offs); k += 4 {
			w0, w1, w2, w3 := w[k*block+i], w[(k+1)*block+i], w[(k+2)*block+i], w[(k+3)*block+i]
			x0, x1, x2, x3 := x[f.offs[k]/4:][:n], x[f.offs[k+1]/4:][:n], x[f.offs[k+2]/4:][:n], x[f.offs[k+3]/4:][:n]
			for j, v := range row {
				v += float32(w0 * x0[j])
				v += float32(w1 * x1[j])
				v += float32(w2 * x2[j])
				v += float32(w3 * x3[j])
				row[j] = v
			}
		}
		for ; k < len(f.offs); k++ {
			axpyPortable(row, w[k*block+i], x[f.offs[k]/4:][:n])
		}
	}
}
