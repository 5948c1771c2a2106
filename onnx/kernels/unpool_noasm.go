//go:build !amd64 || noasm

package kernels

func (s Set) unpool(dst []float32, ldd int, dy []float32, at []int32, n, w int) {
	unpoolPortable(dst, ldd, dy, at, n, w)
}
