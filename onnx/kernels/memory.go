package kernels

import "unsafe"

// alignedSlice is a zeroed slice that starts at a multiple of 64 bytes, where no
// vector crosses a cache line.
func alignedSlice(n int) []float32 {
	x := align(make([]float32, n+15))
	return x[:n:n]
}

// align cuts up to 15 elements off the front, so that x starts at a multiple of 64
// bytes.
func align(x []float32) []float32 {
	return x[-uintptr(unsafe.Pointer(unsafe.SliceData(x)))%64/4:]
}
