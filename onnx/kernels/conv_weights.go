package kernels

const (
	quad       = 4    // output channels whose gradients are computed together
	dotTaps    = 6    // weights of each that are
	dotColumns = 1024 // pixels that these sums are taken over at a time
)

// convGradientTask is the gradient by the weights, shared out by output channels.
// For each of them every weight's sum goes over the batch in order.
type convGradientTask struct {
	set                    Set
	f                      *flat
	n                      int
	x, dy, dw, db, scratch []float32
}

// quads is how many units of four output channels a group has.
func (f *flat) quads() int { return (f.out + quad - 1) / quad }

// gradientRows is how many rows of the result are taken at a time.
func (f *flat) gradientRows() int { return min(f.oh, max(1, dotColumns/f.cols)) }

// gradientScratch is what one worker needs: the planes of a group where they are
// not used as they lie, and rows of dy with zeros between them.
func (f *flat) gradientScratch() int {
	n := quad * f.gradientRows() * f.cols
	if !f.direct {
		n += f.in * f.planeLen()
	}
	return n
}

func (t *convGradientTask) run(worker, lo, hi int) {
	f := t.f
	scratch := t.scratch[worker*f.gradientScratch():][:f.gradientScratch()]
	rows := scratch[:quad*f.gradientRows()*f.cols]
	planes := scratch[len(rows):]
	plane, result := f.h*f.w, f.oh*f.ow
	for u := lo; u < hi; u++ {
		oc, m := t.channels(u)
		clear(t.dw[oc*f.k() : (oc+m)*f.k()])
		if t.db != nil {
			for o := oc; o < oc+m; o++ {
				sum := 0.0
				for n := range t.n {
					sum += t.set.Sum(t.dy[(n*f.groups*f.out+o)*result:][:result])
				}
				t.db[o] = float32(sum)
			}
		}
	}
	for n := range t.n {
		loaded := -1
		for u := lo; u < hi; u++ {
			g := u / f.quads()
			x := t.x[(n*f.groups+g)*f.in*plane:][:f.in*plane]
			if !f.direct {
				if loaded != g {
					for c := range f.in {
						f.load(t.set, planes[c*f.planeLen():], x[c*plane:][:plane])
					}
					loaded = g
				}
				x = planes
			} else if u == lo {
				raceRead(x)
			}
			oc, m := t.channels(u)
			t.image(x, t.dy[(n*f.groups*f.out+oc)*result:][:m*result], t.dw[oc*f.k():][:m*f.k()], rows, m)
		}
	}
}

// channels is the first output channel of a unit and how many it has.
func (t *convGradientTask) channels(u int) (oc, m int) {
	g, b := u/t.f.quads(), u%t.f.quads()*quad
	return g*t.f.out + b, min(quad, t.f.out-b)
}

// image adds to dw [m, k] what one image gives: x the planes of the group, dy [m,
// oh, ow].
func (t *convGradientTask) image(x, dy, dw, rows []float32, m int) {
	f := t.f
	result := f.oh * f.ow
	if f.ow == f.cols { // rows touch: as they lie
		for q := 0; q < result; q += dotColumns {
			t.set.dots(f, dy[q:], result, x[q:], dw, m, min(dotColumns, result-q))
		}
		return
	}
	r := f.gradientRows()
	for y := 0; y < f.oh; y += r {
		h := min(r, f.oh-y)
		n := (h-1)*f.cols + f.ow
		for o := range m {
			to := rows[o*r*f.cols:]
			t.set.copyRows(to, f.cols, dy[o*result+y*f.ow:], f.ow, f.ow, h)
			for i := range h {
				clear(to[i*f.cols+f.ow : (i+1)*f.cols])
			}
		}
		t.set.dots(f, rows, r*f.cols, x[y*f.cols:], dw, m, n)
	}
}

// dots computes dw[i·K+k] += Σⱼ dy[i·ld+j]·x[j+offs[k]] for i < m, j < n.
func (s Set) dots(f *flat, dy []float32, ld int, x, dw []float32, m, n int) {
	if s.isa == portable {
		dotsPortable(f, dy, ld, x, dw, m, n)
		return
	}
	raceWrite(dw[:m*f.k()])
	for i := range m {
		raceRead(dy[i*ld:][:n])
	}
	lanes := s.lanes()
	full := (n - 1) / lanes
	mr := s.dotRows()
	k := f.k()
	for i := 0; i < m; i += mr {
		h := min(mr, m-i)
		for j := 0; j < k; j += dotTaps {
			a := tileArgs{a: at(dy, i*ld), rowA: 4 * ld, b: at(x, 0), k: full}
			a.tail(n - full*lanes)
			if j+dotTaps <= k {
				a.offs, a.c, a.rowC = &f.offs[j], at(dw, i*k+j), 4*k
				s.dot(h, dotTaps, &a)
				continue
			}
			// The last weights: the kernel gets the last offset several times.
			var offs [dotTaps]int
			var sums [quad * dotTaps]float32
			for c := range offs {
				offs[c] = f.offs[min(j+c, k-1)]
			}
			a.offs, a.c, a.rowC = &offs[0], at(sums[:], 0), 4*dotTaps
			s.dot(h, dotTaps, &a)
			for r := range h {
				for c := range k - j {
					dw[(i+r)*k+j+c] += sums[r*dotTaps+c]
				}
			}
		}
	}
}

// dotRows is the greatest number of rows of dy that the inner kernel takes.
func (s Set) dotRows() int {
	if s.isa == avx512 {
		return 4
	}
	return 2
}

func dotsPortable(f *flat, dy []float32, ld int, x, dw []float32, m, n int) {
	for i := range m {
		d := dy[i*ld:][:n]
		for k, off := range f.offs {
			var a, b float32
			v := x[off/4:][:n]
			j := 0
			for ; j+2 <= n; j += 2 {
				a += float32(d[j] * v[j])
				b += float32(d[j+1] * v[j+1])
			}
			if j < n {
				a += float32(d[j] * v[j])
			}
			dw[i*f.k()+k] += a + b
		}
	}
}
