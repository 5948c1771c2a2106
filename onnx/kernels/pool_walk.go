package kernels

import "math"

// pairs holds for windows of 2 by 2 that are 2 apart and all inside the plane.
func (sh *PoolShape) pairs() bool {
	return sh.twos() && 2*sh.OH <= sh.H && 2*sh.OW <= sh.W
}

// twos holds for windows of 2 by 2 that are 2 apart from the first element on.
func (sh *PoolShape) twos() bool {
	return sh.KH == 2 && sh.KW == 2 && sh.StrideH == 2 && sh.StrideW == 2 && sh.DilationH == 1 && sh.DilationW == 1 &&
		sh.PadTop == 0 && sh.PadLeft == 0
}

// maxTwos is the maximum of such windows of some planes, those that reach beyond the
// plane by themselves.
func (s Set) maxTwos(sh *PoolShape, planes int, x, y []float32, at []int32) {
	in, out := sh.H*sh.W, sh.OH*sh.OW
	m, to, from := moved{planes, min(sh.OH, sh.H/2), min(sh.OW, sh.W/2)}, dense(sh.OH, sh.OW), dense(sh.H, sh.W)
	if at == nil {
		s.poolPlanes(m, y, to, x, from)
	} else {
		s.poolPlanesAt(m, y, at, to, x, from, 0, sh.W)
	}
	if sh.pairs() {
		return
	}
	for p := range planes {
		for oy := range sh.OH {
			ox := 0
			if oy < m.rows {
				ox = m.n
			}
			for ; ox < sh.OW; ox++ {
				i := p*out + oy*sh.OW + ox
				v, where := sh.maxWindow(x[p*in:][:in], oy, ox)
				if y[i] = v; at != nil {
					at[i] = where
				}
			}
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
	first := max(0, (lo-start+step-1)/step)
	end := min(k, (hi-start+step-1)/step)
	return max(0, end-first)
}

// whole holds for one window that is the plane.
func (sh *PoolShape) whole() bool {
	return sh.KH == sh.H && sh.KW == sh.W && sh.OH == 1 && sh.OW == 1 && sh.DilationH == 1 && sh.DilationW == 1 &&
		sh.PadTop == 0 && sh.PadLeft == 0
}

// fewColumns is from how many columns of the result rows are joined as vectors.
const fewColumns = 8

// joinRows starts y from a number and joins to each of its rows, one element of the
// window after the other, the parts of x's rows that are seen through it: the order
// in which a window is walked.
func (s Set) joinRows(sh *PoolShape, op Operation, x, y []float32, from float32) {
	for i := range y {
		y[i] = from
	}
	for oy := range sh.OH {
		y0, y1 := span(oy*sh.StrideH-sh.PadTop, sh.KH, sh.DilationH, sh.H)
		for r := y0; r < y1; r += sh.DilationH {
			for k := range sh.KW {
				shift := k*sh.DilationW - sh.PadLeft // column ox sees ox·stride + shift
				lo, hi := 0, 0
				if lo = max(0, (-shift+sh.StrideW-1)/sh.StrideW); sh.W > shift {
					hi = min(sh.OW, (sh.W-1-shift)/sh.StrideW+1)
				}
				if lo < hi {
					s.joinRow(op, y[oy*sh.OW+lo:oy*sh.OW+hi], x[r*sh.W+lo*sh.StrideW+shift:(r+1)*sh.W], sh.StrideW)
				}
			}
		}
	}
}

// joinRow computes y[j] = y[j] op x[j·stride].
func (s Set) joinRow(op Operation, y, x []float32, stride int) {
	if stride == 1 {
		s.binary(op, y, y, x[:len(y)])
		return
	}
	j := 0
	if stride == 2 {
		j = s.joinSecond(op, y, x)
	}
	for ; j < len(y); j++ {
		if v := x[j*stride]; op == Add {
			y[j] += v
		} else {
			y[j] = max(y[j], v)
		}
	}
}

// divide makes means of the sums of windows.
func (s Set) divide(sh *PoolShape, y []float32, includePad bool) {
	// Columns from lo to hi see all of a window's.
	lo := min(sh.OW, (sh.PadLeft+sh.StrideW-1)/sh.StrideW)
	hi := lo
	if room := sh.W - 1 - (sh.KW-1)*sh.DilationW + sh.PadLeft; room >= 0 {
		hi = max(lo, min(sh.OW, room/sh.StrideW+1))
	}
	for oy := range sh.OH {
		rows, row := sh.rowsSeen(oy, includePad), y[oy*sh.OW:][:sh.OW]
		s.binaryScalar(Div, row[lo:hi], row[lo:hi], float32(rows*sh.KW), false)
		for ox := range lo {
			row[ox] /= float32(rows * sh.colsSeen(ox, includePad))
		}
		for ox := hi; ox < sh.OW; ox++ {
			row[ox] /= float32(rows * sh.colsSeen(ox, includePad))
		}
	}
}

// rowsSeen is how many rows of the plane, or of the padded plane, output row oy sees.
func (sh *PoolShape) rowsSeen(oy int, includePad bool) int {
	y := oy*sh.StrideH - sh.PadTop
	if includePad {
		return count(y, sh.KH, sh.DilationH, -sh.PadTop, sh.H+sh.PadBottom)
	}
	return count(y, sh.KH, sh.DilationH, 0, sh.H)
}

func (sh *PoolShape) colsSeen(ox int, includePad bool) int {
	x := ox*sh.StrideW - sh.PadLeft
	if x >= 0 && x+(sh.KW-1)*sh.DilationW < sh.W {
		return sh.KW
	}
	if includePad {
		return count(x, sh.KW, sh.DilationW, -sh.PadLeft, sh.W+sh.PadRight)
	}
	return count(x, sh.KW, sh.DilationW, 0, sh.W)
}

func (sh *PoolShape) maxPlane(x, y []float32, at []int32) {
	i := 0
	for oy := range sh.OH {
		for ox := range sh.OW {
			v, where := sh.maxWindow(x, oy, ox)
			if y[i] = v; at != nil {
				at[i] = where
			}
			i++
		}
	}
}

// maxWindow is the greatest that output oy, ox sees, and where it stands.
func (sh *PoolShape) maxWindow(x []float32, oy, ox int) (m float32, where int32) {
	y0, y1, x0, x1 := sh.window(oy, ox)
	m, where = float32(math.Inf(-1)), int32(-1)
	for r := y0; r < y1; r += sh.DilationH {
		for q := x0; q < x1; q += sh.DilationW {
			if v := x[r*sh.W+q]; v > m || where < 0 || v != v {
				m, where = v, int32(r*sh.W+q)
			}
		}
	}
	return m, where
}

func (sh *PoolShape) averagePlane(x, y []float32, includePad bool) {
	i := 0
	for oy := range sh.OH {
		rows := sh.rowsSeen(oy, includePad)
		for ox := range sh.OW {
			y0, y1, x0, x1 := sh.window(oy, ox)
			sum := float32(0)
			for r := y0; r < y1; r += sh.DilationH {
				for q := x0; q < x1; q += sh.DilationW {
					sum += x[r*sh.W+q]
				}
			}
			y[i] = sum / float32(rows*sh.colsSeen(ox, includePad))
			i++
		}
	}
}

func (sh *PoolShape) averagePlaneBackward(dy, dx []float32, includePad bool) {
	clear(dx)
	i := 0
	for oy := range sh.OH {
		rows := sh.rowsSeen(oy, includePad)
		for ox := range sh.OW {
			y0, y1, x0, x1 := sh.window(oy, ox)
			g := dy[i] / float32(rows*sh.colsSeen(ox, includePad))
			for r := y0; r < y1; r += sh.DilationH {
				for q := x0; q < x1; q += sh.DilationW {
					dx[r*sh.W+q] += g
				}
			}
			i++
		}
	}
}
