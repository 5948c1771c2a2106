package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of moveArgs, which says what they are.
const (
	moveDst      = 0
	moveDstRow   = 8
	moveDstPlane = 16
	moveSrc      = 24
	moveSrcRow   = 32
	moveSrcPlane = 40
	moveOther    = 48
	moveVectors  = 56
	moveRows     = 64
	movePlanes   = 72
	moveMasks    = 80  // three of 32 bits, 4 apart
	moveLanes    = 96  // three pointers
	moveCount    = 120 // rows left of a plane
)

// moveFile writes kernels that carry rows of some planes from one layout to another,
// all in one call.
func moveFile(v isa) {
	copyPlanes(v)
	poolPlanes(v)
	zipPlanes(v)
}

// mover writes one such kernel: body moves one vector of the result, its masks nil
// but for the last vector of a row. other says that a second source is read.
type mover struct {
	isa       isa
	name, doc string
	masks     int
	other     bool
	ahead     int // bytes of the source for a vector of the result
	constants func()
	body      func(dst, src, other reg.GPVirtual, masks []*tail)
}

func (m mover) write() {
	v := m.isa
	TEXT(m.name+v.name, NOSPLIT, "func(args *byte)")
	Pragma("noescape")
	Doc(m.name + v.name + " computes " + m.doc + " for all planes, rows and n elements.")
	args := GP64()
	Load(Param("args"), args)
	field := func(off int) Mem { return Mem{Base: args, Disp: off} }
	masks := make([]*tail, m.masks)
	for i := range masks {
		masks[i] = &tail{isa: v}
		if v.wide() {
			masks[i].k = K()
			KMOVW(field(moveMasks+4*i), masks[i].k)
		} else {
			masks[i].lanes = GP64()
			MOVQ(field(moveLanes+8*i), masks[i].lanes)
		}
	}
	if m.constants != nil {
		m.constants()
	}
	dst, src, other, n := GP64(), GP64(), GP64(), GP64()
	Label("plane")
	MOVQ(field(moveRows), n)
	MOVQ(n, field(moveCount))
	rowDst, rowSrc, rowOther := GP64(), GP64(), GP64()
	MOVQ(field(moveDst), rowDst)
	MOVQ(field(moveSrc), rowSrc)
	MOVQ(field(moveOther), rowOther)
	Label("row")
	MOVQ(rowDst, dst)
	MOVQ(rowSrc, src)
	MOVQ(rowOther, other)
	MOVQ(field(moveVectors), n)
	TESTQ(n, n)
	JE(LabelRef("last"))
	Label("vector")
	m.body(dst, src, other, make([]*tail, m.masks))
	ADDQ(Imm(uint64(v.bytes)), dst)
	if m.ahead > 127 {
		ADDQ(U32(uint32(m.ahead)), src)
	} else {
		ADDQ(Imm(uint64(m.ahead)), src)
	}
	if m.other {
		if m.ahead > 127 {
			ADDQ(U32(uint32(m.ahead)), other)
		} else {
			ADDQ(Imm(uint64(m.ahead)), other)
		}
	}
	DECQ(n)
	JNE(LabelRef("vector"))
	Label("last")
	m.body(dst, src, other, masks)
	ADDQ(field(moveDstRow), rowDst)
	ADDQ(field(moveSrcRow), rowSrc)
	ADDQ(field(moveSrcRow), rowOther)
	DECQ(field(moveCount))
	JNE(LabelRef("row"))
	step := GP64()
	MOVQ(field(moveDstPlane), step)
	ADDQ(step, field(moveDst))
	MOVQ(field(moveSrcPlane), step)
	ADDQ(step, field(moveSrc))
	ADDQ(step, field(moveOther))
	DECQ(field(movePlanes))
	JNE(LabelRef("plane"))
	VZEROUPPER()
	RET()
}

func copyPlanes(v isa) {
	mover{isa: v, name: "copyPlanes", doc: "dst[j] = src[j]", masks: 1, ahead: v.bytes,
		body: func(dst, src, _ reg.GPVirtual, masks []*tail) {
			r, spare := v.reg(), v.reg()
			masks[0].load(Mem{Base: src}, r, spare)
			masks[0].store(r, Mem{Base: dst}, spare)
		}}.write()
}

// poolPlanes has other one row of the source behind src, and two rows of the source
// for one of the result. Masks are those of the result and of the two vectors of the
// source that make one of it.
func poolPlanes(v isa) {
	var evens, odds reg.VecVirtual
	calls := 0
	m := mover{isa: v, name: "poolPlanes", masks: 3, other: true, ahead: 2 * v.bytes,
		doc: "dst[j] = max(src[2j], src[2j+1], other[2j], other[2j+1]), the first of equal ones and the last NaN if one is,"}
	if v.wide() {
		m.constants = func() {
			evens, odds = ZMM(), ZMM()
			VMOVDQU32(lanesOf("poolEvens", func(i int) int { return 2 * i }), evens)
			VMOVDQU32(lanesOf("poolOdds", func(i int) int { return 2*i + 1 }), odds)
		}
	}
	m.body = func(dst, src, other reg.GPVirtual, masks []*tail) {
		calls++
		label := []string{"", "a", "b"}[calls]
		var four []reg.VecVirtual
		for _, p := range []reg.GPVirtual{src, other} {
			lo, hi, spare := v.reg(), v.reg(), v.reg()
			masks[1].load(Mem{Base: p}, lo, spare)
			masks[2].load(Mem{Base: p, Disp: v.bytes}, hi, spare)
			if v.wide() {
				even, odd := ZMM(), ZMM()
				VMOVAPS(evens, even)
				VMOVAPS(odds, odd)
				VPERMI2PS(hi, lo, even)
				VPERMI2PS(hi, lo, odd)
				four = append(four, even, odd)
				continue
			}
			even, odd := YMM(), YMM()
			VSHUFPS(Imm(0x88), hi, lo, even)
			VSHUFPS(Imm(0xdd), hi, lo, odd)
			four = append(four, even, odd)
		}
		best := v.reg()
		nan := GP32()
		if v.wide() {
			k1, k2 := K(), K()
			VCMPPS(Imm(unordered), four[0], four[1], k1)
			VCMPPS(Imm(unordered), four[2], four[3], k2)
			KORTESTW(k1, k2)
		} else {
			n1, n2 := YMM(), YMM()
			VCMPPS(Imm(unordered), four[0], four[1], n1)
			VCMPPS(Imm(unordered), four[2], four[3], n2)
			VORPS(n1, n2, n1)
			VMOVMSKPS(n1, nan)
			TESTL(nan, nan)
		}
		JNE(LabelRef("nan" + label))
		VMAXPS(four[0], four[1], best) // the second source, which is the earlier, where they are equal
		VMAXPS(best, four[2], best)
		VMAXPS(best, four[3], best)
		Label("store" + label)
		if !v.wide() {
			VPERMPD(Imm(0xd8), best, best)
		}
		spare := v.reg()
		masks[0].store(best, Mem{Base: dst}, spare)
		JMP(LabelRef("done" + label))
		Label("nan" + label)
		VMOVAPS(four[0], best)
		for _, c := range four[1:] {
			VMAXPS(best, c, best)
			if v.wide() {
				k := K()
				VCMPPS(Imm(unordered), c, c, k)
				VMOVAPS(c, k, best)
			} else {
				isNaN := YMM()
				VCMPPS(Imm(unordered), c, c, isNaN)
				VBLENDVPS(isNaN, c, best, best)
			}
		}
		JMP(LabelRef("store" + label))
		Label("done" + label)
	}
	m.write()
}

// zipPlanes has masks of the result and of what src and other give to a vector of it,
// half as many elements each.
func zipPlanes(v isa) {
	var order reg.VecVirtual
	m := mover{isa: v, name: "zipPlanes", doc: "dst[2j] = src[j] and dst[2j+1] = other[j]", masks: 3, other: true, ahead: v.bytes / 2}
	if v.wide() {
		m.constants = func() {
			order = ZMM()
			VMOVDQU32(lanesOf("zipOrder", func(i int) int { return i/2 + i%2*16 }), order)
		}
	}
	m.body = func(dst, src, other reg.GPVirtual, masks []*tail) {
		r, spare := v.reg(), v.reg()
		if v.wide() {
			a, b := YMM(), YMM()
			if masks[0] == nil {
				VMOVUPS(Mem{Base: src}, a)
				VMOVUPS(Mem{Base: other}, b)
			} else {
				VMOVUPS_Z(Mem{Base: src}, masks[1].k, a)
				VMOVUPS_Z(Mem{Base: other}, masks[2].k, b)
			}
			VMOVAPS(order, r)
			VPERMI2PS(b.AsZ(), a.AsZ(), r)
		} else {
			a, b, lo, hi := XMM(), XMM(), XMM(), XMM()
			if masks[0] == nil {
				VMOVUPS(Mem{Base: src}, a)
				VMOVUPS(Mem{Base: other}, b)
			} else {
				VMOVUPS(Mem{Base: masks[1].lanes}, a)
				VMASKMOVPS(Mem{Base: src}, a, a)
				VMOVUPS(Mem{Base: masks[2].lanes}, b)
				VMASKMOVPS(Mem{Base: other}, b, b)
			}
			VUNPCKLPS(b, a, lo)
			VUNPCKHPS(b, a, hi)
			VINSERTF128(Imm(1), hi, lo.AsY(), r)
		}
		masks[0].store(r, Mem{Base: dst}, spare)
	}
	m.write()
}

// lanesOf is a constant of sixteen int32.
func lanesOf(name string, f func(i int) int) Mem {
	GLOBL(name, RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32(f(i))))
	}
	return NewDataAddr(Symbol{Name: name, Static: true}, 0)
}
