package kernels

import "unsafe"

// Sizes in which a product is walked. A slab of B is some rows of one panel, read
// from the second-level cache while all rows of A pass; the next one of a packed B
// is fetched meanwhile.
const (
	kSlab     = 256
	kPacked   = 384     // about: a packed B goes in even slabs
	maxBlock  = 512     // rows of C that share a slab that is copied
	minBlock  = 128     // and one that is not, or where there would be too few for the threads
	smallB    = 1 << 17 // elements of B that the second-level cache holds beside the rest
	readRows  = 4       // that could be multiplied while B is read
	fewRows   = 16      // up to here C is shared out by columns
	copySlabs = 48      // rows from which copying a slab of B pays

	widePanels = 4 // that are read side by side where B is used as it lies
)

// gemmTask is a product shared out in units that write different parts of C.
type gemmTask struct {
	set   Set
	g     Gemm
	walk  gemmWalk
	block int // rows, of byBlocks
	units int
}

type gemmWalk uint8

const (
	byRows    gemmWalk = iota // a unit is a row (portable) or a strip of rows
	byColumns                 // a unit is a panel of columns of a small B
	byBlocks                  // a unit is a block of rows of a panel of columns
)

// parts is how many parts the units are shared out in: no more than threads where
// neighbouring units are read side by side.
func (t *gemmTask) parts(p *Pool) int {
	g := &t.g
	n := p.split(t.units, 2*max(g.M, readRows)*g.N*g.K)
	if t.walk == byBlocks && g.Packed == nil && !g.TransB && g.M < copySlabs {
		n = min(n, p.Threads())
	}
	return n
}

// plan chooses the walk. It does not change a result: every element is summed in
// order of k by all of them.
func (t *gemmTask) plan(threads int) {
	g := &t.g
	if t.set.isa == portable || g.K <= 0 {
		t.set, t.walk, t.units = Portable, byRows, g.M
		return
	}
	panels := (g.N + panel - 1) / panel
	switch {
	case g.Packed != nil || g.TransB || g.K*g.N > smallB:
		t.walk, t.block = byBlocks, maxBlock
		for t.block > minBlock && (g.Packed != nil || panels*t.across() < 4*threads) {
			t.block /= 2
		}
		t.units = panels * t.across()
	case g.M <= fewRows:
		t.walk, t.units = byColumns, panels
	default:
		t.walk, t.units = byRows, (g.M+t.set.rows(false)-1)/t.set.rows(false)
	}
	if n := bools(g.Accumulate, g.RowBias != nil, g.ColumnBias != nil); n > 1 {
		g.startInC()
	}
}

func bools(list ...bool) int {
	n := 0
	for _, b := range list {
		if b {
			n++
		}
	}
	return n
}

// startInC adds what the sums start from up in C, where the inner kernels take one
// of these only.
func (g *Gemm) startInC() {
	for i := range g.M {
		c := g.C[i*g.LDC:][:g.N]
		g.startRow(i, c)
	}
	g.Accumulate, g.RowBias, g.ColumnBias = true, nil, nil
}

func (t *gemmTask) run(_, lo, hi int) {
	g := &t.g
	if t.set.isa == portable {
		gemmPortable(g, lo, hi)
		return
	}
	switch t.walk {
	case byRows:
		mr := t.set.rows(false)
		t.whole(lo*mr, min(hi*mr, g.M), 0, g.N)
	case byColumns:
		t.whole(0, g.M, lo*panel, min(hi*panel, g.N))
	case byBlocks:
		if g.TransB && g.Packed == nil || g.Packed == nil && min(g.M, t.block) >= copySlabs {
			t.copied(lo, hi)
		} else {
			t.blocks(lo, hi, nil)
		}
	}
}

// copied computes units with slabs of B copied. It is apart because clearing the
// space for a slab costs more than a small product.
func (t *gemmTask) copied(lo, hi int) {
	var slab [kSlab*panel + 15]float32
	t.blocks(lo, hi, align(slab[:]))
}

func (t *gemmTask) blocks(lo, hi int, slab []float32) {
	g := &t.g
	across := t.across()
	panels := 1
	if slab == nil && g.Packed == nil && across == 1 {
		panels = widePanels
	}
	for u := lo; u < hi; u += panels {
		i, j := u%across*t.block, u/across*panel
		t.slabs(i, min(i+t.block, g.M), j, min(j+panel*min(panels, hi-u), g.N), slab)
	}
}

// args is the call for C from row i and column j, before B is known.
func (t *gemmTask) args(i, j int) (a tileArgs, complete bool) {
	g := &t.g
	a = tileArgs{c: at(g.C, i*g.LDC+j), rowC: 4 * g.LDC, k: g.K}
	if g.TransA {
		a.a, a.rowA, a.stepA = at(g.A, i), 4, 4*g.LDA
	} else {
		a.a, a.rowA, a.stepA = at(g.A, i*g.LDA), 4*g.LDA, 4
	}
	switch {
	case g.Accumulate:
		a.init, a.rowInit = a.c, a.rowC
	case g.RowBias != nil:
		a.init, a.rowInit, a.spread = at(g.RowBias, i), 4, 1
	case g.ColumnBias != nil:
		a.init = at(g.ColumnBias, j)
	default:
		a.init, a.spread = unsafe.Pointer(&zeroInit), 1
	}
	return a, a.activation(g.Act)
}

// strips is in how many strips m rows go, as even as can be.
func (t *gemmTask) strips(m int) int {
	mr := t.set.rows(false)
	return (m + mr - 1) / mr
}

// whole computes rows i0..i1 and columns j0..j1 over all of K, B as it lies.
func (t *gemmTask) whole(i0, i1, j0, j1 int) {
	g := &t.g
	t.touch(i0, i1, j0, j1)
	n := t.strips(i1 - i0)
	for s := range n {
		lo, hi := i0+(i1-i0)*s/n, i0+(i1-i0)*(s+1)/n
		a, complete := t.args(lo, j0)
		a.b, a.rowB = at(g.B, j0), 4*g.LDB
		t.set.strip(false, hi-lo, j1-j0, a)
		if !complete {
			t.activate(lo, hi, j0, j1)
		}
	}
}

// across is in how many blocks the rows go.
func (t *gemmTask) across() int { return (t.g.M + t.block - 1) / t.block }

// slabs computes rows i0..i1 of one panel, slab by slab of K.
func (t *gemmTask) slabs(i0, i1, j0, j1 int, slab []float32) {
	g := &t.g
	t.touch(i0, i1, j0, j1)
	n := t.strips(i1 - i0)
	length := kSlab
	if g.Packed != nil {
		slabs := max(1, (g.K+kPacked/2)/kPacked)
		length = (g.K + slabs - 1) / slabs
	}
	complete := true
	for k0 := 0; k0 < g.K; k0 += length {
		k1 := min(k0+length, g.K)
		var b unsafe.Pointer
		rowB := 4 * panel
		switch {
		case g.Packed != nil:
			b = at(g.Packed.data, j0*g.K+k0*panel)
		case g.TransB:
			t.set.transpose(slab, panel, g.B[j0*g.LDB+k0:], g.LDB, j1-j0, k1-k0)
			b = at(slab, 0)
		case slab == nil || i1-i0 < copySlabs:
			b, rowB = at(g.B, k0*g.LDB+j0), 4*g.LDB
		default:
			for k := k0; k < k1; k++ {
				copy(slab[(k-k0)*panel:][:panel], g.B[k*g.LDB+j0:k*g.LDB+j1])
			}
			b = at(slab, 0)
		}
		for s := range n {
			lo, hi := i0+(i1-i0)*s/n, i0+(i1-i0)*(s+1)/n
			a, all := t.args(lo, j0)
			a.b, a.rowB, a.k = b, rowB, k1-k0
			a.a = unsafe.Add(a.a, k0*a.stepA)
			if k0 > 0 {
				a.init, a.rowInit, a.spread = a.c, a.rowC, 0
			}
			if complete = all; k1 < g.K {
				a.act = 0
			}
			if g.Packed != nil && s < 2 { // each fetches every other line of the slab behind this one
				a.ahead = 4*panel*(k1-k0) + 64*s
			}
			t.set.strip(false, hi-lo, j1-j0, a)
		}
	}
	if !complete {
		t.activate(i0, i1, j0, j1)
	}
}

func (t *gemmTask) activate(i0, i1, j0, j1 int) {
	for i := i0; i < i1; i++ {
		c := t.g.C[i*t.g.LDC+j0 : i*t.g.LDC+j1]
		t.set.unary(t.g.Act, c, c)
	}
}

// touch tells the race detector what the kernels read and write.
func (t *gemmTask) touch(i0, i1, j0, j1 int) {
	if !raceEnabled {
		return
	}
	g := &t.g
	for i := i0; i < i1; i++ {
		raceWrite(g.C[i*g.LDC+j0 : i*g.LDC+j1])
		if !g.TransA {
			raceRead(g.A[i*g.LDA : i*g.LDA+g.K])
		}
	}
	for k := range g.K {
		if g.TransA {
			raceRead(g.A[k*g.LDA+i0 : k*g.LDA+i1])
		}
		if g.Packed == nil && !g.TransB {
			raceRead(g.B[k*g.LDB+j0 : k*g.LDB+j1])
		}
	}
}
