package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dealer takes two neighbouring vectors apart in the numbers at even and at odd places.
type dealer struct {
	isa         isa
	evens, odds reg.VecVirtual // AVX-512: where the numbers stand
}

// newDealer loads what the dealer keeps in registers, whose constants dealerTable writes.
func newDealer(v isa) dealer {
	d := dealer{isa: v}
	if v.wide() {
		d.evens, d.odds = ZMM(), ZMM()
		VMOVDQU32(NewDataAddr(Symbol{Name: "evens", Static: true}, 0), d.evens)
		VMOVDQU32(NewDataAddr(Symbol{Name: "odds", Static: true}, 0), d.odds)
	}
	return d
}

// dealerTable writes the constants of a file's dealers.
func dealerTable(v isa) {
	if v.wide() {
		lanesOf("evens", func(i int) int { return 2 * i })
		lanesOf("odds", func(i int) int { return 2*i + 1 })
	}
}

// deal leaves the quarters of AVX2's vectors shuffled; order puts them right.
func (d dealer) deal(lo, hi, even, odd reg.VecVirtual) {
	if d.isa.wide() {
		VMOVAPS(d.evens, even)
		VMOVAPS(d.odds, odd)
		VPERMI2PS(hi, lo, even)
		VPERMI2PS(hi, lo, odd)
		return
	}
	VSHUFPS(Imm(0x88), hi, lo, even)
	VSHUFPS(Imm(0xdd), hi, lo, odd)
}

func (d dealer) order(x reg.VecVirtual) {
	if !d.isa.wide() {
		VPERMPD(Imm(0xd8), x, x)
	}
}
