package kernels

import "time"

// Peak is what one core can do at most, whatever it computes.
type Peak struct {
	Flops float64 // multiplications and additions a second, on registers
	Bytes float64 // bytes a second that it reads from its nearest cache
}

// Peak measures this core for some milliseconds: the fastest of many short runs, so that a moment in which the core served somebody
// else does not count. It is zero for Portable, whose instructions the compiler chooses.
func (s Set) Peak() Peak {
	if s.isa == portable {
		return Peak{}
	}
	const rounds = 1000 // some tens of microseconds
	x := alignedSlice(peakBytes / 4)
	return Peak{
		Flops: 2 * float64(s.lanes()*peakMultiplyAdds*rounds) / fastest(func() { s.multiply(rounds) }),
		Bytes: float64(peakBytes*rounds) / fastest(func() { s.read(x, rounds) }),
	}
}

// What one round of the assembly does.
const (
	peakMultiplyAdds = 48
	peakBytes        = 1 << 12 // a page, so that no two lines are in each other's way
)

// fastest is the least time of many runs of f, in seconds.
func fastest(f func()) float64 {
	least := time.Duration(1<<63 - 1)
	for range 200 {
		started := time.Now()
		f()
		least = min(least, time.Since(started))
	}
	return max(least, 1).Seconds()
}
