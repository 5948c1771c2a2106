package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// activations are functions of one number that stand between layers of networks.
func activations(v isa) {
	wide := 2 // vectors side by side
	if !v.wide() {
		wide = 1
	}
	simple := func(name, doc string, f func(c *consts, k func(int) reg.VecVirtual) func(y, x reg.VecVirtual)) {
		stream(v, name, doc, fromX, 2*wide, func(c *consts, k func(int) reg.VecVirtual) func(vectors, int) {
			one := f(c, k)
			return func(vecs vectors, count int) {
				for i := range count {
					one(vecs[0][i], vecs[1][i])
				}
			}
		})
	}
	simple("hardSigmoid", "max(0, min(1, k[0]·x[i] + k[1])) into dst[i]", func(c *consts, k func(int) reg.VecVirtual) func(y, x reg.VecVirtual) {
		alpha, beta, zero, one := k(0), k(1), v.reg(), v.reg()
		v.zero(zero)
		c.copyTo(c.num(1), one)
		return func(y, x reg.VecVirtual) {
			VMOVAPS(beta, y)
			VFMADD231PS(alpha, x, y)
			VMINPS(y, one, y)
			VMAXPS(y, zero, y)
		}
	})
	simple("hardSwish", "x[i]·max(0, min(1, x[i]/6 + 1/2)) into dst[i]", func(c *consts, _ func(int) reg.VecVirtual) func(y, x reg.VecVirtual) {
		half, zero, one, sixth := c.num(0.5), v.reg(), v.reg(), v.reg()
		v.zero(zero)
		c.copyTo(c.num(1), one)
		c.copyTo(c.num(1.0/6), sixth)
		return func(y, x reg.VecVirtual) {
			c.copyTo(half, y)
			VFMADD231PS(sixth, x, y)
			VMINPS(y, one, y)
			VMAXPS(y, zero, y)
			VMULPS(x, y, y)
		}
	})
	simple("clip", "min(k[1], max(k[0], x[i])) into dst[i]", func(_ *consts, k func(int) reg.VecVirtual) func(y, x reg.VecVirtual) {
		lo, hi := k(0), k(1)
		return func(y, x reg.VecVirtual) {
			VMAXPS(x, lo, y)
			VMINPS(y, hi, y)
		}
	})
	for _, r := range []struct {
		name, doc string
		mode      uint64
	}{{"round", "x[i] rounded to a whole number, halves to an even one,", 8}, {"floor", "the whole number not above x[i]", 9}, {"ceil", "the whole number not below x[i]", 10}} {
		simple(r.name, r.doc+" into dst[i]", func(*consts, func(int) reg.VecVirtual) func(y, x reg.VecVirtual) {
			return func(y, x reg.VecVirtual) {
				if v.wide() {
					VRNDSCALEPS(Imm(r.mode), x, y)
				} else {
					VROUNDPS(Imm(r.mode), x, y)
				}
			}
		})
	}
	stream(v, "swish", "x[i]/(1+exp(-k[0]·x[i])) into dst[i]", fromX, wide, func(c *consts, k func(int) reg.VecVirtual) func(vectors, int) {
		alpha := k(0)
		return gated(v, c, expSetup(v, logistic)(c, k), func(x reg.VecVirtual) { VMULPS(alpha, x, x) })
	})
	stream(v, "geluTanh", "x[i]/2·(1+tanh(√(2/π)·(x[i]+0.044715·x[i]³))) into dst[i]", fromX, wide, func(c *consts, k func(int) reg.VecVirtual) func(vectors, int) {
		// (1+tanh(z))/2 = 1/(1+exp(-2z))
		linear, cubic := c.num(1.5957691216057308), c.num(1.5957691216057308*0.044715)
		return gated(v, c, expSetup(v, logistic)(c, k), func(x reg.VecVirtual) {
			square, z := v.reg(), v.reg()
			VMULPS(x, x, square)
			c.copyTo(linear, z)
			VFMADD231PS(cubic, square, z)
			VMULPS(z, x, x)
		})
	})
	stream(v, "mish", "x[i]·tanh(log(1+exp(x[i]))) into dst[i]", fromX, wide, mishSetup(v))
	stream(v, "elu", "x[i] < 0 ? k[0]·(exp(x[i])-1) : x[i] into dst[i]", fromX, wide, func(c *consts, k func(int) reg.VecVirtual) func(vectors, int) {
		alpha, zero := k(0), v.reg()
		one := c.num(1)
		v.zero(zero)
		exp := expSetup(v, plainExp)(c, k)
		return func(vecs vectors, count int) {
			keep := copies(v, vecs[1])
			exp(vecs, count)
			for i, y := range vecs[0] {
				VSUBPS(one, y, y)
				VMULPS(alpha, y, y)
				v.blend(less, keep[i], zero, y, keep[i], y)
			}
		}
	})
	stream(v, "softplus", "log(1+exp(x[i])) into dst[i]", fromX, 1, softplusSetup(v))
	stream(v, "erf", "erf(x[i]) into dst[i]", fromX, wide, erfSetup(v, false))
	stream(v, "gelu", "x[i]/2·(1+erf(x[i]/√2)) into dst[i]", fromX, wide, erfSetup(v, true))
}

// copies keeps vectors that are overwritten.
func copies(v isa, x []reg.VecVirtual) []reg.VecVirtual {
	keep := v.regs(len(x))
	for i := range x {
		VMOVAPS(x[i], keep[i])
	}
	return keep
}

// gated is x·gate(before(x)), the gate being shut where it is below the normal
// numbers.
func gated(v isa, c *consts, gate func(vectors, int), before func(x reg.VecVirtual)) func(vectors, int) {
	zero, normal := v.reg(), c.bits(0x00800000)
	v.zero(zero)
	return func(vecs vectors, count int) {
		keep := copies(v, vecs[1])
		for _, x := range vecs[1] {
			before(x)
		}
		gate(vecs, count)
		for i, y := range vecs[0] {
			v.blend(less, y, normal, zero, y, y)
			VMULPS(keep[i], y, y)
		}
	}
}

// mishSetup is x·n/(n+2) with n = e·(e+2), e = exp(x); above 20 that is x.
func mishSetup(v isa) setup {
	return func(c *consts, k func(int) reg.VecVirtual) func(vectors, int) {
		two, most := c.num(2), v.reg()
		c.copyTo(c.num(20), most)
		exp := expSetup(v, plainExp)(c, k)
		return func(vecs vectors, count int) {
			keep := copies(v, vecs[1])
			for _, x := range vecs[1] {
				VMINPS(x, most, x)
			}
			exp(vecs, count)
			for i, y := range vecs[0] {
				n := vecs[1][i]
				VADDPS(two, y, n)
				VMULPS(y, n, n)
				VADDPS(two, n, y)
				VDIVPS(y, n, y)
				VMULPS(keep[i], y, y)
			}
		}
	}
}

// softplusSetup is max(x, 0) + log(1+e), e = exp(-|x|), where log(1+e) is
// log(u)·e/(u-1) with u = 1+e as it is rounded, and e where that is 1.
func softplusSetup(v isa) setup {
	return func(c *consts, k func(int) reg.VecVirtual) func(vectors, int) {
		c.far = true
		sign, one, zero := c.bits(1<<31), c.num(1), v.reg()
		v.zero(zero)
		exp, log := expSetup(v, plainExp)(c, k), logSetup(v)(c, k)
		return func(vecs vectors, count int) {
			keep := copies(v, vecs[1])
			for _, x := range vecs[1] {
				VORPS(sign, x, x)
			}
			exp(vecs, count)
			e := copies(v, vecs[0])
			for i := range e {
				VADDPS(one, e[i], vecs[1][i])
			}
			u := copies(v, vecs[1])
			log(vecs, count)
			for i, y := range vecs[0] {
				low := vecs[1][i]
				VSUBPS(one, u[i], low)
				VMULPS(e[i], y, y)
				VDIVPS(low, y, y)
				v.blend(equal, low, zero, e[i], y, y)
				VMAXPS(keep[i], zero, low) // NaN is the second source, which is what comes out
				VADDPS(low, y, y)
			}
		}
	}
}

// erfSetup is x·P(x²) up to 1, above it 1 - e with e = exp(-Q(|x|-1)), which is what
// is left to 1. P and Q are fitted to that in float64; above 11, e is 0. With gelu it
// is x/2·(1+erf(x/√2)), where below 0 nothing is taken from 1.
func erfSetup(v isa, gelu bool) setup {
	return func(c *consts, k func(int) reg.VecVirtual) func(vectors, int) {
		c.far = true
		var p, q []Op
		for _, f := range []float32{7.8824974e-05, -0.0008018855, 0.005189312, -0.026854329, 0.11283597, -0.37612626, 1.1283791} {
			p = append(p, c.num(f))
		}
		for _, f := range []float32{-6.653887e-06, 0.0001642416, -0.0016501875, 0.009594695, -0.041308302, -0.8431681, -2.6389627, -1.8496056} {
			q = append(q, c.num(f))
		}
		one, two, half, root := c.num(1), c.num(2), c.num(0.5), c.num(0.70710678118654752)
		sign, rest, far, zero := c.bits(1<<31), c.bits(1<<31-1), v.reg(), v.reg()
		c.copyTo(c.num(10), far)
		v.zero(zero)
		exp := expSetup(v, plainExp)(c, k)
		return func(vecs vectors, count int) {
			keep := copies(v, vecs[1])
			near := v.regs(count)
			for i, x := range vecs[1] {
				if gelu {
					VMULPS(root, x, x)
				}
				square, r := v.reg(), near[i]
				VMULPS(x, x, square)
				c.copyTo(p[0], r)
				for _, f := range p[1:] {
					VFMADD213PS(f, square, r)
				}
				VMULPS(x, r, r)
				if gelu {
					VADDPS(one, r, r)
				}
				t := square
				VANDPS(rest, x, t)
				VSUBPS(one, t, t)
				VMINPS(t, far, t) // NaN is the second source, which is what comes out
				c.copyTo(q[0], x)
				for _, f := range q[1:] {
					VFMADD213PS(f, t, x)
				}
			}
			exp(vecs, count)
			for i, y := range vecs[0] {
				x := keep[i]
				r, size, limit := v.reg(), vecs[1][i], v.reg()
				VANDPS(rest, x, size)
				if gelu {
					VMULPS(root, size, size)
					c.copyTo(two, r)
					VSUBPS(y, r, r)
					v.blend(less, x, zero, y, r, y)
				} else {
					c.copyTo(one, r)
					VSUBPS(y, r, y)
					VANDPS(sign, x, r)
					VORPS(r, y, y)
				}
				c.copyTo(one, limit)
				v.blend(less, size, limit, near[i], y, y)
				if gelu {
					VMULPS(half, x, x)
					VMULPS(x, y, y)
				}
			}
		}
	}
}
