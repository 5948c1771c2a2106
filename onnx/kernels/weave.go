package kernels

// weave says how the result of a convolution lies between its channels: four each are
// the phases of one channel of the result, pixels two rows and two columns apart. Phase
// 2a+e has rows 2i+a and columns 2j+e, and of its own plane row i+atH[a] and column
// j+atW[e].
type weave struct {
	channels, h, w int // of the result
	atH, atW       [2]int
}

func (v *weave) len() int { return v.channels * v.h * v.w }

// zip writes rows of some channels from first on to their places in result y; they lie
// in a tile of the phases' planes from row on.
func (v *weave) zip(s Set, y []float32, first, channels, row, rows int, tile []float32, from layout) {
	for a := range 2 {
		p := max(row, v.atH[a])
		n := min(row+rows, v.atH[a]+(v.h-a+1)/2) - p
		if n < 1 {
			continue
		}
		at := (p - row) * from.row
		even, odd := tile[2*a*from.plane+at+v.atW[0]:], tile[(2*a+1)*from.plane+at+v.atW[1]:]
		to := layout{(first*v.h + 2*(p-v.atH[a]) + a) * v.w, 2 * v.w, v.h * v.w}
		s.zipPlanes(moved{channels, n, v.w}, y, to, even, odd, layout{0, from.row, 4 * from.plane})
	}
}

// unzip writes what has the shape of the result to its places in the phases' planes.
func (v *weave) unzip(s Set, dst []float32, to layout, y []float32) {
	for a := range 2 {
		l := layout{2*a*to.plane + v.atH[a]*to.row + v.atW[0], to.row, 4 * to.plane}
		m := moved{v.channels, (v.h - a + 1) / 2, v.w / 2}
		s.unzipPlanes(m, dst, l, to.plane+v.atW[1]-v.atW[0], y, layout{a * v.w, 2 * v.w, v.h * v.w})
		if v.w%2 == 0 {
			continue
		}
		for c := range m.planes {
			for r := range m.rows {
				dst[l.at+c*l.plane+r*l.row+m.n] = y[(c*v.h+2*r+a+1)*v.w-1]
			}
		}
	}
}

func unzipPlanesPortable(m moved, dst []float32, to layout, odd int, src []float32, from layout) {
	for p := range m.planes {
		for r := range m.rows {
			i, x := to.at+p*to.plane+r*to.row, src[from.at+p*from.plane+r*from.row:]
			for j := range m.n {
				dst[i+j], dst[i+odd+j] = x[2*j], x[2*j+1]
			}
		}
	}
}
