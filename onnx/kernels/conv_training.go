package kernels

// ConvTraining is one forward pass of a convolution with an upsampling before it and
// its activation and a MaxPool after it, which keeps what ConvBackward wants of it.
type ConvTraining struct {
	X        []float32      // [N, C, H, W], or what Upsample makes that of
	Upsample *UpsampleShape // of the planes of one image; nil for none
	W        []float32      // [OC, C/Groups, KH, KW]
	Bias     []float32      // one number an output channel, or nil
	Act      Activation
	Pool     *PoolShape // of planes of one image or more; nil for none
	Argmax   []int32    // of Y's length, receives what MaxPool says of Pool
	Y        []float32  // [N, OC, OH, OW] of the pooling or, without, the convolution
	Scratch  []float32  // at least TrainingScratch elements of any content

	weave *weave // how Y is put together from phases; there is no pooling then
}

// trainingRoom is how a worker's scratch is divided.
type trainingRoom struct {
	canvas int // an image with its padding, 0 where it is used as it lies
	tile   int // a strip
	result int // an image's result before a pooling of any kind
	own    int // what Forward needs where strips do not do
}

func (r trainingRoom) len() int { return r.canvas + r.tile + r.result + r.own }

// trainingPlan is how a forward pass goes.
type trainingPlan struct {
	simple bool // by strips; else by Forward
	strips strips
	room   trainingRoom
}

func (c *Conv) trainingPlan(s Set, f *ConvTraining) (t trainingPlan) {
	t.simple = Stage{Conv: c}.Fits()
	if f.Pool != nil {
		sh := *f.Pool
		if sh.defaults(); !t.simple || !sh.pairs() {
			t.room.result = c.shape.OC * c.forward.oh * c.forward.ow
		}
	}
	if !t.simple {
		t.room.own = c.ForwardScratch(nil, true)
		if f.Upsample != nil {
			t.room.canvas = c.shape.C * c.shape.H * c.shape.W
		}
		return t
	}
	t.strips = strips{f: &c.forward, bias: f.Bias, act: f.Act, high: c.forward.oh, wide: c.forward.ow}
	switch {
	case f.weave != nil:
		t.strips.pool = true // which has all strips go through a tile
	case t.room.result == 0 && f.Pool != nil:
		t.strips.pool, t.strips.high, t.strips.wide = true, 2*f.Pool.OH, 2*f.Pool.OW
	}
	t.strips.plan(s)
	t.room.tile = t.strips.tileLen()
	if f.Upsample != nil || !c.forward.direct {
		t.room.canvas = c.shape.C * c.forward.planeLen()
	}
	return t
}

// TrainingScratch is the length of scratch that ForwardTraining needs on p. Of f only
// Upsample and Pool count.
func (c *Conv) TrainingScratch(s Set, p *Pool, f ConvTraining) int {
	t := c.trainingPlan(s, &f)
	return c.PackedLen() + p.Threads()*t.room.len()
}

// ForwardTraining computes f.
func (c *Conv) ForwardTraining(s Set, p *Pool, f ConvTraining) {
	t := convTrainingTask{set: s, c: c, f: f, plan: c.trainingPlan(s, &f)}
	t.image = c.shape.C * c.shape.H * c.shape.W
	if up := f.Upsample; up != nil {
		if up.Planes != c.shape.C || up.H*up.FactorH != c.shape.H || up.W*up.FactorW != c.shape.W {
			panic("kernels: Conv: an upsampling to other planes")
		}
		t.image /= up.FactorH * up.FactorW
	}
	t.result = c.shape.OC * c.forward.oh * c.forward.ow
	if f.weave != nil {
		t.result = f.weave.len()
	}
	if f.Pool != nil {
		if f.Pool.H != c.forward.oh || f.Pool.W != c.forward.ow || len(f.Argmax) != len(f.Y) {
			panic("kernels: Conv: a pooling of other planes")
		}
		t.result = c.shape.OC * f.Pool.OH * f.Pool.OW
	}
	n := len(f.X) / t.image
	if n*t.image != len(f.X) || n*t.result != len(f.Y) || len(f.W) != c.WeightLen() || f.Bias != nil && len(f.Bias) < c.shape.OC {
		panic("kernels: Conv: slices do not fit the shape")
	}
	t.packed, f.Scratch = f.Scratch[:c.PackedLen()], f.Scratch[c.PackedLen():]
	c.Pack(t.packed, f.W)
	t.plan.strips.weights = t.packed
	t.f.Scratch = f.Scratch[:p.Threads()*t.plan.room.len()]
	if parts := p.split(n, 2*n*c.forward.oh*c.forward.ow*c.WeightLen()); parts > 1 && p.begin() {
		p.training = t
		p.share(&p.training, n, parts)
		p.training = convTrainingTask{}
		p.end()
		return
	}
	t.run(0, 0, n)
}

// convTrainingTask is a forward pass shared out by images.
type convTrainingTask struct {
	set           Set
	c             *Conv
	f             ConvTraining
	plan          trainingPlan
	packed        []float32
	image, result int // elements of one image of X and of Y
}

func (t *convTrainingTask) run(worker, lo, hi int) {
	room := t.plan.room
	s := t.f.Scratch[worker*room.len():][:room.len()]
	cut := func(n int) (part []float32) {
		part, s = s[:n:n], s[n:]
		return part
	}
	canvas, tile, result, own := cut(room.canvas), cut(room.tile), cut(room.result), cut(room.own)
	clear(canvas)
	for n := lo; n < hi; n++ {
		x, y := t.f.X[n*t.image:][:t.image], t.f.Y[n*t.result:][:t.result]
		var at []int32
		to := y
		if t.f.Pool != nil {
			at = t.f.Argmax[n*t.result:][:t.result]
			if room.result > 0 {
				to = result
			}
		}
		if t.plan.simple {
			t.strips(t.input(canvas, x), to, at, tile)
		} else {
			if t.f.Upsample != nil {
				t.f.Upsample.spread(t.set, t.c.shape.C, canvas, dense(t.c.shape.H, t.c.shape.W), x, dense(t.f.Upsample.H, t.f.Upsample.W))
				x = canvas
			}
			t.c.Forward(t.set, nil, ConvForward{X: x, Packed: t.packed, Bias: t.f.Bias, Act: t.f.Act, Y: to, Scratch: own})
		}
		if room.result > 0 {
			t.pool(result, y, at)
		}
	}
}

// input gives an image as the strips read it.
func (t *convTrainingTask) input(canvas, x []float32) []float32 {
	if len(canvas) == 0 {
		return x
	}
	f, sh := &t.c.forward, &t.c.shape
	to := layout{f.padTop*f.cols + f.padLeft, f.cols, f.planeLen()}
	if up := t.f.Upsample; up != nil {
		up.spread(t.set, sh.C, canvas, to, x, dense(up.H, up.W))
	} else {
		t.set.copyPlanes(moved{sh.C, sh.H, sh.W}, canvas, to, x, dense(sh.H, sh.W))
	}
	return canvas
}

// strips computes an image's result, pooled on the way where its windows allow.
func (t *convTrainingTask) strips(x, y []float32, at []int32, tile []float32) {
	c := &t.plan.strips
	if !c.pool {
		c.run(t.set, x, y, dense(t.c.forward.oh, t.c.forward.ow), tile, 0, c.units())
		return
	}
	var h, w int
	if t.f.Pool != nil {
		h, w = t.f.Pool.OH, t.f.Pool.OW
	}
	for u := range c.units() {
		row, b := u/c.f.blocks()*c.rows, u%c.f.blocks()
		rows, channels := min(c.rows, c.high-row), min(block, c.f.out-b*block)
		c.joined(t.set, x[row*c.f.cols:], b, channels, rows, tile)
		if t.f.weave != nil {
			t.f.weave.zip(t.set, y, b*block/4, channels/4, row, rows, tile, layout{0, c.f.cols, c.tilePlane()})
			continue
		}
		t.set.poolPlanesAt(moved{channels, rows / 2, w}, y, at, layout{(b*block*h + row/2) * w, w, h * w}, tile, layout{0, c.f.cols, c.tilePlane()}, row*t.f.Pool.W, t.f.Pool.W)
	}
}

// pool pools an image's whole result.
func (t *convTrainingTask) pool(x, y []float32, at []int32) {
	sh := *t.f.Pool
	sh.defaults()
	sh.Planes = t.c.shape.OC
	p := poolTask{set: t.set, sh: sh, x: x, y: y, argmax: at, kind: maxForward}
	p.run(0, 0, sh.Planes)
}
