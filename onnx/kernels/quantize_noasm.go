//go:build !amd64 || noasm

package kernels

func (s Set) quantizeSixteens(t *quantizeTask, i, n, column int) {
	panic("kernels: no such set in this build")
}

func (s Set) minMax(x []float32) (lo, hi float32) {
	panic("kernels: no such set in this build")
}
