package main

import (
	"bytes"
	"fmt"
	"go/format"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of tileArgs, which says what they are.
const (
	argA       = 0
	argRowA    = 8
	argStepA   = 16
	argB       = 24
	argRowB    = 32
	argOffs    = 40
	argC       = 48
	argRowC    = 56
	argK       = 64
	argTiles   = 72
	argStepB   = 80
	argInit    = 88
	argRowInit = 96
	argSpread  = 104
	argAct     = 112
	argSlope   = 120
	argMask    = 124
	argLanes   = 128
	argRows    = 136
	argNextB   = 144
	argNextC   = 152
	argAgain   = 160
	argAhead   = 168
)

// tile is one inner kernel: mr rows of C by nv vectors.
type tile struct {
	isa isa
	// conv has the rows of B at offsets from a table and A packed in rows of mr;
	// otherwise both A and B have strides.
	conv   bool
	mr, nv int
	masked bool // the last vector has a mask
}

func (t tile) name() string {
	m := ""
	if t.masked && !t.isa.wide() {
		m = "Tail"
	}
	kind := "gemm"
	if t.conv {
		kind = "conv"
	}
	return fmt.Sprintf("%s%dx%d%s%s", kind, t.mr, t.nv, t.isa.name, m)
}

// tiles lists the kernels of one set. With AVX-512 the mask costs nothing and every
// kernel has it; with AVX2 only those for the end of a row.
func tiles(v isa, conv bool) []tile {
	var list []tile
	add := func(rows int, masked bool, nvs ...int) {
		for mr := 1; mr <= rows; mr++ {
			for _, nv := range nvs {
				list = append(list, tile{v, conv, mr, nv, masked})
			}
		}
	}
	switch {
	case v.wide() && conv:
		add(8, true, 1, 2, 3)
		add(2, true, 6)
	case v.wide():
		add(8, true, 1, 2)
		add(4, true, 4)
	case conv:
		add(4, false, 2, 3)
		add(1, false, 6)
		add(4, true, 1, 2, 3)
	default:
		add(6, false, 2)
		add(2, false, 4)
		add(6, true, 1, 2)
	}
	return list
}

func gemmFile(v isa) {
	for _, t := range tiles(v, false) {
		t.write()
	}
}

func convFile(v isa) {
	for _, t := range tiles(v, true) {
		t.write()
	}
	for _, d := range dots(v) {
		d.write()
	}
}

func (t tile) write() {
	v := t.isa
	TEXT(t.name(), NOSPLIT, "func(args *byte)")
	Pragma("noescape")
	b := "b[k*rowB+j]"
	if t.conv {
		b = "b[offs[k]+j]"
	}
	again := ""
	if t.conv {
		again = " Then the same again, b and c moved on."
	}
	Doc(fmt.Sprintf("%s computes c[i*rowC+j] = act(init + sum over k of a[i*rowA+k*stepA]*%s) for i < %d and tiles of %d columns j.%s",
		t.name(), b, t.mr, t.nv*v.lanes(), again))
	args := GP64()
	Load(Param("args"), args)
	field := func(off int) Mem { return Mem{Base: args, Disp: off} }
	get := func(off int) reg.GPVirtual {
		r := GP64()
		MOVQ(field(off), r)
		return r
	}
	var mask *tail
	if t.masked {
		mask = &tail{isa: v}
		if v.wide() {
			mask.k = K()
			KMOVW(field(argMask), mask.k)
		} else {
			mask.lanes = get(argLanes)
		}
	}
	at := func(i int) *tail {
		if i == t.nv-1 {
			return mask
		}
		return nil
	}

	a0, b0, c := get(argA), get(argB), get(argC)
	rowC := get(argRowC)
	stepA := get(argStepA)
	var rowA, rowA3, rowB, ahead reg.GPVirtual
	if !t.conv {
		rowA, rowB, ahead = get(argRowA), get(argRowB), get(argAhead)
		if t.mr > 3 {
			rowA3 = GP64()
			LEAQ(Mem{Base: rowA, Index: rowA, Scale: 2}, rowA3)
		}
	}

	acc := make([][]reg.VecVirtual, t.mr)
	for i := range acc {
		acc[i] = v.regs(t.nv)
	}
	bv := v.regs(t.nv)
	one := v.reg()

	Label("tile")
	t.start(acc, one, field, at)

	k := get(argK)
	multiply := func(elem func(i int) Mem) {
		for i := range acc {
			VBROADCASTSS(elem(i), one)
			for j := range bv {
				VFMADD231PS(bv[j], one, acc[i][j])
			}
		}
	}
	loadB := func(m Mem) {
		// The masked vector first: with AVX2 it needs the register that elements of A
		// are spread in.
		for j := t.nv - 1; j >= 0; j-- {
			at(j).load(m.Offset(j*v.bytes), bv[j], one)
		}
	}
	if t.conv {
		a, offs, off := GP64(), get(argOffs), GP64()
		MOVQ(a0, a)
		Label("k")
		MOVQ(Mem{Base: offs}, off)
		ADDQ(Imm(8), offs)
		loadB(Mem{Base: b0, Index: off, Scale: 1})
		multiply(func(i int) Mem { return Mem{Base: a, Disp: 4 * i} })
		ADDQ(stepA, a)
	} else {
		b := GP64()
		MOVQ(b0, b)
		p := make([]reg.GPVirtual, (t.mr+3)/4)
		for i := range p {
			p[i] = GP64()
			if i == 0 {
				MOVQ(a0, p[0])
			} else {
				LEAQ(Mem{Base: p[i-1], Index: rowA, Scale: 4}, p[i])
			}
		}
		Label("k")
		loadB(Mem{Base: b})
		PREFETCHT1(Mem{Base: b, Index: ahead, Scale: 1})
		ADDQ(rowB, b)
		multiply(func(i int) Mem { return rowOf(p, rowA, rowA3, i) })
		for i := range p {
			ADDQ(stepA, p[i])
		}
	}
	DECQ(k)
	JNE(LabelRef("k"))

	t.finish(acc, bv, one, field)
	cp := GP64()
	MOVQ(c, cp)
	for i := range acc {
		for j := t.nv - 1; j >= 0; j-- {
			at(j).store(acc[i][j], Mem{Base: cp, Disp: j * v.bytes}, one)
		}
		if i < t.mr-1 {
			ADDQ(rowC, cp)
		}
	}
	ADDQ(U32(uint32(t.nv*v.bytes)), c)
	ADDQ(field(argStepB), b0)
	DECQ(field(argTiles))
	JNE(LabelRef("tile"))
	if t.conv { // the next row of the result
		DECQ(field(argRows))
		JE(LabelRef("end"))
		MOVQ(field(argB), b0)
		ADDQ(field(argNextB), b0)
		MOVQ(b0, field(argB))
		MOVQ(field(argC), c)
		ADDQ(field(argNextC), c)
		MOVQ(c, field(argC))
		MOVQ(field(argAgain), k)
		MOVQ(k, field(argTiles))
		JMP(LabelRef("tile"))
	}
	Label("end")
	// A pointer behind the last number must not stay where the collector may find it.
	none := GP64()
	XORQ(none, none)
	MOVQ(none, field(argInit))
	VZEROUPPER()
	RET()
}

// rowOf is row i of a matrix: every fourth row has a pointer, rows are row apart and
// row3 is three times that.
func rowOf(every4 []reg.GPVirtual, row, row3 reg.GPVirtual, i int) Mem {
	m := Mem{Base: every4[i/4]}
	switch i % 4 {
	case 1:
		m.Index, m.Scale = row, 1
	case 2:
		m.Index, m.Scale = row, 2
	case 3:
		m.Index, m.Scale = row3, 1
	}
	return m
}

// start fills the accumulators: with spread, one number a row at init; otherwise
// vectors at init, which moves on with the tile.
func (t tile) start(acc [][]reg.VecVirtual, one reg.VecVirtual, field func(int) Mem, at func(int) *tail) {
	v := t.isa
	p, row := GP64(), GP64()
	MOVQ(field(argInit), p)
	MOVQ(field(argRowInit), row)
	CMPQ(field(argSpread), Imm(0))
	JNE(LabelRef("spread"))
	ADDQ(U32(uint32(t.nv*v.bytes)), field(argInit))
	for i := range acc {
		for j := range acc[i] {
			at(j).load(Mem{Base: p, Disp: j * v.bytes}, acc[i][j], one)
		}
		if i < t.mr-1 {
			ADDQ(row, p)
		}
	}
	JMP(LabelRef("sum"))
	Label("spread")
	for i := range acc {
		VBROADCASTSS(Mem{Base: p}, acc[i][0])
		for j := 1; j < t.nv; j++ {
			VMOVAPS(acc[i][0], acc[i][j])
		}
		if i < t.mr-1 {
			ADDQ(row, p)
		}
	}
	Label("sum")
}

// finish applies the field act: 0 nothing, 1 relu, 2 leaky relu. NaN and -0 stay
// what they are, as in "if x < 0".
func (t tile) finish(acc [][]reg.VecVirtual, bv []reg.VecVirtual, one reg.VecVirtual, field func(int) Mem) {
	v := t.isa
	act := GP64()
	MOVQ(field(argAct), act)
	CMPQ(act, Imm(0))
	JE(LabelRef("store"))
	zero := one
	v.zero(zero)
	CMPQ(act, Imm(1))
	JNE(LabelRef("leaky"))
	for i := range acc {
		for j := range acc[i] {
			VMAXPS(acc[i][j], zero, acc[i][j]) // the second source where either is NaN
		}
	}
	JMP(LabelRef("store"))
	Label("leaky")
	if v.wide() {
		slope := bv[0]
		VBROADCASTSS(field(argSlope), slope)
		neg := K()
		for i := range acc {
			for j := range acc[i] {
				VCMPPS(Imm(1), zero, acc[i][j], neg)
				VMULPS(slope, acc[i][j], neg, acc[i][j])
			}
		}
	} else {
		neg, scaled := bv[0], v.reg()
		if len(bv) > 1 {
			scaled = bv[1] // there may be no other
		}
		for i := range acc {
			for j := range acc[i] {
				VCMPPS(Imm(1), zero, acc[i][j], neg)
				VBROADCASTSS(field(argSlope), scaled)
				VMULPS(acc[i][j], scaled, scaled)
				VBLENDVPS(neg, scaled, acc[i][j], acc[i][j])
			}
		}
	}
	Label("store")
}

// tileSwitch is the Go file that calls kernels by their sizes: direct calls, because
// through a table of functions the argument struct would escape to the heap.
func tileSwitch() []byte {
	var w bytes.Buffer
	fmt.Fprintf(&w, "// Code generated by _avo. DO NOT EDIT.\n\n//go:build amd64 && !noasm\n\npackage kernels\n")
	emit := func(name string, v isa, conv, masked bool) {
		fmt.Fprintf(&w, "\nfunc %s(mr, nv int, args *byte) {\nswitch mr<<4 | nv {\n", name)
		for _, t := range tiles(v, conv) {
			if t.masked == masked {
				fmt.Fprintf(&w, "case 0x%d%d: %s(args)\n", t.mr, t.nv, t.name())
			}
		}
		fmt.Fprintf(&w, "default: panic(\"kernels: no tile of this size\")\n}\n}\n")
	}
	for i, name := range []string{"gemmTile", "convTile"} {
		emit(name+"AVX512", avx512, i == 1, true)
		emit(name+"AVX2", avx2, i == 1, false)
		emit(name+"AVX2Tail", avx2, i == 1, true)
	}
	dotSwitch(&w)
	src, err := format.Source(w.Bytes())
	if err != nil {
		panic(err)
	}
	return src
}
