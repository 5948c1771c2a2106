package kernels

// Resampling says of each element that an axis is made of anew which of the old ones
// it is a sum of, and how much of each: those from Start[o] to Start[o+1].
type Resampling struct {
	Start   []int32 // one more than there are elements
	At      []int32
	Weights []float32
}

// Resample makes one axis anew: y [outer, len(r.Start)-1, block] from x [outer, n, block].
func (s Set) Resample(p *Pool, r *Resampling, y, x []float32, outer, n, block int) {
	out := len(r.Start) - 1
	if len(x) != outer*n*block || len(y) != outer*out*block {
		panic("kernels: Resample: lengths do not fit")
	}
	t := resampleTask{set: s, r: r, y: y, x: x, n: n, block: block}
	units := outer * out // one by one, or a line of the axis at a time
	if block == 1 {
		units = outer
	}
	if parts := p.split(units, 4*len(y)); parts > 1 && p.begin() {
		p.resample = t
		p.share(&p.resample, units, parts)
		p.resample = resampleTask{}
		p.end()
		return
	}
	t.run(0, 0, units)
}

type resampleTask struct {
	set      Set
	r        *Resampling
	y, x     []float32
	n, block int
}

func (t *resampleTask) run(_, lo, hi int) {
	r, out := t.r, len(t.r.Start)-1
	if t.block == 1 {
		for u := lo; u < hi; u++ {
			x, y := t.x[u*t.n:][:t.n], t.y[u*out:][:out]
			for o := range y {
				sum := float32(0)
				for k := r.Start[o]; k < r.Start[o+1]; k++ {
					sum += float32(r.Weights[k] * x[r.At[k]])
				}
				y[o] = sum
			}
		}
		return
	}
	for u := lo; u < hi; u++ {
		o := u % out
		y := t.y[u*t.block:][:t.block]
		first, last := r.Start[o], r.Start[o+1]
		if first == last {
			clear(y)
			continue
		}
		for k := first; k < last; k++ {
			x := t.x[(u/out*t.n+int(r.At[k]))*t.block:][:t.block]
			if k == first {
				t.set.binaryScalar(Mul, y, x, r.Weights[k], false)
			} else {
				t.set.axpy(y, r.Weights[k], x)
			}
		}
	}
}
