package kernels

// UnfoldLen is the length of what Unfold writes.
func (c *Conv) UnfoldLen() int {
	return c.shape.C * c.shape.KH * c.shape.KW * c.forward.oh * c.forward.ow
}

// Unfold writes what every place of the kernel sees of an image x [C, H, W]: dst
// [C·KH·KW, OH·OW], so that the convolution is the product of its weights with dst.
func (c *Conv) Unfold(s Set, p *Pool, dst, x []float32) {
	sh := &c.shape
	if len(dst) < c.UnfoldLen() || len(x) < sh.C*sh.H*sh.W {
		panic("kernels: Unfold: slice too short")
	}
	t := unfoldTask{set: s, c: c, dst: dst, x: x}
	if parts := p.split(sh.C, 4*len(dst)); parts > 1 && p.begin() {
		p.unfold = t
		p.share(&p.unfold, sh.C, parts)
		p.unfold = unfoldTask{}
		p.end()
		return
	}
	t.run(0, 0, sh.C)
}

type unfoldTask struct {
	set    Set
	c      *Conv
	dst, x []float32
}

func (t *unfoldTask) run(_, lo, hi int) {
	sh, oh, ow := &t.c.shape, t.c.forward.oh, t.c.forward.ow
	taps, pixels := sh.KH*sh.KW, oh*ow
	clear(t.dst[lo*taps*pixels : hi*taps*pixels])
	for tap := range taps {
		rows := lineUp(oh, sh.H, tap/sh.KW*sh.DilationH-sh.PadTop, sh.StrideH, 1)
		cols := lineUp(ow, sh.W, tap%sh.KW*sh.DilationW-sh.PadLeft, sh.StrideW, 1)
		if rows.n == 0 || cols.n == 0 {
			continue
		}
		for ch := lo; ch < hi; ch++ {
			to := t.dst[(ch*taps+tap)*pixels+rows.to*ow+cols.to:]
			from, ldx := t.x[(ch*sh.H+rows.from)*sh.W+cols.from:], rows.fromStep*sh.W
			t.set.lay(cols, rows.n, to, ow, from, ldx)
		}
	}
}
