//go:build amd64 && !noasm

package kernels

import "unsafe"

// depthwise computes what the arguments say, on a set that has kernels for it.
func (s Set) depthwise(d *depthwise, a *depthwiseArgs) {
	p, wide := (*byte)(unsafe.Pointer(a)), s.isa == avx512
	switch 10*d.side + d.stride {
	case 31:
		if wide {
			depthwise3by1AVX512(p)
		} else {
			depthwise3by1AVX2(p)
		}
	case 32:
		if wide {
			depthwise3by2AVX512(p)
		} else {
			depthwise3by2AVX2(p)
		}
	case 51:
		if wide {
			depthwise5by1AVX512(p)
		} else {
			depthwise5by1AVX2(p)
		}
	case 52:
		if wide {
			depthwise5by2AVX512(p)
		} else {
			depthwise5by2AVX2(p)
		}
	case 71:
		if wide {
			depthwise7by1AVX512(p)
		} else {
			depthwise7by1AVX2(p)
		}
	}
}
