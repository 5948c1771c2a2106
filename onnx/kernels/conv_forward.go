package kernels

// convTask is a flat convolution of a batch, shared out in units that write
// different parts of y.
type convTask struct {
	set           Set
	f             *flat
	walk          walk
	x, w, bias, y []float32
	act           Activation
	then          Chain
	scratch       []float32 // an image as the kernels see it, for each worker
	n             int
	share         convShare
	first         int // image in the first place of scratch
}

type convShare uint8

const (
	byImage convShare = iota // a unit is an image, copied by the worker and computed
	byPlane                  // a unit is a channel of an image, to be copied
	byStrip                  // a unit is a strip of an image that lies ready
)

// imageLen is the length of an image as the kernels see it.
func (f *flat) imageLen() int { return f.groups * f.in * f.planeLen() }

func (f *flat) scratch(p *Pool) int {
	if f.direct {
		return 0
	}
	return p.Threads() * f.imageLen()
}

// run computes t on p.
func (f *flat) run(p *Pool, t convTask) {
	t.f, t.walk = f, f.walk(t.set)
	t.scratch = t.scratch[:f.scratch(p)]
	work := 2 * t.n * f.oh * f.ow * f.groups * f.out * f.k()
	t.share = byImage
	if f.direct {
		t.share = byStrip
	}
	units := t.n
	if f.direct {
		units *= t.walk.strips
	}
	// A batch too small to give every worker images of its own is copied together.
	together := !f.direct && t.n < 2*p.Threads()
	t.walk.cuts = 1
	if f.direct || together { // few strips are shared out by channels of the result, too
		t.walk.cuts = min(f.groups*f.blocks(), max(1, 4*p.Threads()/max(1, min(t.n, p.Threads())*t.walk.strips)))
	}
	parts := p.split(max(units*t.walk.cuts, 2), work)
	if parts <= 1 || t.n*t.walk.strips*t.walk.cuts < 2 || !p.begin() {
		t.walk.cuts = 1
		t.run(0, 0, units)
		return
	}
	if !together {
		units *= t.walk.cuts
		p.conv = t
		p.share(&p.conv, units, min(parts, units))
	} else {
		for t.first = 0; t.first < t.n; t.first += p.Threads() {
			images := min(p.Threads(), t.n-t.first)
			t.share = byPlane
			p.conv = t
			units := images * f.groups * f.in
			p.share(&p.conv, units, min(units, parts))
			t.share = byStrip
			p.conv = t
			units = images * t.walk.strips * t.walk.cuts
			p.share(&p.conv, units, min(units, parts))
		}
	}
	p.conv = convTask{}
	p.end()
}

func (t *convTask) run(worker, lo, hi int) {
	if t.walk.joined && t.share != byPlane {
		t.joined(worker, lo, hi)
		return
	}
	t.units(worker, lo, hi, nil)
}

// joined computes units with space for joined rows. It is apart because clearing
// that costs more than a small convolution.
func (t *convTask) joined(worker, lo, hi int) {
	var space [block*maxJoined + 15]float32
	t.units(worker, lo, hi, align(space[:]))
}

func (t *convTask) units(worker, lo, hi int, tile []float32) {
	f := t.f
	channels, plane, size := f.groups*f.in, f.h*f.w, f.imageLen()
	switch t.share {
	case byImage:
		x := t.scratch[worker*size:][:size]
		for n := lo; n < hi; n++ {
			for c := range channels {
				f.load(t.set, x[c*f.planeLen():], t.x[(n*channels+c)*plane:][:plane])
			}
			for i := range t.walk.strips {
				t.strip(n, i, 0, x, tile)
			}
		}
	case byPlane:
		for u := lo; u < hi; u++ {
			f.load(t.set, t.scratch[u*f.planeLen():], t.x[(t.first*channels+u)*plane:][:plane])
		}
	case byStrip:
		for u := lo; u < hi; u++ {
			n, i, cut := u/(t.walk.strips*t.walk.cuts), u/t.walk.cuts%t.walk.strips, u%t.walk.cuts
			if raceEnabled && f.direct && (u == lo || i == 0) {
				raceRead(t.x[n*size:][:size])
			}
			if f.direct {
				t.strip(n, i, cut, t.x[n*size:][:size], tile)
			} else {
				t.strip(t.first+n, i, cut, t.scratch[n*size:][:size], tile)
			}
		}
	}
}

func (t *convTask) strip(n, i, cut int, x, tile []float32) {
	f, w := t.f, t.walk
	w.cut = cut
	size := f.groups * f.out * f.oh * f.ow
	f.strip(t.set, w, i, x, t.w, t.bias, t.act, t.y[n*size:][:size], tile, t.then, n*size)
}
