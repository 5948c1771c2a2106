package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// quantizeFile writes the kernels between numbers and their quanta. All walk sixteen elements at a time; n is a multiple of that
// and not 0.
func quantizeFile(v isa) {
	quantizer(v, "quantize", "x *float32, n int", "x[i]/k[0]", func(x, i reg.Register, k reg.VecVirtual, r []reg.VecVirtual) {
		for j := range r {
			VMOVUPS(Mem{Base: x, Index: i, Scale: 4, Disp: v.bytes * j}, r[j])
			VDIVPS(k, r[j], r[j])
		}
	})
	quantizer(v, "requantize", "x *int32, n int", "x[i]*k[0]", func(x, i reg.Register, k reg.VecVirtual, r []reg.VecVirtual) {
		for j := range r {
			VCVTDQ2PS(Mem{Base: x, Index: i, Scale: 4, Disp: v.bytes * j}, r[j])
			VMULPS(k, r[j], r[j])
		}
	})
	quantizer(v, "requantizeColumns", "x *int32, scale *float32, n int", "x[i]*scale[i]", func(x, i reg.Register, k reg.VecVirtual, r []reg.VecVirtual) {
		scale := Load(Param("scale"), GP64())
		for j := range r {
			VCVTDQ2PS(Mem{Base: x, Index: i, Scale: 4, Disp: v.bytes * j}, r[j])
			VMULPS(Mem{Base: scale, Index: i, Scale: 4, Disp: v.bytes * j}, r[j], r[j])
		}
	})
	dequantizer(v, "dequantizeUnsigned", VPMOVZXBD)
	dequantizer(v, "dequantizeSigned", VPMOVSXBD)
	minMax(v)
}

// quantizer writes dst[i] = saturate(round(value) + zero): k holds a scale, the bounds less zero, and zero as an int32.
func quantizer(v isa, name, params, value string, read func(x, i reg.Register, k reg.VecVirtual, r []reg.VecVirtual)) {
	TEXT(name+v.name, NOSPLIT, "func(dst *byte, "+params+", k *float32)")
	Pragma("noescape")
	Doc(name + v.name + " computes dst[i] = int(round(max(k[1], min(k[2], " + value + ")))) + k[3], 0 in place of NaN before the addition, for i < n, a multiple of 16 and not 0.")
	dst, x, n, k := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64()), Load(Param("k"), GP64())
	scale, lo, hi, zero := v.reg(), v.reg(), v.reg(), v.reg()
	for i, r := range []reg.VecVirtual{scale, lo, hi, zero} {
		VBROADCASTSS(Mem{Base: k, Disp: 4 * i}, r)
	}
	low := YMM() // the low byte of every int32
	if !v.wide() {
		VPCMPEQD(low, low, low)
		VPSRLD(Imm(24), low, low)
	}
	i := GP64()
	XORQ(i, i)
	Label("sixteen")
	r := v.regs(16 / v.lanes())
	read(x, i, scale, r)
	for _, y := range r {
		nan := v.reg()
		if v.wide() {
			number := K()
			VCMPPS(Imm(7), y, y, number)
			VMAXPS(lo, y, y)
			VMINPS(hi, y, y)
			VCVTPS2DQ_Z(y, number, y)
		} else {
			VCMPPS(Imm(7), y, y, nan)
			VANDPS(nan, y, y)
			VMAXPS(lo, y, y)
			VMINPS(hi, y, y)
			VCVTPS2DQ(y, y)
		}
		VPADDD(zero, y, y)
	}
	if v.wide() {
		VPMOVDB(r[0], Mem{Base: dst, Index: i, Scale: 1})
	} else {
		words, high := r[0], XMM()
		VPAND(low, r[0], r[0])
		VPAND(low, r[1], r[1])
		VPACKSSDW(r[1], r[0], words)
		VPERMQ(Imm(0xd8), words, words)
		VEXTRACTI128(Imm(1), words, high)
		VPACKUSWB(high, words.AsX(), high)
		VMOVDQU(high, Mem{Base: dst, Index: i, Scale: 1})
	}
	ADDQ(Imm(16), i)
	CMPQ(i, n)
	JL(LabelRef("sixteen"))
	VZEROUPPER()
	RET()
}

// dequantizer writes dst[i] = (x[i] - zero)·scale: k holds the scale, and zero as an int32.
func dequantizer(v isa, name string, widen func(ops ...Op)) {
	TEXT(name+v.name, NOSPLIT, "func(dst *float32, x *byte, n int, k *float32)")
	Pragma("noescape")
	Doc(name + v.name + " computes dst[i] = (x[i] - k[1])*k[0] for i < n, a multiple of 16 and not 0.")
	dst, x, n, k := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64()), Load(Param("k"), GP64())
	scale, zero := v.reg(), v.reg()
	VBROADCASTSS(Mem{Base: k}, scale)
	VBROADCASTSS(Mem{Base: k, Disp: 4}, zero)
	i := GP64()
	XORQ(i, i)
	Label("sixteen")
	for j := range 16 / v.lanes() {
		r := v.reg()
		widen(Mem{Base: x, Index: i, Scale: 1, Disp: v.lanes() * j}, r)
		VPSUBD(zero, r, r)
		VCVTDQ2PS(r, r)
		VMULPS(scale, r, r)
		VMOVUPS(r, Mem{Base: dst, Index: i, Scale: 4, Disp: v.bytes * j})
	}
	ADDQ(Imm(16), i)
	CMPQ(i, n)
	JL(LabelRef("sixteen"))
	VZEROUPPER()
	RET()
}

// minMax writes the kernel of the least and greatest of many numbers, NaN left out, lane by lane.
func minMax(v isa) {
	TEXT("minMax"+v.name, NOSPLIT, "func(dst, x *float32, n int)")
	Pragma("noescape")
	Doc("minMax" + v.name + " computes dst[j] = min(dst[j], x[16*i+j]) and dst[16+j] = max(dst[16+j], x[16*i+j]) for j < 16, NaN in x left out, n being a multiple of 16 and not 0.")
	dst, x, n := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	lo, hi := v.regs(16/v.lanes()), v.regs(16/v.lanes())
	for j := range lo {
		VMOVUPS(Mem{Base: dst, Disp: v.bytes * j}, lo[j])
		VMOVUPS(Mem{Base: dst, Disp: 64 + v.bytes*j}, hi[j])
	}
	i := GP64()
	XORQ(i, i)
	Label("sixteen")
	for j := range lo {
		r := v.reg()
		VMOVUPS(Mem{Base: x, Index: i, Scale: 4, Disp: v.bytes * j}, r)
		VMINPS(lo[j], r, lo[j]) // the first in this order, what there was, where either is NaN
		VMAXPS(hi[j], r, hi[j])
	}
	ADDQ(Imm(16), i)
	CMPQ(i, n)
	JL(LabelRef("sixteen"))
	for j := range lo {
		VMOVUPS(lo[j], Mem{Base: dst, Disp: v.bytes * j})
		VMOVUPS(hi[j], Mem{Base: dst, Disp: 64 + v.bytes*j})
	}
	VZEROUPPER()
	RET()
}

// quads writes the kernel that puts four rows of bytes side by side; the AVX-512 set uses it, too.
func quads() {
	TEXT("quadsAVX2", NOSPLIT, "func(dst, a, b, c, d *byte, n int, flip uint32)")
	Pragma("noescape")
	Doc("quadsAVX2 computes dst[4*i:4*i+4] = a[i]^f, b[i]^f, c[i]^f, d[i]^f for i < n, at least 16, f being each byte of flip. The last sixteen overlap those before.")
	dst := Load(Param("dst"), GP64())
	var rows [4]reg.Register
	for i, name := range []string{"a", "b", "c", "d"} {
		rows[i] = Load(Param(name), GP64())
	}
	n := Load(Param("n"), GP64())
	flip, word := YMM(), XMM()
	bits := Load(Param("flip"), GP32())
	VMOVD(bits, word)
	VPBROADCASTD(word, flip)
	i := GP64()
	XORQ(i, i)
	last := GP64()
	MOVQ(n, last)
	SUBQ(Imm(16), last)
	Label("sixteen")
	var r [4]reg.VecVirtual
	for j := range r {
		r[j] = XMM()
		VMOVDQU(Mem{Base: rows[j], Index: i, Scale: 1}, r[j])
	}
	ab, cd := [2]reg.VecVirtual{XMM(), XMM()}, [2]reg.VecVirtual{XMM(), XMM()}
	VPUNPCKLBW(r[1], r[0], ab[0])
	VPUNPCKHBW(r[1], r[0], ab[1])
	VPUNPCKLBW(r[3], r[2], cd[0])
	VPUNPCKHBW(r[3], r[2], cd[1])
	for j := range ab {
		lo, hi := XMM(), XMM()
		VPUNPCKLWD(cd[j], ab[j], lo)
		VPUNPCKHWD(cd[j], ab[j], hi)
		VPXOR(flip.AsX(), lo, lo)
		VPXOR(flip.AsX(), hi, hi)
		VMOVDQU(lo, Mem{Base: dst, Index: i, Scale: 4, Disp: 32 * j})
		VMOVDQU(hi, Mem{Base: dst, Index: i, Scale: 4, Disp: 32*j + 16})
	}
	ADDQ(Imm(16), i)
	CMPQ(i, n)
	JGE(LabelRef("end"))
	CMPQ(i, last)
	CMOVQGT(last, i)
	JMP(LabelRef("sixteen"))
	Label("end")
	VZEROUPPER()
	RET()
}

// rowsOfBytes writes the kernels that ready rows of A: as they are or flipped, for VNNI, and widened to 16 bits, for AVX2; both give the
// sum of the flipped bytes, and walk thirty-two of them at a time.
func rowsOfBytes() {
	for _, wide := range []bool{false, true} {
		name, what := "flipRowAVX2", "dst[i] = x[i]^f"
		if wide {
			name, what = "widenRowAVX2", "dst[i] = uint16(x[i]^f)"
		}
		TEXT(name, NOSPLIT, "func(dst, x *byte, n int, flip uint32) int")
		Pragma("noescape")
		Doc(name + " computes " + what + " for i < n, a multiple of 32 and not 0, f being each byte of flip, and returns the sum of all x[i]^f.")
		dst, x, n := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
		flip, sum, zero, word := YMM(), YMM(), YMM(), XMM()
		bits := Load(Param("flip"), GP32())
		VMOVD(bits, word)
		VPBROADCASTD(word, flip)
		VPXOR(sum, sum, sum)
		VPXOR(zero, zero, zero)
		i := GP64()
		XORQ(i, i)
		Label("block")
		r, s := YMM(), YMM()
		VMOVDQU(Mem{Base: x, Index: i, Scale: 1}, r)
		VPXOR(flip, r, r)
		VPSADBW(zero, r, s)
		VPADDQ(s, sum, sum)
		if wide {
			lo, hi, high := YMM(), YMM(), XMM()
			VPMOVZXBW(r.AsX(), lo)
			VEXTRACTI128(Imm(1), r, high)
			VPMOVZXBW(high, hi)
			VMOVDQU(lo, Mem{Base: dst, Index: i, Scale: 2})
			VMOVDQU(hi, Mem{Base: dst, Index: i, Scale: 2, Disp: 32})
		} else {
			VMOVDQU(r, Mem{Base: dst, Index: i, Scale: 1})
		}
		ADDQ(Imm(32), i)
		CMPQ(i, n)
		JL(LabelRef("block"))
		high, total := XMM(), GP64()
		VEXTRACTI128(Imm(1), sum, high)
		VPADDQ(high, sum.AsX(), high)
		VPSHUFD(Imm(0xee), high, word)
		VPADDQ(word, high, high)
		VMOVQ(high, total)
		Store(total, ReturnIndex(0))
		VZEROUPPER()
		RET()
	}
}

func moveBytesFile() {
	quads()
	rowsOfBytes()
	maxFours()
}

// maxFours writes the kernel of windows of two by two bytes, two apart; the AVX-512 set uses it, too.
func maxFours() {
	TEXT("maxFoursAVX2", NOSPLIT, "func(dst, a, b *byte, n int, flip uint32)")
	Pragma("noescape")
	Doc("maxFoursAVX2 computes dst[j] = max(a[2*j], a[2*j+1], b[2*j], b[2*j+1]) for j < n, at least 16, of unsigned bytes once flipped by each byte of flip. The last sixteen overlap those before.")
	dst, a, b, n := Load(Param("dst"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64()), Load(Param("n"), GP64())
	flip, low, word := YMM(), YMM(), XMM()
	bits := Load(Param("flip"), GP32())
	VMOVD(bits, word)
	VPBROADCASTD(word, flip)
	VPCMPEQD(low, low, low)
	VPSRLW(Imm(8), low, low)
	j, last := GP64(), GP64()
	XORQ(j, j)
	MOVQ(n, last)
	SUBQ(Imm(16), last)
	Label("sixteen")
	x, y, high := YMM(), YMM(), XMM()
	VPXOR(Mem{Base: a, Index: j, Scale: 2}, flip, x)
	VPXOR(Mem{Base: b, Index: j, Scale: 2}, flip, y)
	VPMAXUB(y, x, x)
	VPSRLW(Imm(8), x, y)
	VPMAXUB(y, x, x)
	VPAND(low, x, x)
	VEXTRACTI128(Imm(1), x, high)
	VPACKUSWB(high, x.AsX(), high)
	VPXOR(flip.AsX(), high, high)
	VMOVDQU(high, Mem{Base: dst, Index: j, Scale: 1})
	ADDQ(Imm(16), j)
	CMPQ(j, n)
	JGE(LabelRef("end"))
	CMPQ(j, last)
	CMOVQGT(last, j)
	JMP(LabelRef("sixteen"))
	Label("end")
	VZEROUPPER()
	RET()
}
