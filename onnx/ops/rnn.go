package ops

import "github.com/gonyx/gonyx/onnx"

// RNN: Hₜ = f(W·Xₜ + R·Hₜ₋₁ + Wb + Rb), f Tanh where nothing else is named. See recurrent.go for shapes and history.
// https://onnx.ai/onnx/operators/onnx__RNN.html

type rnn struct{ recurrent }

func newRNN(a *Attrs) Op { return rnn{readRecurrent(a, 1, "Tanh")} }

func (r rnn) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	if isHalf(in[0].(*onnx.Tensor).Type) {
		return throughFloat(env, r, in)
	}
	return r.eval(env, in, func(d *direction) {
		y := d.at[0]
		d.input(y, 0)
		d.recur(y, 0, d.h)
		for j, v := range y {
			d.h[j] = d.act(0, v)
		}
	})
}
