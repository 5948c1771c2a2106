package kernels

// MaxPoolBytes computes y [planes, OH, OW], the greatest of each window of x [planes, H, W], int8 where signed, else uint8. A window
// without an element gives the least of the type.
func (s Set) MaxPoolBytes(p *Pool, sh PoolShape, signed bool, x, y []byte) {
	sh.defaults()
	if len(x) != sh.Planes*sh.H*sh.W || len(y) != sh.Planes*sh.OH*sh.OW {
		panic("kernels: MaxPoolBytes: slices do not fit the shape")
	}
	t := bytePoolTask{set: s, sh: sh, x: x, y: y}
	if signed {
		t.flip = 0x80
	}
	if parts := p.split(sh.Planes, 2*len(y)*sh.KH*sh.KW); parts > 1 && p.begin() {
		p.bytePool = t
		p.share(&p.bytePool, sh.Planes, parts)
		p.bytePool = bytePoolTask{}
		p.end()
		return
	}
	t.run(0, 0, sh.Planes)
}

type bytePoolTask struct {
	set  Set
	sh   PoolShape
	flip byte // makes the bytes unsigned ones in the same order
	x, y []byte
}

func (t *bytePoolTask) run(_, lo, hi int) {
	sh := &t.sh
	fours := sh.KH == 2 && sh.KW == 2 && sh.StrideH == 2 && sh.StrideW == 2 && sh.DilationH == 1 && sh.DilationW == 1 &&
		sh.PadTop == 0 && sh.PadLeft == 0 && 2*sh.OH <= sh.H && 2*sh.OW <= sh.W
	for plane := lo; plane < hi; plane++ {
		x, y := t.x[plane*sh.H*sh.W:][:sh.H*sh.W], t.y[plane*sh.OH*sh.OW:][:sh.OH*sh.OW]
		for i := range sh.OH {
			row := y[i*sh.OW:][:sh.OW]
			if !fours {
				t.row(row, x, i)
				continue
			}
			a, b := x[2*i*sh.W:][:2*sh.OW], x[(2*i+1)*sh.W:][:2*sh.OW]
			if len(row) >= 16 && t.set.isa != portable {
				t.set.maxFours(row, a, b, t.flip)
			} else {
				foursPortable(row, a, b, t.flip)
			}
		}
	}
}

func foursPortable(y, a, b []byte, flip byte) {
	a, b = a[:2*len(y)], b[:2*len(y)]
	for j := range y {
		y[j] = max(a[2*j]^flip, a[2*j+1]^flip, b[2*j]^flip, b[2*j+1]^flip) ^ flip
	}
}

// row computes row i of a plane.
func (t *bytePoolTask) row(y, x []byte, i int) {
	sh := &t.sh
	for j := range y {
		y[j] = 0
	}
	for ky := range sh.KH {
		iy := i*sh.StrideH + ky*sh.DilationH - sh.PadTop
		if iy < 0 || iy >= sh.H {
			continue
		}
		line := x[iy*sh.W:][:sh.W]
		for kx := range sh.KW {
			ix := kx*sh.DilationW - sh.PadLeft
			for j := range y {
				if at := ix + j*sh.StrideW; at >= 0 && at < len(line) {
					y[j] = max(y[j], line[at]^t.flip)
				}
			}
		}
	}
	for j := range y {
		y[j] ^= t.flip
	}
}

// UpsampleBytes computes y [planes, H·FactorH, W·FactorW] with y[p][i][j] = x[p][i/FactorH][j/FactorW]: the nearest element.
func (s Set) UpsampleBytes(sh UpsampleShape, x, y []byte) {
	if min(sh.FactorH, sh.FactorW) < 1 || len(x) != sh.Planes*sh.H*sh.W || len(y) != len(x)*sh.FactorH*sh.FactorW {
		panic("kernels: UpsampleBytes: slices do not fit the shape")
	}
	wide := sh.W * sh.FactorW
	for r := range sh.Planes * sh.H { // rows of x
		from, to := x[r*sh.W:][:sh.W], y[r*sh.FactorH*wide:][:sh.FactorH*wide]
		row := to[:wide]
		if sh.FactorW == 2 {
			for j, v := range from {
				row[2*j], row[2*j+1] = v, v
			}
		} else {
			for j := range row {
				row[j] = from[j/sh.FactorW]
			}
		}
		for a := 1; a < sh.FactorH; a++ {
			copy(to[a*wide:][:wide], row)
		}
	}
}
