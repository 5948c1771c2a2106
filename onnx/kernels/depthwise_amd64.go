//go:build amd64 && !noasm

package kernels

import "unsafe"

// depthwise computes n rows of the result y and reports whether act was applied.
func (s Set) depthwise(d *depthwise, rows, w []float32, bias float32, act Activation, y []float32, n int) bool {
	if s.isa == portable {
		depthwisePortable(d, rows, w, bias, y, n)
		return act.Function == Identity
	}
	raceWrite(y)
	a := depthwiseArgs{
		x: unsafe.Pointer(&rows[0]), y: unsafe.Pointer(&y[0]), w: unsafe.Pointer(&w[0]),
		rowX: 4 * d.row * d.stride, phase: 4 * d.row, rowY: 4 * d.ow, rows: n, cols: d.ow, bias: bias,
	}
	complete, p := false, (*byte)(unsafe.Pointer(&a))
	a.lo, a.hi, complete = act.bounds()
	switch wide := s.isa == avx512; 10*d.side + d.stride {
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
	return complete
}
