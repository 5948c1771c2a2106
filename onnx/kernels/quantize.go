package kernels

import "math"

// Quantum is how numbers become bytes: y = saturate(round(x) + Zero), half to even, in int8 or uint8. NaN counts as 0.
type Quantum struct {
	Signed bool
	Zero   int32 // in the range of the type
}

// bounds are those of a number before the zero point is added.
func (q Quantum) bounds() (lo, hi float32) {
	if q.Signed {
		return float32(-128 - q.Zero), float32(127 - q.Zero)
	}
	return float32(-q.Zero), float32(255 - q.Zero)
}

// byteOf makes a byte of a number that is scaled.
func (q Quantum) byteOf(v, lo, hi float32) byte {
	if v != v {
		v = 0
	}
	return byte(int32(math.RoundToEven(float64(min(max(v, lo), hi)))) + q.Zero)
}

// Quantize computes dst[i] = the quantum of x[i] / scale.
func (s Set) Quantize(p *Pool, q Quantum, dst []byte, x []float32, scale float32) {
	s.quantize(p, quantizeTask{kind: fromFloats, q: q, y: dst, x: x, scale: scale}, len(x))
}

// Requantize computes dst[i] = the quantum of x[i]·scale, the product in float32.
func (s Set) Requantize(p *Pool, q Quantum, dst []byte, x []int32, scale float32) {
	s.quantize(p, quantizeTask{kind: fromInts, q: q, y: dst, ints: x, scale: scale}, len(x))
}

// RequantizeColumns computes dst[i][j] = the quantum of x[i][j]·scale[j] for rows of len(scale).
func (s Set) RequantizeColumns(p *Pool, q Quantum, dst []byte, x []int32, scale []float32) {
	if len(scale) == 0 || len(x)%len(scale) != 0 {
		panic("kernels: RequantizeColumns: not whole rows")
	}
	s.quantize(p, quantizeTask{kind: fromIntColumns, q: q, y: dst, ints: x, scales: scale}, len(x))
}

// Dequantize computes dst[i] = (x[i] - zero)·scale, x being of int8 where signed, else of uint8.
func (s Set) Dequantize(p *Pool, dst []float32, x []byte, signed bool, zero int32, scale float32) {
	s.quantize(p, quantizeTask{kind: toFloats, q: Quantum{signed, zero}, y: x, x: dst, scale: scale}, len(x))
}

// MinMax gives the least and the greatest of x and 0, NaN left out.
func (s Set) MinMax(x []float32) (lo, hi float32) {
	done := 0
	if n := len(x) &^ 15; n > 0 && s.isa != portable {
		lo, hi = s.minMax(x[:n])
		done = n
	}
	for _, v := range x[done:] {
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
	}
	return lo, hi
}

type quantizeKind uint8

const (
	fromFloats quantizeKind = iota
	fromInts
	fromIntColumns
	toFloats
)

// quantizeTask is one pass between numbers and quanta, in units of quantizeBlock elements, or of a row.
type quantizeTask struct {
	set    Set
	kind   quantizeKind
	q      Quantum
	y      []byte
	x      []float32
	ints   []int32
	scale  float32
	scales []float32
}

// Elements of a unit: assembly cannot be interrupted, so no call is longer.
const quantizeBlock = 1 << 13

func (s Set) quantize(p *Pool, t quantizeTask, n int) {
	if len(t.y) < n || t.kind == toFloats && len(t.x) < n {
		panic("kernels: Quantize: too short")
	}
	t.set = s
	t.y = t.y[:n]
	units := (n + quantizeBlock - 1) / quantizeBlock
	if t.kind == fromIntColumns {
		units = n / len(t.scales)
	}
	if parts := p.split(units, 8*n); parts > 1 && p.begin() {
		p.quantize = t
		p.share(&p.quantize, units, parts)
		p.quantize = quantizeTask{}
		p.end()
		return
	}
	t.run(0, 0, units)
}

func (t *quantizeTask) run(_, lo, hi int) {
	for u := lo; u < hi; u++ {
		if t.kind != fromIntColumns {
			t.part(u*quantizeBlock, min((u+1)*quantizeBlock, len(t.y)), 0)
			continue
		}
		n := len(t.scales)
		for j := 0; j < n; j += quantizeBlock {
			t.part(u*n+j, u*n+min(j+quantizeBlock, n), j)
		}
	}
}

// part does elements i..j, the first of which has scale column.
func (t *quantizeTask) part(i, j, column int) {
	y := t.y[i:j]
	done := 0
	if n := len(y) &^ 15; n > 0 && t.set.isa != portable {
		t.set.quantizeSixteens(t, i, n, column)
		done = n
	}
	lo, hi := t.q.bounds()
	switch t.kind {
	case fromFloats:
		for k, v := range t.x[i+done : j] {
			y[done+k] = t.q.byteOf(v/t.scale, lo, hi)
		}
	case fromInts:
		for k, v := range t.ints[i+done : j] {
			y[done+k] = t.q.byteOf(float32(v)*t.scale, lo, hi)
		}
	case fromIntColumns:
		for k, v := range t.ints[i+done : j] {
			y[done+k] = t.q.byteOf(float32(v)*t.scales[column+done+k], lo, hi)
		}
	case toFloats:
		x := t.x[i+done : j]
		for k, b := range y[done:] {
			v := int32(b)
			if t.q.Signed {
				v = int32(int8(b))
			}
			x[k] = float32(v-t.q.Zero) * t.scale
		}
	}
}
