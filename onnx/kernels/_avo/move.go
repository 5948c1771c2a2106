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
	moveIndex    = 56
	moveVectors  = 64
	moveRows     = 72
	movePlanes   = 80
	moveMasks    = 88  // three of 32 bits, 4 apart
	moveWidth    = 100 // 32 bits
	moveLanes    = 104 // three pointers
	moveCount    = 128 // rows left of a plane
	moveFirst    = 136 // 32 bits
)

// moveFile writes kernels that carry rows of some planes from one layout to another,
// all in one call.
func moveFile(v isa) {
	dealerTable(v)
	copyPlanes(v)
	poolPlanes(v)
	poolPlanesAt(v)
	foldPlanes(v)
	unzipPlanes(v)
	zipPlanes(v)
}

// mover writes one such kernel: body moves one vector of the result, its masks nil
// but for the last vector of a row. other is the distance to the second source, index
// that to the second result, where there is one. start, plane, row, vector and end,
// where given, come before everything, a plane and a row, after a vector and after all.
type mover struct {
	isa                       isa
	name, doc                 string
	masks                     int
	other, index              reg.GPVirtual
	ahead                     int // bytes of the source for a vector of the result
	onward                    int // bytes of the result for one, where those are more
	start, plane, row, vector func(field func(int) Mem)
	end                       func(field func(int) Mem)
	body                      func(dst, src reg.GPVirtual, masks []*tail)
}

func (m *mover) write() {
	v := m.isa
	TEXT(m.name+v.name, NOSPLIT, "func(args *byte)")
	Pragma("noescape")
	Doc(m.name + v.name + " computes " + m.doc + " for all planes, rows and n elements.")
	args := GP64()
	Load(Param("args"), args)
	field := func(off int) Mem { return Mem{Base: args, Disp: off} }
	hook := func(f func(func(int) Mem)) {
		if f != nil {
			f(field)
		}
	}
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
	distance := func(to, from int) reg.GPVirtual {
		d := GP64()
		MOVQ(field(to), d)
		SUBQ(field(from), d)
		return d
	}
	m.other = distance(moveOther, moveSrc)
	m.index = distance(moveIndex, moveDst)
	hook(m.start)
	dst, src, n := GP64(), GP64(), GP64()
	Label("plane")
	MOVQ(field(moveRows), n)
	MOVQ(n, field(moveCount))
	rowDst, rowSrc := GP64(), GP64()
	MOVQ(field(moveDst), rowDst)
	MOVQ(field(moveSrc), rowSrc)
	hook(m.plane)
	Label("row")
	MOVQ(rowDst, dst)
	MOVQ(rowSrc, src)
	hook(m.row)
	MOVQ(field(moveVectors), n)
	TESTQ(n, n)
	JE(LabelRef("last"))
	Label("vector")
	m.body(dst, src, make([]*tail, m.masks))
	hook(m.vector)
	ADDQ(U32(uint32(max(v.bytes, m.onward))), dst)
	ADDQ(U32(uint32(m.ahead)), src)
	DECQ(n)
	JNE(LabelRef("vector"))
	Label("last")
	m.body(dst, src, masks)
	ADDQ(field(moveDstRow), rowDst)
	ADDQ(field(moveSrcRow), rowSrc)
	DECQ(field(moveCount))
	JNE(LabelRef("row"))
	step := GP64()
	MOVQ(field(moveDstPlane), step)
	ADDQ(step, field(moveDst))
	MOVQ(field(moveSrcPlane), step)
	ADDQ(step, field(moveSrc))
	DECQ(field(movePlanes))
	JNE(LabelRef("plane"))
	hook(m.end)
	// Pointers behind the last plane must not stay where the collector may find them.
	none := GP64()
	XORQ(none, none)
	for _, p := range []int{moveDst, moveSrc, moveLanes + 8} {
		MOVQ(none, field(p))
	}
	VZEROUPPER()
	RET()
}

func copyPlanes(v isa) {
	m := mover{isa: v, name: "copyPlanes", doc: "dst[j] = src[j]", masks: 1, ahead: v.bytes}
	m.body = func(dst, src reg.GPVirtual, masks []*tail) {
		r, spare := v.reg(), v.reg()
		masks[0].load(Mem{Base: src}, r, spare)
		masks[0].store(r, Mem{Base: dst}, spare)
	}
	m.write()
}

// poolPlanes has other one row of the source behind src, and two rows of the source
// for one of the result. Masks are those of the result and of the two vectors of the
// source that make one of it.
func poolPlanes(v isa) {
	var d dealer
	calls := 0
	m := mover{isa: v, name: "poolPlanes", masks: 3, ahead: 2 * v.bytes,
		doc: "dst[j] = max(max(src[2j], other[2j]), max(src[2j+1], other[2j+1])), the first of equal ones and NaN if one is,"}
	m.start = func(func(int) Mem) { d = newDealer(v) }
	m.body = func(dst, src reg.GPVirtual, masks []*tail) {
		calls++
		label := []string{"", "a", "b"}[calls]
		spare := v.reg()
		x := v.regs(4) // first row, second row
		for i, p := range []Mem{{Base: src}, {Base: src, Index: m.other, Scale: 1}} {
			masks[1].load(p, x[2*i], spare)
			masks[2].load(p.Offset(v.bytes), x[2*i+1], spare)
		}
		nans := func(a, b reg.VecVirtual) {
			if v.wide() {
				k := K()
				VCMPPS(Imm(unordered), x[0], x[2], k)
				also := K()
				VCMPPS(Imm(unordered), x[1], x[3], also)
				KORTESTW(k, also)
				return
			}
			VCMPPS(Imm(unordered), x[0], x[2], a)
			VCMPPS(Imm(unordered), x[1], x[3], b)
			VORPS(a, b, a)
			VPTEST(a, a)
		}
		lo, hi := v.reg(), v.reg()
		nans(lo, hi)
		JNE(LabelRef("nan" + label))
		VMAXPS(x[0], x[2], lo) // the second source, which is the earlier, where they are equal
		VMAXPS(x[1], x[3], hi)
		Label("columns" + label)
		even, odd := v.reg(), v.reg()
		d.deal(lo, hi, even, odd)
		// Where one of a pair is NaN, both are.
		VMAXPS(even, odd, even)
		d.order(even)
		masks[0].store(even, Mem{Base: dst}, spare)
		JMP(LabelRef("done" + label))
		Label("nan" + label)
		for i, m := range []reg.VecVirtual{lo, hi} {
			// NaN of either row, and then of either neighbour, so that both of a pair have it.
			VMAXPS(x[i], x[2+i], m)
			for _, c := range []reg.VecVirtual{x[i], x[2+i]} {
				v.keepNaN(c, m)
			}
			swapped := v.reg()
			VSHUFPS(Imm(0xb1), m, m, swapped)
			v.keepNaN(swapped, m)
		}
		JMP(LabelRef("columns" + label))
		Label("done" + label)
	}
	m.write()
}

// poolPlanesAt is the same with the index of the greatest, of the first source's first
// element in a plane first, width a row's length.
func poolPlanesAt(v isa) {
	m := mover{isa: v, name: "poolPlanesAt", masks: 3, ahead: 2 * v.bytes,
		doc: "dst[j] = max(src[2j], src[2j+1], other[2j], other[2j+1]), NaN if one is, and index[j], where in its plane that stands, the first of equal ones and the last of NaN,"}
	var steps []reg.VecVirtual // to the elements of a window from its first
	var here, row, down, right reg.VecVirtual
	var d dealer
	broadcast := func(src Op, dst reg.VecVirtual) { VPBROADCASTD(src, dst) }
	m.start = func(field func(int) Mem) {
		steps = v.regs(4)
		here, row, down, right = v.reg(), v.reg(), v.reg(), v.reg()
		broadcast(field(moveWidth), steps[2])
		one := GP32()
		spread := func(n int, r reg.VecVirtual) {
			lane := XMM()
			MOVL(U32(uint32(n)), one)
			VMOVD(one, lane)
			broadcast(lane, r)
		}
		spread(1, steps[1])
		spread(2*v.lanes(), right)
		v.zero(steps[0])
		VPADDD(steps[1], steps[2], steps[3])
		VPADDD(steps[2], steps[2], down)
		d = newDealer(v)
	}
	m.plane = func(field func(int) Mem) {
		broadcast(field(moveFirst), row)
		if v.wide() {
			VPADDD(d.evens, row, row)
		} else {
			VPADDD(NewDataAddr(Symbol{Name: "shuffledEvens", Static: true}, 0), row, row)
		}
	}
	m.row = func(func(int) Mem) {
		VMOVAPS(row, here)
		VPADDD(down, row, row)
	}
	m.vector = func(func(int) Mem) { VPADDD(right, here, here) }
	m.body = func(dst, src reg.GPVirtual, masks []*tail) {
		spare := v.reg()
		four := v.regs(4)
		for i, p := range []Mem{{Base: src}, {Base: src, Index: m.other, Scale: 1}} {
			lo, hi := v.reg(), v.reg()
			masks[1].load(p, lo, spare)
			masks[2].load(p.Offset(v.bytes), hi, spare)
			d.deal(lo, hi, four[2*i], four[2*i+1])
		}
		best, where := four[0], v.reg()
		VMOVAPS(steps[0], where)
		for i, c := range four[1:] {
			step := steps[i+1]
			if v.wide() {
				k, nan := K(), K()
				VCMPPS(Imm(greater), best, c, k)
				VCMPPS(Imm(unordered), c, c, nan)
				KORW(nan, k, k)
				VMOVAPS(c, k, best)
				VMOVAPS(step, k, where)
				continue
			}
			nan := v.reg()
			VCMPPS(Imm(greater), best, c, spare)
			VCMPPS(Imm(unordered), c, c, nan)
			VORPS(nan, spare, spare)
			VBLENDVPS(spare, c, best, best)
			VBLENDVPS(spare, step, where, where)
		}
		VPADDD(here, where, where)
		if !v.wide() {
			VPERMPD(Imm(0xd8), best, best)
			VPERMPD(Imm(0xd8), where, where)
		}
		masks[0].store(best, Mem{Base: dst}, spare)
		masks[0].store(where, Mem{Base: dst, Index: m.index, Scale: 1}, spare)
	}
	if !v.wide() {
		lanesOf("shuffledEvens", func(i int) int { return []int{0, 2, 8, 10, 4, 6, 12, 14}[i%8] })
	}
	m.write()
}

// keepNaN puts NaN of c into m.
func (v isa) keepNaN(c, m reg.VecVirtual) {
	if v.wide() {
		k := K()
		VCMPPS(Imm(unordered), c, c, k)
		VMOVAPS(c, k, m)
		return
	}
	isNaN := YMM()
	VCMPPS(Imm(unordered), c, c, isNaN)
	VBLENDVPS(isNaN, c, m, m)
}

// zipPlanes has masks of the result and of what src and other give to a vector of it,
// half as many elements each.
func zipPlanes(v isa) {
	var order reg.VecVirtual
	m := mover{isa: v, name: "zipPlanes", doc: "dst[2j] = src[j] and dst[2j+1] = other[j]", masks: 3, ahead: v.bytes / 2}
	if v.wide() {
		m.start = func(func(int) Mem) {
			order = ZMM()
			VMOVDQU32(lanesOf("zipOrder", func(i int) int { return i/2 + i%2*16 }), order)
		}
	}
	m.body = func(dst, src reg.GPVirtual, masks []*tail) {
		r, spare := v.reg(), v.reg()
		if v.wide() {
			a, b := YMM(), YMM()
			if masks[0] == nil {
				VMOVUPS(Mem{Base: src}, a)
				VMOVUPS(Mem{Base: src, Index: m.other, Scale: 1}, b)
			} else {
				VMOVUPS_Z(Mem{Base: src}, masks[1].k, a)
				VMOVUPS_Z(Mem{Base: src, Index: m.other, Scale: 1}, masks[2].k, b)
			}
			VMOVAPS(order, r)
			VPERMI2PS(b.AsZ(), a.AsZ(), r)
		} else {
			a, b, lo, hi := XMM(), XMM(), XMM(), XMM()
			if masks[0] == nil {
				VMOVUPS(Mem{Base: src}, a)
				VMOVUPS(Mem{Base: src, Index: m.other, Scale: 1}, b)
			} else {
				VMOVUPS(Mem{Base: masks[1].lanes}, a)
				VMASKMOVPS(Mem{Base: src}, a, a)
				VMOVUPS(Mem{Base: masks[2].lanes}, b)
				VMASKMOVPS(Mem{Base: src, Index: m.other, Scale: 1}, b, b)
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
