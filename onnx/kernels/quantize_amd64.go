//go:build amd64 && !noasm

package kernels

import (
	"math"
	"unsafe"
)

// quantizeSixteens does n elements from i on, n a multiple of 16 and not 0.
func (s Set) quantizeSixteens(t *quantizeTask, i, n, column int) {
	lo, hi := t.q.bounds()
	k := [4]float32{t.scale, lo, hi, math.Float32frombits(uint32(t.q.Zero))}
	y := &t.y[i]
	if t.kind == toFloats {
		k[1] = k[3]
		raceReadBytes(t.y[i : i+n])
		raceWrite(t.x[i : i+n])
	} else {
		raceWriteBytes(t.y[i : i+n])
	}
	switch t.kind {
	case fromFloats:
		raceRead(t.x[i : i+n])
		if s.isa == avx512 {
			quantizeAVX512(y, &t.x[i], n, &k[0])
		} else {
			quantizeAVX2(y, &t.x[i], n, &k[0])
		}
	case fromInts:
		if s.isa == avx512 {
			requantizeAVX512(y, &t.ints[i], n, &k[0])
		} else {
			requantizeAVX2(y, &t.ints[i], n, &k[0])
		}
	case fromIntColumns:
		if s.isa == avx512 {
			requantizeColumnsAVX512(y, &t.ints[i], &t.scales[column], n, &k[0])
		} else {
			requantizeColumnsAVX2(y, &t.ints[i], &t.scales[column], n, &k[0])
		}
	case toFloats:
		switch {
		case s.isa == avx512 && t.q.Signed:
			dequantizeSignedAVX512(&t.x[i], y, n, &k[0])
		case s.isa == avx512:
			dequantizeUnsignedAVX512(&t.x[i], y, n, &k[0])
		case t.q.Signed:
			dequantizeSignedAVX2(&t.x[i], y, n, &k[0])
		default:
			dequantizeUnsignedAVX2(&t.x[i], y, n, &k[0])
		}
	}
}

// minMax is MinMax of a multiple of 16 numbers.
func (s Set) minMax(x []float32) (lo, hi float32) {
	raceRead(x)
	var ends [32]float32
	for len(x) > 0 {
		n := min(len(x), streamLen)
		if s.isa == avx512 {
			minMaxAVX512(&ends[0], unsafe.SliceData(x), n)
		} else {
			minMaxAVX2(&ends[0], unsafe.SliceData(x), n)
		}
		x = x[n:]
	}
	for j := range 16 {
		lo, hi = min(lo, ends[j]), max(hi, ends[16+j])
	}
	return lo, hi
}
