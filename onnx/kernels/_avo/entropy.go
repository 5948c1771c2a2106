package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// entropySetup is the cross-entropy with both logarithms side by side. These are what
// logSetup makes of a normal number.
func entropySetup(v isa) setup {
	return func(c *consts, k func(int) reg.VecVirtual) func(vectors, int) {
		lo, hi := k(0), k(1)
		terms := newLogTerms(c)
		expBias, mantissa, half := c.bits(126), c.bits(0x007fffff), c.bits(0x3f000000)
		root, one, sign := c.num(0.70710678118654752), c.num(1), c.bits(1<<31)
		// log writes log(x) to y; x is overwritten.
		log := func(x, y reg.VecVirtual) {
			e, t := v.reg(), v.reg()
			VPSRLD(Imm(23), x, e)
			VPSUBD(expBias, e, e)
			VCVTDQ2PS(e, e)
			VANDPS(mantissa, x, x)
			VORPS(half, x, x)
			// Below √½ the mantissa is doubled and the exponent one less.
			if v.wide() {
				small := K()
				VCMPPS(Imm(less), root, x, small)
				VSUBPS(one, e, small, e)
				VADDPS(x, x, small, x)
			} else {
				VCMPPS(Imm(less), root, x, t)
				VANDPS(t, x, y)
				VADDPS(y, x, x)
				VANDPS(one, t, t)
				VSUBPS(t, e, e)
			}
			VSUBPS(one, x, x)
			terms.sum(x, e, y, t)
		}
		return func(vecs vectors, _ int) {
			dst, y, t := vecs[0][0], vecs[1][0], vecs[2][0]
			within, rest, other := v.reg(), v.reg(), v.reg()
			VMAXPS(y, lo, within) // NaN is the second source, which is what comes out
			VMINPS(within, hi, within)
			c.copyTo(one, rest)
			VSUBPS(within, rest, rest)
			log(within, dst)
			log(rest, other)
			VMULPS(dst, t, dst)
			c.copyTo(one, rest)
			VSUBPS(t, rest, rest)
			VMULPS(other, rest, rest)
			VADDPS(rest, dst, dst)
			VXORPS(sign, dst, dst)
			v.blend(unordered, y, y, y, dst, dst)
		}
	}
}
