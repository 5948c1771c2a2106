package lowering

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of Gemm (Y = alpha·A'·B' + beta·C) and of MatMul, batched and broadcast.
func gemmRules() []rule {
	other := func(i int) need {
		if i == 2 {
			return nothing
		}
		return inputs(1 - i)
	}
	return []rule{
		{name: "Gemm", reads: other, gradient: gemmGradient, forward: func(c *call) (ops.Step, bool) {
			return sparseForward(c, kernels.Activation{})
		}},
		{name: "MatMul", reads: other, gradient: matMulGradient},
	}
}

func gemmGradient(c *call, i int) (gradient, error) {
	a := c.attrs()
	alpha, beta := a.Float("alpha"), a.Float("beta")
	transA, transB := a.Bool("transA"), a.Bool("transB")
	if err := a.Err(); err != nil {
		return gradient{}, err
	}
	if i == 2 {
		return scaled(c, i, beta)
	}
	out := c.outDims()
	m, n := int(out[0]), int(out[1])
	k := int(c.dims(0)[1])
	if transA {
		k = int(c.dims(0)[0])
	}
	var g kernels.Gemm
	switch {
	case i == 0 && !transA: // dA = dY·B'ᵀ
		g = kernels.Gemm{M: m, N: k, K: n, TransB: !transB}
	case i == 0: // dA = B'·dYᵀ
		g = kernels.Gemm{M: k, N: m, K: n, TransA: transB, TransB: true}
	case !transB: // dB = A'ᵀ·dY
		g = kernels.Gemm{M: k, N: n, K: m, TransA: !transA}
	default: // dB = dYᵀ·A'
		g = kernels.Gemm{M: n, N: k, K: m, TransA: true, TransB: transA}
	}
	gradientFirst := i == 0 && !transA || i == 1 && transB
	return gradient{run: func(f *frame) {
		if i == 1 {
			if c.sparse.gradient(c, f, n) {
				return
			}
			if f.param != nil {
				f.param.thin = false
			}
		}
		call := g
		call.A, call.B, call.C = f.dy.Float32s(), f.in[1-i].Float32s(), f.dx.Float32s()
		if !gradientFirst {
			call.A, call.B = call.B, call.A
		}
		c.set.Gemm(c.pool, call)
		if alpha != 1 {
			c.set.BinaryScalar(c.pool, kernels.Mul, call.C, call.C, alpha, false)
		}
	}}, nil
}

// matMulGradient takes each product of matrices apart; those that one matrix takes part in add up.
func matMulGradient(c *call, i int) (gradient, error) {
	a, b := c.dims(0), c.dims(1)
	out := c.outDims()
	if len(a) == 0 || len(b) == 0 {
		return gradient{}, fmt.Errorf("a factor is a scalar")
	}
	if len(a) == 1 { // a row
		a = []int64{1, a[0]}
		out = append(append([]int64{}, out[:max(0, len(out)-1)]...), 1, 1)
		if len(b) > 1 {
			copy(out[len(out)-2:], []int64{1, b[len(b)-1]})
		}
	}
	if len(b) == 1 { // a column
		b = []int64{b[0], 1}
		if len(c.dims(0)) > 1 {
			out = append(append([]int64{}, out...), 1)
		}
	}
	m, k, n := int(a[len(a)-2]), int(a[len(a)-1]), int(b[len(b)-1])
	batch := out[:len(out)-2]
	batchA, batchB := a[:len(a)-2], b[:len(b)-2]
	type product struct{ a, b, y int }
	var list []product
	if count(batchB) == 1 { // the rows of all of A meet one B
		m *= count(batchA)
		list = []product{{}}
	} else {
		y := 0
		ops.Walk(batch, func(at []int) {
			list = append(list, product{at[0] * m * k, at[1] * k * n, y})
			y += m * n
		}, ops.BroadcastStrides(batchA, batch), ops.BroadcastStrides(batchB, batch))
	}
	return gradient{run: func(f *frame) {
		dy, dx, other := f.dy.Float32s(), f.dx.Float32s(), f.in[1-i].Float32s()
		clear(dx)
		for _, p := range list {
			if i == 0 {
				c.set.Gemm(c.pool, kernels.Gemm{M: m, N: k, K: n, A: dy[p.y : p.y+m*n], B: other[p.b : p.b+k*n], TransB: true,
					C: dx[p.a : p.a+m*k], Accumulate: true})
			} else {
				c.set.Gemm(c.pool, kernels.Gemm{M: k, N: n, K: m, A: other[p.a : p.a+m*k], TransA: true, B: dy[p.y : p.y+m*n],
					C: dx[p.b : p.b+k*n], Accumulate: true})
			}
		}
	}}, nil
}
