//go:build !amd64 || noasm

package kernels

func (s Set) evenRows(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	evenRowsPortable(dst, ldd, x, ldx, n, rows)
}

func (s Set) padRows(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	copyRowsPortable(dst, ldd, x, ldx, n, rows)
}

func (s Set) zipRows(dst []float32, ldd int, a, b []float32, ldx, n, rows int) {
	zipRowsPortable(dst, ldd, a, b, ldx, n, rows)
}

func (s Set) padEvenRows(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	evenRowsPortable(dst, ldd, x, ldx, n, rows)
}
