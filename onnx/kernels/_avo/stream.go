package main

import (
	"fmt"
	"math"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// array is one slice that an elementwise kernel walks.
type array struct {
	name    string
	in, out bool
}

// vectors holds one vector of every array, and several of them to interleave.
type vectors [][]reg.VecVirtual

// stream writes an elementwise kernel: name(array..., n, k). prepare loads what
// does not change, k being a pointer to the numbers that the caller gives; what it
// returns works on x[array][i] and leaves the results there.
func stream(v isa, name, doc string, arrays []array, unroll int, prepare func(c *consts, k func(i int) reg.VecVirtual) func(x vectors, n int)) {
	names := make([]string, len(arrays))
	for i, a := range arrays {
		names[i] = a.name
	}
	TEXT(name+v.name, NOSPLIT, fmt.Sprintf("func(%s *float32, n int, k *float32)", strings.Join(names, ", ")))
	Pragma("noescape")
	Doc(fmt.Sprintf("%s%s computes %s for i < n.", name, v.name, doc))
	base := make([]reg.Register, len(arrays))
	for i, a := range arrays {
		base[i] = Load(Param(a.name), GP64())
	}
	n := Load(Param("n"), GP64())
	given := Load(Param("k"), GP64())
	c := &consts{isa: v, have: map[uint32]Op{}}
	body := prepare(c, func(i int) reg.VecVirtual {
		r := v.reg()
		VBROADCASTSS(Mem{Base: given, Disp: 4 * i}, r)
		return r
	})
	c.closed = true
	x := GP64()
	XORQ(x, x)
	part := func(count int, mask *tail) {
		vecs := make(vectors, len(arrays))
		for i, a := range arrays {
			vecs[i] = v.regs(count)
			for u := range vecs[i] {
				if a.in {
					mask.load(Mem{Base: base[i], Index: x, Scale: 1, Disp: u * v.bytes}, vecs[i][u], vecs[i][u])
				}
			}
		}
		body(vecs, count)
		for i, a := range arrays {
			for u := range vecs[i] {
				if a.out {
					mask.store(vecs[i][u], Mem{Base: base[i], Index: x, Scale: 1, Disp: u * v.bytes}, v.reg())
				}
			}
		}
	}
	lanes := uint32(v.lanes())
	Label("block")
	CMPQ(n, U32(lanes*uint32(unroll)))
	JL(LabelRef("rest"))
	part(unroll, nil)
	ADDQ(U32(uint32(v.bytes*unroll)), x)
	SUBQ(U32(lanes*uint32(unroll)), n)
	JMP(LabelRef("block"))
	Label("rest")
	CMPQ(n, Imm(0))
	JLE(LabelRef("end"))
	mask := restMask(v, n)
	part(1, mask)
	ADDQ(U32(uint32(v.bytes)), x)
	SUBQ(U32(lanes), n)
	JMP(LabelRef("rest"))
	Label("end")
	VZEROUPPER()
	RET()
}

// restMask is a mask of min(n, lanes) lanes, n at least 1.
func restMask(v isa, n reg.Register) *tail {
	mask := &tail{isa: v}
	have := GP64()
	MOVQ(n, have)
	CMPQ(have, Imm(uint64(v.lanes())))
	JLE(LabelRef("mask"))
	MOVQ(U32(uint32(v.lanes())), have)
	Label("mask")
	if v.wide() {
		bits := GP32()
		MOVQ(have, reg.RCX)
		MOVL(U32(1), bits)
		SHLL(reg.CL, bits)
		DECL(bits)
		mask.k = K()
		KMOVW(bits, mask.k)
		return mask
	}
	// A window that slides over eight lanes that exist and eight that do not.
	mask.lanes = GP64()
	LEAQ(NewDataAddr(Symbol{Name: "lanes", Static: true}, 32), mask.lanes)
	SHLQ(Imm(2), have)
	SUBQ(have, mask.lanes)
	return mask
}

// laneTable is the data of restMask.
func laneTable() {
	GLOBL("lanes", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32([]uint32{math.MaxUint32, 0}[i/8]))
	}
}

// consts hands out constants as operands: registers where there are 32, memory
// where there are 16 or they are far. All are asked for before the loop, which not every path
// enters.
type consts struct {
	isa    isa
	have   map[uint32]Op
	closed bool
	far    bool // all stay in memory
}

var tables = map[uint32]Mem{}

func (c *consts) bits(u uint32) Op {
	if op, ok := c.have[u]; ok {
		return op
	}
	if c.closed {
		panic("a constant was asked for inside the loop")
	}
	m, ok := tables[u]
	if !ok {
		m = GLOBL(fmt.Sprintf("c%08x", u), RODATA|NOPTR)
		for i := range c.isa.lanes() {
			DATA(4*i, U32(u))
		}
		tables[u] = m
	}
	var op Op = m
	if c.isa.wide() && !c.far {
		r := ZMM()
		VBROADCASTSS(m, r)
		op = r
	}
	c.have[u] = op
	return op
}

func (c *consts) num(f float32) Op { return c.bits(math.Float32bits(f)) }

// copyTo moves a constant to a register that may be written.
func (c *consts) copyTo(op Op, r reg.VecVirtual) { VMOVUPS(op, r) }

// blend writes to dst, for each lane, yes where the comparison of a with b holds
// (a pred b), else no. dst may be any of them.
func (v isa) blend(pred uint8, a, b Op, yes, no, dst reg.VecVirtual) {
	if v.wide() {
		k := K()
		VCMPPS(Imm(uint64(pred)), b, a, k)
		VBLENDMPS(yes, no, k, dst)
		return
	}
	m := YMM()
	VCMPPS(Imm(uint64(pred)), b, a, m)
	VBLENDVPS(m, yes, no, dst)
}

const (
	equal     = 0
	less      = 1
	unordered = 3
	greater   = 14
)
