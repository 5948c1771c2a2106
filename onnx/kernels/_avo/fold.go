package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// foldPlanes adds up what an upsampling by 2 has spread; sources and masks are those
// of poolPlanes.
func foldPlanes(v isa) {
	var d dealer
	m := mover{isa: v, name: "foldPlanes", doc: "dst[j] = src[2j] + src[2j+1] + other[2j] + other[2j+1], added in this order,", masks: 3, ahead: 2 * v.bytes}
	m.start = func(func(int) Mem) { d = newDealer(v) }
	m.body = func(dst, src reg.GPVirtual, masks []*tail) {
		spare, sum := v.reg(), v.reg()
		for i, p := range []Mem{{Base: src}, {Base: src, Index: m.other, Scale: 1}} {
			lo, hi, even, odd := v.reg(), v.reg(), v.reg(), v.reg()
			masks[1].load(p, lo, spare)
			masks[2].load(p.Offset(v.bytes), hi, spare)
			d.deal(lo, hi, even, odd)
			if i == 0 {
				VADDPS(odd, even, sum)
				continue
			}
			VADDPS(even, sum, sum)
			VADDPS(odd, sum, sum)
		}
		d.order(sum)
		masks[0].store(sum, Mem{Base: dst}, spare)
	}
	m.write()
}

// unzipPlanes takes apart what zipPlanes has put together, half to the second result.
func unzipPlanes(v isa) {
	var d dealer
	m := mover{isa: v, name: "unzipPlanes", doc: "dst[j] = src[2j] and index[j] = src[2j+1]", masks: 3, ahead: 2 * v.bytes}
	m.start = func(func(int) Mem) { d = newDealer(v) }
	m.body = func(dst, src reg.GPVirtual, masks []*tail) {
		spare, lo, hi, even, odd := v.reg(), v.reg(), v.reg(), v.reg(), v.reg()
		masks[1].load(Mem{Base: src}, lo, spare)
		masks[2].load(Mem{Base: src, Disp: v.bytes}, hi, spare)
		d.deal(lo, hi, even, odd)
		d.order(even)
		d.order(odd)
		masks[0].store(even, Mem{Base: dst}, spare)
		masks[0].store(odd, Mem{Base: dst, Index: m.index, Scale: 1}, spare)
	}
	m.write()
}
