//go:build !amd64 || noasm

package kernels

func (s Set) vnni() bool { return false }

func (s Set) byteTile(conv bool, mr, n int, a byteTile) int {
	panic("kernels: no such set in this build")
}

func (s Set) rowOfBytes(dst, x []byte, flip uint32, wide bool) int {
	panic("kernels: no such set in this build")
}

func (s Set) quadsOfBytes(dst, a, b, c, d []byte, flip uint32) {
	panic("kernels: no such set in this build")
}

func (s Set) maxFours(dst, a, b []byte, flip byte) {
	panic("kernels: no such set in this build")
}
