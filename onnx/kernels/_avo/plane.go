package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// planeFile writes kernels that move numbers about more than they compute; the
// AVX-512 set uses them too.
func planeFile() {
	everySecond("maxSecond", "max(y[j], x[2j]), NaN where one is", func(x, y reg.VecVirtual) {
		nan := YMM()
		VCMPPS(Imm(unordered), x, x, nan)
		VMAXPS(y, x, y) // y where either is NaN
		VBLENDVPS(nan, x, y, y)
	})
	everySecond("addSecond", "y[j] + x[2j]", func(x, y reg.VecVirtual) { VADDPS(x, y, y) })
	transpose8()
	unpool()
	zeros()
}

// everySecond joins every second number of x to y.
func everySecond(name, doc string, join func(x, y reg.VecVirtual)) {
	TEXT(name+"AVX2", NOSPLIT, "func(y, x *float32, n int)")
	Pragma("noescape")
	Doc(name + "AVX2 computes y[j] = " + doc + ", for j < n, n a multiple of 8 and not 0; x has 2n elements.")
	y, x := Load(Param("y"), GP64()), Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	Label("eight")
	lo, hi, v, sum := YMM(), YMM(), YMM(), YMM()
	VMOVUPS(Mem{Base: x}, lo)
	VMOVUPS(Mem{Base: x, Disp: 32}, hi)
	VMOVUPS(Mem{Base: y}, sum)
	VSHUFPS(Imm(0x88), hi, lo, v)
	VPERMPD(Imm(0xd8), v, v)
	join(v, sum)
	VMOVUPS(sum, Mem{Base: y})
	ADDQ(Imm(64), x)
	ADDQ(Imm(32), y)
	SUBQ(Imm(8), n)
	JNE(LabelRef("eight"))
	VZEROUPPER()
	RET()
}

// transpose8 turns squares of 8 by 8 that stand side by side.
func transpose8() {
	TEXT("transpose8AVX2", NOSPLIT, "func(dst *float32, ldd int, x *float32, ldx, squares int)")
	Pragma("noescape")
	Doc("transpose8AVX2 computes dst[j*ldd+i] = x[i*ldx+j] for i < 8, j < 8*squares.")
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	x, ldx := Load(Param("x"), GP64()), Load(Param("ldx"), GP64())
	squares := Load(Param("squares"), GP64())
	SHLQ(Imm(2), ldd)
	SHLQ(Imm(2), ldx)
	p, q := GP64(), GP64()
	Label("square")
	MOVQ(x, p)
	r := avx2.regs(8)
	for i := range r {
		VMOVUPS(Mem{Base: p}, r[i])
		if i < 7 {
			ADDQ(ldx, p)
		}
	}
	t := avx2.regs(8)
	for i := 0; i < 8; i += 2 {
		VUNPCKLPS(r[i+1], r[i], t[i])
		VUNPCKHPS(r[i+1], r[i], t[i+1])
	}
	u := avx2.regs(8)
	for i := 0; i < 8; i += 4 {
		VUNPCKLPD(t[i+2], t[i], u[i])
		VUNPCKHPD(t[i+2], t[i], u[i+1])
		VUNPCKLPD(t[i+3], t[i+1], u[i+2])
		VUNPCKHPD(t[i+3], t[i+1], u[i+3])
	}
	MOVQ(dst, q)
	for half, imm := range []uint64{0x20, 0x31} {
		for i := range 4 {
			z := YMM()
			VPERM2F128(Imm(imm), u[4+i], u[i], z)
			VMOVUPS(z, Mem{Base: q})
			if half == 0 || i < 3 {
				ADDQ(ldd, q)
			}
		}
	}
	ADDQ(Imm(32), x)
	LEAQ(Mem{Base: dst, Index: ldd, Scale: 8}, dst)
	DECQ(squares)
	JNE(LabelRef("square"))
	VZEROUPPER()
	RET()
}

// zeros finds where a row that is nearly all zeros has other numbers.
func zeros() {
	const block = 4 * 8
	TEXT("zerosAVX2", NOSPLIT, "func(x *float32, blocks int) (skipped int, found uint32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("zerosAVX2 skips blocks of %d numbers, at most so many, that hold nothing but +0, and says which numbers of the next one are not zero, if there is one.", block))
	x, blocks := Load(Param("x"), GP64()), Load(Param("blocks"), GP64())
	left, a, b, mask := GP64(), YMM(), YMM(), GP32()
	XORL(mask, mask)
	MOVQ(blocks, left)
	Label("block")
	VMOVUPS(Mem{Base: x}, a)
	VORPS(Mem{Base: x, Disp: 32}, a, a)
	VMOVUPS(Mem{Base: x, Disp: 64}, b)
	VORPS(Mem{Base: x, Disp: 96}, b, b)
	VORPS(b, a, a)
	VPTEST(a, a)
	JNE(LabelRef("found"))
	ADDQ(U32(4*block), x)
	DECQ(left)
	JNE(LabelRef("block"))
	JMP(LabelRef("end"))
	Label("found")
	VXORPS(b, b, b)
	for i := 3; i >= 0; i-- {
		lanes := GP32()
		VCMPPS(Imm(4), Mem{Base: x, Disp: 32 * i}, b, a) // not equal, or NaN
		VMOVMSKPS(a, lanes)
		SHLL(Imm(8), mask)
		ORL(lanes, mask)
	}
	Label("end")
	SUBQ(left, blocks)
	Store(blocks, ReturnIndex(0))
	Store(mask, ReturnIndex(1))
	VZEROUPPER()
	RET()
}
