package gradients

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of Gemm (Y = alpha·A'·B' + beta·C) and of MatMul, batched and broadcast.
func gemmRules() []rule {
	return []rule{
		{name: "Gemm", gradient: gemmGradient},
		{name: "MatMul", gradient: matMulGradient},
	}
}

func gemmGradient(c *call, i int) (graphs.Value, error) {
	a := c.attrs()
	alpha, beta := a.Float("alpha"), a.Float("beta")
	transA, transB := a.Bool("transA"), a.Bool("transB")
	if err := a.Err(); err != nil {
		return absent, err
	}
	dy := c.dy[0]
	gemm := func(a, b graphs.Value, transA, transB bool) (graphs.Value, error) {
		attrs := []*onnx.Attribute{onnx.AttrFloat("alpha", alpha)}
		if transA {
			attrs = append(attrs, onnx.AttrInt("transA", 1))
		}
		if transB {
			attrs = append(attrs, onnx.AttrInt("transB", 1))
		}
		return c.op("Gemm", []graphs.Value{a, b}, attrs...), nil
	}
	switch {
	case i == 2:
		return c.times(c.sumTo(dy, c.x[2], nil), float64(beta)), nil
	case i == 0 && !transA: // dA = dY·B'ᵀ
		return gemm(dy, c.x[1], false, !transB)
	case i == 0: // dA = B'·dYᵀ
		return gemm(c.x[1], dy, transB, true)
	case !transB: // dB = A'ᵀ·dY
		return gemm(c.x[0], dy, !transA, false)
	}
	return gemm(dy, c.x[0], true, transA) // dB = dYᵀ·A'
}

// matMulGradient: dA = dY·Bᵀ and dB = Aᵀ·dY, summed over the products that one matrix takes part in. A vector is a matrix of one
// row on the left, of one column on the right.
func matMulGradient(c *call, i int) (graphs.Value, error) {
	a, b, dy := c.x[0], c.x[1], c.dy[0]
	if len(a.Dims()) == 0 || len(b.Dims()) == 0 {
		return absent, fmt.Errorf("a gradient of a product with a scalar is %w", ops.ErrUnsupported)
	}
	row, column := len(a.Dims()) == 1, len(b.Dims()) == 1
	insert := func(v graphs.Value, axis int64) graphs.Value {
		return c.op("Unsqueeze", []graphs.Value{v, c.indices(axis)})
	}
	if column {
		b, dy = insert(b, 1), insert(dy, -1)
	}
	if row {
		a, dy = insert(a, 0), insert(dy, -2)
	}
	if i == 0 {
		d := c.matrixSum(dy.MatMul(c.transposed(b)), a)
		if row {
			d = c.op("Squeeze", []graphs.Value{d, c.indices(0)})
		}
		return d, nil
	}
	d := c.matrixSum(c.transposed(a).MatMul(dy), b)
	if column {
		d = c.op("Squeeze", []graphs.Value{d, c.indices(1)})
	}
	return d, nil
}

// matrixSum is sumTo where the last two axes are those of a product and never repeated.
func (c *call) matrixSum(v, x graphs.Value) graphs.Value {
	return c.sumTo(v, x, func(axis int) bool { return axis <= 2 })
}

// transposed swaps the last two axes.
func (c *call) transposed(v graphs.Value) graphs.Value {
	perm := make([]int64, len(v.Dims()))
	for k := range perm {
		perm[k] = int64(k)
	}
	n := len(perm)
	perm[n-1], perm[n-2] = perm[n-2], perm[n-1]
	return v.Transpose(perm...)
}
