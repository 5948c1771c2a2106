//go:build !amd64 || noasm

package kernels

func (s Set) entropyOf(dst, y, t []float32, lo, hi float32) { entropyPortable(dst, y, t, lo, hi) }

func (s Set) entropyGradient(dst, dy, y, t []float32, lo, hi float32) {
	entropyGradientPortable(dst, dy, y, t, lo, hi)
}

func (s Set) entropyLogits(dst, dy, y, t []float32, lo, hi float32) {
	entropyLogitsPortable(dst, dy, y, t, lo, hi)
}
