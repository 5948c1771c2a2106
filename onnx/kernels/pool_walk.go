package kernels

import "math"

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
func (sh *PoolShape) divide(y []float32, includePad bool) {
	for oy := range sh.OH {
		rows := sh.rowsSeen(oy, includePad)
		for ox := range sh.OW {
			y[oy*sh.OW+ox] /= float32(rows * sh.colsSeen(ox, includePad))
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
