package kernels

// ByteConv is what is settled about a convolution of bytes before its data is there: exact modulo 2³², the sums over
// windows of (x - ZeroX)·(w - ZeroW), to which padding adds nothing. It is immutable and serves any number of goroutines.
//
// The image is laid out in quads, four bytes that a weight's four meet at once: four channels of a pixel, or, where channels are
// few, four pixels side by side. Strides fall into planes of their own, so that a window is a table of offsets.
type ByteConv struct {
	shape   ConvShape
	in, out int  // channels and maps of a group
	across  bool // a quad is four pixels of one channel
	planes  int  // of quads
	phases  [][2]int
	ph, pw  int // size of a phase of a plane
	oh, ow  int
	offs    []int // of each quad of a window, in bytes
	block   int   // rows of the result that are computed at a time
}

// NewByteConv prepares a convolution. It panics where NewConv does.
func NewByteConv(shape ConvShape) *ByteConv {
	whole := NewConv(shape)
	shape = whole.shape
	c := &ByteConv{shape: shape, in: shape.C / shape.Groups, out: shape.OC / shape.Groups}
	c.oh, c.ow = whole.Output()
	columns := (shape.KW + 3) / 4
	if c.across = c.in*columns < quadsOf(c.in)*shape.KW; c.across {
		c.planes = c.in
	} else {
		c.planes, columns = quadsOf(c.in), shape.KW
	}
	type tap struct{ phase, y, x int }
	var taps []tap
	c.ph, c.pw = c.oh, c.ow
	for ky := range shape.KH {
		for i := range columns {
			kx := i
			if c.across {
				kx = 4 * i
			}
			y, x := ky*shape.DilationH, kx*shape.DilationW
			t := tap{c.phase(y%shape.StrideH, x%shape.StrideW), y / shape.StrideH, x / shape.StrideW}
			c.ph, c.pw = max(c.ph, c.oh+t.y), max(c.pw, c.ow+t.x)
			taps = append(taps, t)
		}
	}
	for p := range c.planes {
		for _, t := range taps {
			c.offs = append(c.offs, 4*(((p*len(c.phases)+t.phase)*c.ph+t.y)*c.pw+t.x))
		}
	}
	c.block = max(1, min(c.oh, byteConvPixels/c.pw))
	return c
}

// Pixels of a map that are computed at a time.
const byteConvPixels = 512

// phase gives the number of a phase, a new one where it is met first.
func (c *ByteConv) phase(y, x int) int {
	for i, f := range c.phases {
		if f == [2]int{y, x} {
			return i
		}
	}
	c.phases = append(c.phases, [2]int{y, x})
	return len(c.phases) - 1
}

// Output is the height and width of the result.
func (c *ByteConv) Output() (oh, ow int) { return c.oh, c.ow }

// quads is how many quads a window has.
func (c *ByteConv) quads() int { return len(c.offs) }

// tap gives channel and kernel column of byte l of a quad, or false where it is beyond them.
func (c *ByteConv) tap(plane, column, l int) (channel, kx int, ok bool) {
	if c.across {
		return plane, 4*column + l, 4*column+l < c.shape.KW
	}
	return 4*plane + l, column, 4*plane+l < c.in
}

// PackedByteConv holds weights in the order in which a Set reads them, as int8 (unsigned ones less 128), and after the
// last a row of ones. It serves any number of goroutines.
type PackedByteConv struct {
	set      Set
	unsigned bool
	width    int // bytes of a quad
	data     []byte
	sums     []int32 // of each map, as packed
}

// PackedLen is the number of bytes that Pack fills, which start at a multiple of 4.
func (c *ByteConv) PackedLen() int { return (c.shape.OC+1)*c.quads()*8 + 4*c.shape.OC }

// Pack lays out w, [OC, C/Groups, KH, KW] of int8 or, where not signed, uint8, in dst for a set.
func (c *ByteConv) Pack(s Set, dst, w []byte, signed bool) PackedByteConv {
	p := PackedByteConv{set: s, unsigned: !signed, width: s.quadWidth()}
	row := c.quads() * p.width
	p.data, p.sums = dst[:(c.shape.OC+1)*row], int32s(dst[(c.shape.OC+1)*c.quads()*8:], c.shape.OC)
	clear(p.data)
	flip := byte(0)
	if !signed {
		flip = 0x80
	}
	columns := c.quads() / (c.planes * c.shape.KH)
	at := 0
	for o := range c.shape.OC + 1 {
		sum := int32(0)
		for q := range c.quads() {
			plane, ky, column := q/(columns*c.shape.KH), q/columns%c.shape.KH, q%columns
			for l := range 4 {
				channel, kx, ok := c.tap(plane, column, l)
				if !ok {
					continue
				}
				v := byte(1)
				if o < c.shape.OC {
					v = w[((o*c.in+channel)*c.shape.KH+ky)*c.shape.KW+kx] ^ flip
				}
				sum += int32(int8(v))
				if p.width == 4 {
					p.data[at+4*q+l] = v
				} else {
					p.data[at+8*q+2*l], p.data[at+8*q+2*l+1] = v, byte(int8(v)>>7)
				}
			}
		}
		if o < c.shape.OC {
			p.sums[o] = sum
		}
		at += row
	}
	return p
}

// quadWidth is how many bytes four numbers of the left side take.
func (s Set) quadWidth() int {
	if s.isa != portable && !s.vnni() {
		return 8
	}
	return 4
}

// ByteConvForward is one forward pass over X [N, C, H, W]. N follows from the length of X. The sums [N, OC, OH, OW] go to C, or,
// where that is nil, their quanta to Y: the sums times Scale, one number for all or one a map.
type ByteConvForward struct {
	X       []byte
	SignedX bool // X holds int8
	ZeroX   int32
	W       PackedByteConv
	ZeroW   []int32 // one for all, or one a map; nil is 0
	Bias    []int32 // one a map, or nil
	C       []int32
	Y       []byte
	Quantum Quantum
	Scale   []float32
	Scratch []byte // of ForwardScratch bytes, of any content, at a multiple of 64
}

// imageLen is the number of bytes of an image of one group, with what kernels read beyond its end.
func (c *ByteConv) imageLen() int {
	return up64(4*c.planes*len(c.phases)*c.ph*c.pw + 64)
}

func up64(n int) int { return (n + 63) &^ 63 }

// pixels is the most that are computed at a time.
func (c *ByteConv) pixels() int { return c.block * c.pw }

// workLen is the number of bytes that a worker needs beside the image: sums of the maps that are computed at a time and of the pixels,
// quanta, and four lines.
func (c *ByteConv) workLen() int {
	sums := up64(4*c.pixels() + 64)
	return (byteRows+1)*sums + up64(c.pixels()+16) + 4*up64(c.pw)
}

// ForwardScratch is the number of bytes of scratch that Forward needs on p.
func (c *ByteConv) ForwardScratch(p *Pool) int {
	return 2*up64(4*c.shape.OC) + p.Threads()*(c.imageLen()+c.workLen())
}

// Forward computes f.
func (c *ByteConv) Forward(s Set, p *Pool, f ByteConvForward) {
	size, result := c.shape.C*c.shape.H*c.shape.W, c.shape.OC*c.oh*c.ow
	n := len(f.X) / size
	if n*size != len(f.X) || len(f.C) != n*result && (f.C != nil || len(f.Y) != n*result) {
		panic("kernels: ByteConv: not whole images")
	}
	if !ofAll(len(f.ZeroW), c.shape.OC) || f.Bias != nil && len(f.Bias) < c.shape.OC ||
		f.C == nil && (len(f.Scale) == 0 || !ofAll(len(f.Scale), c.shape.OC)) {
		panic("kernels: ByteConv: scales, zero points or bias are not one for each map")
	}
	if f.W.set != s {
		panic("kernels: ByteConv: weights are packed for another set")
	}
	t := byteConvTask{set: s, c: c, f: f}
	t.prepare()
	work := n * result * c.quads() * 2
	units := n * c.shape.Groups
	parts := p.split(max(units, c.planes), work)
	if parts > 1 && p.begin() {
		p.byteConv = t
		if units > 1 {
			p.share(&p.byteConv, units, min(parts, units))
		} else {
			p.byteConv.phase = convQuads
			p.share(&p.byteConv, c.planes*len(c.phases), min(p.Threads(), c.planes*len(c.phases)))
			p.byteConv.phase = convBlocks
			blocks := (c.oh + c.block - 1) / c.block
			p.share(&p.byteConv, blocks, min(4*p.Threads(), blocks))
		}
		p.byteConv = byteConvTask{}
		p.end()
		return
	}
	t.run(0, 0, units)
}

type byteConvPhase uint8

const (
	convImages byteConvPhase = iota // a unit is a group of an image
	convQuads                       // a unit is a phase of a plane of the one image
	convBlocks                      // a unit is a block of rows of its result
)

type byteConvTask struct {
	set     Set
	c       *ByteConv
	f       ByteConvForward
	phase   byteConvPhase
	zeroX   int32 // of the bytes as they are laid out
	flip    uint32
	terms   int     // 1: the zero points of weights count
	rows    []int32 // what the sums of a map start from
	row1    []int32 // less the zero point of a map
	scratch []byte
}

// prepare finds what zero points add to the sums of each map.
func (t *byteConvTask) prepare() {
	c, f := t.c, &t.f
	t.zeroX = f.ZeroX
	if f.SignedX {
		t.zeroX, t.flip = f.ZeroX+128, 0x80808080
	}
	rest := f.Scratch
	t.rows, rest = int32s(rest, c.shape.OC), rest[up64(4*c.shape.OC):]
	t.row1, t.scratch = int32s(rest, c.shape.OC), rest[up64(4*c.shape.OC):]
	shift := int32(0)
	if f.W.unsigned {
		shift = -128
	}
	k := int32(c.in * c.shape.KH * c.shape.KW)
	for o := range t.rows {
		zero := pick(f.ZeroW, o) + shift
		if t.row1[o] = -zero; zero != 0 {
			t.terms = 1
		}
		t.rows[o] = t.zeroX * (k*zero - f.W.sums[o])
		if f.Bias != nil {
			t.rows[o] += f.Bias[o]
		}
	}
}

func (t *byteConvTask) run(worker, lo, hi int) {
	c := t.c
	size := c.imageLen() + c.workLen()
	image, work := t.scratch[:c.imageLen()], t.scratch[worker*size+c.imageLen():][:c.workLen()]
	for u := lo; u < hi; u++ {
		switch t.phase {
		case convQuads:
			t.quads(image, work, 0, 0, u/len(c.phases), u%len(c.phases))
		case convBlocks:
			t.rowsOf(image, work, 0, 0, u*c.block, min((u+1)*c.block, c.oh))
		default:
			image := t.scratch[worker*size:][:c.imageLen()]
			n, g := u/c.shape.Groups, u%c.shape.Groups
			for plane := range c.planes {
				for phase := range c.phases {
					t.quads(image, work, n, g, plane, phase)
				}
			}
			for y := 0; y < c.oh; y += c.block {
				t.rowsOf(image, work, n, g, y, min(y+c.block, c.oh))
			}
		}
	}
}
