package kernels

import "unsafe"

// byteRows is the greatest number of rows of an inner kernel of integer products.
const byteRows = 6

// byteTile is what one call of such a kernel computes. Strides are in bytes. The fields' order is known to the generator
// (_avo/int8.go).
type byteTile struct {
	a     unsafe.Pointer // first row of A: bytes, with AVX2 16 bits each
	rowA  int
	b     unsafe.Pointer // four k of sixteen columns
	nextB int            // from panel to panel of B
	offs  *int           // convolutions: where B has the next four k
	c     unsafe.Pointer
	rowC  int
	steps int            // fours of k
	rows  unsafe.Pointer // convolutions: what the sums of a row start from
	row1  unsafe.Pointer // factors of what zero points add
	col1  unsafe.Pointer
	row2  unsafe.Pointer
	col2  unsafe.Pointer
	terms int
	lanes int // VNNI: mask of the last vector
}
