package kernels

// readyRow writes x with flip to dst, or widened to 16 bits, with zeros up to the end of dst, and gives the sum of the flipped bytes.
func (s Set) readyRow(dst, x []byte, flip uint32, wide bool) int {
	size := 1
	if wide {
		size = 2
	}
	sum, done := 0, 0
	if n := len(x) &^ 31; n > 0 && s.isa != portable {
		sum, done = s.rowOfBytes(dst, x[:n], flip, wide), n
	}
	for i := done; i < len(x); i++ {
		v := x[i] ^ byte(flip)
		sum += int(v)
		dst[i*size] = v
		if wide {
			dst[i*size+1] = 0
		}
	}
	clear(dst[len(x)*size:])
	return sum
}

// interleave writes four rows of bytes side by side: dst[4i:4i+4] = a[i], b[i], c[i], d[i], each with flip, for len(a) bytes.
func (s Set) interleave(dst, a, b, c, d []byte, flip uint32) {
	n := len(a)
	b, c, d, dst = b[:n], c[:n], d[:n], dst[:4*n]
	if n >= 16 && s.isa != portable {
		s.quadsOfBytes(dst, a, b, c, d, flip)
		return
	}
	f := byte(flip)
	for i, v := range a {
		q := dst[4*i : 4*i+4]
		q[0], q[1], q[2], q[3] = v^f, b[i]^f, c[i]^f, d[i]^f
	}
}
