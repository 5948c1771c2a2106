//go:build amd64 && !noasm

package kernels

import "unsafe"

// moveArgs is what one call of a kernel that moves rows reads. Strides are in bytes.
// The fields' order is known to the generator (_avo/move.go).
type moveArgs struct {
	dst              unsafe.Pointer
	dstRow, dstPlane int
	src              unsafe.Pointer
	srcRow, srcPlane int
	other            unsafe.Pointer // the second source, with the strides of the first
	index            unsafe.Pointer // the second result, likewise
	vectors          int            // of a row, without the last, which has a mask
	rows, planes     int
	masks            [3]uint32         // lanes of the last vector of each operand
	width            int32             // elements of a row of the source
	lanes            [3]unsafe.Pointer // the same for AVX2: eight int32
	count            int               // of the kernel
	first            int32             // what the index of a plane's first element is
}

// mask says how many lanes the last vector of operand i has.
func (a *moveArgs) mask(i, n int) {
	n = max(n, 0)
	a.masks[i] = 1<<n - 1
	a.lanes[i] = unsafe.Pointer(&laneMasks[8-min(n, 8)])
}

// see holds the corners of what is moved against the buffer it lies in, and tells the
// race detector.
func (m moved) see(x []float32, l layout, writes bool) {
	_, _ = x[l.at], x[l.at+(m.planes-1)*l.plane+(m.rows-1)*l.row+m.n-1]
	for p := 0; raceEnabled && p < m.planes; p++ {
		for r := range m.rows {
			if row := x[l.at+p*l.plane+r*l.row:][:m.n]; writes {
				raceWrite(row)
			} else {
				raceRead(row)
			}
		}
	}
}

// pairs is what a kernel reads that makes one element of 2 by 2.
func (m moved) pairs(lanes int, dst []float32, to layout, src []float32, from layout) moveArgs {
	a := moveArgs{dst: at(dst, to.at), dstRow: 4 * to.row, dstPlane: 4 * to.plane, src: at(src, from.at), srcRow: 8 * from.row, srcPlane: 4 * from.plane,
		other: at(src, from.at+from.row), vectors: (m.n - 1) / lanes, rows: m.rows, planes: m.planes}
	last := m.n - a.vectors*lanes
	a.mask(0, last)
	a.mask(1, min(2*last, lanes))
	a.mask(2, 2*last-lanes)
	return a
}

// copyPlanes copies m of src to dst.
func (s Set) copyPlanes(m moved, dst []float32, to layout, src []float32, from layout) {
	if m.planes*m.rows*m.n == 0 {
		return
	}
	if s.isa == portable {
		copyPlanesPortable(m, dst, to, src, from)
		return
	}
	m.see(dst, to, true)
	m.see(src, from, false)
	lanes := s.lanes()
	a := moveArgs{dst: at(dst, to.at), dstRow: 4 * to.row, dstPlane: 4 * to.plane, src: at(src, from.at), srcRow: 4 * from.row, srcPlane: 4 * from.plane,
		vectors: (m.n - 1) / lanes, rows: m.rows, planes: m.planes}
	a.mask(0, m.n-a.vectors*lanes)
	if s.isa == avx512 {
		copyPlanesAVX512((*byte)(unsafe.Pointer(&a)))
	} else {
		copyPlanesAVX2((*byte)(unsafe.Pointer(&a)))
	}
}

// poolPlanes writes m: each element the greatest of 2 by 2 of src, as maxRow has it.
func (s Set) poolPlanes(m moved, dst []float32, to layout, src []float32, from layout) {
	if m.planes*m.rows*m.n == 0 {
		return
	}
	if s.isa == portable {
		poolPlanesPortable(m, dst, to, src, from)
		return
	}
	m.see(dst, to, true)
	moved{m.planes, 2 * m.rows, 2 * m.n}.see(src, from, false)
	a := m.pairs(s.lanes(), dst, to, src, from)
	if s.isa == avx512 {
		poolPlanesAVX512((*byte)(unsafe.Pointer(&a)))
	} else {
		poolPlanesAVX2((*byte)(unsafe.Pointer(&a)))
	}
}

// foldPlanes writes m: each element the sum of 2 by 2 of src, row by row.
func (s Set) foldPlanes(m moved, dst []float32, to layout, src []float32, from layout) {
	if m.planes*m.rows*m.n == 0 {
		return
	}
	if s.isa == portable {
		foldPlanesPortable(m, dst, to, src, from)
		return
	}
	m.see(dst, to, true)
	moved{m.planes, 2 * m.rows, 2 * m.n}.see(src, from, false)
	a := m.pairs(s.lanes(), dst, to, src, from)
	if s.isa == avx512 {
		foldPlanesAVX512((*byte)(unsafe.Pointer(&a)))
	} else {
		foldPlanesAVX2((*byte)(unsafe.Pointer(&a)))
	}
}

// poolPlanesAt is poolPlanes with where the greatest of each window stands in a plane
// of rows of width, of which the source begins at first: the first of equal ones, the
// last of NaN.
func (s Set) poolPlanesAt(m moved, dst []float32, index []int32, to layout, src []float32, from layout, first, width int) {
	if m.planes*m.rows*m.n == 0 {
		return
	}
	if s.isa == portable {
		poolPlanesAtPortable(m, dst, index, to, src, from, first, width)
		return
	}
	m.see(dst, to, true)
	_ = index[to.at+(m.planes-1)*to.plane+(m.rows-1)*to.row+m.n-1]
	for p := 0; raceEnabled && p < m.planes; p++ {
		for r := range m.rows {
			raceWriteInts(index[to.at+p*to.plane+r*to.row:][:m.n])
		}
	}
	moved{m.planes, 2 * m.rows, 2 * m.n}.see(src, from, false)
	a := m.pairs(s.lanes(), dst, to, src, from)
	a.index, a.width, a.first = unsafe.Pointer(&index[to.at]), int32(width), int32(first)
	if s.isa == avx512 {
		poolPlanesAtAVX512((*byte)(unsafe.Pointer(&a)))
	} else {
		poolPlanesAtAVX2((*byte)(unsafe.Pointer(&a)))
	}
}

// zipPlanes writes m, elements in turn from even and odd.
func (s Set) zipPlanes(m moved, dst []float32, to layout, even, odd []float32, from layout) {
	if m.planes*m.rows*m.n == 0 {
		return
	}
	if s.isa == portable || m.n == 1 {
		zipPlanesPortable(m, dst, to, even, odd, from)
		return
	}
	m.see(dst, to, true)
	moved{m.planes, m.rows, (m.n + 1) / 2}.see(even, from, false)
	moved{m.planes, m.rows, m.n / 2}.see(odd, from, false)
	lanes := s.lanes()
	a := moveArgs{dst: at(dst, to.at), dstRow: 4 * to.row, dstPlane: 4 * to.plane, src: at(even, from.at), srcRow: 4 * from.row, srcPlane: 4 * from.plane,
		other: at(odd, from.at), vectors: (m.n - 1) / lanes, rows: m.rows, planes: m.planes}
	last := m.n - a.vectors*lanes
	a.mask(0, last)
	a.mask(1, (last+1)/2)
	a.mask(2, last/2)
	if s.isa == avx512 {
		zipPlanesAVX512((*byte)(unsafe.Pointer(&a)))
	} else {
		zipPlanesAVX2((*byte)(unsafe.Pointer(&a)))
	}
}

// unzipPlanes writes m and, odd elements on, as much again: elements of src in turn.
func (s Set) unzipPlanes(m moved, dst []float32, to layout, odd int, src []float32, from layout) {
	if m.planes*m.rows*m.n == 0 {
		return
	}
	if s.isa == portable {
		unzipPlanesPortable(m, dst, to, odd, src, from)
		return
	}
	second := layout{to.at + odd, to.row, to.plane}
	m.see(dst, to, true)
	m.see(dst, second, true)
	moved{m.planes, m.rows, 2 * m.n}.see(src, from, false)
	lanes := s.lanes()
	a := moveArgs{dst: at(dst, to.at), dstRow: 4 * to.row, dstPlane: 4 * to.plane, src: at(src, from.at), srcRow: 4 * from.row, srcPlane: 4 * from.plane,
		index: at(dst, second.at), vectors: (m.n - 1) / lanes, rows: m.rows, planes: m.planes}
	last := m.n - a.vectors*lanes
	a.mask(0, last)
	a.mask(1, min(2*last, lanes))
	a.mask(2, 2*last-lanes)
	if s.isa == avx512 {
		unzipPlanesAVX512((*byte)(unsafe.Pointer(&a)))
	} else {
		unzipPlanesAVX2((*byte)(unsafe.Pointer(&a)))
	}
}
