//go:build amd64 && !noasm

package kernels

// transpose computes dst[j*ldd+i] = x[i*ldx+j] for i < rows, j < cols.
func (s Set) transpose(dst []float32, ldd int, x []float32, ldx, rows, cols int) {
	if s.isa == portable || rows < 8 || cols < 8 {
		transposePortable(dst, ldd, x, ldx, rows, cols)
		return
	}
	if raceEnabled {
		for i := range rows {
			raceRead(x[i*ldx:][:cols])
		}
		for j := range cols {
			raceWrite(dst[j*ldd:][:rows])
		}
	}
	whole := cols &^ 7
	for i := 0; i+8 <= rows; i += 8 {
		transpose8AVX2(&dst[i], ldd, &x[i*ldx], ldx, whole/8)
	}
	if left := rows & 7; left > 0 {
		i := rows - left
		transposePortable(dst[i:], ldd, x[i*ldx:], ldx, left, whole)
	}
	if whole < cols {
		transposePortable(dst[whole*ldd:], ldd, x[whole:], ldx, rows, cols-whole)
	}
}

// joinSecond does what joinRow does for stride 2 to as many elements as it can and
// says how many.
func (s Set) joinSecond(op Operation, y, x []float32) int {
	n := min(len(y), len(x)/2) &^ 7
	if s.isa == portable || n == 0 {
		return 0
	}
	raceRead(x[:2*n])
	raceWrite(y[:n])
	if op == Add {
		addSecondAVX2(&y[0], &x[0], n)
	} else {
		maxSecondAVX2(&y[0], &x[0], n)
	}
	return n
}

// zeros skips whole blocks of zeroBlock numbers of x that hold nothing but +0, and
// says which numbers of the next whole one are not zero, if there is one.
func (s Set) zeros(x []float32) (skipped int, found uint32) {
	if s.isa == portable || len(x) < zeroBlock {
		return zerosPortable(x)
	}
	raceRead(x)
	return zerosAVX2(&x[0], len(x)/zeroBlock)
}
