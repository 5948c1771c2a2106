//go:build amd64 && !noasm

package kernels

// unpool is unpoolPortable; of fewer than eight blocks a row it writes zeros up to
// unpoolSlack behind them.
func (s Set) unpool(dst []float32, ldd int, dy []float32, at []int32, n, w int) {
	rows := len(dy) / max(n, 1)
	if s.isa == portable || rows == 0 {
		unpoolPortable(dst, ldd, dy, at, n, w)
		return
	}
	_, _ = dst[(2*rows-1)*ldd+max(2*n, unpoolSlack)-1], at[rows*n-1]
	raceRead(dy)
	if raceEnabled {
		for r := range 2 * rows {
			raceWrite(dst[r*ldd:][:2*n])
		}
	}
	unpoolAVX2(&dst[0], ldd, &dy[0], &at[0], n, rows, w)
}
