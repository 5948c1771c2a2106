package main

import (
	"fmt"
	"time"

	"github.com/gonyx/gonyx/onnx/kernels"
)

// share is how near a kernel set comes to what a core can do.
type share struct {
	Set        string
	Reached    float64 // multiplications and additions a second in GEMM 1024³, the fastest of several
	Peak       float64 // the same on registers alone, the fastest of many
	Percentage float64
}

// shareName is the case's name in the terminal.
const shareName = "GEMM 1024³, share of the peak"

func (s share) String() string {
	return fmt.Sprintf(shareName+", %s: %.1f of %.1f GFLOP/s, %.0f %% of the peak", s.Set, s.Reached/1e9, s.Peak/1e9, s.Percentage)
}

// measureShares runs GEMM 1024³ on one core with every set that has a peak.
func measureShares() []share {
	const n, runs = 1024, 40
	a, b, c := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
	for i := range a {
		a[i], b[i] = float32(i%7)-3, float32(i%11)-5
	}
	packed := kernels.PackB(n, n, b, n, false)
	var list []share
	for _, set := range kernels.Supported() {
		peak := set.Peak().Flops
		if peak == 0 {
			continue
		}
		fastest := time.Duration(1<<63 - 1)
		for range runs {
			started := time.Now()
			set.Gemm(nil, kernels.Gemm{M: n, N: n, K: n, A: a, Packed: packed, C: c})
			fastest = min(fastest, time.Since(started))
		}
		peak = max(peak, set.Peak().Flops) // whichever moment was better
		reached := 2 * n * n * n / fastest.Seconds()
		list = append(list, share{set.String(), reached, peak, 100 * reached / peak})
	}
	return list
}
