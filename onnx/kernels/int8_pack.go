package kernels

import "unsafe"

// PackedBytes is the right side of a ByteGemm in the order in which products read it: panels of 16 columns, in them for
// each four k the bytes of one column after the other, as int8 (unsigned ones less 128), with zeros beyond K and N. It
// serves every Set and any number of goroutines.
type PackedBytes struct {
	k, n     int
	unsigned bool
	data     []byte
	sums     []int32 // of each column, as packed
}

// PackedBytesLen is the number of bytes that PackBytes fills, which start at a multiple of 4.
func PackedBytesLen(k, n int) int {
	return panelsOf(n) * bytePanel * (4*quadsOf(k) + 4)
}

// PackBytes packs b, K rows of N int8 or, where not signed, uint8, into dst.
func PackBytes(dst []byte, k, n int, b []byte, signed bool) PackedBytes {
	if len(b) < k*n || len(dst) < PackedBytesLen(k, n) {
		panic("kernels: PackBytes: too short")
	}
	quads, panels := quadsOf(k), panelsOf(n)
	size := panels * bytePanel * 4 * quads
	q := PackedBytes{k: k, n: n, unsigned: !signed, data: dst[:size], sums: int32s(dst[size:], panels*bytePanel)}
	flip := byte(0)
	if !signed {
		flip = 0x80
	}
	clear(q.sums)
	for p := range panels {
		j := p * bytePanel
		width := min(bytePanel, n-j)
		sums := q.sums[j : j+bytePanel]
		for t := range quads {
			d := q.data[(p*quads+t)*4*bytePanel:][:4*bytePanel]
			if width < bytePanel || 4*t+4 > k {
				clear(d)
			}
			for l := range min(4, k-4*t) {
				for x, v := range b[(4*t+l)*n+j:][:width] {
					v ^= flip
					d[4*x+l] = v
					sums[x] += int32(int8(v))
				}
			}
		}
	}
	return q
}

// int32s sees bytes as n int32.
func int32s(b []byte, n int) []int32 {
	if n == 0 {
		return nil
	}
	_ = b[4*n-1]
	if uintptr(unsafe.Pointer(&b[0]))%4 != 0 {
		panic("kernels: bytes for int32 are not aligned")
	}
	return unsafe.Slice((*int32)(unsafe.Pointer(&b[0])), n)
}
