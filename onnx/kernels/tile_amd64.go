//go:build amd64 && !noasm

package kernels

import "unsafe"

// tile calls the inner kernel of its size; last says that its last vector has a
// mask.
func (s Set) tile(conv bool, mr, nv int, last bool, a *tileArgs) {
	p := (*byte)(unsafe.Pointer(a))
	switch {
	case s.isa == avx512 && conv:
		convTileAVX512(mr, nv, p)
	case s.isa == avx512:
		gemmTileAVX512(mr, nv, p)
	case conv && last:
		convTileAVX2Tail(mr, nv, p)
	case conv:
		convTileAVX2(mr, nv, p)
	case last:
		gemmTileAVX2Tail(mr, nv, p)
	default:
		gemmTileAVX2(mr, nv, p)
	}
}

// dot calls the inner kernel of weight gradients for mr rows by nj taps.
func (s Set) dot(mr, nj int, a *tileArgs) {
	if s.isa == avx512 {
		dotAVX512(mr, nj, (*byte)(unsafe.Pointer(a)))
		return
	}
	dotAVX2(mr, nj, (*byte)(unsafe.Pointer(a)))
}
