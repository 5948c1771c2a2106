package kernels

import "math"

// Norm is what Normalize computes: y = (x - mean) / √(variance + Epsilon) · scale +
// bias for every Size numbers of X, whose mean and variance those are, the variance
// with Size in its denominator. With RMS, nothing is taken away, and the variance is
// the mean of squares. Y may be X.
type Norm struct {
	Y, X        []float32
	Size        int
	Epsilon     float32
	RMS         bool
	Scale, Bias []float32 // nil for 1 and 0
	Plane       int       // numbers for which there is one of Scale and Bias, and again from the first; 0: one for each of Size
}

// Normalize computes n. Sums are those of Sum.
func (s Set) Normalize(p *Pool, n Norm) {
	if n.Size < 1 || len(n.X)%n.Size != 0 || len(n.Y) != len(n.X) {
		panic("kernels: Normalize: not whole parts")
	}
	for _, v := range [][]float32{n.Scale, n.Bias} {
		if v != nil && (n.Plane == 0 && len(v) != n.Size || n.Plane > 0 && n.Size%n.Plane != 0) {
			panic("kernels: Normalize: scale or bias does not fit")
		}
	}
	units := len(n.X) / n.Size
	t := normTask{s, n}
	if parts := p.split(units, 10*len(n.X)); parts > 1 && p.begin() {
		p.norm = t
		p.share(&p.norm, units, parts)
		p.norm = normTask{}
		p.end()
		return
	}
	t.run(0, 0, units)
}

type normTask struct {
	set Set
	n   Norm
}

func (t *normTask) run(_, lo, hi int) {
	n, s := &t.n, t.set
	for u := lo; u < hi; u++ {
		x, y := n.X[u*n.Size:][:n.Size], n.Y[u*n.Size:][:n.Size]
		variance := 0.0
		if n.RMS {
			variance = s.SumSquares(x)
		} else {
			mean := float32(s.Sum(x) / float64(n.Size))
			for at := 0; at < len(x); at += chainBlock {
				end := min(at+chainBlock, len(x))
				s.binaryScalar(Sub, y[at:end], x[at:end], mean, false)
				variance += float64(s.sumSquares(y[at:end]))
			}
			x = y
		}
		factor := float32(1 / math.Sqrt(variance/float64(n.Size)+float64(n.Epsilon)))
		for at := 0; at < len(x); at += chainBlock {
			end := min(at+chainBlock, len(x))
			z := y[at:end]
			s.binaryScalar(Mul, z, x[at:end], factor, false)
			for _, l := range [2]Link{{Op: Mul, B: n.Scale}, {Op: Add, B: n.Bias}} {
				if l.B == nil {
					continue
				}
				if l.Operand = RowOperand; n.Plane > 0 {
					l.Operand, l.Cols = ColumnOperand, n.Plane
				}
				l.apply(s, z, z, u*n.Size+at)
			}
		}
	}
}
