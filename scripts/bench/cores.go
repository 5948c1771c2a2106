package main

import (
	"sync"
	"time"

	"github.com/gonyx/gonyx/onnx/kernels"
)

// Two cores of a virtual machine may be given the time of one for some seconds: what two threads then take says nothing about a
// program. So a round of two threads begins once two cores do at once what one does alone.
const togetherLimit = 1.3 // the time of two at once by that of one, above which they share a core

// mostWaiting is for how long all rounds of a run may wait together: a machine may always be like that.
const mostWaiting = 90 * time.Second

// coreWait is what is left of that.
type coreWait struct{ left time.Duration }

// await waits until so many cores work at once, while there is time left, and says how long that took.
func (w *coreWait) await(n int) time.Duration {
	began := time.Now()
	for w.left > time.Since(began) && together(n) > togetherLimit {
		time.Sleep(200 * time.Millisecond)
	}
	waited := time.Since(began)
	w.left -= waited
	return waited
}

// together is by how much a product takes longer on n cores at once than on one, the least of several tries.
func together(n int) float64 {
	least := 0.0
	for i := range 5 {
		one := slowest(1)
		if r := slowest(n).Seconds() / max(one.Seconds(), 1e-9); i == 0 || r < least {
			least = r
		}
	}
	return least
}

// slowest is the time until n goroutines that begin at once have multiplied the same small matrices for about a millisecond each.
func slowest(n int) time.Duration {
	const size, rounds = 128, 25
	begin := make(chan struct{})
	var ready, done sync.WaitGroup
	ready.Add(n)
	for range n {
		done.Go(func() {
			a, b, c := make([]float32, size*size), make([]float32, size*size), make([]float32, size*size)
			g := kernels.Gemm{M: size, N: size, K: size, A: a, LDA: size, B: b, LDB: size, C: c, LDC: size}
			ready.Done()
			<-begin
			for range rounds {
				kernels.Best().Gemm(nil, g)
			}
		})
	}
	ready.Wait()
	started := time.Now()
	close(begin)
	done.Wait()
	return time.Since(started)
}
