package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unpool spreads the gradients of 2 by 2 windows over the rows that these look at.
func unpool() {
	GLOBL("ascending", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32(i)))
	}
	TEXT("unpoolAVX2", NOSPLIT, "func(dst *float32, ldd int, dy *float32, at *int32, n, rows, w int)")
	Pragma("noescape")
	Doc("unpoolAVX2 computes dst[(2r+a)*ldd+2j+b] = at[r*n+j] == (2r+a)*w+2j+b ? dy[r*n+j] : 0 for r < rows, j < n and a, b < 2. Of fewer than 8 columns j it writes 0 for those up to 8, row by row.")
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	dy, at := Load(Param("dy"), GP64()), Load(Param("at"), GP64())
	n, rows := Load(Param("n"), GP64()), Load(Param("rows"), GP64())
	w := Load(Param("w"), GP64())
	below := GP64()
	SHLQ(Imm(2), ldd)
	LEAQ(Mem{Base: dst, Index: ldd, Scale: 1}, below)
	spread := func(g reg.Register, to reg.VecVirtual) {
		x := XMM()
		VMOVD(g.(reg.GPVirtual).As32(), x)
		VPBROADCASTD(x, to)
	}
	ascending := NewDataAddr(Symbol{Name: "ascending", Static: true}, 0)
	// The places that eight windows look at, half by half, in two rows.
	place := [4]reg.VecVirtual{YMM(), YMM(), YMM(), YMM()}
	step := YMM()
	spread(w, step)
	VMOVDQU(ascending, place[0])
	VMOVDQU(ascending.Offset(32), place[1])
	VPADDD(step, place[0], place[2])
	VPADDD(step, place[1], place[3])
	VPADDD(step, step, step)
	j := GP64()
	eight := func(mask reg.VecVirtual) {
		v, a, t := YMM(), YMM(), YMM()
		if mask != nil {
			VMASKMOVPS(Mem{Base: dy}, mask, v)
			VMASKMOVPS(Mem{Base: at}, mask, a)
		} else {
			VMOVUPS(Mem{Base: dy, Index: j, Scale: 4}, v)
			VMOVDQU(Mem{Base: at, Index: j, Scale: 4}, a)
			two := GP64()
			LEAQ(Mem{Base: j, Index: j, Scale: 1}, two)
			spread(two, t)
			VPSUBD(t, a, a)
		}
		VPERMPD(Imm(0xd8), v, v)
		VPERMPD(Imm(0xd8), a, a)
		twice := [2]reg.VecVirtual{YMM(), YMM()}
		where := [2]reg.VecVirtual{YMM(), YMM()}
		VUNPCKLPS(v, v, twice[0])
		VUNPCKHPS(v, v, twice[1])
		VUNPCKLPS(a, a, where[0])
		VUNPCKHPS(a, a, where[1])
		for i, row := range []reg.Register{dst, below} {
			for half := range 2 {
				VPCMPEQD(place[2*i+half], where[half], t)
				VANDPS(twice[half], t, t)
				m := Mem{Base: row, Disp: 32 * half}
				if mask == nil {
					m.Index, m.Scale = j, 8
				}
				VMOVUPS(t, m)
			}
		}
	}
	next := func(label string) {
		for _, p := range place {
			VPADDD(step, p, p)
		}
		LEAQ(Mem{Base: dst, Index: ldd, Scale: 2}, dst)
		LEAQ(Mem{Base: below, Index: ldd, Scale: 2}, below)
		LEAQ(Mem{Base: dy, Index: n, Scale: 4}, dy)
		LEAQ(Mem{Base: at, Index: n, Scale: 4}, at)
		DECQ(rows)
		JNE(LabelRef(label))
		VZEROUPPER()
		RET()
	}
	CMPQ(n, Imm(8))
	JL(LabelRef("few"))
	Label("row")
	XORQ(j, j)
	Label("eight")
	eight(nil)
	ADDQ(Imm(8), j)
	CMPQ(j, n)
	JGE(LabelRef("next"))
	last := GP64()
	MOVQ(n, last)
	SUBQ(Imm(8), last)
	CMPQ(j, last)
	CMOVQGT(last, j)
	JMP(LabelRef("eight"))
	Label("next")
	next("row")
	Label("few")
	mask := YMM()
	spread(n, mask)
	VPCMPGTD(ascending, mask, mask)
	Label("fewRow")
	eight(mask)
	next("fewRow")
}
