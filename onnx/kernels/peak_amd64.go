//go:build amd64 && !noasm

package kernels

// multiply does rounds of multiply-adds on registers.
func (s Set) multiply(rounds int) {
	if s.isa == avx512 {
		multiplyAVX512(rounds)
		return
	}
	multiplyAVX2(rounds)
}

// read reads the start of x, peakBytes long, again and again.
func (s Set) read(x []float32, rounds int) {
	raceRead(x[:peakBytes/4])
	if s.isa == avx512 {
		readAVX512(&x[0], rounds)
		return
	}
	readAVX2(&x[0], rounds)
}
