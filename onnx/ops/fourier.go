package ops

import (
	"math"
	"math/bits"
)

// fourier is a discrete Fourier transform of one length: X[k] = Σ x[i]·e^(∓2πi·ik/n), forward with -, backward with + and without the
// division by n. It is exact up to the rounding of float64 and takes O(n·log n) steps for every n. It is not safe for several goroutines.
type fourier struct {
	n       int
	factors []int        // of n, largest last
	turns   []complex128 // e^(-2πi·k/n)
	hold    []complex128 // of one butterfly
	chirp   *chirp       // where a factor is too large to be summed plainly
}

// chirp makes a transform a convolution with e^(πi·k²/n), which is done by transforms of a power of two (Bluestein).
type chirp struct {
	wave, filter, a, b []complex128
	inner              *fourier
}

// mostPlain is the largest factor whose butterflies are summed term by term.
const mostPlain = 61

func newFourier(n int) *fourier {
	f := &fourier{n: n}
	rest := n
	for _, p := range []int{4, 2, 3} {
		for rest%p == 0 && rest > 1 {
			f.factors, rest = append(f.factors, p), rest/p
		}
	}
	for p := 5; rest > 1; p += 2 {
		if p*p > rest {
			p = rest
		}
		for rest%p == 0 {
			f.factors, rest = append(f.factors, p), rest/p
		}
	}
	largest := 1
	for _, p := range f.factors {
		largest = max(largest, p)
	}
	if largest > mostPlain {
		f.chirp = newChirp(n)
		return f
	}
	f.hold = make([]complex128, largest)
	f.turns = make([]complex128, n)
	for k := range f.turns {
		f.turns[k] = turn(k, n)
	}
	return f
}

// turn is e^(-2πi·k/n).
func turn(k, n int) complex128 {
	sin, cos := math.Sincos(2 * math.Pi * float64(k) / float64(n))
	return complex(cos, -sin)
}

func newChirp(n int) *chirp {
	size := 1 << bits.Len(uint(2*n-2))
	c := &chirp{wave: make([]complex128, n), filter: make([]complex128, size), a: make([]complex128, size), b: make([]complex128, size)}
	for k := range c.wave {
		// k² is taken modulo 2n, where the wave repeats, in two words: its angle stays small.
		high, low := bits.Mul64(uint64(k), uint64(k))
		_, square := bits.Div64(high%uint64(2*n), low, uint64(2*n))
		c.wave[k] = turn(int(square), 2*n)
		c.a[k] = conj(c.wave[k])
		if k > 0 {
			c.a[size-k] = c.a[k]
		}
	}
	c.inner = newFourier(size)
	c.inner.forward(c.filter, c.a)
	return c
}

func conj(z complex128) complex128 { return complex(real(z), -imag(z)) }

// transform gives the forward or the backward transform of x in out, both of n elements. x may be changed.
func (f *fourier) transform(out, x []complex128, backward bool) {
	if !backward {
		f.forward(out, x)
		return
	}
	for i, z := range x {
		x[i] = conj(z)
	}
	f.forward(out, x)
	for i, z := range out {
		out[i] = conj(z)
	}
}

func (f *fourier) forward(out, x []complex128) {
	if f.chirp != nil {
		f.chirp.forward(out, x)
		return
	}
	f.part(out[:f.n], x, 1, f.factors)
}

// part transforms every stride-th element of x: those of each residue by the next factor, which are then joined by butterflies.
func (f *fourier) part(out, x []complex128, stride int, factors []int) {
	if len(factors) == 0 {
		out[0] = x[0]
		return
	}
	p := factors[0]
	m := len(out) / p
	for k := range p {
		f.part(out[k*m:(k+1)*m], x[k*stride:], stride*p, factors[1:])
	}
	switch p {
	case 2:
		for q := range m {
			a, b := out[q], out[q+m]*f.turns[q*stride]
			out[q], out[q+m] = a+b, a-b
		}
	case 4:
		for q := range m {
			a, b, c, d := out[q], out[q+m]*f.turns[q*stride], out[q+2*m]*f.turns[2*q*stride], out[q+3*m]*f.turns[3*q*stride]
			s, t, u, v := a+c, a-c, b+d, b-d
			v = complex(imag(v), -real(v)) // -i·v
			out[q], out[q+m], out[q+2*m], out[q+3*m] = s+u, t+v, s-u, t-v
		}
	default:
		hold := f.hold[:p]
		for q := range m {
			for k := range hold {
				hold[k] = out[q+k*m] * f.turns[q*k*stride]
			}
			for j := range p {
				sum, at := hold[0], 0
				for k := 1; k < p; k++ {
					if at += j * m * stride; at >= f.n {
						at %= f.n
					}
					sum += hold[k] * f.turns[at]
				}
				out[q+j*m] = sum
			}
		}
	}
}

func (c *chirp) forward(out, x []complex128) {
	clear(c.a)
	for k, w := range c.wave {
		c.a[k] = x[k] * w
	}
	c.inner.forward(c.b, c.a)
	for k, w := range c.filter {
		c.b[k] *= w
	}
	c.inner.transform(c.a, c.b, true)
	scale := complex(1/float64(len(c.a)), 0)
	for k, w := range c.wave {
		out[k] = c.a[k] * w * scale
	}
}
