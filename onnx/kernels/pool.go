package kernels

import "math"

// PoolShape is a window that moves over planes [planes, H, W]. Strides and
// dilations of 0 mean 1. OH and OW are given, because rounding up is the caller's
// choice: a window may reach beyond the padding on the right and below.
type PoolShape struct {
	Planes                                 int // batch times channels
	H, W, OH, OW                           int
	KH, KW                                 int
	StrideH, StrideW, DilationH, DilationW int
	PadTop, PadLeft, PadBottom, PadRight   int
}

// MaxPool computes y [planes, OH, OW], the greatest of each window, NaN where one
// of it is. argmax, of y's length or nil, receives where in its plane the first
// greatest, or the last NaN, stands, h·W+w, and -1 (y is -Inf) for a window without an element.
func (s Set) MaxPool(p *Pool, sh PoolShape, x, y []float32, argmax []int32) {
	sh.check(x, y)
	if argmax != nil && len(argmax) != len(y) {
		panic("kernels: MaxPool: argmax has another length")
	}
	s.pool(p, poolTask{sh: sh, x: x, y: y, argmax: argmax, kind: maxForward})
}

// MaxPoolBackward computes dx [planes, H, W]: dy where argmax points, added up
// where windows share an element, 0 elsewhere.
func (s Set) MaxPoolBackward(p *Pool, sh PoolShape, dy []float32, argmax []int32, dx []float32) {
	sh.check(dx, dy)
	if len(argmax) != len(dy) {
		panic("kernels: MaxPoolBackward: argmax has another length")
	}
	s.pool(p, poolTask{sh: sh, x: dx, y: dy, argmax: argmax, kind: maxBackward})
}

// AveragePool computes y [planes, OH, OW], the mean of each window: over its
// elements inside the plane, or over those inside the padded plane with
// includePad.
func (s Set) AveragePool(p *Pool, sh PoolShape, x, y []float32, includePad bool) {
	sh.check(x, y)
	s.pool(p, poolTask{sh: sh, x: x, y: y, includePad: includePad, kind: averageForward})
}

// AveragePoolBackward computes dx [planes, H, W] from dy [planes, OH, OW].
func (s Set) AveragePoolBackward(p *Pool, sh PoolShape, dy, dx []float32, includePad bool) {
	sh.check(dx, dy)
	s.pool(p, poolTask{sh: sh, x: dx, y: dy, includePad: includePad, kind: averageBackward})
}

func (sh *PoolShape) check(x, y []float32) {
	for _, v := range []*int{&sh.StrideH, &sh.StrideW, &sh.DilationH, &sh.DilationW} {
		*v = max(1, *v)
	}
	if len(x) != sh.Planes*sh.H*sh.W || len(y) != sh.Planes*sh.OH*sh.OW {
		panic("kernels: Pool: slices do not fit the shape")
	}
}

type poolKind uint8

const (
	maxForward poolKind = iota
	maxBackward
	averageForward
	averageBackward
)

type poolTask struct {
	set        Set
	sh         PoolShape
	x, y       []float32
	argmax     []int32
	kind       poolKind
	includePad bool
}

func (s Set) pool(p *Pool, t poolTask) {
	t.set = s
	n := t.sh.Planes
	if parts := p.split(n, 2*len(t.y)*t.sh.KH*t.sh.KW); parts > 1 && p.begin() {
		p.window = t
		p.share(&p.window, n, parts)
		p.window = poolTask{}
		p.end()
		return
	}
	t.run(0, 0, n)
}

func (t *poolTask) run(_, lo, hi int) {
	sh := &t.sh
	in, out := sh.H*sh.W, sh.OH*sh.OW
	for plane := lo; plane < hi; plane++ {
		x, y := t.x[plane*in:(plane+1)*in], t.y[plane*out:(plane+1)*out]
		var at []int32
		if t.argmax != nil {
			at = t.argmax[plane*out : (plane+1)*out]
		}
		switch t.kind {
		case maxForward:
			if sh.pairs() {
				t.set.maxPairs(sh, x, y, at)
			} else {
				sh.maxPlane(x, y, at)
			}
		case maxBackward:
			clear(x)
			for i, a := range at {
				if a >= 0 {
					x[a] += y[i]
				}
			}
		case averageForward:
			sh.averagePlane(x, y, t.includePad)
		case averageBackward:
			sh.averagePlaneBackward(y, x, t.includePad)
		}
	}
}

// pairs holds for windows of 2 by 2 that are 2 apart and all inside the plane.
func (sh *PoolShape) pairs() bool {
	return sh.KH == 2 && sh.KW == 2 && sh.StrideH == 2 && sh.StrideW == 2 && sh.DilationH == 1 && sh.DilationW == 1 &&
		sh.PadTop == 0 && sh.PadLeft == 0 && 2*sh.OH <= sh.H && 2*sh.OW <= sh.W
}

func (s Set) maxPairs(sh *PoolShape, x, y []float32, at []int32) {
	if sh.OW == 0 {
		return
	}
	for r := range sh.OH {
		var row []int32
		if at != nil {
			row = at[r*sh.OW:][:sh.OW]
		}
		s.maxRow(x[2*r*sh.W:], sh.W, y[r*sh.OW:][:sh.OW], row, 2*r*sh.W)
	}
}

func maxRowPortable(x []float32, row int, y []float32, at []int32, first int) {
	a, b := x[:2*len(y)], x[row:][:2*len(y)]
	for j := range y {
		m, i := a[2*j], 2*j
		if v := a[2*j+1]; v > m || v != v {
			m, i = v, 2*j+1
		}
		if v := b[2*j]; v > m || v != v {
			m, i = v, row+2*j
		}
		if v := b[2*j+1]; v > m || v != v {
			m, i = v, row+2*j+1
		}
		y[j] = m
		if at != nil {
			at[j] = int32(first + i)
		}
	}
}

// window is the rows and columns of x that output oy, ox sees: first, end and the
// dilation as the step.
func (sh *PoolShape) window(oy, ox int) (y0, y1, x0, x1 int) {
	y0, y1 = span(oy*sh.StrideH-sh.PadTop, sh.KH, sh.DilationH, sh.H)
	x0, x1 = span(ox*sh.StrideW-sh.PadLeft, sh.KW, sh.DilationW, sh.W)
	return y0, y1, x0, x1
}

// span cuts k elements from start, step apart, to those inside 0..n.
func span(start, k, step, n int) (lo, hi int) {
	lo, hi = start, min(start+(k-1)*step+1, n)
	if lo < 0 {
		lo += (-lo + step - 1) / step * step
	}
	return lo, hi
}

// count is how many elements of k from start, step apart, lie inside lo..hi.
func count(start, k, step, lo, hi int) int {
	n := 0
	for i := range k {
		if v := start + i*step; v >= lo && v < hi {
			n++
		}
	}
	return n
}

func (sh *PoolShape) maxPlane(x, y []float32, at []int32) {
	i := 0
	for oy := range sh.OH {
		for ox := range sh.OW {
			y0, y1, x0, x1 := sh.window(oy, ox)
			m, where := float32(math.Inf(-1)), int32(-1)
			for r := y0; r < y1; r += sh.DilationH {
				for q := x0; q < x1; q += sh.DilationW {
					if v := x[r*sh.W+q]; v > m || where < 0 || v != v {
						m, where = v, int32(r*sh.W+q)
					}
				}
			}
			y[i] = m
			if at != nil {
				at[i] = where
			}
			i++
		}
	}
}

// area is what the sum of a window is divided by.
func (sh *PoolShape) area(oy, ox int, includePad bool) float32 {
	y, x := oy*sh.StrideH-sh.PadTop, ox*sh.StrideW-sh.PadLeft
	if includePad {
		return float32(count(y, sh.KH, sh.DilationH, -sh.PadTop, sh.H+sh.PadBottom) * count(x, sh.KW, sh.DilationW, -sh.PadLeft, sh.W+sh.PadRight))
	}
	return float32(count(y, sh.KH, sh.DilationH, 0, sh.H) * count(x, sh.KW, sh.DilationW, 0, sh.W))
}

func (sh *PoolShape) averagePlane(x, y []float32, includePad bool) {
	i := 0
	for oy := range sh.OH {
		for ox := range sh.OW {
			y0, y1, x0, x1 := sh.window(oy, ox)
			sum := float32(0)
			for r := y0; r < y1; r += sh.DilationH {
				for q := x0; q < x1; q += sh.DilationW {
					sum += x[r*sh.W+q]
				}
			}
			y[i] = sum / sh.area(oy, ox, includePad)
			i++
		}
	}
}

func (sh *PoolShape) averagePlaneBackward(dy, dx []float32, includePad bool) {
	clear(dx)
	i := 0
	for oy := range sh.OH {
		for ox := range sh.OW {
			y0, y1, x0, x1 := sh.window(oy, ox)
			g := dy[i] / sh.area(oy, ox, includePad)
			for r := y0; r < y1; r += sh.DilationH {
				for q := x0; q < x1; q += sh.DilationW {
					dx[r*sh.W+q] += g
				}
			}
			i++
		}
	}
}
