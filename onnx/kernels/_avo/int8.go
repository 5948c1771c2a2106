package main

import (
	"bytes"
	"fmt"
	"go/format"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of byteTile, which says what they are.
const (
	byteA     = 0
	byteRowA  = 8
	byteB     = 16
	byteNextB = 24
	byteOffs  = 32
	byteC     = 40
	byteRowC  = 48
	byteSteps = 56
	byteRows  = 64
	byteRow1  = 72
	byteCol1  = 80
	byteRow2  = 88
	byteCol2  = 96
	byteTerms = 104
	byteLanes = 112
)

// byteKernel is one inner kernel of integer products: mr rows by nv vectors of int32.
type byteKernel struct {
	vnni   bool
	conv   bool // A is signed and B unsigned, with rows of B at offsets from a table; otherwise the other way round, at strides
	mr, nv int
}

func (t byteKernel) name() string {
	kind := "byteGemm"
	if t.conv {
		kind = "byteConv"
	}
	if t.vnni {
		return fmt.Sprintf("%s%dx%dVNNI", kind, t.mr, t.nv)
	}
	return fmt.Sprintf("%s%dAVX2", kind, t.mr)
}

func byteKernels(vnni bool) []byteKernel {
	var list []byteKernel
	for _, conv := range []bool{false, true} {
		for mr := 1; mr <= 6; mr++ {
			if !vnni {
				list = append(list, byteKernel{conv: conv, mr: mr, nv: 1})
				continue
			}
			for nv := 1; nv <= 4; nv++ {
				list = append(list, byteKernel{true, conv, mr, nv})
			}
		}
	}
	return list
}

func byteFile(vnni bool) {
	for _, t := range byteKernels(vnni) {
		if t.vnni {
			t.vnniKernel()
		} else {
			t.avx2Kernel()
		}
	}
}

// vpdpbusd adds to every int32 of acc the four products of unsigned and signed bytes there.
func vpdpbusd(signed, unsigned Op, acc reg.VecVirtual) {
	Instruction(&ir.Instruction{
		Opcode: "VPDPBUSD", Operands: []Op{signed, unsigned, acc},
		Inputs: []Op{signed, unsigned, acc}, Outputs: []Op{acc}, ISA: []string{"AVX512F", "AVX512VNNI"},
	})
}

// byteFrame is what both ways to write a kernel share.
type byteFrame struct {
	args           reg.Register
	pointers       []reg.GPVirtual // rows of A, four a pointer
	rowA, rowA3    reg.GPVirtual
	b, nextB, offs reg.GPVirtual
	steps          reg.GPVirtual
}

func (t byteKernel) open() *byteFrame {
	TEXT(t.name(), NOSPLIT, "func(args *byte)")
	Pragma("noescape")
	columns, b, start := 16*t.nv, "b[4*k*16+4*j+l]", "row1[i]*col1[j] + row2[i]*col2[j]"
	if !t.vnni {
		columns = 8
	}
	if t.conv {
		b, start = "b[offs[k]+4*j+l]", "rows[i] + row1[i]*col1[j]"
	}
	Doc(fmt.Sprintf("%s computes c[i][j] = %s + sum over k and l < 4 of a[i][4*k+l]*%s for i < %d and %d columns j, as far as terms says.",
		t.name(), start, b, t.mr, columns))
	f := &byteFrame{args: Load(Param("args"), GP64())}
	a := f.get(byteA)
	f.pointers = []reg.GPVirtual{a}
	if t.mr > 1 {
		f.rowA = f.get(byteRowA)
	}
	if t.mr > 3 {
		f.rowA3 = GP64()
		LEAQ(Mem{Base: f.rowA, Index: f.rowA, Scale: 2}, f.rowA3)
	}
	if t.mr > 4 {
		p := GP64()
		LEAQ(Mem{Base: a, Index: f.rowA, Scale: 4}, p)
		f.pointers = append(f.pointers, p)
	}
	f.b = f.get(byteB)
	if t.conv {
		f.offs = f.get(byteOffs)
	} else if t.nv > 1 {
		f.nextB = f.get(byteNextB)
	}
	f.steps = f.get(byteSteps)
	return f
}

func (f *byteFrame) field(off int) Mem { return Mem{Base: f.args, Disp: off} }

func (f *byteFrame) get(off int) reg.GPVirtual {
	r := GP64()
	MOVQ(f.field(off), r)
	return r
}

// row is where row i of A has its next four elements.
func (f *byteFrame) row(i int) Mem {
	m := Mem{Base: f.pointers[i/4]}
	switch i % 4 {
	case 1:
		m.Index, m.Scale = f.rowA, 1
	case 2:
		m.Index, m.Scale = f.rowA, 2
	case 3:
		m.Index, m.Scale = f.rowA3, 1
	}
	return m
}

// next moves on to the next four of k; width is what four elements of A take. With offs it gives where B is.
func (f *byteFrame) next(width int) {
	for _, p := range f.pointers {
		ADDQ(Imm(uint64(width)), p)
	}
}

func (t byteKernel) vnniKernel() {
	f := t.open()
	acc := make([][]reg.VecVirtual, t.mr)
	for i := range acc {
		acc[i] = avx512.regs(t.nv)
		for _, r := range acc[i] {
			avx512.zero(r)
		}
	}
	bv, one := avx512.regs(t.nv), ZMM()
	mask := K()
	KMOVW(f.field(byteLanes), mask)
	next3 := GP64()
	if !t.conv && t.nv > 3 {
		LEAQ(Mem{Base: f.nextB, Index: f.nextB, Scale: 2}, next3)
	}
	off := GP64()
	Label("k")
	if t.conv {
		MOVQ(Mem{Base: f.offs}, off)
		ADDQ(Imm(8), f.offs)
	}
	for j := range bv {
		m := Mem{Base: f.b}
		switch {
		case t.conv:
			m.Index, m.Scale, m.Disp = off, 1, 64*j
		case j == 1:
			m.Index, m.Scale = f.nextB, 1
		case j == 2:
			m.Index, m.Scale = f.nextB, 2
		case j == 3:
			m.Index, m.Scale = next3, 1
		}
		VMOVDQU32(m, bv[j])
	}
	if !t.conv {
		ADDQ(Imm(64), f.b)
	}
	for i := range acc {
		VPBROADCASTD(f.row(i), one)
		for j := range bv {
			if t.conv {
				vpdpbusd(one, bv[j], acc[i][j])
			} else {
				vpdpbusd(bv[j], one, acc[i][j])
			}
		}
	}
	f.next(4)
	DECQ(f.steps)
	JNE(LabelRef("k"))

	t.start(f, avx512, acc, bv, one)
	c, rowC := f.get(byteC), f.get(byteRowC)
	for i := range acc {
		for j := range bv {
			m := Mem{Base: c, Disp: 64 * j}
			if j == t.nv-1 {
				VMOVDQU32(acc[i][j], mask, m)
			} else {
				VMOVDQU32(acc[i][j], m)
			}
		}
		if i < t.mr-1 {
			ADDQ(rowC, c)
		}
	}
	VZEROUPPER()
	RET()
}

// start adds to the sums what they start from. spare and one are overwritten.
func (t byteKernel) start(f *byteFrame, v isa, acc [][]reg.VecVirtual, spare []reg.VecVirtual, one reg.VecVirtual) {
	product := v.reg()
	if t.conv {
		rows := f.get(byteRows)
		for i := range acc {
			VPBROADCASTD(Mem{Base: rows, Disp: 4 * i}, one)
			for _, r := range acc[i] {
				VPADDD(one, r, r)
			}
		}
	}
	terms := f.get(byteTerms)
	add := func(row, col int) {
		r, c := f.get(row), f.get(col)
		for j := range spare {
			VMOVUPS(Mem{Base: c, Disp: v.bytes * j}, spare[j])
		}
		for i := range acc {
			VPBROADCASTD(Mem{Base: r, Disp: 4 * i}, one)
			for j, s := range acc[i] {
				VPMULLD(one, spare[j], product)
				VPADDD(product, s, s)
			}
		}
	}
	CMPQ(terms, Imm(1))
	JL(LabelRef("store"))
	add(byteRow1, byteCol1)
	if !t.conv {
		CMPQ(terms, Imm(2))
		JL(LabelRef("store"))
		add(byteRow2, byteCol2)
	}
	Label("store")
}

// avx2Kernel has A widened to 16 bits; every register of sums holds two for each of four columns, which are added at the end.
func (t byteKernel) avx2Kernel() {
	f := t.open()
	pairs := make([][]reg.VecVirtual, t.mr)
	for i := range pairs {
		pairs[i] = avx2.regs(2)
		for _, r := range pairs[i] {
			avx2.zero(r)
		}
	}
	bv, one, product := avx2.regs(2), YMM(), YMM()
	off := GP64()
	Label("k")
	if t.conv {
		MOVQ(Mem{Base: f.offs}, off)
		ADDQ(Imm(8), f.offs)
	}
	for j := range bv {
		m := Mem{Base: f.b, Disp: 16 * j}
		if t.conv {
			m.Index, m.Scale = off, 1
			VPMOVZXBW(m, bv[j])
		} else {
			VPMOVSXBW(m, bv[j])
		}
	}
	if !t.conv {
		ADDQ(Imm(64), f.b)
	}
	for i := range pairs {
		VPBROADCASTQ(f.row(i), one)
		VPMADDWD(bv[0], one, product)
		VPADDD(product, pairs[i][0], pairs[i][0])
		VPMADDWD(bv[1], one, one)
		VPADDD(one, pairs[i][1], pairs[i][1])
	}
	f.next(8)
	DECQ(f.steps)
	JNE(LabelRef("k"))
	acc := make([][]reg.VecVirtual, t.mr)
	for i, p := range pairs {
		VPHADDD(p[1], p[0], p[0])
		VPERMQ(Imm(0xd8), p[0], p[0])
		acc[i] = p[:1]
	}
	t.start(f, avx2, acc, bv[:1], one)
	c, rowC := f.get(byteC), f.get(byteRowC)
	for i := range acc {
		VMOVDQU(acc[i][0], Mem{Base: c})
		if i < t.mr-1 {
			ADDQ(rowC, c)
		}
	}
	VZEROUPPER()
	RET()
}

// byteSwitch is the Go file that calls the kernels by their size.
func byteSwitch() []byte {
	var w bytes.Buffer
	fmt.Fprintf(&w, "// Code generated by _avo. DO NOT EDIT.\n\n//go:build amd64 && !noasm\n\npackage kernels\n")
	for _, vnni := range []bool{true, false} {
		name, size := "byteTileAVX2", "mr"
		if vnni {
			name, size = "byteTileVNNI", "4*mr+nv"
		}
		fmt.Fprintf(&w, "\nfunc %s(conv bool, mr, nv int, args *byte) {\n", name)
		for _, conv := range []bool{true, false} {
			if conv {
				fmt.Fprintf(&w, "if conv {\n")
			}
			fmt.Fprintf(&w, "switch %s {\n", size)
			for _, t := range byteKernels(vnni) {
				if t.conv != conv {
					continue
				}
				n := t.mr
				if vnni {
					n = 4*t.mr + t.nv
				}
				fmt.Fprintf(&w, "case %d: %s(args)\n", n, t.name())
			}
			fmt.Fprintf(&w, "default: panic(\"kernels: no tile of this size\")\n}\n")
			if conv {
				fmt.Fprintf(&w, "return\n}\n")
			}
		}
		fmt.Fprintf(&w, "}\n")
	}
	src, err := format.Source(w.Bytes())
	if err != nil {
		panic(err)
	}
	return src
}
