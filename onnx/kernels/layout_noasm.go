//go:build !amd64 || noasm

package kernels

func (s Set) evenRows(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	evenRowsPortable(dst, ldd, x, ldx, n, rows)
}

func (s Set) padRows(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	copyPlanesPortable(moved{1, rows, n}, dst, layout{row: ldd}, x, layout{row: ldx})
}

func (s Set) padEvenRows(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	evenRowsPortable(dst, ldd, x, ldx, n, rows)
}
