package kernels

import (
	"math/bits"
	"unsafe"
)

// Sparse is a matrix of rows in which most elements are zero, kept as the others
// row by row. The zero value has no rows; it can be filled again and again without
// allocating once it has grown.
type Sparse struct {
	cols  int
	start []int // of each row in index and value, and the end of the last
	index []int
	value []float32
}

// Reset removes all rows and sets the number of columns.
func (a *Sparse) Reset(cols int) {
	a.cols, a.start, a.index, a.value = cols, append(a.start[:0], 0), a.index[:0], a.value[:0]
}

// Append adds a dense row of as many elements as there are columns. NaN counts as
// an element that is not zero.
func (a *Sparse) Append(row []float32) {
	Portable.AppendSparse(a, row, len(row))
}

// AppendSparse adds a dense row of as many elements as there are columns, of which
// at most so many are not zero. Where there are more, the matrix stays as it was, and
// the result is false. NaN counts as an element that is not zero.
func (s Set) AppendSparse(a *Sparse, row []float32, most int) bool {
	if len(row) != a.cols || len(a.start) == 0 {
		panic("kernels: Sparse: row of another length, or no Reset")
	}
	from := len(a.index)
	j := 0
	for len(row)-j >= zeroBlock && len(a.index)-from <= most {
		skipped, found := s.zeros(row[j:])
		j += zeroBlock * skipped
		for ; found != 0; found &= found - 1 {
			i := j + bits.TrailingZeros32(found)
			a.index, a.value = append(a.index, i), append(a.value, row[i])
		}
		j += zeroBlock // beyond the end, where all that was left was skipped
	}
	for j = min(j, len(row)/zeroBlock*zeroBlock); j < len(row) && len(a.index)-from <= most; j++ {
		if v := row[j]; v != 0 {
			a.index, a.value = append(a.index, j), append(a.value, v)
		}
	}
	if len(a.index)-from > most {
		a.index, a.value = a.index[:from], a.value[:from]
		return false
	}
	a.start = append(a.start, len(a.index))
	return true
}

// zeroBlock is how many numbers of a row are skipped at once.
const zeroBlock = 32

func zerosPortable(x []float32) (skipped int, found uint32) {
	for ; len(x) >= zeroBlock; x = x[zeroBlock:] {
		w := (*[zeroBlock / 2]uint64)(unsafe.Pointer(&x[0]))
		var set uint64
		for i := range w {
			set |= w[i]
		}
		if set == 0 {
			skipped++
			continue
		}
		for i, v := range x[:zeroBlock] {
			if v != 0 {
				found |= 1 << i
			}
		}
		break
	}
	return skipped, found
}

// AppendPairs adds a row that has value[i] in column index[i] and zeros elsewhere.
// The order of the pairs is the order in which products are summed.
func (a *Sparse) AppendPairs(index []int, value []float32) {
	if len(index) != len(value) || len(a.start) == 0 {
		panic("kernels: Sparse: pairs that do not match, or no Reset")
	}
	for _, j := range index {
		if j < 0 || j >= a.cols {
			panic("kernels: Sparse: column out of range")
		}
	}
	a.index, a.value = append(a.index, index...), append(a.value, value...)
	a.start = append(a.start, len(a.index))
}

// Rows is the number of rows.
func (a *Sparse) Rows() int { return max(0, len(a.start)-1) }

// Len is the number of elements that are kept.
func (a *Sparse) Len() int { return len(a.value) }

// Columns is the number of columns.
func (a *Sparse) Columns() int { return a.cols }

// Indices is the column of each element that is kept, row by row. It is the matrix's
// own: not to be written, and good until the next change.
func (a *Sparse) Indices() []int { return a.index }

// Density is the share of elements that are kept: 0 for none, 1 for all. Below
// about a tenth, SparseGemm is faster than Gemm.
func (a *Sparse) Density() float64 {
	if a.Rows() == 0 || a.cols == 0 {
		return 0
	}
	return float64(len(a.value)) / float64(a.Rows()*a.cols)
}

// SparseGemm computes c = act(a·b + bias): b of a.Columns() rows of n, c of a.Rows()
// rows of n, bias of n numbers or nil. Zeros of a are left out even against infinity
// or NaN in b, which Gemm would turn into NaN.
func (s Set) SparseGemm(p *Pool, a *Sparse, b []float32, n int, c, bias []float32, act Activation) {
	if len(b) < a.cols*n || len(c) < a.Rows()*n || bias != nil && len(bias) < n {
		panic("kernels: SparseGemm: slice too short")
	}
	if n == 0 {
		return
	}
	t := sparseTask{set: s, a: a, b: b, c: c, bias: bias, n: n, act: act}
	if parts := p.split(a.Rows(), 2*len(a.value)*n); parts > 1 && p.begin() {
		p.sparse = t
		p.share(&p.sparse, a.Rows(), parts)
		p.sparse = sparseTask{}
		p.end()
		return
	}
	t.run(0, 0, a.Rows())
}

// SparseGradient computes dw += aᵀ·dy: dy of a.Rows() rows of n, dw of a.Columns()
// rows of n. Only the rows of dw whose column of a has an element are touched.
func (s Set) SparseGradient(p *Pool, a *Sparse, dy []float32, n int, dw []float32) {
	if len(dy) < a.Rows()*n || len(dw) < a.cols*n {
		panic("kernels: SparseGradient: slice too short")
	}
	t := sparseTask{set: s, a: a, b: dy, c: dw, n: n, gradient: true}
	units := (n + panel - 1) / panel
	if parts := p.split(units, 2*len(a.value)*n); parts > 1 && p.begin() {
		p.sparse = t
		p.share(&p.sparse, units, parts)
		p.sparse = sparseTask{}
		p.end()
		return
	}
	t.run(0, 0, units)
}

type sparseTask struct {
	set        Set
	a          *Sparse
	b, c, bias []float32
	n          int
	act        Activation
	gradient   bool
}

// sparseChunk is how many elements of a row go in one call.
const sparseChunk = 256

func (t *sparseTask) run(_, lo, hi int) {
	if t.gradient { // columns of dw
		from, to := lo*panel, min(hi*panel, t.n)
		for i := range t.a.Rows() {
			dy := t.b[i*t.n:][from:to]
			for e := t.a.start[i]; e < t.a.start[i+1]; e++ {
				t.set.axpy(t.c[t.a.index[e]*t.n:][from:to], t.a.value[e], dy)
			}
		}
		return
	}
	var offs [sparseChunk]int
	for i := lo; i < hi; i++ {
		c := t.c[i*t.n:][:t.n]
		from, to := t.a.start[i], t.a.start[i+1]
		if t.set.isa == portable || from == to {
			if clear(c); t.bias != nil {
				copy(c, t.bias)
			}
			for e := from; e < to; e++ {
				axpyPortable(c, t.a.value[e], t.b[t.a.index[e]*t.n:][:t.n])
			}
			t.set.unary(t.act, c, c)
			continue
		}
		raceWrite(c)
		args := tileArgs{c: at(c, 0), init: unsafe.Pointer(&zeroInit), spread: 1, b: at(t.b, 0), stepA: 4, offs: &offs[0], rows: 1}
		if t.bias != nil {
			args.init, args.spread = at(t.bias, 0), 0
		}
		complete := true
		for e := from; e < to; e += sparseChunk {
			k := min(sparseChunk, to-e)
			for j := range k {
				offs[j] = 4 * t.n * t.a.index[e+j]
			}
			args.a, args.k = at(t.a.value, e), k
			if complete = args.activation(t.act); e+k < to {
				args.act = 0
			}
			t.set.strip(true, 1, t.n, args)
			args.init, args.spread = args.c, 0
		}
		if !complete {
			t.set.unary(t.act, c, c)
		}
	}
}
