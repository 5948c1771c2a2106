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

func poolPlanesPortable(m moved, dst []float32, to layout, src []float32, from layout) {
	for p := range m.planes {
		for r := range m.rows {
			y := dst[to.at+p*to.plane+r*to.row:][:m.n]
			maxRowPortable(src[from.at+p*from.plane+2*r*from.row:], from.row, y, nil, 0)
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
