package kernels

// ConvBackward is one backward pass of a convolution, its activation and the MaxPool
// after it: from DY, the gradient by what these give, to the gradients DX by X, DW by
// W and DB by the bias, each overwritten, or nil where it is not wanted.
type ConvBackward struct {
	X  []float32 // [N, C, H, W], or what Upsample makes that of; nil where DW is
	W  []float32 // nil where DX is
	DY []float32 // [N, OC, OH, OW], or what Pool makes of these planes
	// Act was applied before the pooling, and Y, of DY's shape, is what came out; Y is
	// nil where Act is Identity.
	Act Activation
	Y   []float32
	// Upsample, for the planes of one image, was applied first, and Pool, for planes of one
	// image or more, last; Argmax is what ForwardTraining left. nil for none.
	Upsample   *UpsampleShape
	Pool       *PoolShape
	Argmax     []int32
	DX, DW, DB []float32
	Scratch    []float32 // at least BackwardScratch elements of any content

	weave *weave // how DY was put together from phases; there is no pooling then
}

// Gradients by the weights are summed over shares of the batch, one after the other,
// that depend on nothing but the shape: whoever computes a share, the bits are the
// same.
const (
	mostShares  = 8
	mostPartial = 1 << 22 // elements that the shares' sums take, where two take less
)

// shares is how many for n images.
func (c *Conv) shares(n int) int {
	return max(1, min(n, mostShares, max(2, mostPartial/c.WeightLen())))
}

// backwardRoom is how a worker's scratch is divided.
type backwardRoom struct {
	x      int // the planes of a stack, padded; 0 where X is used as it lies
	dy     int // the gradients by the convolution's result in planes of that width, zeros around them
	padded int // one image's gradients as the gradient by the input wants them
	plain  int // one image's gradients as they come from activation and pooling
	tile   int // a strip of the gradient by the input
	large  int // one upsampled image, or the gradient by it
}

func (r backwardRoom) len() int { return r.x + r.dy + r.padded + r.plain + r.tile + r.large }

// folds is where strips of the gradient by an upsampled image are added up at once.
func (c *Conv) folds(b *ConvBackward) bool {
	return b.Upsample != nil && b.Upsample.FactorH == 2 && b.Upsample.FactorW == 2 && c.shape.Groups == 1
}

// inputStrips is how the gradient by an image is computed, two rows at a time where it
// folds.
func (c *Conv) inputStrips(s Set, packed []float32, folds bool) strips {
	f := &c.backward
	t := strips{f: f, weights: packed, high: f.oh, wide: f.ow, pool: folds}
	t.plan(s)
	return t
}

func (c *Conv) backwardRoom(s Set, b *ConvBackward) (r backwardRoom) {
	f, g := &c.forward, c.gradientPlanes()
	if b.DW != nil && (b.Upsample != nil || !(f.direct && g.stack == 1)) {
		r.x = c.shape.C * g.apartX
	}
	r.dy = g.reach + c.shape.OC*g.apartY
	if b.DX != nil {
		r.padded = c.backward.imageLen()
		if f.groups == 1 {
			t := c.inputStrips(s, nil, c.folds(b))
			r.tile = t.tileLen()
		} else {
			r.tile = block * maxJoined
		}
	}
	if b.Upsample != nil && (b.DX != nil && !c.folds(b) || !g.unit) {
		r.large = c.shape.C * c.shape.H * c.shape.W
	}
	if b.Pool != nil {
		r.plain = c.shape.OC * b.Pool.OH * b.Pool.OW
		if !c.unpoolsInPlace(b.Pool) {
			r.plain += f.oh * f.ow
		}
	} else if b.weave != nil {
		r.plain = b.weave.len()
	} else if b.Act.Function != Identity {
		r.plain = c.shape.OC * f.oh * f.ow
	}
	return r
}

// BackwardScratch is the length of scratch that Backward needs on p for n images. Of b
// only what is wanted, Act, Upsample and Pool count.
func (c *Conv) BackwardScratch(s Set, p *Pool, n int, b ConvBackward) int {
	total := p.Threads() * c.backwardRoom(s, &b).len()
	if k := c.shares(n); k > 1 {
		total += k * (c.WeightLen() + c.shape.OC)
	}
	if b.DX != nil {
		total += c.backward.packedLen()
	}
	return total
}

// Backward computes b.
func (c *Conv) Backward(s Set, p *Pool, b ConvBackward) {
	t := convGradientTask{set: s, c: c, b: b, room: c.backwardRoom(s, &b)}
	c.checkBackward(&t)
	f := &c.forward
	if b.DX != nil {
		t.packed, b.Scratch = b.Scratch[:c.backward.packedLen()], b.Scratch[c.backward.packedLen():]
		c.packBackward(t.packed, b.W)
		if f.groups == 1 {
			t.strips = c.inputStrips(s, t.packed, c.folds(&b))
		} else {
			t.walk = c.backward.walk(s)
		}
	}
	t.shares = c.shares(t.n)
	t.dw, t.db = b.DW, b.DB
	if t.shares > 1 {
		if n := t.shares * c.WeightLen(); b.DW != nil {
			t.dw, b.Scratch = b.Scratch[:n], b.Scratch[n:]
		}
		if n := t.shares * c.shape.OC; b.DB != nil {
			t.db, b.Scratch = b.Scratch[:n], b.Scratch[n:]
		}
	}
	t.scratch = b.Scratch[:p.Threads()*t.room.len()]
	if parts := p.split(t.shares, 4*t.n*f.oh*f.ow*c.WeightLen()); parts > 1 && p.begin() {
		p.gradient = t
		p.share(&p.gradient, t.shares, parts)
		p.gradient = convGradientTask{}
		p.end()
	} else {
		t.run(0, 0, t.shares)
	}
	if t.shares > 1 {
		s.addShares(b.DW, t.dw)
		s.addShares(b.DB, t.db)
	}
}

// addShares adds up what lies in parts of sum's length, in order.
func (s Set) addShares(sum, parts []float32) {
	if len(sum) == 0 {
		return
	}
	copy(sum, parts)
	for i := len(sum); i < len(parts); i += len(sum) {
		s.binary(Add, sum, sum, parts[i:i+len(sum)])
	}
}

// checkBackward finds the number of images and panics on slices of other lengths.
func (c *Conv) checkBackward(t *convGradientTask) {
	b, f := &t.b, &c.forward
	t.result = c.shape.OC * f.oh * f.ow
	if b.weave != nil {
		t.result = b.weave.len()
	}
	if b.Pool != nil {
		pool := *b.Pool
		if pool.H != f.oh || pool.W != f.ow || len(b.Argmax) != len(b.DY) {
			panic("kernels: Conv: a pooling of other planes")
		}
		t.result = c.shape.OC * pool.OH * pool.OW
	}
	t.image = c.shape.C * c.shape.H * c.shape.W
	if up := b.Upsample; up != nil {
		if up.Planes != c.shape.C || up.H*up.FactorH != c.shape.H || up.W*up.FactorW != c.shape.W {
			panic("kernels: Conv: an upsampling to other planes")
		}
		t.image /= up.FactorH * up.FactorW
	}
	t.n = len(b.DY) / max(1, t.result)
	fits := func(x []float32, n int) bool { return x == nil || len(x) == n }
	if len(b.DY) != t.n*t.result || !fits(b.DX, t.n*t.image) || !fits(b.X, t.n*t.image) || !fits(b.DW, c.WeightLen()) ||
		!fits(b.DB, c.shape.OC) || !fits(b.W, c.WeightLen()) || !fits(b.Y, len(b.DY)) {
		panic("kernels: Conv: slices do not fit the shape")
	}
	if b.DW != nil && b.X == nil || b.DX != nil && b.W == nil || b.Act.Function != Identity && b.Y == nil {
		panic("kernels: Conv: what a gradient is computed from is missing")
	}
}
