package ops

import "github.com/gonyx/gonyx/onnx"

// LSTM, gates i (input), o (output), f (forget) and c (cell) in the order of the weights, peepholes P of i, o and f; f Sigmoid, g and h
// Tanh where nothing else is named:
// iₜ = f(Wi·Xₜ + Ri·Hₜ₋₁ + Pi⊙Cₜ₋₁ + Wbi + Rbi), fₜ likewise, or 1-iₜ with input_forget,
// cₜ = g(Wc·Xₜ + Rc·Hₜ₋₁ + Wbc + Rbc), Cₜ = fₜ⊙Cₜ₋₁ + iₜ⊙cₜ,
// oₜ = f(Wo·Xₜ + Ro·Hₜ₋₁ + Po⊙Cₜ + Wbo + Rbo), Hₜ = oₜ⊙h(Cₜ). See recurrent.go for shapes and history.
// https://onnx.ai/onnx/operators/onnx__LSTM.html

type lstm struct{ recurrent }

func newLSTM(a *Attrs) Op {
	r := readRecurrent(a, 4, "Sigmoid", "Tanh", "Tanh")
	r.cells, r.fused = true, a.Bool("input_forget")
	return lstm{r}
}

func (l lstm) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	if isHalf(in[0].(*onnx.Tensor).Type) {
		return throughFloat(env, l, in)
	}
	return l.eval(env, in, func(d *direction) {
		for k := range 4 {
			d.input(d.at[k], k)
			d.recur(d.at[k], k, d.h)
		}
		i, o, f, c := d.at[0], d.at[1], d.at[2], d.at[3]
		for j := range d.h {
			in := d.act(0, i[j]+d.p(j)*d.c[j])
			forget := 1 - in
			if !l.fused {
				forget = d.act(0, f[j]+d.p(2*d.hidden+j)*d.c[j])
			}
			d.c[j] = forget*d.c[j] + in*d.act(1, c[j])
			d.h[j] = d.act(0, o[j]+d.p(d.hidden+j)*d.c[j]) * d.functions[2].of(d.c[j])
		}
	})
}
