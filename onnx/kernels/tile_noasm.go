//go:build !amd64 || noasm

package kernels

func (s Set) tile(conv bool, mr, nv int, last bool, a *tileArgs) {
	panic("kernels: no such set in this build")
}

func (s Set) dot(mr, nj int, a *tileArgs) {
	panic("kernels: no such set in this build")
}
