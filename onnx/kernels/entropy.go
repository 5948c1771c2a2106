package kernels

// CrossEntropy computes dst[i] = -(t[i]·log c + (1-t[i])·log(1-c)), c being y[i]
// within lo..hi: the binary cross-entropy of each element, rounded after every
// operation. scratch has twice the elements of y. dst may not be y or t.
func (s Set) CrossEntropy(p *Pool, dst, y, t []float32, lo, hi float32, scratch []float32) {
	n := len(y)
	if len(dst) != n || len(t) != n || len(scratch) < 2*n {
		panic("kernels: CrossEntropy: lengths differ")
	}
	s.entropy(p, entropyTask{set: s, dst: dst, y: y, t: t, lo: lo, hi: hi, scratch: scratch}, 80*n)
}

// CrossEntropyDerivative computes dst[i] = dy[i]·(c-t[i])/(c·(1-c)), the gradient of
// CrossEntropy by y, and 0 where y[i] is not within lo..hi. dst may be dy.
func (s Set) CrossEntropyDerivative(p *Pool, dst, dy, y, t []float32, lo, hi float32) {
	n := len(y)
	if len(dst) != n || len(dy) != n || len(t) != n {
		panic("kernels: CrossEntropyDerivative: lengths differ")
	}
	s.entropy(p, entropyTask{set: s, dst: dst, dy: dy, y: y, t: t, lo: lo, hi: hi}, 12*n)
}

type entropyTask struct {
	set           Set
	dst, dy, y, t []float32 // without dy: the value itself
	lo, hi        float32
	scratch       []float32
}

func (s Set) entropy(p *Pool, t entropyTask, work int) {
	n := len(t.y)
	if parts := p.split(n, work); parts > 1 && p.begin() {
		p.entropy = t
		p.share(&p.entropy, n, parts)
		p.entropy = entropyTask{}
		p.end()
		return
	}
	if n > 0 {
		t.run(0, 0, n)
	}
}

func (e *entropyTask) run(_, lo, hi int) {
	if e.dy != nil {
		e.set.entropyGradient(e.dst[lo:hi], e.dy[lo:hi], e.y[lo:hi], e.t[lo:hi], e.lo, e.hi)
		return
	}
	const most = 1024 // elements that stay in cache from one function to the next
	a, b := e.scratch[lo:], e.scratch[len(e.y)+lo:]
	log := Activation{Function: Log}
	for ; lo < hi; lo += most {
		n := min(most, hi-lo)
		a, b, dst, t := a[:n], b[:n], e.dst[lo:lo+n], e.t[lo:lo+n]
		e.set.binaryScalar(Max, dst, e.y[lo:lo+n], e.lo, false)
		e.set.binaryScalar(Min, dst, dst, e.hi, false)
		e.set.unary(log, a, dst)
		e.set.binary(Mul, a, t, a)
		e.set.binaryScalar(Sub, dst, dst, 1, true)
		e.set.unary(log, dst, dst)
		e.set.binaryScalar(Sub, b, t, 1, true)
		e.set.binary(Mul, dst, b, dst)
		e.set.binary(Add, dst, a, dst)
		e.set.unary(Activation{Function: Neg}, dst, dst)
	}
}

func entropyGradientPortable(dst, dy, y, t []float32, lo, hi float32) {
	for i, v := range y {
		c := min(max(v, lo), hi)
		d := dy[i] * ((c - t[i]) / float32((1-c)*c))
		if v < lo || v > hi {
			d = 0
		}
		dst[i] = d
	}
}
