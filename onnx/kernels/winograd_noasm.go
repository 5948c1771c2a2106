//go:build !amd64 || noasm

package kernels

func (s Set) squaresIn(m moved, dst []float32, to layout, apart int, src []float32, from layout) {
	squaresInPortable(m, dst, to, apart, src, from)
}

func (s Set) squaresOut(m moved, dst []float32, to layout, src []float32, from layout, apart int, bias []float32) bool {
	return squaresOutPortable(m, dst, to, src, from, apart, bias)
}
