package kernels

// unpoolSlack is how far behind a row unpool may write zeros.
const unpoolSlack = 16

// unpoolPortable writes rows of blocks of 2 by 2, n a row and ldd from row to row: dy
// where at, an index in a plane of rows of w, points, and 0 elsewhere.
func unpoolPortable(dst []float32, ldd int, dy []float32, at []int32, n, w int) {
	for r := 0; r*n < len(dy); r++ {
		for j := range n {
			i := r*n + j
			to := dst[2*r*ldd+2*j:]
			to[0], to[1], to[ldd], to[ldd+1] = 0, 0, 0, 0
			switch int(at[i]) - 2*r*w - 2*j {
			case 0:
				to[0] = dy[i]
			case 1:
				to[1] = dy[i]
			case w:
				to[ldd] = dy[i]
			case w + 1:
				to[ldd+1] = dy[i]
			}
		}
	}
}
