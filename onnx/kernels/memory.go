package kernels

import "unsafe"

// alignedSlice is a zeroed slice that starts at a multiple of 64 bytes, where no
// vector crosses a cache line.
func alignedSlice(n int) []float32 {
	x := make([]float32, n+15)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(x)))%64) / 4
	return x[off : off+n : off+n]
}
