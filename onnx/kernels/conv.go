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
	shape     ConvShape
	forward   flat
	backward  flat       // the gradient by the input, a convolution of the result's gradient
	depthwise *depthwise // the way for channels by themselves, nil where there is none
}

// NewConv prepares a convolution. It panics on a shape without output, a
// negative padding or channels that the groups do not divide.
func NewConv(shape ConvShape) *Conv {
	for _, v := range []*int{&shape.StrideH, &shape.StrideW, &shape.DilationH, &shape.DilationW, &shape.Groups} {
		*v = max(1, *v)
	}
	in, out := shape.C/shape.Groups, shape.OC/shape.Groups
	if in < 1 || out < 1 || in*shape.Groups != shape.C || out*shape.Groups != shape.OC || shape.KH < 1 || shape.KW < 1 {
		panic("kernels: NewConv: bad channels or kernel")
	}
	reachH, reachW := (shape.KH-1)*shape.DilationH, (shape.KW-1)*shape.DilationW
	if min(shape.PadTop, shape.PadLeft, shape.PadBottom, shape.PadRight) < 0 ||
		shape.H+shape.PadTop+shape.PadBottom <= reachH || shape.W+shape.PadLeft+shape.PadRight <= reachW {
		panic("kernels: NewConv: bad padding or no output")
	}
	oh, ow := shape.Output()
	c := &Conv{
		shape: shape,
		forward: flat{
			in: in, out: out, groups: shape.Groups, h: shape.H, w: shape.W, insertH: 1, insertW: 1,
			padTop: shape.PadTop, padLeft: shape.PadLeft, strideH: shape.StrideH, strideW: shape.StrideW, oh: oh, ow: ow,
		},
		// dx[y] is the sum over ky of w[ky]·dy[(y + pad - ky·dilation) / stride] where that
		// is whole: a convolution of dy, its pixels stride apart, with w turned round.
		backward: flat{
			in: out, out: in, groups: shape.Groups, h: oh, w: ow, insertH: shape.StrideH, insertW: shape.StrideW,
			padTop: reachH - shape.PadTop, padLeft: reachW - shape.PadLeft, strideH: 1, strideW: 1, oh: shape.H, ow: shape.W,
		},
	}
	c.forward.prepare(shape.KH, shape.KW, shape.DilationH, shape.DilationW)
	c.backward.prepare(shape.KH, shape.KW, shape.DilationH, shape.DilationW)
	c.depthwise = newDepthwise(shape)
	return c
}

// Shape is the shape with its defaults filled in.
func (c *Conv) Shape() ConvShape { return c.shape }

// Output is the height and width of the result.
func (c *Conv) Output() (oh, ow int) { return c.forward.oh, c.forward.ow }

// WeightLen is the length of the weights, OC·C/Groups·KH·KW.
func (c *Conv) WeightLen() int { return c.shape.OC * c.forward.k() }

// PackedLen is the length of packed weights.
func (c *Conv) PackedLen() int { return c.forward.packedLen() }

// Pack writes weights w in the order in which Forward reads them to dst, which
// has PackedLen elements. Packed weights serve every Set.
func (c *Conv) Pack(dst, w []float32) {
	f := &c.forward
	f.pack(dst[:f.packedLen()], w[:c.WeightLen()], f.out*f.k(), f.k(), f.taps, false)
}

// ConvForward is one forward pass: Y [N, OC, OH, OW] = Act(X [N, C, H, W] * W + Bias).
// N follows from the length of X. One of W and Packed (of Pack) is given, Packed
// for weights that stay; Bias, one number an output channel, may be nil. Scratch
// has at least ForwardScratch elements of any content.
type ConvForward struct {
	X, W, Packed, Bias []float32
	Act                Activation
	Then               Chain // applied to Y at last, its operands for all of it
	Y, Scratch         []float32
}

// ForwardScratch is the length of scratch that Forward needs on p. packed says
// that the weights come packed.
func (c *Conv) ForwardScratch(p *Pool, packed bool) int {
	n := c.forward.scratch(p)
	if c.depthwise != nil {
		n = p.Threads() * c.depthwise.scratch()
	}
	if !packed {
		n += c.forward.packedLen()
	}
	return n
}

// Forward computes f.
func (c *Conv) Forward(s Set, p *Pool, f ConvForward) {
	n := c.batch(f.X, f.Y)
	if f.Bias != nil && len(f.Bias) < c.shape.OC {
		panic("kernels: Conv: bias is too short")
	}
	f.Then.check(len(f.Y))
	w := f.Packed
	if w == nil {
		w, f.Scratch = f.Scratch[:c.PackedLen()], f.Scratch[c.PackedLen():]
		c.Pack(w, f.W)
	}
	if d := c.depthwise; d != nil {
		d.run(p, depthwiseTask{set: s, d: d, channels: c.shape.C, x: f.X, w: w, bias: f.Bias, act: f.Act, then: f.Then, y: f.Y, scratch: f.Scratch}, n)
		return
	}
	c.forward.run(p, convTask{set: s, x: f.X, w: w[:c.PackedLen()], bias: f.Bias, act: f.Act, then: f.Then, y: f.Y, scratch: f.Scratch, n: n})
}

// BackwardDataScratch is the length of scratch that BackwardData needs on p.
func (c *Conv) BackwardDataScratch(p *Pool) int {
	return c.backward.packedLen() + c.backward.scratch(p)
}

// BackwardData computes the gradient by the input, dx [N, C, H, W], from the
// gradient by the convolution's result dy [N, OC, OH, OW] and weights w. scratch
// has at least BackwardDataScratch elements of any content.
func (c *Conv) BackwardData(s Set, p *Pool, dy, w, dx, scratch []float32) {
	n := c.batch(dx, dy)
	f := &c.backward
	packed, scratch := scratch[:f.packedLen()], scratch[f.packedLen():]
	c.packBackward(packed, w)
	f.run(p, convTask{set: s, x: dy, w: packed, y: dx, scratch: scratch, n: n})
}

// packBackward writes weights w in the order in which BackwardData reads them.
func (c *Conv) packBackward(dst, w []float32) {
	f := &c.backward
	f.pack(dst, w[:c.WeightLen()], f.in*f.out*f.taps, f.taps, f.out*f.taps, true)
}

// batch is how many images x [N, C, H, W] holds, and that y holds as many results.
func (c *Conv) batch(x, y []float32) int {
	size := c.shape.C * c.shape.H * c.shape.W
	n := len(x) / size
	if n*size != len(x) || len(y) != n*c.shape.OC*c.forward.oh*c.forward.ow {
		panic("kernels: Conv: not whole images")
	}
	return n
}
