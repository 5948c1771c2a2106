//go:build amd64 && !noasm

package kernels

func (s Set) lstmCell(h, c, in, o, f, y []float32) {
	if s.isa == portable {
		lstmCellPortable(h, c, in, o, f, y)
		return
	}
	raceRead(in)
	raceRead(o)
	raceRead(f)
	raceRead(y)
	raceWrite(h)
	raceWrite(c)
	for lo := 0; lo < len(h); lo += streamLen {
		n := min(streamLen, len(h)-lo)
		if s.isa == avx512 {
			lstmCellAVX512(&h[lo], &c[lo], &in[lo], &o[lo], &f[lo], &y[lo], n, nil)
		} else {
			lstmCellAVX2(&h[lo], &c[lo], &in[lo], &o[lo], &f[lo], &y[lo], n, nil)
		}
	}
}

func (s Set) gruReset(dst, r, h []float32) {
	if s.isa == portable {
		gruResetPortable(dst, r, h)
		return
	}
	raceRead(r)
	raceRead(h)
	raceWrite(dst)
	for lo := 0; lo < len(dst); lo += streamLen {
		n := min(streamLen, len(dst)-lo)
		if s.isa == avx512 {
			gruResetAVX512(&dst[lo], &r[lo], &h[lo], n, nil)
		} else {
			gruResetAVX2(&dst[lo], &r[lo], &h[lo], n, nil)
		}
	}
}

func (s Set) gruUpdate(h, z, y []float32) {
	if s.isa == portable {
		gruUpdatePortable(h, z, y)
		return
	}
	raceRead(z)
	raceRead(y)
	raceWrite(h)
	for lo := 0; lo < len(h); lo += streamLen {
		n := min(streamLen, len(h)-lo)
		if s.isa == avx512 {
			gruUpdateAVX512(&h[lo], &z[lo], &y[lo], n, nil)
		} else {
			gruUpdateAVX2(&h[lo], &z[lo], &y[lo], n, nil)
		}
	}
}

func (s Set) gruCell(h, z, r, y, rz, rr, ry []float32) {
	if s.isa == portable {
		gruCellPortable(h, z, r, y, rz, rr, ry)
		return
	}
	raceRead(z)
	raceRead(r)
	raceRead(y)
	raceRead(rz)
	raceRead(rr)
	raceRead(ry)
	raceWrite(h)
	for lo := 0; lo < len(h); lo += streamLen {
		n := min(streamLen, len(h)-lo)
		if s.isa == avx512 {
			gruCellAVX512(&h[lo], &z[lo], &r[lo], &y[lo], &rz[lo], &rr[lo], &ry[lo], n, nil)
		} else {
			gruCellAVX2(&h[lo], &z[lo], &r[lo], &y[lo], &rz[lo], &rr[lo], &ry[lo], n, nil)
		}
	}
}
