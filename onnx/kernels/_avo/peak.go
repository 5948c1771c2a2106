package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// peakFile writes what measures a core: as many multiply-adds and as many loads as it can do.
func peakFile(v isa) {
	const unroll = 4

	TEXT("multiply"+v.name, NOSPLIT, "func(rounds int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("multiply%s does %d multiply-adds of vectors a round, on registers.", v.name, multiplyAdds))
	rounds := Load(Param("rounds"), GP64())
	a, sums := v.reg(), v.regs(multiplyAdds/unroll)
	v.zero(a)
	for _, s := range sums {
		v.zero(s)
	}
	Label("round")
	for range unroll {
		for _, s := range sums {
			VFMADD231PS(a, a, s)
		}
	}
	DECQ(rounds)
	JNE(LabelRef("round"))
	VZEROUPPER()
	RET()

	TEXT("read"+v.name, NOSPLIT, "func(x *float32, rounds int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("read%s reads the first %d bytes of x once a round.", v.name, readBytes))
	x := Load(Param("x"), GP64())
	rounds = Load(Param("rounds"), GP64())
	into := v.regs(8)
	at, end := GP64(), GP64()
	Label("round")
	MOVQ(x, at)
	LEAQ(Mem{Base: x, Disp: readBytes}, end)
	Label("block")
	for i := range 2 * len(into) {
		VMOVUPS(Mem{Base: at, Disp: i * v.bytes}, into[i%len(into)])
	}
	ADDQ(U32(uint32(2*len(into)*v.bytes)), at)
	CMPQ(at, end)
	JNE(LabelRef("block"))
	DECQ(rounds)
	JNE(LabelRef("round"))
	VZEROUPPER()
	RET()
}

// What peak.go of package kernels knows of these functions.
const (
	multiplyAdds = 48
	readBytes    = 1 << 12
)
