package kernels

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// much is work that is worth sharing.
const much = 100 * splitWork

func TestRunCoversEveryUnitOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		p := NewPool(threads)
		if p.Threads() != threads {
			t.Errorf("Threads: got %d, want %d", p.Threads(), threads)
		}
		for n := range 200 {
			seen := make([]atomic.Int32, n)
			p.Run(n, much, func(lo, hi int) {
				for i := lo; i < hi; i++ {
					seen[i].Add(1)
				}
			})
			for i := range seen {
				if got := seen[i].Load(); got != 1 {
					t.Fatalf("%d threads, n=%d: unit %d ran %d times, want once", threads, n, i, got)
				}
			}
		}
		p.Close()
	}
}

func TestRunUsesTheWorkers(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	var meet sync.WaitGroup // two parts that wait for each other end only if both run
	meet.Add(2)
	var parts atomic.Int32
	p.Run(2, much, func(lo, hi int) {
		parts.Add(1)
		meet.Done()
		meet.Wait()
	})
	if got := parts.Load(); got != 2 {
		t.Errorf("parts: got %d, want 2", got)
	}
}

func TestRunDoesLittleWorkInOneCall(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	calls := 0
	p.Run(1000, splitWork-1, func(lo, hi int) { calls++ })
	if calls != 1 {
		t.Errorf("calls: got %d, want 1", calls)
	}
}

func TestNilPoolRunsOnTheCaller(t *testing.T) {
	var p *Pool
	sum := 0
	p.Run(10, much, func(lo, hi int) { sum += hi - lo })
	if p.Threads() != 1 || sum != 10 {
		t.Errorf("got %d threads and %d units, want 1 and 10", p.Threads(), sum)
	}
	p.Close()
}

func TestAWorkersPanicReachesTheCaller(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	for range 20 {
		func() {
			defer func() {
				if got := recover(); got != "broken promise" {
					t.Errorf("panic: got %v, want the worker's", got)
				}
			}()
			p.Run(64, much, func(lo, hi int) {
				if hi == 64 {
					panic("broken promise")
				}
			})
		}()
	}
	n := atomic.Int32{}
	p.Run(64, much, func(lo, hi int) { n.Add(int32(hi - lo)) })
	if n.Load() != 64 {
		t.Errorf("after a panic: got %d units, want 64", n.Load())
	}
}

func TestManyCallersAndNestedCallsShareOnePool(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	var callers sync.WaitGroup
	var total atomic.Int64
	for range 8 {
		callers.Go(func() {
			for range 50 {
				p.Run(16, much, func(lo, hi int) {
					p.Run(hi-lo, much, func(lo, hi int) { total.Add(int64(hi - lo)) })
				})
			}
		})
	}
	callers.Wait()
	if got := total.Load(); got != 8*50*16 {
		t.Errorf("units: got %d, want %d", got, 8*50*16)
	}
}

// A worker that has parked is woken, a caller that waits long sleeps and is woken.
func TestSleepersAreWoken(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	for range 10 {
		time.Sleep(3 * spinTime)
		p.Run(8, much, func(lo, hi int) { time.Sleep(2 * waitTime) })
	}
}

// A worker may come to send for a job only while the caller waits for the next one: that ends no wait.
func TestALateWakeEndsNoWait(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	late := lateWake{pool: p}
	late.meet.Add(2)
	parts := p.split(2, much)
	if parts != 2 || !p.begin() {
		t.Fatalf("parts: got %d, want 2 of an idle pool", parts)
	}
	p.share(&late, 2, parts)
	done := late.done.Load()
	p.end()
	if !done {
		t.Error("the wait ended before the last part was done")
	}
}

// lateWake is a job of two parts whose worker sends what another job's worker may.
type lateWake struct {
	pool *Pool
	meet sync.WaitGroup
	done atomic.Bool
}

func (l *lateWake) run(worker, _, _ int) {
	l.meet.Done()
	l.meet.Wait()
	if worker == 0 {
		return
	}
	for !l.pool.sleeping.CompareAndSwap(true, false) {
		time.Sleep(waitTime)
	}
	l.pool.awake <- struct{}{}
	time.Sleep(20 * waitTime)
	l.done.Store(true)
}

func TestCloseEndsTheWorkers(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 10 {
		p := NewPool(4)
		p.Run(8, much, func(lo, hi int) {})
		p.Close()
		p.Close()
		n := 0
		p.Run(8, much, func(lo, hi int) { n += hi - lo })
		if n != 8 {
			t.Fatalf("after Close: got %d units, want 8", n)
		}
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("goroutines: got %d, want %d as before", runtime.NumGoroutine(), before)
		}
	}
}

func BenchmarkPool(b *testing.B) {
	for _, threads := range []int{1, 2} {
		p := NewPool(threads)
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			for b.Loop() {
				p.Run(8, much, func(lo, hi int) {})
			}
		})
		p.Close()
	}
}
