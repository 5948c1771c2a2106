package kernels

// Operation is a function of two numbers.
type Operation uint8

const (
	Add Operation = iota
	Sub
	Mul
	Div
	Max // NaN where either is NaN
	Min // NaN where either is NaN
)

// Binary computes dst[i] = a[i] op b[i]. The three have one length; dst may be a
// or b.
func (s Set) Binary(p *Pool, op Operation, dst, a, b []float32) {
	if len(a) != len(dst) || len(b) != len(dst) {
		panic("kernels: Binary: lengths differ")
	}
	s.binaryTask(p, binaryTask{set: s, op: op, dst: dst, a: a, b: b, cols: 1}, len(dst))
}

// BinaryScalar computes dst[i] = a[i] op b, or b op a[i] with swapped. dst may be
// a.
func (s Set) BinaryScalar(p *Pool, op Operation, dst, a []float32, b float32, swapped bool) {
	if len(a) != len(dst) {
		panic("kernels: BinaryScalar: lengths differ")
	}
	s.binaryTask(p, binaryTask{set: s, op: op, dst: dst, a: a, scalar: b, shape: byScalar, swapped: swapped, cols: 1}, len(dst))
}

// BinaryRow computes dst[i][j] = a[i][j] op row[j] for a of any number of rows of
// len(row), or row[j] op a[i][j] with swapped. dst may be a.
func (s Set) BinaryRow(p *Pool, op Operation, dst, a, row []float32, swapped bool) {
	if len(row) == 0 {
		return
	}
	if len(a) != len(dst) || len(a)%len(row) != 0 {
		panic("kernels: BinaryRow: lengths differ")
	}
	s.binaryTask(p, binaryTask{set: s, op: op, dst: dst, a: a, b: row, shape: byRow, swapped: swapped, cols: len(row)}, len(a)/len(row))
}

// BinaryColumn computes dst[i][j] = a[i][j] op col[i % len(col)] for rows of cols,
// or the operands swapped: [batch, channel, pixels] with one number a channel. dst
// may be a.
func (s Set) BinaryColumn(p *Pool, op Operation, dst, a, col []float32, cols int, swapped bool) {
	if cols == 0 || len(col) == 0 {
		return
	}
	if len(a) != len(dst) || len(a)%(cols*len(col)) != 0 {
		panic("kernels: BinaryColumn: lengths differ")
	}
	s.binaryTask(p, binaryTask{set: s, op: op, dst: dst, a: a, b: col, shape: byColumn, swapped: swapped, cols: cols}, len(a)/cols)
}

// Axpy computes dst[i] += alpha·x[i].
func (s Set) Axpy(p *Pool, dst []float32, alpha float32, x []float32) {
	if len(x) != len(dst) {
		panic("kernels: Axpy: lengths differ")
	}
	s.binaryTask(p, binaryTask{set: s, dst: dst, a: x, scalar: alpha, shape: byAxpy, cols: 1}, len(dst))
}

type binaryShape uint8

const (
	bySame binaryShape = iota
	byScalar
	byRow
	byColumn
	byAxpy
)

type binaryTask struct {
	set       Set
	op        Operation
	shape     binaryShape
	swapped   bool
	scalar    float32
	cols      int
	dst, a, b []float32
}

func (s Set) binaryTask(p *Pool, t binaryTask, n int) {
	if parts := p.split(n, 2*len(t.dst)); parts > 1 && p.begin() {
		p.map2 = t
		p.share(&p.map2, n, parts)
		p.map2 = binaryTask{}
		p.end()
		return
	}
	t.run(0, 0, n)
}

func (t *binaryTask) run(_, lo, hi int) {
	dst, a := t.dst[lo*t.cols:hi*t.cols], t.a[lo*t.cols:hi*t.cols]
	switch t.shape {
	case bySame:
		t.set.binary(t.op, dst, a, t.b[lo:hi])
	case byScalar:
		t.set.binaryScalar(t.op, dst, a, t.scalar, t.swapped)
	case byAxpy:
		t.set.axpy(dst, t.scalar, a)
	case byRow:
		for i := 0; i < len(dst); i += t.cols {
			d, x := dst[i:i+t.cols], a[i:i+t.cols]
			if t.swapped {
				t.set.binary(t.op, d, t.b, x)
			} else {
				t.set.binary(t.op, d, x, t.b)
			}
		}
	case byColumn:
		for r := lo; r < hi; r++ {
			i := (r - lo) * t.cols
			t.set.binaryScalar(t.op, dst[i:i+t.cols], a[i:i+t.cols], t.b[r%len(t.b)], t.swapped)
		}
	}
}

func binaryPortable(op Operation, dst, a, b []float32) {
	dst, a = dst[:len(b)], a[:len(b)]
	switch op {
	case Add:
		for i, v := range b {
			dst[i] = a[i] + v
		}
	case Sub:
		for i, v := range b {
			dst[i] = a[i] - v
		}
	case Mul:
		for i, v := range b {
			dst[i] = a[i] * v
		}
	case Div:
		for i, v := range b {
			dst[i] = a[i] / v
		}
	case Max:
		for i, v := range b {
			dst[i] = max(a[i], v)
		}
	case Min:
		for i, v := range b {
			dst[i] = min(a[i], v)
		}
	default:
		panic("kernels: Binary: unknown operation")
	}
}

func binaryScalarPortable(op Operation, dst, a []float32, b float32, swapped bool) {
	dst = dst[:len(a)]
	switch op {
	case Add:
		for i, v := range a {
			dst[i] = v + b
		}
	case Sub:
		if swapped {
			for i, v := range a {
				dst[i] = b - v
			}
			return
		}
		for i, v := range a {
			dst[i] = v - b
		}
	case Mul:
		for i, v := range a {
			dst[i] = v * b
		}
	case Div:
		if swapped {
			for i, v := range a {
				dst[i] = b / v
			}
			return
		}
		for i, v := range a {
			dst[i] = v / b
		}
	case Max:
		for i, v := range a {
			dst[i] = max(v, b)
		}
	case Min:
		for i, v := range a {
			dst[i] = min(v, b)
		}
	default:
		panic("kernels: BinaryScalar: unknown operation")
	}
}

func axpyPortable(dst []float32, alpha float32, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] += float32(alpha * v)
	}
}
