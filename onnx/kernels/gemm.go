package kernels

// Gemm is one matrix product: C = Act(A·B + bias), or Act(C + A·B + bias) with
// Accumulate. A is M by K, B is K by N, C is M by N, each row by row with the
// stride LDx between rows (0 means rows without gaps). With TransA, A holds its
// transpose, K rows of M; with TransB, B holds N rows of K. Each element of C is
// summed in order of k, so it does not depend on M, N, strides or threads.
type Gemm struct {
	M, N, K    int
	A          []float32
	LDA        int
	TransA     bool
	B          []float32
	LDB        int
	TransB     bool
	Packed     *PackedB // in place of B, when B is constant
	C          []float32
	LDC        int
	Accumulate bool
	RowBias    []float32 // M numbers, one a row of C; nil for none
	ColumnBias []float32 // N numbers, one a column of C; nil for none
	Act        Activation
}

// Gemm computes g. C must not overlap A, B or a bias. Values of N or M below one
// do nothing; K of 0 leaves the bias and what was accumulated.
func (s Set) Gemm(p *Pool, g Gemm) {
	if g.M <= 0 || g.N <= 0 {
		return
	}
	g.check()
	t := gemmTask{set: s, g: g}
	t.plan(p.Threads())
	if parts := t.parts(p); parts > 1 && p.begin() {
		p.gemm = t
		p.share(&p.gemm, t.units, parts)
		p.gemm = gemmTask{}
		p.end()
		return
	}
	t.run(0, 0, t.units)
}

// check fills the strides in and panics on slices that are too short.
func (g *Gemm) check() {
	rowsA, colsA := g.M, g.K
	if g.TransA {
		rowsA, colsA = g.K, g.M
	}
	g.LDA = checkMatrix("kernels: Gemm: A is too short", g.A, g.LDA, rowsA, colsA)
	if g.Packed != nil {
		if g.Packed.k != g.K || g.Packed.n != g.N {
			panic("kernels: Gemm: packed B has another size")
		}
		if !g.Packed.panels {
			g.B, g.LDB, g.TransB, g.Packed = g.Packed.data, g.Packed.ld, false, nil
		}
	} else {
		rowsB, colsB := g.K, g.N
		if g.TransB {
			rowsB, colsB = g.N, g.K
		}
		g.LDB = checkMatrix("kernels: Gemm: B is too short", g.B, g.LDB, rowsB, colsB)
	}
	g.LDC = checkMatrix("kernels: Gemm: C is too short", g.C, g.LDC, g.M, g.N)
	if g.RowBias != nil && len(g.RowBias) < g.M || g.ColumnBias != nil && len(g.ColumnBias) < g.N {
		panic("kernels: Gemm: bias is too short")
	}
}

func checkMatrix(text string, x []float32, stride, rows, cols int) int {
	if stride == 0 {
		stride = cols
	}
	if stride < cols || rows > 0 && cols > 0 && len(x) < (rows-1)*stride+cols {
		panic(text)
	}
	return stride
}

func gemmPortable(g *Gemm, lo, hi int) {
	strideA, stepA := g.LDA, 1
	if g.TransA {
		strideA, stepA = 1, g.LDA
	}
	for i := lo; i < hi; i++ {
		c := g.C[i*g.LDC : i*g.LDC+g.N]
		g.startRow(i, c)
		if g.K > 0 {
			a := g.A[i*strideA:]
			switch {
			case g.Packed != nil:
				for j := 0; j < g.N; j += panel {
					addRow(c[j:min(j+panel, g.N)], a, stepA, g.Packed.data[j*g.K:], panel, g.K)
				}
			case g.TransB:
				addColumns(c, a, stepA, g.B, g.LDB, g.K)
			default:
				addRow(c, a, stepA, g.B, g.LDB, g.K)
			}
		}
		if g.Act.Function != Identity {
			unaryPortable(g.Act, c, c)
		}
	}
}

// startRow writes to row i, c, what its sums start from.
func (g *Gemm) startRow(i int, c []float32) {
	if !g.Accumulate {
		clear(c)
	}
	if g.RowBias != nil {
		for j := range c {
			c[j] += g.RowBias[i]
		}
	}
	if g.ColumnBias != nil {
		for j, v := range g.ColumnBias[:g.N] {
			c[j] += v
		}
	}
}

// addRow computes c[j] += Σₖ a[k·step]·b[k·ldb+j], four k at a time.
func addRow(c, a []float32, step int, b []float32, ldb, n int) {
	k := 0
	for ; k+4 <= n; k += 4 {
		a0, a1, a2, a3 := a[k*step], a[(k+1)*step], a[(k+2)*step], a[(k+3)*step]
		b0 := b[k*ldb:][:len(c)]
		b1 := b[(k+1)*ldb:][:len(c)]
		b2 := b[(k+2)*ldb:][:len(c)]
		b3 := b[(k+3)*ldb:][:len(c)]
		for j, v := range c {
			v += float32(a0 * b0[j])
			v += float32(a1 * b1[j])
			v += float32(a2 * b2[j])
			v += float32(a3 * b3[j])
			c[j] = v
		}
	}
	for ; k < n; k++ {
		axpyPortable(c, a[k*step], b[k*ldb:][:len(c)])
	}
}

// addColumns computes c[j] += Σₖ a[k·step]·b[j·ldb+k], four columns at a time.
func addColumns(c, a []float32, step int, b []float32, ldb, n int) {
	j := 0
	for ; j+4 <= len(c); j += 4 {
		b0, b1, b2, b3 := b[j*ldb:][:n], b[(j+1)*ldb:][:n], b[(j+2)*ldb:][:n], b[(j+3)*ldb:][:n]
		c0, c1, c2, c3 := c[j], c[j+1], c[j+2], c[j+3]
		for k := range n {
			v := a[k*step]
			c0 += float32(v * b0[k])
			c1 += float32(v * b1[k])
			c2 += float32(v * b2[k])
			c3 += float32(v * b3[k])
		}
		c[j], c[j+1], c[j+2], c[j+3] = c0, c1, c2, c3
	}
	for ; j < len(c); j++ {
		v := c[j]
		for k, w := range b[j*ldb:][:n] {
			v += float32(a[k*step] * w)
		}
		c[j] = v
	}
}

// panel is how many columns of B stand together in a large PackedB.
const panel = 64

// PackedB is a constant B in the order in which products read it: a small one row
// by row, a large one in panels of 64 columns, each K rows of 64 with zeros beyond
// N. It serves every Set and any number of goroutines.
type PackedB struct {
	k, n   int
	panels bool
	ld     int // between rows of a small one
	data   []float32
}

// PackB packs b, K rows of N with stride ldb between them (0 means no gaps), or N
// rows of K with trans.
func PackB(k, n int, b []float32, ldb int, trans bool) *PackedB {
	rows, cols := k, n
	if trans {
		rows, cols = n, k
	}
	ldb = checkMatrix("kernels: PackB: B is too short", b, ldb, rows, cols)
	const lanes = 16
	q := &PackedB{k: k, n: n, panels: k*n > smallB, ld: (n + lanes - 1) / lanes * lanes}
	step, width := q.ld, n
	if q.panels {
		step, width = panel, panel
		q.data = alignedSlice((n + panel - 1) / panel * panel * k)
	} else {
		q.data = alignedSlice(k * q.ld)
	}
	for j := 0; j < n; j += width {
		width := min(width, n-j)
		d := q.data[j*k:]
		if trans {
			transposePortable(d, step, b[j*ldb:], ldb, width, k)
			continue
		}
		for i := 0; i < k; i += packRows {
			copyRows(d[i*step:], step, b[i*ldb+j:], ldb, width, min(packRows, k-i))
		}
	}
	return q
}

// packRows is how many rows are copied between two moments in which the collector may stop a goroutine that packs.
const packRows = 64

// copyRows copies rows of width numbers. It is not inlined: a goroutine can be stopped where a function begins, but not within a
// copy, where a loop of nothing but copies spends nearly all its time. The collector would try again and again, for tens of
// milliseconds.
//
//go:noinline
func copyRows(dst []float32, to int, src []float32, from, width, rows int) {
	for i := range rows {
		copy(dst[i*to:i*to+width], src[i*from:])
	}
}
