//go:build !amd64 || noasm

package kernels

func (s Set) transpose(dst []float32, ldd int, x []float32, ldx, rows, cols int) {
	transposePortable(dst, ldd, x, ldx, rows, cols)
}

func (s Set) joinSecond(op Operation, y, x []float32) int { return 0 }

func (s Set) zeros(x []float32) (skipped int, found uint32) { return zerosPortable(x) }
