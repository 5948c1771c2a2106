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
	wide := sh.W * sh.FactorW
	if t.backward && sh.FactorH == 2 && sh.FactorW == 2 {
		plane := sh.H * sh.W
		t.set.foldPlanes(moved{hi - lo, sh.H, sh.W}, t.x[lo*plane:], dense(sh.H, sh.W), t.y[4*lo*plane:], dense(2*sh.H, wide))
		return
	}
	for r := lo * sh.H; r < hi*sh.H; r++ { // rows of x
		x, y := t.x[r*sh.W:][:sh.W], t.y[r*sh.FactorH*wide:][:sh.FactorH*wide]
		switch {
		case !t.backward && sh.FactorW == 2:
			t.set.double(y, x)
		case !t.backward:
			for j, v := range x {
				for b := range sh.FactorW {
					y[j*sh.FactorW+b] = v
				}
			}
		default:
			for j := range x {
				sum := float32(0)
				for a := range sh.FactorH {
					for _, v := range y[a*wide+j*sh.FactorW:][:sh.FactorW] {
						sum += v
					}
				}
				x[j] = sum
			}
		}
		if !t.backward {
			for a := 1; a < sh.FactorH; a++ {
				copy(y[a*wide:][:wide], y[:wide])
			}
		}
	}
}

func doublePortable(y, x []float32) {
	y = y[:2*len(x)]
	for j, v := range x {
		y[2*j], y[2*j+1] = v, v
	}
}
