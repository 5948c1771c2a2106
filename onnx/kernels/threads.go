package kernels

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// How long a worker looks for the next job before it parks, letting other
// goroutines run. Waking a parked one costs a hundred times more than handing work
// to one that looks, and the runs of a network follow each other quickly.
const spinTime = 500 * time.Microsecond

// How long a caller that has run out of parts spins for the workers' last ones
// before it sleeps: they may have been taken off their processor.
const waitTime = 500 * time.Microsecond

// Work, in multiplications and additions, below which handing a share to another
// goroutine costs more than it saves.
const splitWork = 1 << 18

// Work after which parked workers are woken: what the caller alone does until a
// woken one arrives. Less is left to the caller, for whom waking would be a loss.
const wakeWork = 1 << 24

// Pool is a fixed number of goroutines that share the work of one kernel call. A
// nil *Pool is the calling goroutine alone. It is safe for concurrent use: while
// one call holds the workers, another runs on its own goroutine. How work is
// divided never changes a result.
type Pool struct {
	threads int
	spin    time.Duration
	busy    sync.Mutex // held by the call that the workers serve
	workers []*worker
	stop    atomic.Bool

	// The job. Written by the holder of busy before left is raised, and read only
	// by who has taken a part, which keeps the job from ending.
	todo  task
	n     int
	parts int
	debt  int64 // work done since workers parked and were not woken
	fail  atomic.Pointer[failure]

	// Tasks live here so that handing one to the workers allocates nothing.
	gemm      gemmTask
	conv      convTask
	depthwise depthwiseTask
	gradient  convGradientTask
	training  convTrainingTask
	region    regionTask
	window    poolTask
	upsample  upsampleTask
	weave     weaveTask
	chain     chainTask
	norm      normTask
	resample  resampleTask
	unfold    unfoldTask
	map1      unaryTask
	map2      binaryTask
	entropy   entropyTask
	update    updateTask
	rows      rowsTask
	sparse    sparseTask
	bytes     byteTask
	byteConv  byteConvTask
	bytePool  bytePoolTask
	quantize  quantizeTask
	user      userTask

	caller atomic.Int32 // the processor of the call that woke workers last
	weight atomic.Int64 // work of the job that was split last: says only whether waking pays

	sleeping atomic.Bool   // the caller waits on awake
	awake    chan struct{} // one place

	_    [64]byte
	left atomic.Int32 // parts not yet taken
	_    [64]byte
	done atomic.Int32 // parts finished
	_    [64]byte
}

// task is a range of independent units of work. worker is below the number of
// threads and names who runs it, for scratch of its own.
type task interface {
	run(worker, lo, hi int)
}

type worker struct {
	parked atomic.Bool
	wake   chan struct{}
}

type failure struct{ value any }

// NewPool starts threads-1 workers; the caller of a kernel is the last one.
// Values below 1 mean as many as the processors that Go may use. Close ends them.
func NewPool(threads int) *Pool {
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{threads: threads, spin: spinTime, awake: make(chan struct{}, 1)}
	if runtime.GOMAXPROCS(0) < threads {
		p.spin = 0 // a spinning worker would take the processor from the one it waits for
	}
	for i := 1; i < threads; i++ {
		w := &worker{wake: make(chan struct{}, 1)}
		p.workers = append(p.workers, w)
		go p.work(w, i)
	}
	return p
}

// Threads is how many goroutines share one call: 1 for a nil Pool.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return p.threads
}

// Close ends the workers. The pool stays usable and runs on the caller alone.
func (p *Pool) Close() {
	if p == nil || p.stop.Swap(true) {
		return
	}
	p.busy.Lock()
	defer p.busy.Unlock()
	for _, w := range p.workers {
		if w.parked.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
}

// Run calls f on ranges that cover 0..n without overlap, possibly at the same
// time. work is the cost of all of it in arithmetic operations; little work is
// done in one call. A panic in f reaches the caller of Run.
func (p *Pool) Run(n, work int, f func(lo, hi int)) {
	if parts := p.split(n, work); parts > 1 && p.begin() {
		p.user.f = f
		p.share(&p.user, n, parts)
		p.user.f = nil
		p.end()
		return
	}
	if n > 0 {
		f(0, n)
	}
}

type userTask struct{ f func(lo, hi int) }

func (t *userTask) run(_, lo, hi int) { t.f(lo, hi) }

// split is the number of parts that n units are worth: 1 means do not share.
// A few parts for each thread even out a thread that comes late.
func (p *Pool) split(n, work int) int {
	if p == nil || p.threads < 2 || n < 2 || work < splitWork || p.stop.Load() {
		return 1
	}
	p.weight.Store(int64(work))
	return min(n, 4*p.threads, max(2, work/(splitWork/2)))
}

// begin takes the workers, or reports that another call has them.
func (p *Pool) begin() bool { return p.busy.TryLock() }

func (p *Pool) end() {
	f := p.fail.Swap(nil)
	p.todo = nil
	p.busy.Unlock()
	if f != nil {
		panic(f.value)
	}
}

// share runs t on 0..n in parts. The caller takes parts as the workers do, so a
// worker that never wakes costs nothing but its help.
func (p *Pool) share(t task, n, parts int) {
	p.todo, p.n, p.parts = t, n, parts
	p.done.Store(0)
	p.left.Store(int32(parts))
	p.wake(parts)
	for p.take(0) {
	}
	p.wait(int32(parts))
}

// wake wakes the parked workers that have a part to do, once the work they have
// missed is worth it.
func (p *Pool) wake(parts int) {
	parked := false
	for i, w := range p.workers {
		parked = parked || i+1 < parts && w.parked.Load()
	}
	if !parked {
		return
	}
	if p.debt += p.weight.Load(); p.debt < wakeWork {
		return
	}
	p.debt = 0
	p.caller.Store(int32(processor()))
	for i, w := range p.workers {
		if i+1 < parts && w.parked.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
}

// wait returns when all parts are done.
func (p *Pool) wait(parts int32) {
	start := time.Now()
	for i := 1; p.done.Load() != parts; i++ {
		if i%256 != 0 {
			continue
		}
		if time.Since(start) < waitTime {
			runtime.Gosched()
			continue
		}
		p.sleeping.Store(true)
		// The last part may have ended before sleeping was set; else its worker sends.
		if p.done.Load() == parts && p.sleeping.CompareAndSwap(true, false) {
			return
		}
		<-p.awake // or the worker of a job before sent, which had not come to that yet: look again
	}
}

// take runs one part, or reports that none is left.
func (p *Pool) take(worker int) bool {
	for {
		left := p.left.Load()
		if left <= 0 {
			return false
		}
		if p.left.CompareAndSwap(left, left-1) {
			p.part(worker, p.parts-int(left))
			return true
		}
	}
}

func (p *Pool) part(worker, i int) {
	parts := int32(p.parts) // the caller may change it once the last part is done
	defer func() {
		if v := recover(); v != nil {
			p.fail.CompareAndSwap(nil, &failure{v})
		}
		if p.done.Add(1) == parts && p.sleeping.CompareAndSwap(true, false) {
			p.awake <- struct{}{}
		}
	}()
	p.todo.run(worker, p.n*i/p.parts, p.n*(i+1)/p.parts)
}

func (p *Pool) work(w *worker, id int) {
	for !p.stop.Load() {
		idle := time.Now()
		for i := 0; ; i++ {
			if p.take(id) {
				i, idle = 0, time.Now()
				continue
			}
			if i&127 == 127 || p.spin == 0 {
				if p.stop.Load() || time.Since(idle) >= p.spin {
					break
				}
				runtime.Gosched()
			}
		}
		w.parked.Store(true)
		// A job published before parked was set has not seen it; look once more.
		if (p.left.Load() > 0 || p.stop.Load()) && w.parked.CompareAndSwap(true, false) {
			continue
		}
		<-w.wake
		leave(int(p.caller.Load()))
	}
}
