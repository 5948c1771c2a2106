package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// updateFile writes the optimizers' updates. They round after every operation, as
// the portable ones do, so that training has the same bits with every set here.
// k holds scale, decay and then the rule's numbers.
func updateFile(v isa) {
	laneTable()
	w, g := array{"w", true, true}, array{"grad", true, false}
	a, b := array{"a", true, true}, array{"b", true, true}
	rule := func(name, doc string, arrays []array, numbers int, f func(c *consts, k []reg.VecVirtual, x []reg.VecVirtual, t reg.VecVirtual)) {
		stream(v, name, "the update "+doc, arrays, 1, func(c *consts, k func(int) reg.VecVirtual) func(vectors, int) {
			var ks []reg.VecVirtual
			for i := range numbers + 2 {
				ks = append(ks, k(i))
			}
			return func(vecs vectors, _ int) {
				var x []reg.VecVirtual
				for i := range vecs {
					x = append(x, vecs[i][0])
				}
				t := v.reg()
				VMULPS(ks[0], x[1], x[1]) // g = scale·g + decay·w
				VMULPS(ks[1], x[0], t)
				VADDPS(t, x[1], x[1])
				f(c, ks[2:], x, t)
			}
		})
	}
	// scaled writes alpha·x + beta·y to x; y is overwritten.
	scaled := func(alpha, x, beta, y reg.VecVirtual) {
		VMULPS(alpha, x, x)
		VMULPS(beta, y, y)
		VADDPS(y, x, x)
	}
	rule("updateSGD", "w -= k0·g", []array{w, g}, 1, func(_ *consts, k, x []reg.VecVirtual, t reg.VecVirtual) {
		VMULPS(k[0], x[1], t)
		VSUBPS(t, x[0], x[0])
	})
	rule("updateMomentum", "a = k1·a + g, w -= k0·a", []array{w, g, a}, 2, func(_ *consts, k, x []reg.VecVirtual, t reg.VecVirtual) {
		VMULPS(k[1], x[2], x[2])
		VADDPS(x[1], x[2], x[2])
		VMULPS(k[0], x[2], t)
		VSUBPS(t, x[0], x[0])
	})
	rule("updateNesterov", "a = k1·a + g, w -= k0·(g + k1·a)", []array{w, g, a}, 2, func(_ *consts, k, x []reg.VecVirtual, t reg.VecVirtual) {
		VMULPS(k[1], x[2], x[2])
		VADDPS(x[1], x[2], x[2])
		VMULPS(k[1], x[2], t)
		VADDPS(t, x[1], t)
		VMULPS(k[0], t, t)
		VSUBPS(t, x[0], x[0])
	})
	rms := func(k, x []reg.VecVirtual, t reg.VecVirtual) { // g = g / (sqrt(a) + k3)
		VMULPS(x[1], x[1], t)
		scaled(k[1], x[2], k[2], t)
		VSQRTPS(x[2], t)
		VADDPS(k[3], t, t)
		VDIVPS(t, x[1], x[1])
	}
	rule("updateRMSprop", "a = k1·a + k2·g², w -= k0·g/(√a + k3)", []array{w, g, a}, 4, func(_ *consts, k, x []reg.VecVirtual, t reg.VecVirtual) {
		rms(k, x, t)
		VMULPS(k[0], x[1], t)
		VSUBPS(t, x[0], x[0])
	})
	rule("updateRMSpropMomentum", "a = k1·a + k2·g², b = g/(√a + k3) + k4·b, w -= k0·b", []array{w, g, a, b}, 5, func(_ *consts, k, x []reg.VecVirtual, t reg.VecVirtual) {
		rms(k, x, t)
		VMULPS(k[4], x[3], x[3])
		VADDPS(x[3], x[1], x[3])
		VMULPS(k[0], x[3], t)
		VSUBPS(t, x[0], x[0])
	})
	rule("updateAdam", "a = k1·a + k2·g, b = k3·b + k4·g², w = k7·w - k0·a/(√b·k5 + k6)", []array{w, g, a, b}, 8, func(_ *consts, k, x []reg.VecVirtual, t reg.VecVirtual) {
		VMULPS(x[1], x[1], t)
		scaled(k[3], x[3], k[4], t)
		scaled(k[1], x[2], k[2], x[1])
		VSQRTPS(x[3], t)
		VMULPS(k[5], t, t)
		VADDPS(k[6], t, t)
		VMULPS(k[0], x[2], x[1])
		VDIVPS(t, x[1], t)
		VMULPS(k[7], x[0], x[0])
		VSUBPS(t, x[0], x[0])
	})
	rule("updateAdagrad", "a += g², w -= k0·g/(√a + k1)", []array{w, g, a}, 2, func(_ *consts, k, x []reg.VecVirtual, t reg.VecVirtual) {
		VMULPS(x[1], x[1], t)
		VADDPS(t, x[2], x[2])
		VSQRTPS(x[2], t)
		VADDPS(k[1], t, t)
		VMULPS(k[0], x[1], x[1])
		VDIVPS(t, x[1], t)
		VSUBPS(t, x[0], x[0])
	})
	rule("updateAdadelta", "a = k1·a + k2·g², d = √(b+k3)/√(a+k3)·g, b = k1·b + k2·d², w -= k0·d", []array{w, g, a, b}, 4, func(_ *consts, k, x []reg.VecVirtual, t reg.VecVirtual) {
		VMULPS(x[1], x[1], t)
		scaled(k[1], x[2], k[2], t)
		d := v.reg()
		VADDPS(k[3], x[2], t)
		VSQRTPS(t, t)
		VADDPS(k[3], x[3], d)
		VSQRTPS(d, d)
		VDIVPS(t, d, d)
		VMULPS(x[1], d, d)
		VMULPS(d, d, t)
		scaled(k[1], x[3], k[2], t)
		VMULPS(k[0], d, d)
		VSUBPS(d, x[0], x[0])
	})
}
