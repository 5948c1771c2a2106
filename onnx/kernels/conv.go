package kernels

// ConvShape is a two-dimensional convolution of planes [C, H, W] with weights
// [OC, C/Groups, KH, KW]. Strides, dilations and Groups of 0 mean 1; padding is
// with zeros.
type ConvShape struct {
	C, H, W                                int
	OC, KH, KW                             int
	StrideH, StrideW, DilationH, DilationW int
	PadTop, PadLeft, PadBottom, PadRight   int
	Groups                                 int
}

// Output is the height and width of the result: whole windows only.
func (c ConvShape) Output() (oh, ow int) {
	oh = (c.H+c.PadTop+c.PadBottom-(c.KH-1)*max(1, c.DilationH)-1)/max(1, c.StrideH) + 1
	ow = (c.W+c.PadLeft+c.PadRight-(c.KW-1)*max(1, c.DilationW)-1)/max(1, c.StrideW) + 1
	return oh, ow
}

// Conv is what is settled about a convolution before its data is there. It is
// immutable and serves any number of goroutines, sets and batch sizes.
type Conv struct {
	shape  ConvShape
	oh, ow int
	cg, og int // input and output channels a group
}

// NewConv prepares a convolution. It panics on a shape without output, a
// negative padding or channels that the groups do not divide.
func NewConv(shape ConvShape) *Conv {
	for _, v := range []*int{&shape.StrideH, &shape.StrideW, &shape.DilationH, &shape.DilationW, &shape.Groups} {
		*v = max(1, *v)
	}
	c := &Conv{shape: shape, cg: shape.C / shape.Groups, og: shape.OC / shape.Groups}
	c.oh, c.ow = shape.Output()
	if shape.C < 1 || shape.KH < 1 || shape.KW < 1 || c.cg*shape.Groups != shape.C || c.og*shape.Groups != shape.OC || c.og < 1 {
		panic("kernels: NewConv: bad channels or kernel")
	}
	if min(shape.PadTop, shape.PadLeft, shape.PadBottom, shape.PadRight) < 0 || c.oh < 1 || c.ow < 1 {
		panic("kernels: NewConv: bad padding or no output")
	}
	return c
}

// Shape is the shape with its defaults filled in.
func (c *Conv) Shape() ConvShape { return c.shape }

// Output is the height and width of the result.
func (c *Conv) Output() (oh, ow int) { return c.oh, c.ow }

// WeightLen is the length of the weights, OC·C/Groups·KH·KW.
func (c *Conv) WeightLen() int { return c.shape.OC * c.cg * c.shape.KH * c.shape.KW }

// PackedLen is the length of packed weights.
func (c *Conv) PackedLen() int { return c.WeightLen() }

// Pack writes weights w in the order in which Forward reads them to dst, which
// has PackedLen elements.
func (c *Conv) Pack(dst, w []float32) { copy(dst[:c.PackedLen()], w[:c.WeightLen()]) }

// ConvForward is one forward pass: Y [N, OC, OH, OW] = Act(X [N, C, H, W] * W + Bias).
// N follows from the length of X. Exactly one of W and Packed (of Pack) is given;
// Bias, one number an output channel, may be nil. Scratch has at least
// ForwardScratch elements of any content.
type ConvForward struct {
	X, W, Packed, Bias []float32
	Act                Activation
	Y, Scratch         []float32
}

// ForwardScratch is the length of scratch that Forward needs on p.
func (c *Conv) ForwardScratch(p *Pool) int { return 0 }

// Forward computes f.
func (c *Conv) Forward(s Set, p *Pool, f ConvForward) {
	w := f.W
	if f.Packed != nil {
		w = f.Packed
	}
	n := c.batch(f.X, c.shape.C*c.shape.H*c.shape.W, f.Y)
	if len(w) < c.WeightLen() || f.Bias != nil && len(f.Bias) < c.shape.OC {
		panic("kernels: Conv: weights or bias too short")
	}
	t := convTask{c: c, f: f, w: w}
	if parts := p.split(n*c.shape.OC, c.work(n)); parts > 1 && p.begin() {
		p.conv = t
		p.share(&p.conv, n*c.shape.OC, parts)
		p.conv = convTask{}
		p.end()
		return
	}
	t.run(0, 0, n*c.shape.OC)
}

// BackwardDataScratch is the length of scratch that BackwardData needs on p.
func (c *Conv) BackwardDataScratch(p *Pool) int { return 0 }

// BackwardData computes the gradient by the input, dx [N, C, H, W], from the
// gradient by the convolution's result dy [N, OC, OH, OW] and weights w.
func (c *Conv) BackwardData(s Set, p *Pool, dy, w, dx, scratch []float32) {
	n := c.batch(dx, c.shape.C*c.shape.H*c.shape.W, dy)
	t := convGradientTask{c: c, dy: dy, w: w, dx: dx}
	if parts := p.split(n*c.shape.C, c.work(n)); parts > 1 && p.begin() {
		p.gradient = t
		p.share(&p.gradient, n*c.shape.C, parts)
		p.gradient = convGradientTask{}
		p.end()
		return
	}
	t.run(0, 0, n*c.shape.C)
}

// BackwardWeightsScratch is the length of scratch that BackwardWeights needs on p.
func (c *Conv) BackwardWeightsScratch(p *Pool) int { return 0 }

// BackwardWeights computes the gradients by the weights, dw, and by the bias, db
// (nil when not wanted), summed over the batch, from input x and the gradient by
// the convolution's result dy. Both are overwritten.
func (c *Conv) BackwardWeights(s Set, p *Pool, x, dy, dw, db, scratch []float32) {
	n := c.batch(x, c.shape.C*c.shape.H*c.shape.W, dy)
	if len(dw) < c.WeightLen() || db != nil && len(db) < c.shape.OC {
		panic("kernels: Conv: gradient too short")
	}
	t := convGradientTask{c: c, x: x, dy: dy, dw: dw, db: db, n: n, weights: true}
	if parts := p.split(c.shape.OC, c.work(n)); parts > 1 && p.begin() {
		p.gradient = t
		p.share(&p.gradient, c.shape.OC, parts)
		p.gradient = convGradientTask{}
		p.end()
		return
	}
	t.run(0, 0, c.shape.OC)
}

func (c *Conv) work(n int) int {
	return 2 * n * c.oh * c.ow * c.WeightLen()
}

// batch is how many images x holds, and that y holds as many.
func (c *Conv) batch(x []float32, size int, y []float32) int {
	n := len(x) / size
	if n*size != len(x) || len(y) != n*c.shape.OC*c.oh*c.ow {
		panic("kernels: Conv: not whole images")
	}
	return n
}

type convTask struct {
	c *Conv
	f ConvForward
	w []float32
}

// run computes output planes lo..hi.
func (t *convTask) run(_, lo, hi int) {
	c, sh := t.c, &t.c.shape
	size := c.cg * sh.KH * sh.KW
	for plane := lo; plane < hi; plane++ {
		n, oc := plane/sh.OC, plane%sh.OC
		w := t.w[oc*size:][:size]
		y := t.f.Y[plane*c.oh*c.ow:][:c.oh*c.ow]
		b := float32(0)
		if t.f.Bias != nil {
			b = t.f.Bias[oc]
		}
		for i := range y {
			y[i] = b
		}
		for ic := range c.cg {
			x := t.f.X[(n*sh.C+oc/c.og*c.cg+ic)*sh.H*sh.W:][:sh.H*sh.W]
			for k := range sh.KH * sh.KW {
				v := w[ic*sh.KH*sh.KW+k]
				c.each(k, func(i, j int) { y[j] += float32(v * x[i]) })
			}
		}
		unaryPortable(t.f.Act, y, y)
	}
}

// each calls f with the index in the input plane and in the output plane of every
// pair that element k of the kernel joins.
func (c *Conv) each(k int, f func(in, out int)) {
	sh := &c.shape
	ky, kx := k/sh.KW*sh.DilationH-sh.PadTop, k%sh.KW*sh.DilationW-sh.PadLeft
	for oy := range c.oh {
		y := oy*sh.StrideH + ky
		if y < 0 || y >= sh.H {
			continue
		}
		for ox := range c.ow {
			if x := ox*sh.StrideW + kx; x >= 0 && x < sh.W {
				f(y*sh.W+x, oy*c.ow+ox)
			}
		}
	}
}

type convGradientTask struct {
	c          *Conv
	x, dy, w   []float32
	dx, dw, db []float32
	n          int
	weights    bool
}

func (t *convGradientTask) run(_, lo, hi int) {
	c, sh := t.c, &t.c.shape
	taps := sh.KH * sh.KW
	if !t.weights {
		for plane := lo; plane < hi; plane++ {
			n, ic := plane/sh.C, plane%sh.C
			dx := t.dx[plane*sh.H*sh.W:][:sh.H*sh.W]
			clear(dx)
			g := ic / c.cg
			for oc := g * c.og; oc < (g+1)*c.og; oc++ {
				dy := t.dy[(n*sh.OC+oc)*c.oh*c.ow:][:c.oh*c.ow]
				for k := range taps {
					v := t.w[(oc*c.cg+ic%c.cg)*taps+k]
					c.each(k, func(i, j int) { dx[i] += float32(v * dy[j]) })
				}
			}
		}
		return
	}
	for oc := lo; oc < hi; oc++ {
		dw := t.dw[oc*c.cg*taps:][:c.cg*taps]
		clear(dw)
		bias := 0.0
		for n := range t.n {
			dy := t.dy[(n*sh.OC+oc)*c.oh*c.ow:][:c.oh*c.ow]
			for ic := range c.cg {
				x := t.x[(n*sh.C+oc/c.og*c.cg+ic)*sh.H*sh.W:][:sh.H*sh.W]
				for k := range taps {
					sum := float32(0)
					c.each(k, func(i, j int) { sum += float32(x[i] * dy[j]) })
					dw[ic*taps+k] += sum
				}
			}
			bias += float64(sumPortable(dy))
		}
		if t.db != nil {
			t.db[oc] = float32(bias)
		}
	}
}
