package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// winogradFile writes the transforms around the products of a convolution of 3 by 3
// that makes squares of 2 by 2.
func winogradFile(v isa) {
	winogradIn(v)
	winogradOut(v)
}

// winogradIn has the rows of the source other apart and the parts of the result index
// apart. Masks are those of the result and of the two vectors that squares begin in.
func winogradIn(v isa) {
	m := mover{isa: v, name: "winogradIn", doc: "the sixteen parts of the squares of 4 by 4 that begin at src[2j]", masks: 3, ahead: 2 * v.bytes}
	var evens, odds reg.VecVirtual
	m.start = func(func(int) Mem) {
		if v.wide() {
			evens, odds = ZMM(), ZMM()
			VMOVDQU32(lanesOf("squareEvens", func(i int) int { return 2 * i }), evens)
			VMOVDQU32(lanesOf("squareOdds", func(i int) int { return 2*i + 1 }), odds)
		}
	}
	m.body = func(dst, src reg.GPVirtual, masks []*tail) {
		spare := v.reg()
		rows := make([]reg.GPVirtual, 4)
		for i := range rows {
			rows[i] = src
			if i > 0 {
				rows[i] = GP64()
				LEAQ(Mem{Base: rows[i-1], Index: m.other, Scale: 1}, rows[i])
			}
		}
		load := func(row, part int) reg.VecVirtual { // first and second vector, and these two elements on
			r := v.reg()
			masks[1+part%2].load(Mem{Base: rows[row], Disp: part%2*v.bytes + part/2*8}, r, spare)
			return r
		}
		var kept [4][4]reg.VecVirtual
		if v.wide() {
			for row := range kept {
				for part := range kept[row] {
					kept[row][part] = load(row, part)
				}
			}
		}
		q := GP64()
		MOVQ(dst, q)
		for _, pair := range [4]struct {
			a, b int
			add  bool
		}{{0, 2, false}, {1, 2, true}, {2, 1, false}, {1, 3, false}} {
			join := func(a, b reg.VecVirtual, add bool, to reg.VecVirtual) {
				if add {
					VADDPS(b, a, to)
				} else {
					VSUBPS(b, a, to)
				}
			}
			row := func(part int) reg.VecVirtual {
				if v.wide() {
					r := v.reg()
					join(kept[pair.a][part], kept[pair.b][part], pair.add, r)
					return r
				}
				a, b := load(pair.a, part), load(pair.b, part)
				join(a, b, pair.add, a)
				return a
			}
			split := func(first int) (even, odd reg.VecVirtual) {
				lo, hi := row(first), row(first+1)
				even, odd = v.reg(), v.reg()
				if v.wide() {
					VMOVAPS(evens, even)
					VMOVAPS(odds, odd)
					VPERMI2PS(hi, lo, even)
					VPERMI2PS(hi, lo, odd)
					return even, odd
				}
				VSHUFPS(Imm(0x88), hi, lo, even)
				VSHUFPS(Imm(0xdd), hi, lo, odd)
				VPERMPD(Imm(0xd8), even, even)
				VPERMPD(Imm(0xd8), odd, odd)
				return even, odd
			}
			d0, d1 := split(0)
			d2, d3 := split(2)
			for i, c := range [4]struct {
				a, b reg.VecVirtual
				add  bool
			}{{d0, d2, false}, {d1, d2, true}, {d2, d1, false}, {d1, d3, false}} {
				r := v.reg()
				join(c.a, c.b, c.add, r)
				masks[0].store(r, Mem{Base: q}, spare)
				if pair.b != 3 || i < 3 {
					ADDQ(m.index, q)
				}
			}
		}
	}
	m.write()
}

// winogradOut has the parts of the source other apart and the second row of the result
// index apart; rows of the result have room for whole vectors. Before each plane comes
// its number of bias. What is no finite number leaves NaN in the field width.
func winogradOut(v isa) {
	m := mover{isa: v, name: "winogradOut", doc: "squares of 2 by 2 at dst[2j] from their sixteen parts at src[j], plus bias,", masks: 1, ahead: v.bytes, onward: 2 * v.bytes}
	var zero, check, bias, order, orderHigh reg.VecVirtual
	var width func() Mem
	m.start = func(field func(int) Mem) {
		zero, check, bias = v.reg(), v.reg(), v.reg()
		v.zero(zero)
		v.zero(check)
		width = func() Mem { return field(moveWidth) }
		if v.wide() {
			order, orderHigh = ZMM(), ZMM()
			VMOVDQU32(lanesOf("squareLow", func(i int) int { return i/2 + i%2*16 }), order)
			VMOVDQU32(lanesOf("squareHigh", func(i int) int { return 8 + i/2 + i%2*16 }), orderHigh)
		}
	}
	m.plane = func(field func(int) Mem) {
		p := GP64()
		MOVQ(field(moveLanes+8), p)
		VBROADCASTSS(Mem{Base: p}, bias)
		ADDQ(Imm(4), p)
		MOVQ(p, field(moveLanes+8))
	}
	m.body = func(dst, src reg.GPVirtual, masks []*tail) {
		spare := v.reg()
		top, low := v.regs(4), v.regs(4) // of each column of parts
		next := GP64()
		for column := range 4 {
			q := GP64()
			if column == 0 {
				MOVQ(src, q)
				LEAQ(Mem{Base: src, Index: m.other, Scale: 1}, next)
			} else {
				MOVQ(next, q)
				ADDQ(m.other, next)
			}
			part := func() reg.VecVirtual {
				r := v.reg()
				masks[0].load(Mem{Base: q}, r, spare)
				return r
			}
			onward := func() { // the next row of parts is four further
				LEAQ(Mem{Base: q, Index: m.other, Scale: 4}, q)
			}
			a := part()
			onward()
			b := part()
			onward()
			c := part()
			onward()
			d := part()
			VADDPS(b, a, top[column])
			VADDPS(c, top[column], top[column])
			VSUBPS(c, b, low[column])
			VSUBPS(d, low[column], low[column])
		}
		at := Mem{Base: dst}
		for i, x := range [][]reg.VecVirtual{top, low} {
			if i == 1 {
				at = Mem{Base: dst, Index: m.index, Scale: 1}
			}
			left, right := x[0], x[3]
			VADDPS(x[1], x[0], left)
			VADDPS(x[2], left, left)
			VSUBPS(x[2], x[1], x[1])
			VSUBPS(right, x[1], right)
			VADDPS(bias, left, left)
			VADDPS(bias, right, right)
			VFMADD231PS(zero, left, check)
			VFMADD231PS(zero, right, check)
			lo, hi := v.reg(), v.reg()
			if v.wide() {
				VMOVAPS(order, lo)
				VMOVAPS(orderHigh, hi)
				VPERMI2PS(right, left, lo)
				VPERMI2PS(right, left, hi)
			} else {
				a, b := YMM(), YMM()
				VUNPCKLPS(right, left, a)
				VUNPCKHPS(right, left, b)
				VPERM2F128(Imm(0x20), b, a, lo)
				VPERM2F128(Imm(0x31), b, a, hi)
			}
			VMOVUPS(lo, at)
			VMOVUPS(hi, at.Offset(v.bytes))
		}
	}
	m.end = func(func(int) Mem) {
		VMOVSS(addLanes(v, check), width())
	}
	m.write()
}
