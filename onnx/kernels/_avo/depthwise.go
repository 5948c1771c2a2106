package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// depthwiseFile writes convolutions of one plane by one kernel, for the kernels and
// strides that networks have.
func depthwiseFile(v isa) {
	laneTable()
	for _, f := range depthwiseForms {
		depthwise(v, f[0], f[1])
	}
}

// depthwiseForms are sides of kernels and strides.
var depthwiseForms = [][2]int{{3, 1}, {3, 2}, {5, 1}, {5, 2}, {7, 1}}

// The fields of depthwiseArgs in depthwise.go.
const (
	depthwiseX = 8 * iota
	depthwiseY
	depthwiseW
	depthwiseRowX
	depthwisePhase
	depthwiseRowY
	depthwiseRows
	depthwiseCols
	depthwiseBounds
)

// depthwise computes up to four rows of the result side by side, so that a row of the
// image is read once for all that need it, down the plane and then from left to
// right.
func depthwise(v isa, side, stride int) {
	TEXT(fmt.Sprintf("depthwise%dby%d%s", side, stride, v.name), NOSPLIT, "func(args *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("depthwise%dby%d%s computes y[i][j] = min(hi, max(lo, bias + Σ w[ky][kx]·x[i·%d+ky][j·%d+kx])), ky and kx below %d.", side, stride, v.name, stride, stride, side))
	a := Mem{Base: Load(Param("args"), GP64())}
	load := func(field int) reg.GPVirtual {
		r := GP64()
		MOVQ(a.Offset(field), r)
		return r
	}
	x, y, w := load(depthwiseX), load(depthwiseY), load(depthwiseW)
	rowX, rowY, cols := load(depthwiseRowX), load(depthwiseRowY), load(depthwiseCols)
	var phase reg.GPVirtual
	if stride == 2 {
		phase = load(depthwisePhase)
	}
	// Weights stay in registers where there are enough.
	var kept []reg.VecVirtual
	if side*side <= v.lanes()*25/16 {
		kept = v.regs(side * side)
		for t, r := range kept {
			VBROADCASTSS(Mem{Base: w, Disp: 32 * t}, r)
		}
	}
	fma := func(t int, x, acc reg.VecVirtual) {
		switch {
		case kept != nil:
			VFMADD231PS(kept[t], x, acc)
		case v.wide():
			VFMADD231PS_BCST(Mem{Base: w, Disp: 32 * t}, x, acc)
		default:
			weight := v.reg()
			VBROADCASTSS(Mem{Base: w, Disp: 32 * t}, weight)
			VFMADD231PS(weight, x, acc)
		}
	}
	px, py, rows, q := GP64(), GP64(), GP64(), GP64()
	compute := func(mr int, mask *tail) {
		acc := v.regs(mr)
		for _, r := range acc {
			VBROADCASTSS(a.Offset(depthwiseBounds+8), r)
		}
		MOVQ(px, q)
		for i := range (mr-1)*stride + side {
			for kx := range side {
				in := v.reg()
				m := Mem{Base: q, Disp: 4 * (kx / stride)}
				if kx%stride == 1 {
					m.Index, m.Scale = phase, 1
				}
				VMOVUPS(m, in)
				for r := range mr {
					if ky := i - r*stride; ky >= 0 && ky < side {
						fma(ky*side+kx, in, acc[r])
					}
				}
			}
			if i == (mr-1)*stride+side-1 {
				break
			}
			ADDQ(rowX, q)
		}
		MOVQ(py, q)
		lo, hi := v.reg(), v.reg()
		VBROADCASTSS(a.Offset(depthwiseBounds), lo)
		for _, r := range acc { // NaN is the second source, which is what comes out
			VMAXPS(r, lo, r)
		}
		VBROADCASTSS(a.Offset(depthwiseBounds+4), hi)
		for i, r := range acc {
			VMINPS(r, hi, r)
			mask.store(r, Mem{Base: q}, hi)
			if mask != nil && !v.wide() {
				VBROADCASTSS(a.Offset(depthwiseBounds+4), hi)
			}
			if i < mr-1 {
				ADDQ(rowY, q)
			}
		}
	}
	down := func(name string, mask *tail) {
		MOVQ(x, px)
		MOVQ(y, py)
		MOVQ(a.Offset(depthwiseRows), rows)
		for i, mr := range []int{4, 2, 1} {
			next := []string{"_2", "_1", "_end"}[i]
			Label(fmt.Sprintf("%s_%d", name, mr))
			CMPQ(rows, Imm(uint64(mr)))
			JL(LabelRef(name + next))
			compute(mr, mask)
			for range mr * stride {
				ADDQ(rowX, px)
			}
			if mr == 1 {
				ADDQ(rowY, py)
			} else {
				LEAQ(Mem{Base: py, Index: rowY, Scale: uint8(mr)}, py)
			}
			SUBQ(Imm(uint64(mr)), rows)
			JMP(LabelRef(fmt.Sprintf("%s_%d", name, mr)))
		}
		Label(name + "_end")
	}
	Label("block")
	CMPQ(cols, Imm(uint64(v.lanes())))
	JL(LabelRef("rest"))
	down("whole", nil)
	ADDQ(Imm(uint64(v.bytes)), x)
	ADDQ(Imm(uint64(v.bytes)), y)
	SUBQ(Imm(uint64(v.lanes())), cols)
	JMP(LabelRef("block"))
	Label("rest")
	TESTQ(cols, cols)
	JE(LabelRef("end"))
	down("part", restMask(v, cols))
	Label("end")
	VZEROUPPER()
	RET()
}
