package kernels

// pass is one walk over an image of a region, which reads planes in one layout and
// writes planes in another.
type pass struct {
	kind        passKind
	in, out     moved // what it reads and writes
	from, to    layout
	first, last bool // it reads the image itself, and writes the result
	units       int  // parts that write different elements
	tile        int  // elements of scratch for a unit
	conv        strips
	pool        PoolShape
	up          UpsampleShape
}

type passKind uint8

const (
	copyPass passKind = iota
	convPass
	poolPass
	upsamplePass
)

func (m moved) elements() int { return m.planes * m.rows * m.n }

func newPass(g Stage) pass {
	switch {
	case g.Conv != nil:
		c := g.Conv
		oh, ow := c.Output()
		return pass{kind: convPass, in: moved{c.shape.C, c.shape.H, c.shape.W}, out: moved{c.shape.OC, oh, ow}, conv: newStrips(c, g)}
	case g.Transposed != nil:
		t := g.Transposed
		inner := t.conv.shape
		p := pass{kind: convPass, in: moved{inner.C, inner.H, inner.W}, out: moved{t.shape.C, t.shape.H, t.shape.W}}
		if g.Bias != nil { // every phase has it
			bias := make([]float32, inner.OC)
			for i := range bias {
				bias[i] = g.Bias[i/4]
			}
			g.Bias = bias
		}
		p.conv = newStrips(t.conv, g)
		p.conv.weave = t
		return p
	case g.Pool != nil:
		sh := *g.Pool
		sh.defaults()
		p := pass{kind: poolPass, in: moved{sh.Planes, sh.H, sh.W}, out: moved{sh.Planes, sh.OH, sh.OW}, pool: sh}
		if !sh.pairs() {
			p.tile = sh.OH * sh.OW
		}
		p.pool.Planes = 1
		return p
	}
	sh := *g.Upsample
	return pass{kind: upsamplePass, in: moved{sh.Planes, sh.H, sh.W}, out: moved{sh.Planes, sh.H * sh.FactorH, sh.W * sh.FactorW}, up: sh}
}

// padded reports whether the pass reads its planes with padding.
func (p *pass) padded() bool { return p.kind == convPass && !p.conv.f.direct }

// canvas is the layout in which the pass reads its planes, at being the first pixel
// inside the padding.
func (p *pass) canvas() layout {
	if !p.padded() {
		return dense(p.in.rows, p.in.n)
	}
	f := p.conv.f
	return layout{f.padTop*f.cols + f.padLeft, f.cols, f.planeLen()}
}

// joinPool has a convolution also do the pooling of its result, where that is of 2 by
// 2, and reports whether it does.
func (p *pass) joinPool(sh *PoolShape) bool {
	pool := *sh
	pool.defaults()
	if p.kind != convPass || p.conv.weave != nil || pool.KH != 2 || pool.KW != 2 || pool.StrideH != 2 || pool.StrideW != 2 || pool.DilationH != 1 || pool.DilationW != 1 ||
		pool.PadTop != 0 || pool.PadLeft != 0 || p.out != (moved{pool.Planes, pool.H, pool.W}) {
		return false
	}
	// A window may reach one row or column beyond the plane, where the last one is
	// repeated, which does not change its maximum. The column stands between the rows.
	if 2*pool.OH > pool.H+1 || 2*pool.OW > pool.W+1 || 2*pool.OW > pool.W && p.conv.f.cols == p.conv.wide {
		return false
	}
	c := &p.conv
	c.pool, c.edgeRow, c.edgeColumn = true, 2*pool.OH > pool.H, 2*pool.OW > pool.W
	c.high, c.wide = min(c.high, 2*pool.OH), min(c.wide, 2*pool.OW)
	p.out = moved{pool.Planes, pool.OH, pool.OW}
	return true
}

// plan settles how the pass is cut in units.
func (p *pass) plan(s Set) {
	switch p.kind {
	case convPass:
		p.conv.trySquares(s)
		p.conv.plan(s)
		p.units, p.tile = p.conv.units(), p.conv.tileLen()
	default:
		p.units = p.in.planes
	}
}

// work is roughly the operations of the pass.
func (p *pass) work() int {
	switch p.kind {
	case convPass:
		return 2 * p.conv.high * p.conv.wide * p.conv.f.out * p.conv.f.k()
	case poolPass:
		return 2 * p.out.elements() * p.pool.KH * p.pool.KW
	}
	return 2 * p.out.elements()
}

// run computes units lo to hi of the pass.
func (p *pass) run(w *work, lo, hi int) {
	src, dst := w.canvases, w.canvases
	if p.first {
		src = w.x
	}
	if p.last {
		dst = w.y
	}
	from, to := p.from, p.to
	if p.kind == convPass {
		for u := lo; u < hi; u++ {
			made, at := p.conv.unit(w.set, src[from.at:], dst, to, w.tile, u)
			for i := 0; p.last && i < made.planes; i++ {
				w.finish(at+i*to.plane, made.rows*made.n)
			}
		}
		return
	}
	from.at += lo * from.plane
	to.at += lo * to.plane
	m := moved{hi - lo, p.out.rows, p.out.n}
	switch {
	case p.kind == copyPass:
		w.set.copyPlanes(m, dst, to, src, from)
	case p.kind == upsamplePass:
		p.up.spread(w.set, hi-lo, dst, to, src, from)
	case p.pool.pairs():
		w.set.poolPlanes(m, dst, to, src, from)
	default:
		p.windows(w, hi-lo, dst, to, src, from)
	}
	if p.last {
		w.finish(to.at, (hi-lo)*to.plane)
	}
}

// windows is a pooling of some planes that no vectors are for.
func (p *pass) windows(w *work, planes int, dst []float32, to layout, src []float32, from layout) {
	size := p.out.rows * p.out.n
	for range planes {
		t := poolTask{set: w.set, sh: p.pool, x: src[from.at:][:from.plane], y: w.tile[:size], kind: maxForward}
		t.run(0, 0, 1)
		w.set.copyPlanes(moved{1, p.out.rows, p.out.n}, dst, to, w.tile, dense(p.out.rows, p.out.n))
		from.at += from.plane
		to.at += to.plane
	}
}
