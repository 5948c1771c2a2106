//go:build amd64 && !noasm

package kernels

import (
	"testing"
	"unsafe"
)

// What a kernel has counted on is not left pointing behind its buffer: the struct it lies in is on a stack that the collector reads, and
// a pointer to memory that belongs to nobody ends the program.
func TestKernelsLeaveNoPointerBehind(t *testing.T) {
	x := newFence(t, 1<<14).x // these arguments are made up: what they let a kernel touch in vain ends the test here
	for _, s := range accelerated() {
		for _, conv := range []bool{false, true} {
			for mr := 1; mr <= s.rows(conv); mr++ {
				for nv := 1; nv <= 2; nv++ {
					offs := []int{0, 4, 8}
					a := tileArgs{a: at(x, 0), rowA: 256, stepA: 64, b: at(x, 1024), rowB: 256, offs: &offs[0], c: at(x, 8192), rowC: 512, k: 3, tiles: 1,
						init: at(x, 4096), rowInit: 512, rows: 1, again: 1}
					a.tail(s.lanes())
					s.tile(conv, mr, nv, true, &a)
					if a.init != nil {
						t.Errorf("%v, conv %v, %d by %d: init is left at %v, want nil", s, conv, mr, nv, a.init)
					}
				}
			}
		}
	}
	for name, pair := range map[string][2]func(*byte){
		"copyPlanes": {copyPlanesAVX2, copyPlanesAVX512}, "poolPlanes": {poolPlanesAVX2, poolPlanesAVX512}, "poolPlanesAt": {poolPlanesAtAVX2, poolPlanesAtAVX512},
		"foldPlanes": {foldPlanesAVX2, foldPlanesAVX512}, "zipPlanes": {zipPlanesAVX2, zipPlanesAVX512}, "unzipPlanes": {unzipPlanesAVX2, unzipPlanesAVX512},
		"winogradIn": {winogradInAVX2, winogradInAVX512}, "winogradOut": {winogradOutAVX2, winogradOutAVX512},
	} {
		for i, s := range accelerated() {
			a := moveArgs{dst: at(x, 8192), dstRow: 256, dstPlane: 1024, src: at(x, 0), srcRow: 256, srcPlane: 1024, other: at(x, 256), index: at(x, 8704),
				rows: 2, planes: 2}
			for operand := range 3 {
				a.mask(operand, 3)
			}
			pair[i]((*byte)(unsafe.Pointer(&a)))
			for field, p := range map[string]unsafe.Pointer{"dst": a.dst, "src": a.src, "lanes[1]": a.lanes[1]} {
				if p != nil {
					t.Errorf("%v, %s: %s is left at %v, want nil", s, name, field, p)
				}
			}
		}
	}
}
