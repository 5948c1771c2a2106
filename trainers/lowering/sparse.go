package lowering

import (
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// sparseRows is the way of a product of the graph's own input where rows are nearly all zeros, as TF-IDF rows are: each run looks
// at its rows, and where at most a tenth of them is something, neither the product nor the gradient by the weight touches what zeros
// meet. Products with zero are left out even where the weight is infinite.
type sparseRows struct {
	rows kernels.Sparse
	used bool // in the last run
}

// Rows as short as leastSparse are not worth looking at; of longer ones one in sparseShare may be other than zero.
const (
	leastSparse = 512
	sparseShare = 10
)

// sparseForward is the sparse way of Y = act(A·B + C) with the ordinary way behind it.
func sparseForward(c *call, act kernels.Activation) (ops.Step, bool) {
	a := c.attrs()
	plain := a.Float("alpha") == 1 && a.Float("beta") == 1 && !a.Bool("transA") && !a.Bool("transB")
	if a.Err() != nil || c.plain || !plain || !c.fed || c.cons[1] != nil || int(c.dims(0)[1]) < leastSparse {
		return ops.Step{}, false
	}
	k, n := int(c.dims(0)[1]), int(c.outDims()[1])
	biased := len(c.in) > 2 && !c.in[2].Absent()
	if biased && (count(c.dims(2)) != n || len(c.dims(2)) > 1 && c.dims(2)[0] != 1) {
		return ops.Step{}, false
	}
	sp, ok := c.op.(ops.Specializer)
	if !ok {
		return ops.Step{}, false
	}
	dense, ok := sp.Specialize(ops.Target{Set: c.set, Pool: c.pool}, c.in, c.cons)
	if !ok {
		return ops.Step{}, false
	}
	s := &sparseRows{}
	c.sparse = s
	return ops.Step{Scratch: dense.Scratch, Run: func(f *ops.Frame) error {
		if s.used = s.read(c.set, f.In[0].Float32s(), k); !s.used {
			return dense.Run(f)
		}
		var bias []float32
		if biased {
			bias = f.In[2].Float32s()
		}
		c.set.SparseGemm(c.pool, &s.rows, f.In[1].Float32s(), n, f.Out[0].Float32s(), bias, act)
		return nil
	}}, true
}

// read takes in rows of k, and is false where more than one in sparseShare of all is other than zero.
func (s *sparseRows) read(set kernels.Set, a []float32, k int) bool {
	s.rows.Reset(k)
	most := len(a) / sparseShare
	for ; len(a) > 0; a = a[k:] {
		if !set.AppendSparse(&s.rows, a[:k], most-len(s.rows.Indices())) {
			return false
		}
	}
	return true
}

// gradient computes the gradient by the weight, rows of n, and is true where the last run went the sparse way.
func (s *sparseRows) gradient(c *call, f *frame, n int) bool {
	if s == nil || !s.used {
		return false
	}
	dw, q := f.dx.Float32s(), f.param
	if q != nil && q.thin && !q.handed {
		for _, row := range q.written { // the others are zeros still
			clear(dw[row*n : (row+1)*n])
		}
	} else {
		clear(dw)
	}
	c.set.SparseGradient(c.pool, &s.rows, f.dy.Float32s(), n, dw)
	if q != nil {
		q.written, q.thin = append(q.written[:0], s.rows.Indices()...), true
	}
	return true
}
