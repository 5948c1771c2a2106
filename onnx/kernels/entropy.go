package kernels

import "math"

// CrossEntropy computes dst[i] = -(t[i]·log c + (1-t[i])·log(1-c)), c being y[i]
// within lo..hi: the binary cross-entropy of each element, rounded after every
// operation. 0 < lo < hi < 1.
func (s Set) CrossEntropy(p *Pool, dst, y, t []float32, lo, hi float32) {
	n := len(y)
	if len(dst) != n || len(t) != n || !(0 < lo && lo < hi && hi < 1) {
		panic("kernels: CrossEntropy: lengths differ")
	}
	if lo < 0x1p-126 {
		s = Portable // the others take no logarithms of subnormal numbers
	}
	s.entropy(p, entropyTask{set: s, dst: dst, y: y, t: t, lo: lo, hi: hi}, 80*n)
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

// CrossEntropyOfSigmoid is CrossEntropyDerivative where y is Sigmoid(z), by z: dst[i] =
// dy[i]·(y[i]-t[i]), and 0 where y[i] is not within lo..hi. dst may be dy.
func (s Set) CrossEntropyOfSigmoid(p *Pool, dst, dy, y, t []float32, lo, hi float32) {
	n := len(y)
	if len(dst) != n || len(dy) != n || len(t) != n {
		panic("kernels: CrossEntropyOfSigmoid: lengths differ")
	}
	s.entropy(p, entropyTask{set: s, dst: dst, dy: dy, y: y, t: t, lo: lo, hi: hi, logits: true}, 12*n)
}

type entropyTask struct {
	set           Set
	dst, dy, y, t []float32 // without dy: the value itself
	logits        bool
	lo, hi        float32
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
	dst, y, t := e.dst[lo:hi], e.y[lo:hi], e.t[lo:hi]
	switch {
	case e.dy == nil:
		e.set.entropyOf(dst, y, t, e.lo, e.hi)
	case e.logits:
		e.set.entropyLogits(dst, e.dy[lo:hi], y, t, e.lo, e.hi)
	default:
		e.set.entropyGradient(dst, e.dy[lo:hi], y, t, e.lo, e.hi)
	}
}

func entropyPortable(dst, y, t []float32, lo, hi float32) {
	log := func(x float32) float32 { return float32(math.Log(float64(x))) }
	for i, v := range y {
		c := min(max(v, lo), hi)
		dst[i] = -(float32(t[i]*log(c)) + float32((1-t[i])*log(1-c)))
	}
}

func entropyLogitsPortable(dst, dy, y, t []float32, lo, hi float32) {
	for i, v := range y {
		d := dy[i] * (v - t[i])
		if v < lo || v > hi {
			d = 0
		}
		dst[i] = d
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
