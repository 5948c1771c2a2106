package kernels

// UpsampleShape is planes [planes, H, W] of which each element becomes a block of
// FactorH by FactorW.
type UpsampleShape struct {
	Planes, H, W     int
	FactorH, FactorW int
}

// Upsample computes y [planes, H·FactorH, W·FactorW] with y[p][i][j] =
// x[p][i/FactorH][j/FactorW]: the nearest element.
func (s Set) Upsample(p *Pool, sh UpsampleShape, x, y []float32) {
	s.upsample(p, upsampleTask{set: s, sh: sh, x: x, y: y})
}

// UpsampleBackward computes dx [planes, H, W], the sum of each block of dy [planes,
// H·FactorH, W·FactorW] row by row.
func (s Set) UpsampleBackward(p *Pool, sh UpsampleShape, dy, dx []float32) {
	s.upsample(p, upsampleTask{set: s, sh: sh, x: dx, y: dy, backward: true})
}

type upsampleTask struct {
	set      Set
	sh       UpsampleShape
	x, y     []float32
	backward bool
}

func (s Set) upsample(p *Pool, t upsampleTask) {
	sh := t.sh
	if min(sh.FactorH, sh.FactorW) < 1 || len(t.x) != sh.Planes*sh.H*sh.W || len(t.y) != len(t.x)*sh.FactorH*sh.FactorW {
		panic("kernels: Upsample: slices do not fit the shape")
	}
	if len(t.x) == 0 {
		return
	}
	if parts := p.split(sh.Planes, 2*len(t.y)); parts > 1 && p.begin() {
		p.upsample = t
		p.share(&p.upsample, sh.Planes, parts)
		p.upsample = upsampleTask{}
		p.end()
		return
	}
	t.run(0, 0, sh.Planes)
}

func (t *upsampleTask) run(_, lo, hi int) {
	sh := t.sh
	plane, wide := sh.H*sh.W, sh.W*sh.FactorW
	x, y := t.x[lo*plane:hi*plane], t.y[lo*plane*sh.FactorH*sh.FactorW:]
	small, large := dense(sh.H, sh.W), dense(sh.H*sh.FactorH, wide)
	switch {
	case !t.backward:
		sh.spread(t.set, hi-lo, y, large, x, small)
	case sh.FactorH == 2 && sh.FactorW == 2:
		t.set.foldPlanes(moved{hi - lo, sh.H, sh.W}, x, small, y, large)
	default:
		for i := range x {
			block, sum := y[i/sh.W*sh.FactorH*wide+i%sh.W*sh.FactorW:], float32(0)
			for a := range sh.FactorH {
				for _, v := range block[a*wide:][:sh.FactorW] {
					sum += v
				}
			}
			x[i] = sum
		}
	}
}

// spread repeats the elements of some planes.
func (sh UpsampleShape) spread(s Set, planes int, dst []float32, to layout, src []float32, from layout) {
	wide := sh.W * sh.FactorW
	if sh.FactorW == 2 {
		for i := range sh.FactorH {
			s.zipPlanes(moved{planes, sh.H, wide}, dst, layout{to.at + i*to.row, sh.FactorH * to.row, to.plane}, src, src, from)
		}
		return
	}
	for q := range planes {
		for r := range sh.H * sh.FactorH {
			x, y := src[from.at+q*from.plane+r/sh.FactorH*from.row:][:sh.W], dst[to.at+q*to.plane+r*to.row:][:wide]
			for j, v := range x {
				for b := range sh.FactorW {
					y[j*sh.FactorW+b] = v
				}
			}
		}
	}
}
