package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// layoutFile writes what lays out rows of an image; the AVX-512 set uses it too.
func layoutFile() {
	laneTable()
	evenRows()
	padRows(false)
	padRows(true)
}

// padRows copies rows, or every second number of them, and fills up the last eight
// with zeros.
func padRows(even bool) {
	name, from := "padRows", "j"
	if even {
		name, from = "padEvenRows", "2j"
	}
	TEXT(name+"AVX2", NOSPLIT, "func(dst *float32, ldd int, x *float32, ldx, n, rows int)")
	Pragma("noescape")
	Doc(name + "AVX2 computes dst[i*ldd+j] = x[i*ldx+" + from + "] for i < rows, j < n, and writes zeros behind it up to a multiple of 8, from the first row to the last.")
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	x, ldx := Load(Param("x"), GP64()), Load(Param("ldx"), GP64())
	n, rows := Load(Param("n"), GP64()), Load(Param("rows"), GP64())
	SHLQ(Imm(2), ldd)
	SHLQ(Imm(2), ldx)
	whole, rest, j := GP64(), GP64(), GP64()
	MOVQ(n, whole)
	DECQ(whole)
	ANDQ(I8(-8), whole) // n - whole is 1 to 8
	MOVQ(n, rest)
	SUBQ(whole, rest)
	scale := uint8(4)
	// Masks of the last numbers that are read: eight, and as many behind them.
	masks := []reg.VecVirtual{YMM()}
	table := GP64()
	LEAQ(NewDataAddr(Symbol{Name: "lanes", Static: true}, 32), table)
	if even {
		scale = 8
		masks = append(masks, YMM())
		SHLQ(Imm(1), rest)
		DECQ(rest) // 1 to 15
		second, zero := GP64(), GP64()
		MOVQ(rest, second)
		SUBQ(Imm(8), second)
		XORQ(zero, zero)
		CMPQ(second, zero)
		CMOVQLT(zero, second)
		NEGQ(second)
		VMOVUPS(Mem{Base: table, Index: second, Scale: 4}, masks[1])
		MOVQ(U32(8), zero)
		CMPQ(rest, zero)
		CMOVQGT(zero, rest)
	}
	NEGQ(rest)
	VMOVUPS(Mem{Base: table, Index: rest, Scale: 4}, masks[0])
	eight := func(load func(k int, r reg.VecVirtual)) {
		v := YMM()
		load(0, v)
		if even {
			hi := YMM()
			load(1, hi)
			VSHUFPS(Imm(0x88), hi, v, v)
			VPERMPD(Imm(0xd8), v, v)
		}
		VMOVUPS(v, Mem{Base: dst, Index: j, Scale: 4})
	}
	Label("row")
	XORQ(j, j)
	Label("eight")
	CMPQ(j, whole)
	JGE(LabelRef("end"))
	eight(func(k int, r reg.VecVirtual) { VMOVUPS(Mem{Base: x, Index: j, Scale: scale, Disp: 32 * k}, r) })
	ADDQ(Imm(8), j)
	JMP(LabelRef("eight"))
	Label("end")
	eight(func(k int, r reg.VecVirtual) {
		VMASKMOVPS(Mem{Base: x, Index: j, Scale: scale, Disp: 32 * k}, masks[k], r)
	})
	ADDQ(ldd, dst)
	ADDQ(ldx, x)
	DECQ(rows)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// evenRows takes every second number, eight at a time; the last eight of a row
// overlap those before, and read no further than the last that is asked for.
func evenRows() {
	TEXT("evenRowsAVX2", NOSPLIT, "func(dst *float32, ldd int, x *float32, ldx, n, rows int)")
	Pragma("noescape")
	Doc("evenRowsAVX2 computes dst[i*ldd+j] = x[i*ldx+2j] for i < rows, j < n, n at least 9; a row of x ends with the last number read.")
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	x, ldx := Load(Param("x"), GP64()), Load(Param("ldx"), GP64())
	n, rows := Load(Param("n"), GP64()), Load(Param("rows"), GP64())
	SHLQ(Imm(2), ldd)
	SHLQ(Imm(2), ldx)
	last, j := GP64(), GP64()
	MOVQ(n, last)
	SUBQ(Imm(8), last)
	eight := func(j reg.Register, shift int) {
		lo, hi := YMM(), YMM()
		VMOVUPS(Mem{Base: x, Index: j, Scale: 8, Disp: -4 * shift}, lo)
		VMOVUPS(Mem{Base: x, Index: j, Scale: 8, Disp: 32 - 4*shift}, hi)
		VSHUFPS(Imm(0x88+0x55*uint64(shift)), hi, lo, lo)
		VPERMPD(Imm(0xd8), lo, lo)
		VMOVUPS(lo, Mem{Base: dst, Index: j, Scale: 4})
	}
	Label("row")
	XORQ(j, j)
	Label("eight")
	eight(j, 0)
	ADDQ(Imm(8), j)
	CMPQ(j, last)
	JL(LabelRef("eight"))
	eight(last, 1)
	ADDQ(ldd, dst)
	ADDQ(ldx, x)
	DECQ(rows)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}
