//go:build !amd64 || noasm

package kernels

func (s Set) multiply(rounds int) { panic("kernels: Peak: only Portable is built") }

func (s Set) read(x []float32, rounds int) { panic("kernels: Peak: only Portable is built") }
