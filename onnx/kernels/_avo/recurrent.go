package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// recurrentFile writes the ends of steps of recurrent operators: what is left where the sums of the gates are there.
func recurrentFile(v isa) {
	laneTable()
	in := func(name string) array { return array{name, true, false} }
	state := func(name string) array { return array{name, true, true} }
	out := func(name string) array { return array{name, false, true} }
	cell := func(name, doc string, arrays []array, f func(g gates, x []reg.VecVirtual)) {
		stream(v, name, doc, arrays, 1, func(c *consts, k func(int) reg.VecVirtual) func(vectors, int) {
			c.far = true // two functions at once leave no registers for constants
			g := gates{isa: v, logistic: expSetup(v, logistic)(c, k), hyperbolic: tanhSetup(v)(c, k)}
			return func(vecs vectors, _ int) {
				x := make([]reg.VecVirtual, len(vecs))
				for i := range x {
					x[i] = vecs[i][0]
				}
				f(g, x)
			}
		})
	}
	cell("lstmCell", "c[i] = σ(f[i])·c[i] + σ(in[i])·tanh(y[i]) and h[i] = σ(o[i])·tanh(c[i])",
		[]array{out("h"), state("c"), in("in"), in("o"), in("f"), in("y")}, func(g gates, x []reg.VecVirtual) {
			h, c, y := x[0], x[1], x[5]
			in, o, f := x[2], x[3], x[4]
			g.sigmoid(&in, &o, &f)
			g.tanh(&y)
			VMULPS(f, c, c)
			VFMADD231PS(in, y, c)
			VMOVUPS(c, h)
			g.tanh(&h)
			VMULPS(o, h, x[0])
		})
	cell("gruReset", "dst[i] = σ(r[i])·h[i]", []array{out("dst"), in("r"), in("h")}, func(g gates, x []reg.VecVirtual) {
		r := x[1]
		g.sigmoid(&r)
		VMULPS(x[2], r, x[0])
	})
	cell("gruUpdate", "h[i] = n + σ(z[i])·(h[i]-n), n being tanh(y[i]),", []array{state("h"), in("z"), in("y")}, func(g gates, x []reg.VecVirtual) {
		z, y := x[1], x[2]
		g.sigmoid(&z)
		g.tanh(&y)
		VSUBPS(y, x[0], x[0])
		VFMADD213PS(y, z, x[0])
	})
	cell("gruCell", "h[i] = n + σ(z[i]+rz[i])·(h[i]-n), n being tanh(y[i] + σ(r[i]+rr[i])·ry[i]),",
		[]array{state("h"), in("z"), in("r"), in("y"), in("rz"), in("rr"), in("ry")}, func(g gates, x []reg.VecVirtual) {
			z, r, y := x[1], x[2], x[3]
			VADDPS(x[4], z, z)
			VADDPS(x[5], r, r)
			g.sigmoid(&z, &r)
			VFMADD231PS(r, x[6], y)
			g.tanh(&y)
			VSUBPS(y, x[0], x[0])
			VFMADD213PS(y, z, x[0])
		})
}

// gates are the functions of gates; each puts its result in the place of its operand, in another register.
type gates struct {
	isa
	logistic, hyperbolic func(x vectors, n int)
}

// apply runs several operands side by side where there are registers for that.
func (g gates) apply(f func(x vectors, n int), x []*reg.VecVirtual) {
	if !g.wide() && len(x) > 1 {
		for i := range x {
			g.apply(f, x[i:i+1])
		}
		return
	}
	y, from := g.regs(len(x)), make([]reg.VecVirtual, len(x))
	for i := range x {
		from[i] = *x[i]
	}
	f(vectors{y, from}, len(x))
	for i := range x {
		*x[i] = y[i]
	}
}

func (g gates) sigmoid(x ...*reg.VecVirtual) { g.apply(g.logistic, x) }

func (g gates) tanh(x ...*reg.VecVirtual) { g.apply(g.hyperbolic, x) }
