package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is the instruction set that a kernel is written for.
type isa struct {
	name  string
	bytes int // of a vector
}

var (
	avx2   = isa{"AVX2", 32}
	avx512 = isa{"AVX512", 64}
)

func (v isa) lanes() int { return v.bytes / 4 }

func (v isa) wide() bool { return v.bytes == 64 }

func (v isa) reg() reg.VecVirtual {
	if v.wide() {
		return ZMM()
	}
	return YMM()
}

func (v isa) regs(n int) []reg.VecVirtual {
	r := make([]reg.VecVirtual, n)
	for i := range r {
		r[i] = v.reg()
	}
	return r
}

func (v isa) zero(r reg.VecVirtual) {
	if v.wide() {
		VPXORD(r, r, r)
	} else {
		VXORPS(r, r, r)
	}
}

// tail is a mask for the lanes that exist in the last vector of a row.
type tail struct {
	isa   isa
	k     reg.OpmaskVirtual // AVX-512
	lanes reg.GPVirtual     // AVX2: pointer to eight int32, -1 for a lane that exists
}

// load reads a vector; lanes beyond the mask are zero and their memory is not
// touched. spare is overwritten with AVX2.
func (t *tail) load(m Mem, r, spare reg.VecVirtual) {
	switch {
	case t == nil:
		VMOVUPS(m, r)
	case t.isa.wide():
		VMOVUPS_Z(m, t.k, r)
	default:
		VMOVUPS(Mem{Base: t.lanes}, spare)
		VMASKMOVPS(m, spare, r)
	}
}

func (t *tail) store(r reg.VecVirtual, m Mem, spare reg.VecVirtual) {
	switch {
	case t == nil:
		VMOVUPS(r, m)
	case t.isa.wide():
		VMOVUPS(r, t.k, m)
	default:
		VMOVUPS(Mem{Base: t.lanes}, spare)
		VMASKMOVPS(r, spare, m)
	}
}
