//go:build !amd64 || noasm

package kernels

func (s Set) depthwise(d *depthwise, rows, w []float32, bias float32, act Activation, y []float32, n int) bool {
	depthwisePortable(d, rows, w, bias, y, n)
	return act.Function == Identity
}

func (s Set) evenRows(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	evenRowsPortable(dst, ldd, x, ldx, n, rows)
}

func (s Set) padRows(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	copyRowsPortable(dst, ldd, x, ldx, n, rows)
}
