package kernels

import "math"

// LSTMCell ends a step of an LSTM whose gates are sums: c[i] = σ(f[i])·c[i] +
// σ(in[i])·tanh(y[i]) and h[i] = σ(o[i])·tanh(c[i]). All have one length; none may
// overlap another.
func (s Set) LSTMCell(h, c, in, o, f, y []float32) {
	if n := len(h); len(c) != n || len(in) != n || len(o) != n || len(f) != n || len(y) != n {
		panic("kernels: LSTMCell: lengths differ")
	}
	s.lstmCell(h, c, in, o, f, y)
}

// GRUReset computes dst[i] = σ(r[i])·h[i]: what a GRU's reset gate leaves of the state
// before the product with it.
func (s Set) GRUReset(dst, r, h []float32) {
	if len(r) != len(dst) || len(h) != len(dst) {
		panic("kernels: GRUReset: lengths differ")
	}
	s.gruReset(dst, r, h)
}

// GRUUpdate ends a step of a GRU whose gates are sums: h[i] = n + σ(z[i])·(h[i]-n)
// with n = tanh(y[i]), which is (1-σ)·n + σ·h. All have one length; h overlaps no
// other.
func (s Set) GRUUpdate(h, z, y []float32) {
	if len(z) != len(h) || len(y) != len(h) {
		panic("kernels: GRUUpdate: lengths differ")
	}
	s.gruUpdate(h, z, y)
}

// GRUCell is GRUUpdate for a reset gate behind the product: n = tanh(y[i] +
// σ(r[i]+rr[i])·ry[i]), and z[i]+rz[i] in the place of z[i].
func (s Set) GRUCell(h, z, r, y, rz, rr, ry []float32) {
	if n := len(h); len(z) != n || len(r) != n || len(y) != n || len(rz) != n || len(rr) != n || len(ry) != n {
		panic("kernels: GRUCell: lengths differ")
	}
	s.gruCell(h, z, r, y, rz, rr, ry)
}

func sigmoidOf(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

func tanhOf(x float32) float32 { return float32(math.Tanh(float64(x))) }

func lstmCellPortable(h, c, in, o, f, y []float32) {
	for i := range h {
		c[i] = float32(sigmoidOf(f[i])*c[i]) + float32(sigmoidOf(in[i])*tanhOf(y[i]))
		h[i] = sigmoidOf(o[i]) * tanhOf(c[i])
	}
}

func gruResetPortable(dst, r, h []float32) {
	for i := range dst {
		dst[i] = sigmoidOf(r[i]) * h[i]
	}
}

func gruUpdatePortable(h, z, y []float32) {
	for i := range h {
		n := tanhOf(y[i])
		h[i] = n + float32(sigmoidOf(z[i])*(h[i]-n))
	}
}

func gruCellPortable(h, z, r, y, rz, rr, ry []float32) {
	for i := range h {
		n := tanhOf(y[i] + float32(sigmoidOf(r[i]+rr[i])*ry[i]))
		h[i] = n + float32(sigmoidOf(z[i]+rz[i])*(h[i]-n))
	}
}
