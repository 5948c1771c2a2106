//go:build !amd64 || noasm

package kernels

func (s Set) copyPlanes(m moved, dst []float32, to layout, src []float32, from layout) {
	copyPlanesPortable(m, dst, to, src, from)
}

func (s Set) poolPlanes(m moved, dst []float32, to layout, src []float32, from layout) {
	poolPlanesPortable(m, dst, to, src, from)
}

func (s Set) poolPlanesAt(m moved, dst []float32, index []int32, to layout, src []float32, from layout, first, width int) {
	poolPlanesAtPortable(m, dst, index, to, src, from, first, width)
}

func (s Set) zipPlanes(m moved, dst []float32, to layout, even, odd []float32, from layout) {
	zipPlanesPortable(m, dst, to, even, odd, from)
}

func (s Set) foldPlanes(m moved, dst []float32, to layout, src []float32, from layout) {
	foldPlanesPortable(m, dst, to, src, from)
}

func (s Set) unzipPlanes(m moved, dst []float32, to layout, odd int, src []float32, from layout) {
	unzipPlanesPortable(m, dst, to, odd, src, from)
}
