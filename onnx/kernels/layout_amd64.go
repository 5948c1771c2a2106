//go:build amd64 && !noasm

package kernels

// evenRows computes dst[i*ldd+j] = x[i*ldx+2j] for i < rows, j < n.
func (s Set) evenRows(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	if s.isa == portable || n < 9 {
		evenRowsPortable(dst, ldd, x, ldx, n, rows)
		return
	}
	if raceEnabled {
		for i := range rows {
			raceRead(x[i*ldx:][:2*n-1])
			raceWrite(dst[i*ldd:][:n])
		}
	}
	_, _ = dst[(rows-1)*ldd+n-1], x[(rows-1)*ldx+2*n-2]
	evenRowsAVX2(&dst[0], ldd, &x[0], ldx, n, rows)
}

// padRows computes dst[i*ldd+j] = x[i*ldx+j] for i < rows, j < n. Up to seven numbers
// behind each row may become zeros, before the next row is written.
func (s Set) padRows(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	if s.isa == portable {
		copyPlanesPortable(moved{1, rows, n}, dst, layout{row: ldd}, x, layout{row: ldx})
		return
	}
	if raceEnabled {
		for i := range rows {
			raceRead(x[i*ldx:][:n])
			raceWrite(dst[i*ldd:][:(n+7)&^7])
		}
	}
	_, _ = dst[(rows-1)*ldd+(n+7)&^7-1], x[(rows-1)*ldx+n-1]
	padRowsAVX2(&dst[0], ldd, &x[0], ldx, n, rows)
}

// padEvenRows computes dst[i*ldd+j] = x[i*ldx+2j] for i < rows, j < n. Up to seven
// numbers behind each row may become zeros, before the next row is written.
func (s Set) padEvenRows(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	if s.isa == portable {
		evenRowsPortable(dst, ldd, x, ldx, n, rows)
		return
	}
	if raceEnabled {
		for i := range rows {
			raceRead(x[i*ldx:][:2*n-1])
			raceWrite(dst[i*ldd:][:(n+7)&^7])
		}
	}
	_, _ = dst[(rows-1)*ldd+(n+7)&^7-1], x[(rows-1)*ldx+2*n-2]
	padEvenRowsAVX2(&dst[0], ldd, &x[0], ldx, n, rows)
}
