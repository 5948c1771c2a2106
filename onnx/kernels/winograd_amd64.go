//go:build amd64 && !noasm

package kernels

import (
	"math"
	"unsafe"
)

// squaresIn writes to dst the sixteen parts, apart from each other, of m squares of 4
// by 4 of src, which begin two elements and two rows from each other.
func (s Set) squaresIn(m moved, dst []float32, to layout, apart int, src []float32, from layout) {
	if s.isa == portable {
		squaresInPortable(m, dst, to, apart, src, from)
		return
	}
	for part := range 16 {
		m.see(dst[part*apart:], to, true)
	}
	moved{m.planes, 2*m.rows + 2, 2*m.n + 2}.see(src, from, false)
	lanes := s.lanes()
	a := moveArgs{dst: at(dst, to.at), dstRow: 4 * to.row, dstPlane: 4 * to.plane, src: at(src, from.at), srcRow: 8 * from.row, srcPlane: 4 * from.plane,
		other: at(src, from.at+from.row), index: at(dst, to.at+apart), vectors: (m.n - 1) / lanes, rows: m.rows, planes: m.planes}
	last := m.n - a.vectors*lanes
	a.mask(0, last)
	a.mask(1, min(2*last, lanes))
	a.mask(2, 2*last-lanes)
	if s.isa == avx512 {
		winogradInAVX512((*byte)(unsafe.Pointer(&a)))
	} else {
		winogradInAVX2((*byte)(unsafe.Pointer(&a)))
	}
}

// squaresOut writes m squares of 2 by 2 to dst, from their sixteen parts in src, plus
// one number of bias a plane, and reports whether all are finite. Rows of dst have
// room for whole vectors.
func (s Set) squaresOut(m moved, dst []float32, to layout, src []float32, from layout, apart int, bias []float32) bool {
	if s.isa == portable {
		return squaresOutPortable(m, dst, to, src, from, apart, bias)
	}
	for part := range 16 {
		m.see(src[part*apart:], from, false)
	}
	lanes := s.lanes()
	moved{m.planes, 2 * m.rows, (m.n + lanes - 1) / lanes * 2 * lanes}.see(dst, to, true)
	a := moveArgs{dst: at(dst, to.at), dstRow: 8 * to.row, dstPlane: 4 * to.plane, src: at(src, from.at), srcRow: 4 * from.row, srcPlane: 4 * from.plane,
		other: at(src, from.at+apart), index: at(dst, to.at+to.row), vectors: (m.n - 1) / lanes, rows: m.rows, planes: m.planes}
	a.mask(0, m.n-a.vectors*lanes)
	a.lanes[1] = at(bias[:m.planes], 0)
	if s.isa == avx512 {
		winogradOutAVX512((*byte)(unsafe.Pointer(&a)))
	} else {
		winogradOutAVX2((*byte)(unsafe.Pointer(&a)))
	}
	return a.width == int32(math.Float32bits(0))
}
