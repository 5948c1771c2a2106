//go:build amd64 && !noasm

package kernels

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// vnni says whether the set multiplies bytes with the instructions made for it. The AVX-512 set takes the AVX2 kernels of integer
// products on processors without them.
func (s Set) vnni() bool { return s.isa == avx512 && cpu.X86.HasAVX512VNNI }

// byteTile computes mr rows by as many of n columns as a tile takes, and says how many. a is a value: what a function stores through a
// pointer, the compiler moves to the heap.
func (s Set) byteTile(conv bool, mr, n int, a byteTile) int {
	if s.vnni() {
		nv := min(4, (n+bytePanel-1)/bytePanel)
		done := min(n, nv*bytePanel)
		a.lanes = 1<<(done-(nv-1)*bytePanel) - 1
		byteTileVNNI(conv, mr, nv, (*byte)(unsafe.Pointer(&a)))
		return done
	}
	if n >= 8 {
		byteTileAVX2(conv, mr, 1, (*byte)(unsafe.Pointer(&a)))
		return 8
	}
	var whole [byteRows * 8]int32
	c, rowC := a.c, a.rowC
	a.c, a.rowC = unsafe.Pointer(&whole), 4*8
	byteTileAVX2(conv, mr, 1, (*byte)(unsafe.Pointer(&a)))
	for i := range mr {
		copy(unsafe.Slice((*int32)(unsafe.Add(c, i*rowC)), n), whole[8*i:])
	}
	return n
}

func (s Set) rowOfBytes(dst, x []byte, flip uint32, wide bool) int {
	raceReadBytes(x)
	if wide {
		raceWriteBytes(dst[:2*len(x)])
		return widenRowAVX2(&dst[0], &x[0], len(x), flip)
	}
	raceWriteBytes(dst[:len(x)])
	return flipRowAVX2(&dst[0], &x[0], len(x), flip)
}

func (s Set) quadsOfBytes(dst, a, b, c, d []byte, flip uint32) {
	raceReadBytes(a)
	raceReadBytes(b)
	raceReadBytes(c)
	raceReadBytes(d)
	raceWriteBytes(dst)
	quadsAVX2(&dst[0], &a[0], &b[0], &c[0], &d[0], len(a), flip)
}

func (s Set) maxFours(dst, a, b []byte, flip byte) {
	raceReadBytes(a)
	raceReadBytes(b)
	raceWriteBytes(dst)
	maxFoursAVX2(&dst[0], &a[0], &b[0], len(dst), uint32(flip)*0x01010101)
}
