package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var (
	fromX  = []array{{"dst", false, true}, {"x", true, false}}
	fromXY = []array{{"dst", false, true}, {"x", true, false}, {"y", true, false}}
	addX   = []array{{"dst", true, true}, {"x", true, false}}
)

type setup = func(c *consts, k func(int) reg.VecVirtual) func(x vectors, n int)

func elementwiseFile(v isa) {
	laneTable()
	unroll := 4
	if !v.wide() {
		unroll = 2
	}
	each := func(f func(x []reg.VecVirtual)) func(x vectors, n int) {
		return func(x vectors, n int) {
			for u := range n {
				col := make([]reg.VecVirtual, len(x))
				for i := range x {
					col[i] = x[i][u]
				}
				f(col)
			}
		}
	}
	simple := func(name, doc string, arrays []array, f func(c *consts, k func(int) reg.VecVirtual) func(x []reg.VecVirtual)) {
		stream(v, name, doc, arrays, unroll, func(c *consts, k func(int) reg.VecVirtual) func(vectors, int) { return each(f(c, k)) })
	}

	// Functions of one number.
	stream(v, "exp", "dst[i] = exp(x[i])", fromX, unroll, expSetup(v, plainExp))
	stream(v, "sigmoid", "dst[i] = 1/(1+exp(-x[i]))", fromX, unroll, expSetup(v, logistic))
	stream(v, "tanh", "dst[i] = tanh(x[i])", fromX, unroll, tanhSetup(v))
	stream(v, "log", "dst[i] = log(x[i])", fromX, 1, logSetup(v))
	simple("relu", "dst[i] = x[i] < 0 ? 0 : x[i]", fromX, func(c *consts, _ func(int) reg.VecVirtual) func([]reg.VecVirtual) {
		zero := v.reg()
		v.zero(zero)
		return func(x []reg.VecVirtual) { VMAXPS(x[1], zero, x[0]) }
	})
	simple("leakyRelu", "dst[i] = x[i] < 0 ? k[0]*x[i] : x[i]", fromX, func(c *consts, k func(int) reg.VecVirtual) func([]reg.VecVirtual) {
		zero, slope := v.reg(), k(0)
		v.zero(zero)
		return func(x []reg.VecVirtual) {
			VMULPS(slope, x[1], x[0])
			v.blend(less, x[1], zero, x[0], x[1], x[0])
		}
	})
	simple("sqrt", "dst[i] = sqrt(x[i])", fromX, func(*consts, func(int) reg.VecVirtual) func([]reg.VecVirtual) {
		return func(x []reg.VecVirtual) { VSQRTPS(x[1], x[0]) }
	})
	simple("neg", "dst[i] = -x[i]", fromX, func(c *consts, _ func(int) reg.VecVirtual) func([]reg.VecVirtual) {
		sign := c.bits(1 << 31)
		return func(x []reg.VecVirtual) { VXORPS(sign, x[1], x[0]) }
	})
	simple("abs", "dst[i] = |x[i]|", fromX, func(c *consts, _ func(int) reg.VecVirtual) func([]reg.VecVirtual) {
		rest := c.bits(1<<31 - 1)
		return func(x []reg.VecVirtual) { VANDPS(rest, x[1], x[0]) }
	})

	activations(v)

	// Gradients by the result: x is the gradient that comes in, y the result.
	simple("reluGradient", "dst[i] = y[i] > 0 ? x[i] : 0", fromXY, func(c *consts, _ func(int) reg.VecVirtual) func([]reg.VecVirtual) {
		zero := v.reg()
		v.zero(zero)
		return func(x []reg.VecVirtual) { v.blend(greater, x[2], zero, x[1], zero, x[0]) }
	})
	simple("leakyReluGradient", "dst[i] = y[i] > 0 ? x[i] : k[0]*x[i]", fromXY, func(c *consts, k func(int) reg.VecVirtual) func([]reg.VecVirtual) {
		zero, slope := v.reg(), k(0)
		v.zero(zero)
		return func(x []reg.VecVirtual) {
			VMULPS(slope, x[1], x[0])
			v.blend(greater, x[2], zero, x[1], x[0], x[0])
		}
	})
	simple("sigmoidGradient", "dst[i] = x[i]*((1-y[i])*y[i])", fromXY, func(c *consts, _ func(int) reg.VecVirtual) func([]reg.VecVirtual) {
		one := v.reg()
		c.copyTo(c.num(1), one)
		return func(x []reg.VecVirtual) {
			VSUBPS(x[2], one, x[0])
			VMULPS(x[2], x[0], x[0])
			VMULPS(x[1], x[0], x[0])
		}
	})
	simple("tanhGradient", "dst[i] = x[i]*(1-y[i]*y[i])", fromXY, func(c *consts, _ func(int) reg.VecVirtual) func([]reg.VecVirtual) {
		one := v.reg()
		c.copyTo(c.num(1), one)
		return func(x []reg.VecVirtual) {
			VMULPS(x[2], x[2], x[0])
			VSUBPS(x[0], one, x[0])
			VMULPS(x[1], x[0], x[0])
		}
	})

	simple("entropyGradient", "dst[i] = dy[i]*((c-t[i])/((1-c)*c)), c being y[i] within k[0]..k[1], and 0 where it is not", []array{{"dst", false, true}, {"dy", true, false}, {"y", true, false}, {"t", true, false}},
		func(c *consts, k func(int) reg.VecVirtual) func([]reg.VecVirtual) {
			zero, one, lo, hi := v.reg(), v.reg(), k(0), k(1)
			v.zero(zero)
			c.copyTo(c.num(1), one)
			return func(x []reg.VecVirtual) {
				within, rest := v.reg(), v.reg()
				VMAXPS(x[2], lo, within) // NaN is the second source, which is what comes out
				VMINPS(within, hi, within)
				VSUBPS(x[3], within, x[3])
				VSUBPS(within, one, rest)
				VMULPS(within, rest, rest)
				VDIVPS(rest, x[3], x[3])
				VMULPS(x[3], x[1], x[0])
				v.blend(less, x[2], lo, zero, x[0], x[0])
				v.blend(less, hi, x[2], zero, x[0], x[0])
			}
		})

	simple("entropyLogits", "dst[i] = dy[i]*(y[i]-t[i]), and 0 where y[i] is not within k[0]..k[1],", []array{{"dst", false, true}, {"dy", true, false}, {"y", true, false}, {"t", true, false}},
		func(_ *consts, k func(int) reg.VecVirtual) func([]reg.VecVirtual) {
			zero, lo, hi := v.reg(), k(0), k(1)
			v.zero(zero)
			return func(x []reg.VecVirtual) {
				VSUBPS(x[3], x[2], x[3])
				VMULPS(x[3], x[1], x[0])
				v.blend(less, x[2], lo, zero, x[0], x[0])
				v.blend(less, hi, x[2], zero, x[0], x[0])
			}
		})
	stream(v, "entropy", "dst[i] = -(t[i]*log(c) + (1-t[i])*log(1-c)), c being y[i] within k[0]..k[1], which are normal numbers between 0 and 1", []array{{"dst", false, true}, {"y", true, false}, {"t", true, false}}, 1, entropySetup(v))

	// Functions of two numbers; with Scalar, the second is k[0], with Swapped the first.
	type op struct {
		name, doc string
		f         func(a, b, dst reg.VecVirtual)
	}
	ops := []op{
		{"add", "+", func(a, b, dst reg.VecVirtual) { VADDPS(b, a, dst) }},
		{"sub", "-", func(a, b, dst reg.VecVirtual) { VSUBPS(b, a, dst) }},
		{"mul", "*", func(a, b, dst reg.VecVirtual) { VMULPS(b, a, dst) }},
		{"div", "/", func(a, b, dst reg.VecVirtual) { VDIVPS(b, a, dst) }},
		{"max", "max", func(a, b, dst reg.VecVirtual) { extreme(v, VMAXPS, a, b, dst) }},
		{"min", "min", func(a, b, dst reg.VecVirtual) { extreme(v, VMINPS, a, b, dst) }},
	}
	for _, o := range ops {
		simple(o.name, "dst[i] = x[i] "+o.doc+" y[i]", fromXY, func(*consts, func(int) reg.VecVirtual) func([]reg.VecVirtual) {
			return func(x []reg.VecVirtual) { o.f(x[1], x[2], x[0]) }
		})
		simple(o.name+"Scalar", "dst[i] = x[i] "+o.doc+" k[0]", fromX, func(_ *consts, k func(int) reg.VecVirtual) func([]reg.VecVirtual) {
			b := k(0)
			return func(x []reg.VecVirtual) { o.f(x[1], b, x[0]) }
		})
		if o.name == "sub" || o.name == "div" {
			simple(o.name+"Swapped", "dst[i] = k[0] "+o.doc+" x[i]", fromX, func(_ *consts, k func(int) reg.VecVirtual) func([]reg.VecVirtual) {
				a := k(0)
				return func(x []reg.VecVirtual) { o.f(a, x[1], x[0]) }
			})
		}
	}
	simple("axpy", "dst[i] += k[0]*x[i], rounded twice", addX, func(_ *consts, k func(int) reg.VecVirtual) func([]reg.VecVirtual) {
		alpha := k(0)
		return func(x []reg.VecVirtual) {
			VMULPS(alpha, x[1], x[1])
			VADDPS(x[1], x[0], x[0])
		}
	})
	maximum(v)
	reduce(v, "sum", "x[i]", VADDPS, func(x, acc reg.VecVirtual) { VADDPS(x, acc, acc) })
	reduce(v, "sumSquares", "x[i]*x[i]", VADDPS, func(x, acc reg.VecVirtual) { VFMADD231PS(x, x, acc) })
}

// extreme is max or min of a and b with NaN where either is: the instruction gives
// b there, the sum gives NaN.
func extreme(v isa, f func(ops ...Op), a, b, dst reg.VecVirtual) {
	m, s := v.reg(), v.reg()
	f(b, a, m)
	VADDPS(b, a, s)
	v.blend(unordered, a, b, s, m, dst)
}

type expKind int

const (
	plainExp expKind = iota
	logistic
)

// expSetup is exp as 2ⁿ·P(r) with r = x - n·log 2 in two steps and the polynomial of
// Cephes expf.
func expSetup(v isa, kind expKind) setup {
	return func(c *consts, _ func(int) reg.VecVirtual) func(vectors, int) {
		lo, hi := c.num(-105), c.num(90)
		if kind == logistic {
			lo, hi = c.num(-90), c.num(105)
			if v.wide() {
				lo = c.num(-88) // 1+exp(-x) stays finite
			}
		}
		log2e, ln2hi, ln2lo, one := c.num(1.44269504088896341), c.num(-0.693145752), c.num(-1.42860677e-06), c.num(1)
		if kind == logistic { // exp(-x): n and r change sign
			log2e = c.num(-1.44269504088896341)
		}
		var p []Op
		for _, f := range []float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 1} {
			p = append(p, c.num(f))
		}
		sign, bias127 := c.bits(1<<31), c.bits(127)
		loR, hiR := v.reg(), v.reg()
		c.copyTo(lo, loR)
		c.copyTo(hi, hiR)
		return func(vecs vectors, count int) {
			y, x := vecs[0], vecs[1]
			n := v.regs(count)
			for i := range x { // NaN is the second source, which is what comes out
				VMAXPS(x[i], loR, x[i])
				VMINPS(x[i], hiR, x[i])
			}
			for i := range x {
				VMULPS(log2e, x[i], n[i])
				if v.wide() {
					VRNDSCALEPS(Imm(8), n[i], n[i])
				} else {
					VROUNDPS(Imm(8), n[i], n[i])
				}
			}
			for i := range x {
				if kind == logistic { // r = -x - n·log 2
					VXORPS(sign, x[i], x[i])
				}
				VFMADD231PS(ln2hi, n[i], x[i])
				VFMADD231PS(ln2lo, n[i], x[i])
			}
			for i := range x {
				c.copyTo(p[0], y[i])
			}
			for _, f := range p[1:] {
				for i := range x {
					VFMADD213PS(f, x[i], y[i])
				}
			}
			for i := range x {
				if v.wide() {
					VSCALEFPS(n[i], y[i], y[i])
					continue
				}
				// 2ⁿ in two factors, so that neither leaves the range of normal numbers.
				half := x[i]
				bias := YMM()
				c.copyTo(bias127, bias)
				VCVTPS2DQ(n[i], n[i])
				VPSRAD(Imm(1), n[i], half)
				VPSUBD(half, n[i], n[i])
				for _, e := range []reg.VecVirtual{half, n[i]} {
					VPADDD(bias, e, e)
					VPSLLD(Imm(23), e, e)
					VMULPS(e, y[i], y[i])
				}
			}
			if kind != logistic {
				return
			}
			for i := range x {
				VADDPS(one, y[i], y[i])
				if v.wide() { // a division takes as long as all the rest: 14 bits of it and a step of Newton's
					VRCP14PS(y[i], x[i])
					VFNMADD213PS(one, x[i], y[i])
					VFMADD213PS(x[i], x[i], y[i])
					continue
				}
				c.copyTo(one, x[i])
				VDIVPS(y[i], x[i], y[i])
			}
		}
	}
}

// tanhSetup is x·P(x²)/Q(x²), the rational minimax of Eigen's ptanh, on ±9, beyond
// which tanh is 1 in float32. Below 0.0004 it is x, where the products would lose
// their last bits.
func tanhSetup(v isa) setup {
	return func(c *consts, _ func(int) reg.VecVirtual) func(vectors, int) {
		lo, hi := v.reg(), v.reg()
		c.copyTo(c.num(-9), lo)
		c.copyTo(c.num(9), hi)
		small := c.num(0.0004 * 0.0004)
		var a, b []Op
		for _, f := range []float32{-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08, 1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03} {
			a = append(a, c.num(f))
		}
		for _, f := range []float32{1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03} {
			b = append(b, c.num(f))
		}
		return func(vecs vectors, count int) {
			y, x := vecs[0], vecs[1]
			square, q := v.regs(count), v.regs(count)
			for i := range x {
				VMINPS(x[i], hi, x[i])
				VMAXPS(x[i], lo, x[i])
				VMULPS(x[i], x[i], square[i])
				c.copyTo(a[0], y[i])
				c.copyTo(b[0], q[i])
			}
			for _, f := range a[1:] {
				for i := range x {
					VFMADD213PS(f, square[i], y[i])
				}
			}
			for _, f := range b[1:] {
				for i := range x {
					VFMADD213PS(f, square[i], q[i])
				}
			}
			for i := range x {
				VMULPS(x[i], y[i], y[i])
				VDIVPS(q[i], y[i], y[i])
				v.blend(less, square[i], small, x[i], y[i], y[i])
			}
		}
	}
}

// logTerms is what log(2ᵉ·(1+m)) is summed from, with the polynomial of Cephes logf.
type logTerms struct {
	c                       *consts
	p                       []Op
	minusHalf, ln2hi, ln2lo Op
}

func newLogTerms(c *consts) logTerms {
	l := logTerms{c: c, minusHalf: c.num(-0.5), ln2hi: c.num(0.693359375), ln2lo: c.num(-2.12194440e-4)}
	for _, f := range []float32{7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1} {
		l.p = append(l.p, c.num(f))
	}
	return l
}

// sum writes e·log 2 + m - m²/2 + m³·P(m) to y; t is overwritten.
func (l logTerms) sum(m, e, y, t reg.VecVirtual) {
	l.c.copyTo(l.p[0], y)
	for _, f := range l.p[1:] {
		VFMADD213PS(f, m, y)
	}
	VMULPS(m, m, t)
	VMULPS(t, y, y)
	VMULPS(m, y, y)
	VFMADD231PS(l.ln2lo, e, y)
	VFMADD231PS(l.minusHalf, t, y)
	VADDPS(m, y, y)
	VFMADD231PS(l.ln2hi, e, y)
}

// logSetup is log(2ᵉ·m) = e·log 2 + log(m), √½ <= m < √2, with the polynomial of
// Cephes logf.
func logSetup(v isa) setup {
	return func(c *consts, _ func(int) reg.VecVirtual) func(vectors, int) {
		zero, inf := v.reg(), v.reg()
		v.zero(zero)
		c.copyTo(c.bits(0x7f800000), inf)
		terms := newLogTerms(c)
		scale, steps, normal := c.num(1<<23), c.num(23), c.bits(0x00800000)
		expBias, mantissa, half := c.bits(126), c.bits(0x007fffff), c.bits(0x3f000000)
		root, one, minusInf := c.num(0.70710678118654752), c.num(1), c.bits(0xff800000)
		return func(vecs vectors, count int) {
			for u := range count {
				y, x := vecs[0][u], vecs[1][u]
				m, e, t := v.reg(), v.reg(), v.reg()
				// Subnormal numbers are scaled up by 2²³.
				VMULPS(scale, x, t)
				c.copyTo(steps, e)
				v.blend(less, x, normal, t, x, m)
				v.blend(less, x, normal, e, zero, y)
				// e = exponent - 126, m in ½..1; then m < √½ is doubled.
				VPSRLD(Imm(23), m, e)
				VPSUBD(expBias, e, e)
				VCVTDQ2PS(e, e)
				VSUBPS(y, e, e)
				VANDPS(mantissa, m, m)
				VORPS(half, m, m)
				VADDPS(m, m, t)
				VSUBPS(one, e, y)
				v.blend(less, m, root, y, e, e)
				v.blend(less, m, root, t, m, m)
				VSUBPS(one, m, m)
				terms.sum(m, e, y, t)
				// 0 gives -Inf, below it NaN; Inf and NaN give themselves.
				c.copyTo(minusInf, t)
				v.blend(equal, x, zero, t, y, y)
				VSUBPS(inf, inf, t)
				v.blend(less, x, zero, t, y, y)
				v.blend(equal, x, inf, x, y, y)
				v.blend(unordered, x, x, x, y, y)
			}
		}
	}
}

// reduce writes name(x, n): the sum over i of term, in four vectors side by side,
// which are added in pairs and then lane by lane.
func reduce(v isa, name, term string, join func(ops ...Op), add func(x, acc reg.VecVirtual)) {
	TEXT(name+v.name, NOSPLIT, "func(x *float32, n int) float32")
	Pragma("noescape")
	Doc(name + v.name + " adds " + term + " for i < n.")
	p := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	acc := v.regs(4)
	for _, a := range acc {
		v.zero(a)
	}
	Label("block")
	CMPQ(n, U32(uint32(4*v.lanes())))
	JL(LabelRef("rest"))
	for i, a := range acc {
		x := v.reg()
		VMOVUPS(Mem{Base: p, Disp: i * v.bytes}, x)
		add(x, a)
	}
	ADDQ(U32(uint32(4*v.bytes)), p)
	SUBQ(U32(uint32(4*v.lanes())), n)
	JMP(LabelRef("block"))
	Label("rest")
	CMPQ(n, Imm(0))
	JLE(LabelRef("end"))
	mask := restMask(v, n)
	x := v.reg()
	mask.load(Mem{Base: p}, x, x)
	add(x, acc[0])
	ADDQ(U32(uint32(v.bytes)), p)
	SUBQ(U32(uint32(v.lanes())), n)
	JMP(LabelRef("rest"))
	Label("end")
	join(acc[1], acc[0], acc[0])
	join(acc[3], acc[2], acc[2])
	join(acc[2], acc[0], acc[0])
	Store(addLanes(v, acc[0]).AsX(), ReturnIndex(0))
	VZEROUPPER()
	RET()
}
