//go:build amd64 && !noasm

package kernels

func (s Set) entropyOf(dst, y, t []float32, lo, hi float32) {
	if s.isa == portable {
		entropyPortable(dst, y, t, lo, hi)
		return
	}
	raceRead(y)
	raceRead(t)
	raceWrite(dst)
	k := [2]float32{lo, hi}
	for i := 0; i < len(y); i += streamLen {
		n := min(streamLen, len(y)-i)
		if s.isa == avx512 {
			entropyAVX512(&dst[i], &y[i], &t[i], n, &k[0])
		} else {
			entropyAVX2(&dst[i], &y[i], &t[i], n, &k[0])
		}
	}
}

func (s Set) entropyGradient(dst, dy, y, t []float32, lo, hi float32) {
	if s.isa == portable {
		entropyGradientPortable(dst, dy, y, t, lo, hi)
		return
	}
	raceRead(dy)
	raceRead(y)
	raceRead(t)
	raceWrite(dst)
	k := [2]float32{lo, hi}
	for i := 0; i < len(y); i += streamLen {
		n := min(streamLen, len(y)-i)
		if s.isa == avx512 {
			entropyGradientAVX512(&dst[i], &dy[i], &y[i], &t[i], n, &k[0])
		} else {
			entropyGradientAVX2(&dst[i], &dy[i], &y[i], &t[i], n, &k[0])
		}
	}
}

func (s Set) entropyLogits(dst, dy, y, t []float32, lo, hi float32) {
	if s.isa == portable {
		entropyLogitsPortable(dst, dy, y, t, lo, hi)
		return
	}
	raceRead(dy)
	raceRead(y)
	raceRead(t)
	raceWrite(dst)
	k := [2]float32{lo, hi}
	for i := 0; i < len(y); i += streamLen {
		n := min(streamLen, len(y)-i)
		if s.isa == avx512 {
			entropyLogitsAVX512(&dst[i], &dy[i], &y[i], &t[i], n, &k[0])
		} else {
			entropyLogitsAVX2(&dst[i], &dy[i], &y[i], &t[i], n, &k[0])
		}
	}
}
