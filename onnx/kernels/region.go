package kernels

// Stage is one step of a Region: a convolution or a transposed one with its
// activation, a max-pooling or an upsampling, whose planes are the channels of one
// image.
type Stage struct {
	Conv       *Conv
	Transposed *Transposed
	Packed     []float32 // weights, of Pack
	Bias       []float32 // one number an output channel, or nil
	Act        Activation
	Pool       *PoolShape
	Upsample   *UpsampleShape
}

// Fits reports whether a Region can hold the stage: a convolution in one group by
// single steps, a transposed one by double steps, a pooling of 2 by 2 or of planes that are not too large, or any
// upsampling.
func (g Stage) Fits() bool {
	switch {
	case g.Conv != nil:
		c := g.Conv.shape
		return c.Groups == 1 && c.StrideH == 1 && c.StrideW == 1
	case g.Transposed != nil:
		c := g.Transposed.shape
		return c.Groups == 1 && c.StrideH == 2 && c.StrideW == 2
	case g.Pool != nil:
		sh := *g.Pool
		sh.defaults()
		return sh.pairs() || sh.OH*sh.OW <= block*stripPixels
	}
	return g.Upsample != nil
}

// Region is a chain of stages through which images go one at a time, so that what a
// stage makes is still in cache when the next one reads it. Each stage writes into
// planes with the padding that the next one reads, whose zeros stay from run to run;
// a pooling of 2 by 2 works on the strips of the convolution before it. It is
// immutable and serves any number of goroutines and batches.
type Region struct {
	set      Set
	passes   []pass
	in, out  int // elements of an image and of its result
	canvases int // elements of the planes between the passes, for one image
	tile     int // elements of scratch that a worker needs for a strip
	work     int // operations for an image
}

// NewRegion chains stages, each reading what the one before it makes. It panics where
// they do not fit.
func NewRegion(s Set, stages ...Stage) *Region {
	r := layRegion(s, stages)
	for i := range r.passes {
		if c := &r.passes[i].conv; c.square != nil {
			c.square.transform(c.f, c.weights, c.bias)
		}
	}
	return r
}

// RegionLen is how much of what a region of these stages keeps there is for one image:
// what should stay in a processor's own cache.
func RegionLen(s Set, stages ...Stage) int {
	r := layRegion(s, stages)
	return r.canvases + r.tile
}

// BySquares reports whether a region computes the stage in another way than its kernel
// alone does, one with fewer multiplications.
func (g Stage) BySquares(s Set) bool {
	if g.Conv == nil || !g.Fits() {
		return false
	}
	oh, ow := g.Conv.Output()
	return newWinograd(s, &g.Conv.forward, oh, ow) != nil
}

// layRegion is a region without the weights that it makes itself.
func layRegion(s Set, stages []Stage) *Region {
	r := &Region{set: s}
	for i := 0; i < len(stages); i++ {
		if !stages[i].Fits() {
			panic("kernels: NewRegion: a stage does not fit")
		}
		p := newPass(stages[i])
		start := i == 0
		if i+1 < len(stages) && stages[i+1].Pool != nil && p.joinPool(stages[i+1].Pool) {
			i++
		}
		p.plan(s)
		if start && p.padded() { // the image is copied to planes with padding
			r.passes = append(r.passes, pass{kind: copyPass, in: p.in, out: p.in, units: p.in.planes})
		}
		r.passes = append(r.passes, p)
	}
	first, last := &r.passes[0], &r.passes[len(r.passes)-1]
	r.in, first.from, first.first = first.in.elements(), dense(first.in.rows, first.in.n), true
	r.out, last.to, last.last = last.out.elements(), dense(last.out.rows, last.out.n), true
	for i := range r.passes {
		p := &r.passes[i]
		r.work += p.work()
		r.tile = max(r.tile, p.tile)
		if i == 0 {
			continue
		}
		before := &r.passes[i-1]
		if before.out != p.in {
			panic("kernels: NewRegion: a stage does not read what the one before it makes")
		}
		l := p.canvas()
		p.from, before.to = layout{r.canvases, l.row, l.plane}, layout{r.canvases + l.at, l.row, l.plane}
		r.canvases += (p.in.planes*l.plane + 15) &^ 15
	}
	return r
}

// Kept is the length of memory that n images at a time need on p.
func (r *Region) Kept(p *Pool, n int) int {
	return min(n, p.Threads())*r.canvases + p.Threads()*r.tile
}

// Run computes y, the result of the last stage and of what then does to each of its
// numbers, from images x, whose number follows from its length. kept has Kept elements,
// zero before the first run and written by nobody else. No operand of then may share
// memory with y.
func (r *Region) Run(p *Pool, x, y, kept []float32, then Chain) {
	n := len(x) / max(1, r.in)
	if n*r.in != len(x) || n*r.out != len(y) {
		panic("kernels: Region: not whole images")
	}
	then.check(len(y))
	kept = kept[:r.Kept(p, n)]
	t := regionTask{region: r, x: x, y: y, then: then, canvases: kept[:min(n, p.Threads())*r.canvases], tiles: kept[min(n, p.Threads())*r.canvases:], pass: -1}
	parts := p.split(max(n, 2), n*r.work)
	if parts <= 1 || !p.begin() {
		t.run(0, 0, n)
		return
	}
	if n >= p.Threads() {
		p.region = t
		p.share(&p.region, n, min(n, parts))
	} else {
		for t.image = range n {
			for i := range r.passes {
				t.pass = i
				units := r.passes[i].units
				if parts := p.split(units, r.passes[i].work()); parts > 1 {
					p.region = t
					p.share(&p.region, units, parts)
				} else {
					t.run(0, 0, units)
				}
			}
		}
	}
	p.region = regionTask{}
	p.end()
}

// regionTask is a region at work: units are images, or those of one pass over one
// image.
type regionTask struct {
	region          *Region
	x, y            []float32
	canvases, tiles []float32 // for each worker
	pass, image     int       // -1: whole images
	then            Chain
}

func (t *regionTask) run(worker, lo, hi int) {
	r := t.region
	w := work{set: r.set, tile: t.tiles[worker*r.tile:][:r.tile], then: t.then}
	if t.pass >= 0 {
		w.image(t, t.image)
		w.canvases = t.canvases[:r.canvases]
		r.passes[t.pass].run(&w, lo, hi)
		return
	}
	w.canvases = t.canvases[worker*r.canvases:][:r.canvases]
	for n := lo; n < hi; n++ {
		w.image(t, n)
		for i := range r.passes {
			r.passes[i].run(&w, 0, r.passes[i].units)
		}
	}
}

// work is what a worker computes an image with.
type work struct {
	set            Set
	x, y           []float32 // the image and its result
	base           int       // of y in the results of all
	canvases, tile []float32
	then           Chain
}

func (w *work) image(t *regionTask, n int) {
	in, out := t.region.in, t.region.out
	w.x, w.y, w.base = t.x[n*in:][:in], t.y[n*out:][:out], n*out
}

// finish applies what comes behind the last stage to n elements of the result.
func (w *work) finish(at, n int) {
	if len(w.then) > 0 {
		y := w.y[at:][:n]
		w.then.apply(w.set, y, y, w.base+at)
	}
}
