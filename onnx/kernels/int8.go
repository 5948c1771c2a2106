package kernels

import "unsafe"

// ByteGemm is one matrix product of bytes, exact modulo 2³²: C[i][j] = Σₖ (A[i][k] - ZeroA[i])·(B[k][j] - ZeroB[j]). A is M by
// K and B K by N, row by row without gaps; C is M by N. Bias, one number a column or nil, is added. Zero points have one element for all, or one for each row of A
// and column of B; nil is 0. B is given packed.
type ByteGemm struct {
	M, N, K int
	A       []byte
	SignedA bool // A holds int8
	ZeroA   []int32
	B       PackedBytes
	ZeroB   []int32
	Bias    []int32
	C       []int32
	Scratch []byte // of ByteGemmScratch bytes, of any content, at a multiple of 4
}

// ByteGemmScratch is the number of bytes of scratch that a product needs with any set.
func ByteGemmScratch(m, n, k int) int {
	return 2*m*4*quadsOf(k) + 2*4*m + 2*4*panelsOf(n)*bytePanel
}

// bytePanel is how many columns of B stand together: a vector of sums, of four k each.
const bytePanel = 16

func quadsOf(k int) int  { return (k + 3) / 4 }
func panelsOf(n int) int { return (n + bytePanel - 1) / bytePanel }

// ByteGemm computes g. C must not overlap what is read.
func (s Set) ByteGemm(p *Pool, g ByteGemm) {
	if g.M <= 0 || g.N <= 0 {
		return
	}
	t := byteTask{set: s, g: g}
	t.prepare()
	if g.K <= 0 {
		for i := range g.M {
			clear(g.C[i*g.N : (i+1)*g.N])
			t.addBias(i, 0, g.N)
		}
		return
	}
	if parts := p.split(t.units, 2*g.M*g.N*g.K/4); parts > 1 && p.begin() {
		p.bytes = t
		if !t.raw {
			p.share(&p.bytes, g.M, min(g.M, p.Threads()))
		}
		p.bytes.phase = 1
		p.share(&p.bytes, t.units, parts)
		p.bytes = byteTask{}
		p.end()
		return
	}
	if !t.raw {
		t.readyRows(0, g.M)
	}
	t.phase = 1
	t.run(0, 0, t.units)
}

// byteTask is a product shared out: first rows of A are made ready, then units of columns by rows are computed.
type byteTask struct {
	set   Set
	g     ByteGemm
	phase int
	units int
	quads int
	cols  int // of a unit
	width int // bytes that four k of A take once ready
	terms int // 0: zero points change nothing; 1: that of A does; 2: that of B, too
	flip  uint32
	raw   bool // A is read as it lies, and its rows need not be added up
	once  bool // row2 is 1 and col2 the bias
	late  bool // the bias is added to what is stored
	a     []byte
	row1  []int32 // less the zero point of A, M
	row2  []int32 // less the sum of a row of A, M
	col1  []int32 // sums of columns of B, less K times its zero point
	col2  []int32 // the zero point of B
}

// Rows of A that share columns of B, and bytes of B that the second-level cache holds beside the rest.
const (
	byteRowBlock    = 48
	byteColumnBytes = 1 << 18
)

// prepare lays scratch out.
func (t *byteTask) prepare() {
	g := &t.g
	if len(g.A) < g.M*g.K || len(g.C) < g.M*g.N || g.B.k != g.K || g.B.n != g.N {
		panic("kernels: ByteGemm: too short, or packed B has another size")
	}
	if !ofAll(len(g.ZeroA), g.M) || !ofAll(len(g.ZeroB), g.N) || g.Bias != nil && len(g.Bias) < g.N {
		panic("kernels: ByteGemm: zero points are neither one nor one each, or bias is too short")
	}
	t.quads = quadsOf(g.K)
	t.width = 4
	if t.set.isa != portable && !t.set.vnni() {
		t.width = 8
	}
	if g.SignedA {
		t.flip = 0x80808080
	}
	rest := g.Scratch[:ByteGemmScratch(g.M, g.N, g.K)]
	t.a, rest = rest[:g.M*t.quads*t.width], rest[2*g.M*4*t.quads:]
	t.row1, rest = int32s(rest, g.M), rest[4*g.M:]
	t.row2, rest = int32s(rest, g.M), rest[4*g.M:]
	columns := panelsOf(g.N) * bytePanel
	t.col1, rest = int32s(rest, columns), rest[4*columns:]
	t.col2 = int32s(rest, columns)
	t.columnTerms()
	if t.raw = t.width == 4 && !g.SignedA && g.K%4 == 0 && t.terms < 2; t.raw {
		t.a = g.A
	}
	if g.Bias != nil && t.terms == 2 {
		t.late = true
	} else if g.Bias != nil { // the second term is free for it
		t.once, t.terms = true, 2
		copy(t.col2, g.Bias[:g.N])
		for i := range t.row2 {
			t.row2[i] = 1
		}
	}
	t.cols = max(4, min(16, byteColumnBytes/(4*bytePanel*max(t.quads, 1)))) &^ 3 * bytePanel
	t.units = (g.M + byteRowBlock - 1) / byteRowBlock * ((g.N + t.cols - 1) / t.cols)
}

func ofAll(n, of int) bool { return n == 0 || n == 1 || n == of }

// pick gives zero point i, 0 where there are none.
func pick(zero []int32, i int) int32 {
	switch len(zero) {
	case 0:
		return 0
	case 1:
		return zero[0]
	}
	return zero[i]
}

// columnTerms finds what zero points add. The bytes that products read are those given, A less -128 where signed and B less 128 where
// unsigned; so are their zero points.
func (t *byteTask) columnTerms() {
	g := &t.g
	shiftA, shiftB := int32(0), int32(0)
	if g.SignedA {
		shiftA = 128
	}
	if g.B.unsigned {
		shiftB = -128
	}
	t.terms = 0
	for i := range t.row1 {
		t.row1[i] = -(pick(g.ZeroA, i) + shiftA)
		if t.row1[i] != 0 {
			t.terms = 1
		}
	}
	clear(t.col2[g.N:])
	for j := range g.N {
		t.col2[j] = pick(g.ZeroB, j) + shiftB
		if t.col2[j] != 0 {
			t.terms = 2
		}
	}
	if t.terms > 0 {
		for j, sum := range g.B.sums {
			t.col1[j] = sum - int32(g.K)*t.col2[j]
		}
	}
}

func (t *byteTask) run(_, lo, hi int) {
	if t.phase == 0 {
		t.readyRows(lo, hi)
		return
	}
	g := &t.g
	across := (g.M + byteRowBlock - 1) / byteRowBlock
	for u := lo; u < hi; u++ {
		i, j := u%across*byteRowBlock, u/across*t.cols
		t.block(i, min(i+byteRowBlock, g.M), j, min(j+t.cols, g.N))
		for r := i; t.late && r < min(i+byteRowBlock, g.M); r++ {
			t.addBias(r, j, min(j+t.cols, g.N))
		}
	}
}

// addBias adds the bias to columns j0..j1 of row i of C.
func (t *byteTask) addBias(i, j0, j1 int) {
	if t.g.Bias == nil {
		return
	}
	c := t.g.C[i*t.g.N+j0 : i*t.g.N+j1]
	for j, v := range t.g.Bias[j0:j1] {
		c[j] += v
	}
}

// readyRows flips the sign of rows of A or widens them, with zeros up to a multiple of four, and adds them up.
func (t *byteTask) readyRows(lo, hi int) {
	g := &t.g
	for i := lo; i < hi; i++ {
		row := t.a[i*t.quads*t.width:][:t.quads*t.width]
		sum := t.set.readyRow(row, g.A[i*g.K:(i+1)*g.K], t.flip, t.width == 8)
		if !t.once {
			t.row2[i] = -int32(sum)
		}
	}
}

// block computes rows i0..i1 and columns j0..j1.
func (t *byteTask) block(i0, i1, j0, j1 int) {
	g := &t.g
	if t.set.isa == portable {
		for i := i0; i < i1; i++ {
			t.rowPortable(i, j0, j1)
		}
		return
	}
	t.touch(i0, i1, j0, j1)
	panelBytes := t.quads * 4 * bytePanel
	stride := t.quads * t.width
	a := byteTile{
		rowA: stride, nextB: panelBytes, rowC: 4 * g.N, steps: t.quads, terms: t.terms,
	}
	strips := (i1 - i0 + byteRows - 1) / byteRows
	for s := range strips {
		lo, hi := i0+(i1-i0)*s/strips, i0+(i1-i0)*(s+1)/strips
		a.a = unsafe.Pointer(&t.a[lo*stride])
		a.row1, a.row2 = unsafe.Pointer(&t.row1[lo]), unsafe.Pointer(&t.row2[lo])
		for j := j0; j < j1; {
			a.b = unsafe.Pointer(&g.B.data[j/bytePanel*panelBytes+j%bytePanel*4])
			a.c = unsafe.Pointer(&g.C[lo*g.N+j])
			a.col1, a.col2 = unsafe.Pointer(&t.col1[j]), unsafe.Pointer(&t.col2[j])
			j += t.set.byteTile(false, hi-lo, j1-j, a)
		}
	}
}

// rowPortable computes columns j0..j1 of row i.
func (t *byteTask) rowPortable(i, j0, j1 int) {
	g := &t.g
	a := t.a[i*t.quads*4:][:t.quads*4]
	for j := j0; j < j1; j += bytePanel {
		var sums [bytePanel]int32
		b := g.B.data[j*t.quads*4:][:t.quads*4*bytePanel]
		for k := 0; k < len(a); k += 4 {
			a0, a1, a2, a3 := int32(a[k]), int32(a[k+1]), int32(a[k+2]), int32(a[k+3])
			row := b[k*bytePanel:][:4*bytePanel]
			for x := range sums {
				sums[x] += a0*int32(int8(row[4*x])) + a1*int32(int8(row[4*x+1])) + a2*int32(int8(row[4*x+2])) + a3*int32(int8(row[4*x+3]))
			}
		}
		c := g.C[i*g.N+j : i*g.N+min(j+bytePanel, j1)]
		for x := range c {
			c[x] = sums[x]
			if t.terms > 0 {
				c[x] += t.row1[i] * t.col1[j+x]
			}
			if t.terms > 1 {
				c[x] += t.row2[i] * t.col2[j+x]
			}
		}
	}
}

// touch tells the race detector what the kernels read and write.
func (t *byteTask) touch(i0, i1, j0, j1 int) {
	if !raceEnabled {
		return
	}
	for i := i0; i < i1; i++ {
		raceWriteInts(t.g.C[i*t.g.N+j0 : i*t.g.N+j1])
		raceReadBytes(t.a[i*t.quads*t.width:][:t.quads*t.width])
	}
	raceReadBytes(t.g.B.data)
}
