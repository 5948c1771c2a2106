//go:build amd64 && !noasm

package kernels

import "unsafe"

// Assembly cannot be interrupted, so no call is longer than this.
const streamLen = 1 << 15

func (s Set) unary(f Activation, dst, x []float32) {
	if s.isa == portable || f.Function == Identity {
		unaryPortable(f, dst, x)
		return
	}
	raceRead(x)
	raceWrite(dst)
	for lo := 0; lo < len(x); lo += streamLen {
		n := min(streamLen, len(x)-lo)
		known := false
		if s.isa == avx512 {
			known = unaryAVX512(f.Function, &dst[lo], &x[lo], n, &f.Slope)
		} else {
			known = unaryAVX2(f.Function, &dst[lo], &x[lo], n, &f.Slope)
		}
		if !known {
			panic("kernels: Unary: unknown function")
		}
	}
}

func (s Set) derivative(f Activation, dst, dy, y []float32) {
	if s.isa == portable || f.Function == Identity || f.Function == Sqrt {
		derivativePortable(f, dst, dy, y)
		return
	}
	raceRead(dy)
	raceRead(y)
	raceWrite(dst)
	for lo := 0; lo < len(y); lo += streamLen {
		n := min(streamLen, len(y)-lo)
		known := false
		if s.isa == avx512 {
			known = derivativeAVX512(f.Function, &dst[lo], &dy[lo], &y[lo], n, &f.Slope)
		} else {
			known = derivativeAVX2(f.Function, &dst[lo], &dy[lo], &y[lo], n, &f.Slope)
		}
		if !known {
			panic("kernels: Derivative: unknown function")
		}
	}
}

func (s Set) binary(op Operation, dst, a, b []float32) {
	if s.isa == portable {
		binaryPortable(op, dst, a, b)
		return
	}
	raceRead(a)
	raceRead(b)
	raceWrite(dst)
	for lo := 0; lo < len(dst); lo += streamLen {
		n := min(streamLen, len(dst)-lo)
		known := false
		if s.isa == avx512 {
			known = binaryAVX512(op, &dst[lo], &a[lo], &b[lo], n, nil)
		} else {
			known = binaryAVX2(op, &dst[lo], &a[lo], &b[lo], n, nil)
		}
		if !known {
			panic("kernels: Binary: unknown operation")
		}
	}
}

func (s Set) binaryScalar(op Operation, dst, a []float32, b float32, swapped bool) {
	if s.isa == portable {
		binaryScalarPortable(op, dst, a, b, swapped)
		return
	}
	raceRead(a)
	raceWrite(dst)
	for lo := 0; lo < len(dst); lo += streamLen {
		n := min(streamLen, len(dst)-lo)
		known := false
		switch {
		case s.isa == avx512 && swapped:
			known = swappedAVX512(op, &dst[lo], &a[lo], n, &b)
		case s.isa == avx512:
			known = scalarAVX512(op, &dst[lo], &a[lo], n, &b)
		case swapped:
			known = swappedAVX2(op, &dst[lo], &a[lo], n, &b)
		default:
			known = scalarAVX2(op, &dst[lo], &a[lo], n, &b)
		}
		if !known {
			panic("kernels: BinaryScalar: unknown operation")
		}
	}
}

func (s Set) axpy(dst []float32, alpha float32, x []float32) {
	if s.isa == portable {
		axpyPortable(dst, alpha, x)
		return
	}
	raceRead(x)
	raceWrite(dst)
	for lo := 0; lo < len(x); lo += streamLen {
		n := min(streamLen, len(x)-lo)
		if s.isa == avx512 {
			axpyAVX512(&dst[lo], &x[lo], n, &alpha)
		} else {
			axpyAVX2(&dst[lo], &x[lo], n, &alpha)
		}
	}
}

func (s Set) sum(x []float32) float32 {
	raceRead(x)
	switch p := unsafe.SliceData(x); s.isa {
	case avx512:
		return sumAVX512(p, len(x))
	case avx2:
		return sumAVX2(p, len(x))
	}
	return sumPortable(x)
}

// maximum gives the greatest of each lane.
func (s Set) maximum(x []float32, lanes *[16]float32) []float32 {
	raceRead(x)
	if s.isa == avx512 {
		maximumAVX512(&x[0], len(x), &lanes[0])
		return lanes[:]
	}
	maximumAVX2(&x[0], len(x), &lanes[0])
	return lanes[:8]
}

func (s Set) sumSquares(x []float32) float32 {
	raceRead(x)
	switch p := unsafe.SliceData(x); s.isa {
	case avx512:
		return sumSquaresAVX512(p, len(x))
	case avx2:
		return sumSquaresAVX2(p, len(x))
	}
	return sumSquaresPortable(x)
}

func (s Set) step(u *updateTask) {
	if s.isa == portable {
		stepPortable(u)
		return
	}
	raceRead(u.g)
	raceWrite(u.w)
	raceWrite(u.a)
	raceWrite(u.b)
	k := [10]float32{u.scale, u.decay}
	copy(k[2:], u.k[:])
	for lo := 0; lo < len(u.w); lo += streamLen {
		n := min(streamLen, len(u.w)-lo)
		w, g := &u.w[lo], &u.g[lo]
		known := false
		switch {
		case u.b != nil && s.isa == avx512:
			known = update4AVX512(u.rule, w, g, &u.a[lo], &u.b[lo], n, &k[0])
		case u.b != nil:
			known = update4AVX2(u.rule, w, g, &u.a[lo], &u.b[lo], n, &k[0])
		case u.a != nil && s.isa == avx512:
			known = update3AVX512(u.rule, w, g, &u.a[lo], n, &k[0])
		case u.a != nil:
			known = update3AVX2(u.rule, w, g, &u.a[lo], n, &k[0])
		case s.isa == avx512:
			known = update2AVX512(u.rule, w, g, n, &k[0])
		default:
			known = update2AVX2(u.rule, w, g, n, &k[0])
		}
		if !known {
			panic("kernels: Update: a state of this rule is missing")
		}
	}
}
