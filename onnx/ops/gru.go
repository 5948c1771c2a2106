package ops

import "github.com/gonyx/gonyx/onnx"

// GRU, gates z (update), r (reset) and h in the order of the weights, f Sigmoid and g Tanh where nothing else is named:
// zₜ = f(Wz·Xₜ + Rz·Hₜ₋₁ + Wbz + Rbz), rₜ likewise,
// hₜ = g(Wh·Xₜ + Rh·(rₜ⊙Hₜ₋₁) + Rbh + Wbh), with linear_before_reset g(Wh·Xₜ + rₜ⊙(Rh·Hₜ₋₁ + Rbh) + Wbh),
// Hₜ = (1-zₜ)⊙hₜ + zₜ⊙Hₜ₋₁. See recurrent.go for shapes and history.
// https://onnx.ai/onnx/operators/onnx__GRU.html

type gru struct{ recurrent }

func newGRU(a *Attrs) Op {
	r := readRecurrent(a, 3, "Sigmoid", "Tanh")
	r.fused = a.Bool("linear_before_reset")
	return gru{r}
}

func (g gru) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	if isHalf(in[0].(*onnx.Tensor).Type) {
		return throughFloat(env, g, in)
	}
	return g.eval(env, in, func(d *direction) {
		z, r, y, u := d.at[0], d.at[1], d.at[2], d.at[3]
		for k, gate := range [][]float64{z, r} {
			d.input(gate, k)
			d.recur(gate, k, d.h)
			for j, v := range gate {
				gate[j] = d.act(0, v)
			}
		}
		d.input(y, 2)
		if g.fused {
			d.recur(u, 2, d.h)
			for j := range y {
				y[j] += r[j] * u[j]
			}
		} else {
			for j := range u {
				u[j] = r[j] * d.h[j]
			}
			d.recur(y, 2, u)
		}
		for j, v := range y {
			d.h[j] = (1-z[j])*d.act(1, v) + z[j]*d.h[j]
		}
	})
}
