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
		copyRowsPortable(dst, ldd, x, ldx, n, rows)
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

// zipRows does what zipRowsPortable does.
func (s Set) zipRows(dst []float32, ldd int, a, b []float32, ldx, n, rows int) {
	if s.isa == portable || n < 8 {
		zipRowsPortable(dst, ldd, a, b, ldx, n, rows)
		return
	}
	if raceEnabled {
		for i := range rows {
			raceRead(a[i*ldx:][:n])
			raceRead(b[i*ldx:][:n])
			raceWrite(dst[i*ldd:][:2*n])
		}
	}
	end := (rows-1)*ldx + n - 1
	_, _, _ = dst[(rows-1)*ldd+2*n-1], a[end], b[end]
	zipRowsAVX2(&dst[0], ldd, &a[0], &b[0], ldx, n, rows)
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
