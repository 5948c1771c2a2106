package kernels

// Transposed is the gradient by the input of a convolution, as a forward pass of its
// own: every place that a pixel of the result has between pixels that are strides
// apart (its phase) is a convolution of the given planes with every strides-th number
// of the kernel. All phases are one convolution with more channels, whose planes then
// are put between each other. It is immutable and serves any number of goroutines,
// sets and batch sizes.
type Transposed struct {
	shape          ConvShape
	conv           *Conv
	h, w           int // planes of phases
	beginH, beginW int // phase of the first pixel
}

// NewTransposed prepares the gradient by the input of the convolution of a shape:
// the result is [N, C, H, W], what is given [N, OC, ...Output()]. It gives nil where
// dilated kernels or cut borders leave no such way.
func NewTransposed(shape ConvShape) *Transposed {
	shape = NewConv(shape).Shape()
	oh, ow := shape.Output()
	// Pixel y is at phase (y + pad) % stride of place (y + pad) / stride, which reads
	// pixels place - t of what is given, t below the kernel over the stride.
	tapsH, tapsW := (shape.KH+shape.StrideH-1)/shape.StrideH, (shape.KW+shape.StrideW-1)/shape.StrideW
	firstH, firstW := shape.PadTop/shape.StrideH, shape.PadLeft/shape.StrideW
	if shape.DilationH*shape.DilationW != 1 || firstH >= tapsH || firstW >= tapsW {
		return nil
	}
	h, w := (shape.PadTop+shape.H-1)/shape.StrideH-firstH+1, (shape.PadLeft+shape.W-1)/shape.StrideW-firstW+1
	t := &Transposed{shape: shape, beginH: shape.PadTop % shape.StrideH, beginW: shape.PadLeft % shape.StrideW}
	inner := ConvShape{
		C: shape.OC, H: oh, W: ow, OC: shape.C * shape.StrideH * shape.StrideW, KH: tapsH, KW: tapsW, Groups: shape.Groups,
		PadTop: tapsH - 1 - firstH, PadLeft: tapsW - 1 - firstW,
	}
	inner.PadBottom = max(0, h+tapsH-1-oh-inner.PadTop)
	inner.PadRight = max(0, w+tapsW-1-ow-inner.PadLeft)
	t.conv = NewConv(inner)
	t.h, t.w = t.conv.Output()
	return t
}

// PackedLen is the length of packed weights.
func (t *Transposed) PackedLen() int { return t.conv.PackedLen() }

// Pack makes packed weights of w [OC, C/Groups, KH, KW] in dst, which has PackedLen
// elements, and allocates.
func (t *Transposed) Pack(dst, w []float32) {
	sh, inner := t.shape, t.conv.Shape()
	phased := make([]float32, t.conv.WeightLen())
	maps, channels := sh.C/sh.Groups, sh.OC/sh.Groups
	for i := range phased {
		// [group, map, phase y, phase x, channel, tap y, tap x], taps backwards
		x, k := i%inner.KW, i/inner.KW
		y, k := k%inner.KH, k/inner.KH
		c, k := k%channels, k/channels
		px, k := k%sh.StrideW, k/sh.StrideW
		py, k := k%sh.StrideH, k/sh.StrideH
		m, g := k%maps, k/maps
		ky, kx := py+sh.StrideH*(inner.KH-1-y), px+sh.StrideW*(inner.KW-1-x)
		if ky < sh.KH && kx < sh.KW {
			phased[i] = w[(((g*channels+c)*maps+m)*sh.KH+ky)*sh.KW+kx]
		}
	}
	t.conv.Pack(dst, phased)
}

// TransposedForward is one pass: Y [N, C, H, W] = Act(gradient of X + Bias). N follows
// from the length of X. Bias, one number a channel of Y, may be nil. Scratch has at
// least Scratch elements of any content.
type TransposedForward struct {
	X, Packed, Bias []float32
	Act             Activation
	Then            Chain // applied to Y at last, its operands for all of it
	Y, Scratch      []float32
}

// Scratch is the length of scratch that Forward needs on p.
func (t *Transposed) Scratch(p *Pool) int {
	inner := t.conv.Shape()
	return inner.OC*(t.h*t.w+1) + t.conv.ForwardScratch(p, true)
}

// Forward computes f.
func (t *Transposed) Forward(s Set, p *Pool, f TransposedForward) {
	inner := t.conv.Shape()
	sizeX, sizeY := inner.C*inner.H*inner.W, t.shape.C*t.shape.H*t.shape.W
	n := len(f.X) / sizeX
	if n*sizeX != len(f.X) || len(f.Y) != n*sizeY {
		panic("kernels: Transposed: not whole images")
	}
	f.Then.check(len(f.Y))
	z, scratch := f.Scratch[:inner.OC*t.h*t.w], f.Scratch[inner.OC*t.h*t.w:]
	var bias []float32
	if f.Bias != nil {
		bias, scratch = scratch[:inner.OC], scratch[inner.OC:]
		for i := range bias {
			bias[i] = f.Bias[i/(t.shape.StrideH*t.shape.StrideW)]
		}
	}
	for i := range n {
		t.conv.Forward(s, p, ConvForward{X: f.X[i*sizeX:][:sizeX], Packed: f.Packed, Bias: bias, Act: f.Act, Y: z, Scratch: scratch})
		task := weaveTask{set: s, t: t, z: z, y: f.Y[i*sizeY:][:sizeY], then: f.Then, base: i * sizeY}
		if parts := p.split(t.shape.C, 2*sizeY); parts > 1 && p.begin() {
			p.weave = task
			p.share(&p.weave, t.shape.C, parts)
			p.weave = weaveTask{}
			p.end()
			continue
		}
		task.run(0, 0, t.shape.C)
	}
}

// weaveTask puts the phases of one image between each other, channel by channel.
type weaveTask struct {
	set  Set
	t    *Transposed
	z, y []float32
	then Chain
	base int // of y in the whole result
}

func (w *weaveTask) run(_, lo, hi int) {
	t := w.t
	sh, plane := t.shape, t.h*t.w
	for c := lo; c < hi; c++ {
		y := w.y[c*sh.H*sh.W:][:sh.H*sh.W]
		for py := range sh.StrideH {
			// Rows of this phase begin at row first of the result and place of the phase's plane.
			first, place := py-t.beginH, 0
			if first < 0 {
				first, place = first+sh.StrideH, 1
			}
			if first >= sh.H {
				continue
			}
			rows := (sh.H - first + sh.StrideH - 1) / sh.StrideH
			z := w.z[(c*sh.StrideH+py)*sh.StrideW*plane:][:sh.StrideW*plane]
			w.rows(y[first*sh.W:], z, place, rows)
		}
		w.then.apply(w.set, y, y, w.base+c*sh.H*sh.W)
	}
}

// rows weaves rows of the result that are StrideH apart, from row place of the planes
// z of one phase after the other.
func (w *weaveTask) rows(y, z []float32, place, rows int) {
	t := w.t
	sh, plane := t.shape, t.h*t.w
	ldy := sh.StrideH * sh.W
	pairs := 0
	if sh.StrideW == 2 {
		if pairs = sh.W / 2; pairs > 0 {
			even, odd := z[place*t.w:], z[plane+place*t.w:]
			if t.beginW == 1 {
				even, odd = odd, even[1:]
			}
			w.set.zipPlanes(moved{1, rows, 2 * pairs}, y, layout{row: ldy}, even, odd, layout{row: t.w})
		}
	}
	for i := range rows {
		for x := 2 * pairs; x < sh.W; x++ {
			at := x + t.beginW
			y[i*ldy+x] = z[at%sh.StrideW*plane+(place+i)*t.w+at/sh.StrideW]
		}
	}
}
