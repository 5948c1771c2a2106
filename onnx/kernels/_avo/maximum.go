package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// maximum writes the greatest of every lane, in four vectors side by side, NaN where
// one was.
func maximum(v isa) {
	TEXT("maximum"+v.name, NOSPLIT, "func(x *float32, n int, out *float32)")
	Pragma("noescape")
	Doc("maximum" + v.name + " writes to out, as long as a vector, the greatest of x[i] for each i modulo that length, -Inf where there is none and NaN where one is.")
	p, n, out := Load(Param("x"), GP64()), Load(Param("n"), GP64()), Load(Param("out"), GP64())
	c := &consts{isa: v, have: map[uint32]Op{}, far: true}
	least, none := c.bits(math.Float32bits(float32(math.Inf(-1)))), v.reg()
	c.copyTo(least, none)
	acc, nan := v.regs(4), v.reg()
	for _, a := range acc {
		VMOVAPS(none, a)
	}
	VMOVAPS(none, nan) // what every number is joined to so that NaN stays
	Label("block")
	CMPQ(n, U32(uint32(4*v.lanes())))
	JL(LabelRef("rest"))
	for i, a := range acc {
		x := v.reg()
		VMOVUPS(Mem{Base: p, Disp: i * v.bytes}, x)
		v.blend(unordered, x, x, x, nan, nan)
		VMAXPS(a, x, a) // a where x is NaN
	}
	ADDQ(U32(uint32(4*v.bytes)), p)
	SUBQ(U32(uint32(4*v.lanes())), n)
	JMP(LabelRef("block"))
	Label("rest")
	CMPQ(n, Imm(0))
	JLE(LabelRef("end"))
	mask := restMask(v, n)
	x := v.reg()
	VMOVAPS(none, x)
	if v.wide() {
		VMOVUPS(Mem{Base: p}, mask.k, x)
	} else {
		y, lanes := v.reg(), v.reg()
		VMOVUPS(Mem{Base: mask.lanes}, lanes)
		VMASKMOVPS(Mem{Base: p}, lanes, y)
		VBLENDVPS(lanes, y, x, x)
	}
	v.blend(unordered, x, x, x, nan, nan)
	VMAXPS(acc[0], x, acc[0])
	ADDQ(U32(uint32(v.bytes)), p)
	SUBQ(U32(uint32(v.lanes())), n)
	JMP(LabelRef("rest"))
	Label("end")
	VMAXPS(acc[1], acc[0], acc[0])
	VMAXPS(acc[3], acc[2], acc[2])
	VMAXPS(acc[2], acc[0], acc[0])
	v.blend(unordered, nan, nan, nan, acc[0], acc[0])
	VMOVUPS(acc[0], Mem{Base: out})
	VZEROUPPER()
	RET()
}
