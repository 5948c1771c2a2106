package main

import (
	"bytes"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dot is one kernel of weight gradients: mr rows of A times nj rows of B at offsets,
// summed along the vectors.
type dot struct {
	isa    isa
	mr, nj int
}

// dots lists the kernels of one set: as many sums as there are registers for, six
// rows of B by few of A or three by twice as many, for what is left of a number of
// rows of B that six does not divide.
func dots(v isa) []dot {
	rows := 4
	if !v.wide() {
		rows = 2
	}
	var list []dot
	for mr := 1; mr <= rows; mr++ {
		list = append(list, dot{v, mr, 6})
	}
	for mr := 1; mr <= 2*rows; mr++ {
		list = append(list, dot{v, mr, 3})
	}
	return list
}

func (d dot) name() string { return fmt.Sprintf("dot%dx%d%s", d.mr, d.nj, d.isa.name) }

func (d dot) write() {
	v := d.isa
	TEXT(d.name(), NOSPLIT, "func(args *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes c[i*rowC+j] += sum over x of a[i*rowA+x]*b[offs[j]+x] for i < %d, j < %d: k whole vectors of x and then one with a mask.",
		d.name(), d.mr, d.nj))
	args := GP64()
	Load(Param("args"), args)
	field := func(off int) Mem { return Mem{Base: args, Disp: off} }
	get := func(off int) reg.GPVirtual {
		r := GP64()
		MOVQ(field(off), r)
		return r
	}
	mask := &tail{isa: v}
	if v.wide() {
		mask.k = K()
		KMOVW(field(argMask), mask.k)
	}
	rowA := get(argRowA)
	a := []reg.GPVirtual{get(argA)} // every fourth row
	var rowA3 reg.GPVirtual
	if d.mr > 3 {
		rowA3 = GP64()
		LEAQ(Mem{Base: rowA, Index: rowA, Scale: 2}, rowA3)
	}
	if d.mr > 4 {
		a = append(a, GP64())
		LEAQ(Mem{Base: a[0], Index: rowA, Scale: 4}, a[1])
	}
	rowOfA := func(i int) Mem { return rowOf(a, rowA, rowA3, i) }
	offs := get(argOffs)
	b := make([]reg.GPVirtual, d.nj)
	for j := range b {
		b[j] = GP64()
		MOVQ(Mem{Base: offs, Disp: 8 * j}, b[j])
		ADDQ(field(argB), b[j])
	}
	acc := make([][]reg.VecVirtual, d.mr)
	for i := range acc {
		acc[i] = v.regs(d.nj)
		for j := range acc[i] {
			v.zero(acc[i][j])
		}
	}
	x := GP64()
	XORQ(x, x)
	rowOfB := func(j int) Mem { return Mem{Base: b[j], Index: x, Scale: 1} }
	load := func(m *tail, from Mem, to reg.VecVirtual) {
		if m != nil && !v.wide() { // the register holds the mask first
			VMOVUPS(Mem{Base: m.lanes}, to)
			VMASKMOVPS(from, to, to)
			return
		}
		m.load(from, to, to)
	}
	// The shorter side is held, the other passes.
	held, one := v.regs(min(d.mr, d.nj)), v.reg()
	step := func(m *tail) {
		if d.mr > d.nj {
			for j := range held {
				load(m, rowOfB(j), held[j])
			}
			for i := range acc {
				load(m, rowOfA(i), one)
				for j := range held {
					VFMADD231PS(held[j], one, acc[i][j])
				}
			}
			return
		}
		for i := range held[:d.mr] {
			load(m, rowOfA(i), held[i])
		}
		for j := range b {
			load(m, rowOfB(j), one)
			for i := range acc {
				VFMADD231PS(one, held[i], acc[i][j])
			}
		}
	}
	CMPQ(field(argK), Imm(0))
	JE(LabelRef("last"))
	Label("x")
	step(nil)
	for i := range a {
		ADDQ(Imm(uint64(v.bytes)), a[i])
	}
	ADDQ(Imm(uint64(v.bytes)), x)
	DECQ(field(argK))
	JNE(LabelRef("x"))
	Label("last")
	if !v.wide() {
		mask.lanes = get(argLanes)
	}
	step(mask)
	c, rowC := get(argC), get(argRowC)
	for i := range acc {
		for j := range acc[i] {
			r := addLanes(v, acc[i][j])
			VADDSS(Mem{Base: c, Disp: 4 * j}, r, r)
			VMOVSS(r, Mem{Base: c, Disp: 4 * j})
		}
		if i < d.mr-1 {
			ADDQ(rowC, c)
		}
	}
	VZEROUPPER()
	RET()
}

// addLanes adds the lanes of r, halves onto halves, into the first lane of an XMM.
func addLanes(v isa, r reg.VecVirtual) reg.VecVirtual {
	x, h := XMM(), XMM()
	if v.wide() {
		y := YMM()
		VEXTRACTF64X4(Imm(1), r, y)
		VADDPS(r.AsY(), y, y)
		VEXTRACTF32X4(Imm(1), y, x)
		VADDPS(y.AsX(), x, x)
	} else {
		VEXTRACTF128(Imm(1), r, x)
		VADDPS(r.AsX(), x, x)
	}
	VMOVHLPS(x, x, h)
	VADDPS(h, x, x)
	VMOVSHDUP(x, h)
	VADDSS(h, x, x)
	return x
}

// dotSwitch writes the functions that call these kernels by their sizes.
func dotSwitch(w *bytes.Buffer) {
	for _, v := range []isa{avx512, avx2} {
		fmt.Fprintf(w, "\nfunc dot%s(mr, nj int, args *byte) {\nswitch mr<<4 | nj {\n", v.name)
		for _, d := range dots(v) {
			fmt.Fprintf(w, "case 0x%d%d: %s(args)\n", d.mr, d.nj, d.name())
		}
		fmt.Fprintf(w, "default: panic(\"kernels: no dot of this size\")\n}\n}\n")
	}
}
