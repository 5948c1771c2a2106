//go:build !amd64 || noasm

package kernels

func (s Set) unary(f Activation, dst, x []float32) { unaryPortable(f, dst, x) }

func (s Set) derivative(f Activation, dst, dy, y []float32) { derivativePortable(f, dst, dy, y) }

func (s Set) binary(op Operation, dst, a, b []float32) { binaryPortable(op, dst, a, b) }

func (s Set) binaryScalar(op Operation, dst, a []float32, b float32, swapped bool) {
	binaryScalarPortable(op, dst, a, b, swapped)
}

func (s Set) axpy(dst []float32, alpha float32, x []float32) { axpyPortable(dst, alpha, x) }

func (s Set) sum(x []float32) float32 { return sumPortable(x) }

func (s Set) maximum(x []float32, _ *[16]float32) []float32 { return x }

func (s Set) sumSquares(x []float32) float32 { return sumSquaresPortable(x) }

func (s Set) step(u *updateTask) { stepPortable(u) }
