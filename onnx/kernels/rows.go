package kernels

import "math"

// Sum adds all of x: blocks of 4096 in float32, the blocks in float64. The order
// does not depend on anything but the length.
func (s Set) Sum(x []float32) float64 {
	total := 0.0
	for len(x) > 4096 {
		total += float64(s.sum(x[:4096]))
		x = x[4096:]
	}
	return total + float64(s.sum(x))
}

// SumSquares adds the squares of x in the order of Sum.
func (s Set) SumSquares(x []float32) float64 {
	total := 0.0
	for len(x) > 4096 {
		total += float64(s.sumSquares(x[:4096]))
		x = x[4096:]
	}
	return total + float64(s.sumSquares(x))
}

// ColumnSums computes dst[j] = Σᵢ x[i][j] for rows of len(dst), added to dst when
// accumulate is set: the gradient of a bias that was added to every row.
func (s Set) ColumnSums(dst, x []float32, accumulate bool) {
	if len(dst) == 0 {
		return
	}
	if len(x)%len(dst) != 0 {
		panic("kernels: ColumnSums: not whole rows")
	}
	if !accumulate {
		clear(dst)
	}
	for i := 0; i < len(x); i += len(dst) {
		s.binary(Add, dst, dst, x[i:i+len(dst)])
	}
}

// ColumnMaxima computes dst[j] = maxᵢ x[i][j] for rows of len(dst), NaN where one is.
func (s Set) ColumnMaxima(dst, x []float32) {
	if len(dst) == 0 {
		return
	}
	if len(x)%len(dst) != 0 || len(x) == 0 {
		panic("kernels: ColumnMaxima: not whole rows")
	}
	copy(dst, x[:len(dst)])
	for i := len(dst); i < len(x); i += len(dst) {
		s.binary(Max, dst, dst, x[i:i+len(dst)])
	}
}

// Softmax computes dst[i][j] = exp(x[i][j]-m) / Σⱼ exp(x[i][j]-m) with m the
// greatest of row i, for rows of cols. dst may be x.
func (s Set) Softmax(p *Pool, dst, x []float32, cols int) {
	s.softmax(p, rowsTask{set: s, dst: dst, x: x, cols: cols})
}

// SoftmaxColumns is Softmax along the middle one of the axes [outer, n, inner].
// scratch has at least 2·inner elements.
func (s Set) SoftmaxColumns(p *Pool, dst, x []float32, n, inner int, scratch []float32) {
	part := n * inner
	if part < 1 || len(dst) != len(x) || len(x)%part != 0 {
		panic("kernels: SoftmaxColumns: not whole parts")
	}
	most, sum := scratch[:inner], scratch[inner:2*inner]
	for ; len(x) > 0; x, dst = x[part:], dst[part:] {
		s.ColumnMaxima(most, x[:part])
		for i, m := range most {
			if math.IsInf(float64(m), -1) {
				most[i] = 0
			}
		}
		s.BinaryRow(p, Sub, dst[:part], x[:part], most, false)
		s.Unary(p, Activation{Function: Exp}, dst[:part], dst[:part])
		s.ColumnSums(sum, dst[:part], false)
		s.BinaryRow(p, Div, dst[:part], dst[:part], sum, false)
	}
}

// LogSoftmax computes dst[i][j] = x[i][j] - m - log Σⱼ exp(x[i][j]-m) with m the
// greatest of row i, for rows of cols. dst may not be x.
func (s Set) LogSoftmax(p *Pool, dst, x []float32, cols int) {
	s.softmax(p, rowsTask{set: s, dst: dst, x: x, cols: cols, log: true})
}

func (s Set) softmax(p *Pool, t rowsTask) {
	if t.cols == 0 || len(t.x) == 0 {
		return
	}
	if len(t.dst) != len(t.x) || len(t.x)%t.cols != 0 {
		panic("kernels: Softmax: not whole rows")
	}
	n := len(t.x) / t.cols
	if parts := p.split(n, 30*len(t.x)); parts > 1 && p.begin() {
		p.rows = t
		p.share(&p.rows, n, parts)
		p.rows = rowsTask{}
		p.end()
		return
	}
	t.run(0, 0, n)
}

type rowsTask struct {
	set    Set
	dst, x []float32
	cols   int
	log    bool
}

func (t *rowsTask) run(_, lo, hi int) {
	for r := lo; r < hi; r++ {
		x, dst := t.x[r*t.cols:(r+1)*t.cols], t.dst[r*t.cols:(r+1)*t.cols]
		m := t.set.Max(x)
		if math.IsInf(float64(m), -1) {
			m = 0 // all are -Inf: exp gives 0 everywhere and 0/0 the NaN of the formula
		}
		t.set.binaryScalar(Sub, dst, x, m, false)
		t.set.unary(Activation{Function: Exp}, dst, dst)
		sum := t.set.Sum(dst)
		if t.log {
			t.set.binaryScalar(Sub, dst, x, m, false)
			t.set.binaryScalar(Sub, dst, dst, float32(math.Log(sum)), false)
			continue
		}
		t.set.binaryScalar(Div, dst, dst, float32(sum), false)
	}
}

// sumPortable adds in four interleaved sums, then those in pairs.
func sumPortable(x []float32) float32 {
	var a, b, c, d float32
	for len(x) >= 4 {
		a, b, c, d = a+x[0], b+x[1], c+x[2], d+x[3]
		x = x[4:]
	}
	for _, v := range x {
		a += v
	}
	return (a + b) + (c + d)
}

func sumSquaresPortable(x []float32) float32 {
	var a, b, c, d float32
	for len(x) >= 4 {
		a += float32(x[0] * x[0])
		b += float32(x[1] * x[1])
		c += float32(x[2] * x[2])
		d += float32(x[3] * x[3])
		x = x[4:]
	}
	for _, v := range x {
		a += float32(v * v)
	}
	return (a + b) + (c + d)
}

// Max is the greatest of x, NaN if one is NaN, -Inf if x is empty.
func (s Set) Max(x []float32) float32 {
	if s.isa == portable || len(x) < 8 {
		return maxPortable(x)
	}
	var lanes [16]float32
	return maxPortable(s.maximum(x, &lanes))
}

func maxPortable(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

// Transpose computes dst[j][i] = x[i][j] for x of rows by cols.
func (s Set) Transpose(dst, x []float32, rows, cols int) {
	if len(x) < rows*cols || len(dst) < rows*cols {
		panic("kernels: Transpose: slice too short")
	}
	s.transpose(dst, rows, x, cols, rows, cols)
}

// transposePortable goes by squares, so that both sides stay in cache.
func transposePortable(dst []float32, ldd int, x []float32, ldx, rows, cols int) {
	const side = 16
	for i0 := 0; i0 < rows; i0 += side {
		for j0 := 0; j0 < cols; j0 += side {
			for i := i0; i < min(i0+side, rows); i++ {
				for j := j0; j < min(j0+side, cols); j++ {
					dst[j*ldd+i] = x[i*ldx+j]
				}
			}
		}
	}
}
