package kernels

// layout is where the planes of an image lie in a buffer: the first pixel, and the
// distances from row to row and from plane to plane.
type layout struct{ at, row, plane int }

// dense is the layout of planes [h, w] that touch.
func dense(h, w int) layout { return layout{row: w, plane: h * w} }

// moved is some planes with their rows of n elements, as they are written.
type moved struct{ planes, rows, n int }

func copyPlanesPortable(m moved, dst []float32, to layout, src []float32, from layout) {
	for p := range m.planes {
		for r := range m.rows {
			copy(dst[to.at+p*to.plane+r*to.row:][:m.n], src[from.at+p*from.plane+r*from.row:])
		}
	}
}

// copyRows computes dst[i·ldd+j] = x[i·ldx+j] for i < rows, j < n.
func (s Set) copyRows(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	s.copyPlanes(moved{1, rows, n}, dst, layout{row: ldd}, x, layout{row: ldx})
}

func poolPlanesPortable(m moved, dst []float32, to layout, src []float32, from layout) {
	for p := range m.planes {
		for r := range m.rows {
			y, at := dst[to.at+p*to.plane+r*to.row:][:m.n], from.at+p*from.plane+2*r*from.row
			a, b := src[at:][:2*m.n], src[at+from.row:][:2*m.n]
			for j := range y {
				y[j] = greater(greater(a[2*j], b[2*j]), greater(a[2*j+1], b[2*j+1]))
			}
		}
	}
}

func poolPlanesAtPortable(m moved, dst []float32, index []int32, to layout, src []float32, from layout, first, width int) {
	for p := range m.planes {
		for r := range m.rows {
			to := to.at + p*to.plane + r*to.row
			x := src[from.at+p*from.plane+2*r*from.row:]
			for j := range m.n {
				best, where := x[2*j], 0
				for k, v := range [3]float32{x[2*j+1], x[from.row+2*j], x[from.row+2*j+1]} {
					if v > best || v != v {
						best, where = v, (k+1)/2*width+(k+1)%2
					}
				}
				dst[to+j], index[to+j] = best, int32(first+2*r*width+2*j+where)
			}
		}
	}
}

// greater is a where they are equal, and NaN where one of them is.
func greater(a, b float32) float32 {
	if b > a || b != b {
		return b
	}
	return a
}

func foldPlanesPortable(m moved, dst []float32, to layout, src []float32, from layout) {
	for p := range m.planes {
		for r := range m.rows {
			y, at := dst[to.at+p*to.plane+r*to.row:][:m.n], from.at+p*from.plane+2*r*from.row
			a, b := src[at:][:2*m.n], src[at+from.row:][:2*m.n]
			for j := range y {
				y[j] = a[2*j] + a[2*j+1] + b[2*j] + b[2*j+1]
			}
		}
	}
}

func zipPlanesPortable(m moved, dst []float32, to layout, even, odd []float32, from layout) {
	for p := range m.planes {
		for r := range m.rows {
			y, at := dst[to.at+p*to.plane+r*to.row:][:m.n], from.at+p*from.plane+r*from.row
			for j, v := range even[at:][:(m.n+1)/2] {
				y[2*j] = v
			}
			for j, v := range odd[at:][:m.n/2] {
				y[2*j+1] = v
			}
		}
	}
}
