package kernels

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// benchSets are the sets worth measuring: the accelerated ones, or Portable where it is all there is.
func benchSets() []Set {
	if all := Supported(); len(all) > 1 {
		return all[1:]
	}
	return []Set{Portable}
}

// peaks are measured once a process.
var peaks = sync.OnceValue(func() map[Set]Peak {
	m := make(map[Set]Peak)
	for _, s := range Supported() {
		m[s] = s.Peak()
	}
	return m
})

// reportFlops says how many of these operations an iteration did, and which share of the peak of so many cores that is.
func reportFlops(b *testing.B, s Set, cores int, flops float64) {
	report(b, "GFLOP/s", flops, peaks()[s].Flops*float64(cores))
}

// reportBytes says how many bytes an iteration read and wrote, and which share that is of what so many cores read from their nearest caches.
func reportBytes(b *testing.B, s Set, cores int, bytes float64) {
	report(b, "GB/s", bytes, peaks()[s].Bytes*float64(cores))
}

func report(b *testing.B, unit string, amount, peak float64) {
	rate := amount * float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate/1e9, unit)
	if peak > 0 {
		b.ReportMetric(100*rate/peak, "%peak")
	}
}

// benchRandom draws the same numbers for every set.
func benchRandom(n int) []float32 { return random(rand.New(rand.NewPCG(1, 2)), n) }
