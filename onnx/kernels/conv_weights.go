package kernels

// How the sums over pixels are cut: by the inner kernels' sizes, and in strips that
// stay in the second-level cache while all weights pass.
const (
	quad       = 4    // rows that are multiplied by dotTaps others at once
	dotTaps    = 6    // with AVX2 half as many rows
	fewTaps    = 3    // or so many by twice as many rows
	dotColumns = 2048 // pixels of one sum
)

// dots computes dw[i·K+k] += Σⱼ dy[i·ld+j]·x[j+offset(k)] for i < m, j < n.
func (s Set) dots(t *gradientPlanes, dy []float32, ld int, x, dw []float32, m, n int) {
	if s.isa == portable {
		for i := range m {
			for k := range t.k {
				var off [1]int
				t.offsets(off[:], k)
				dw[i*t.k+k] += dotPortable(dy[i*ld:][:n], x[off[0]/4:][:n])
			}
		}
		return
	}
	raceWrite(dw[:m*t.k])
	for i := range m {
		raceRead(dy[i*ld:][:n])
	}
	k := t.k
	// Six by six; one to three that are left go by themselves, more as six.
	whole := k - k%dotTaps
	if k%dotTaps > fewTaps {
		whole = k
	}
	for from := 0; from < n; from += dotColumns {
		part := min(dotColumns, n-from)
		dy, x := dy[from:], x[from:]
		for i := 0; i < m; i += s.dotRows(dotTaps) {
			h := min(s.dotRows(dotTaps), m-i)
			for j := 0; j < whole; j += dotTaps {
				s.dotTile(t, dy[i*ld:], ld, x, dw[i*k:], h, j, dotTaps, part)
			}
		}
		for i := 0; i < m && whole < k; i += s.dotRows(fewTaps) {
			s.dotTile(t, dy[i*ld:], ld, x, dw[i*k:], min(s.dotRows(fewTaps), m-i), whole, fewTaps, part)
		}
	}
}

// dotTile is dots of few rows and of the taps from j on.
func (s Set) dotTile(t *gradientPlanes, dy []float32, ld int, x, dw []float32, rows, j, taps, n int) {
	k := t.k
	var offs [dotTaps]int
	t.offsets(offs[:taps], j)
	a := s.dotArgs(n)
	a.a, a.rowA, a.b, a.offs = at(dy, 0), 4*ld, at(x, 0), &offs[0]
	if j+taps <= k {
		a.c, a.rowC = at(dw, j), 4*k
		s.dot(rows, taps, &a)
		return
	}
	var sums [2 * quad * dotTaps]float32
	a.c, a.rowC = at(sums[:], 0), 4*taps
	s.dot(rows, taps, &a)
	for r := range rows {
		for c := range k - j {
			dw[r*k+j+c] += sums[r*taps+c]
		}
	}
}

// dotArgs sets what follows from the number of pixels.
func (s Set) dotArgs(n int) (a tileArgs) {
	lanes := s.lanes()
	a.k = (n - 1) / lanes
	a.tail(n - a.k*lanes)
	return a
}

// dotRows is the greatest number of rows of dy that an inner kernel takes.
func (s Set) dotRows(taps int) int {
	rows := quad
	if s.isa == avx2 {
		rows /= 2
	}
	if taps == fewTaps {
		rows *= 2
	}
	return rows
}

// dotsOfRows is dots for one row of dy, of kernels with several rows: these are rows
// of dy a row of the plane apart, which then share the loads of x, as
//
//	dw[ky, kx] = Σⱼ dy[j - ky·apart]·x[j + offset(0, kx)]
//
// dy has reach zeros, (KH-1)·apart, before its n pixels and as many behind them.
func (s Set) dotsOfRows(t *gradientPlanes, dy, x, dw []float32, n int) {
	kw, apart, reach := t.kw, t.dilationH*t.cols, t.reach
	kh := t.taps / kw
	raceRead(dy[:n+2*reach])
	raceWrite(dw[:t.k])
	columns, taps := t.k/kh, dotTaps
	if columns <= fewTaps {
		taps = fewTaps
	}
	tap := func(c int) int { return c/kw*t.taps + c%kw }
	for from := 0; from < n+reach; from += dotColumns {
		part := min(dotColumns, n+reach-from)
		for ky := 0; ky < kh; ky += s.dotRows(taps) {
			rows := min(s.dotRows(taps), kh-ky)
			for j := 0; j < columns; j += taps {
				var offs [dotTaps]int
				var sums [2 * quad * dotTaps]float32
				for c := range taps {
					t.offsets(offs[c:c+1], tap(min(j+c, columns-1)))
				}
				a := s.dotArgs(part)
				// Pixel j of row ky is dy[reach+j-ky·apart].
				a.a, a.rowA = at(dy, reach+from-ky*apart), -4*apart
				a.b, a.offs, a.c, a.rowC = at(x, from), &offs[0], at(sums[:], 0), 4*taps
				s.dot(rows, taps, &a)
				for r := range rows {
					for c := range min(taps, columns-j) {
						dw[tap(j+c)+(ky+r)*kw] += sums[r*taps+c]
					}
				}
			}
		}
	}
}

func dotPortable(d, v []float32) float32 {
	var a, b float32
	j := 0
	for ; j+2 <= len(d); j += 2 {
		a += float32(d[j] * v[j])
		b += float32(d[j+1] * v[j+1])
	}
	if j < len(d) {
		a += float32(d[j] * v[j])
	}
	return a + b
}
