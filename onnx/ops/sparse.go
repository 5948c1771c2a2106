package ops

import (
	"slices"
	"sync"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// sparseRows is the way of a product with a constant right side for left sides that are nearly all zeros, as TF-IDF rows are. Each run
// looks at its own rows. It leaves out products with zero, so the right side must be finite.
type sparseRows struct {
	k, n int
	b    []float32 // [k, n]
	pool sync.Pool // of *kernels.Sparse, which grow with what they hold
}

// Rows as short as leastSparse are not worth looking at.
const leastSparse = 512

// newSparseRows gives the sparse way, or nil where there is none.
func newSparseRows(t Target, b *onnx.Tensor, k, n int, trans bool) *sparseRows {
	if b == nil || k < leastSparse {
		return nil
	}
	type form struct{ k, n int }
	rows := b.Float32s()
	if trans {
		rows = shared(t, b, form{k, n}, func() []float32 {
			turned := make([]float32, k*n)
			t.Set.Transpose(turned, b.Float32s(), n, k)
			return turned
		})
	}
	if sum := t.Set.Sum(rows); sum-sum != 0 && slices.ContainsFunc(rows, func(v float32) bool { return v-v != 0 }) {
		return nil // the sum alone may be too large
	}
	return &sparseRows{k: k, n: n, b: rows, pool: sync.Pool{New: func() any { return new(kernels.Sparse) }}}
}

// run computes c = act(a·b + bias) and is true where a is sparse enough; else it does nothing.
func (s *sparseRows) run(t Target, a, c, bias []float32, act kernels.Activation) bool {
	if s.looksDense(a) {
		return false
	}
	rows := s.pool.Get().(*kernels.Sparse)
	defer s.pool.Put(rows)
	rows.Reset(s.k)
	// A tenth on average: as many as are left from rows before, and one row's share more.
	const share = 10
	left := s.k / share
	for ; len(a) > 0; a = a[s.k:] {
		before := rows.Len()
		left += s.k / share
		if !t.Set.AppendSparse(rows, a[:s.k], left) {
			return false
		}
		left -= rows.Len() - before
	}
	if rows.Density() > 1.0/share {
		return false
	}
	t.Set.SparseGemm(t.Pool, rows, s.b, s.n, c, bias, act)
	return true
}

// looksDense looks at a few elements of the first row, so that rows which are nowhere near sparse are not walked.
func (s *sparseRows) looksDense(a []float32) bool {
	const looks = 16
	found := 0
	for i := range min(looks, len(a)) {
		if a[i*s.k/looks] != 0 {
			found++
		}
	}
	return found > looks/2
}
