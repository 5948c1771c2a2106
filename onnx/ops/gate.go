package ops

import "github.com/gonyx/gonyx/onnx/kernels"

// pass is a function of the kernels: op with a number on the right, or act where it is one.
type pass struct {
	op   kernels.Operation
	with float32
	act  kernels.Activation
}

// hardGate is max(0, min(1, alpha·x + beta)).
func hardGate(alpha, beta float64) []pass {
	return []pass{
		{op: kernels.Mul, with: float32(alpha)}, {op: kernels.Add, with: float32(beta)},
		{op: kernels.Min, with: 1}, {op: kernels.Max, with: 0},
	}
}

// Blocks that stay in the first cache between passes, and in the second where threads share a block.
const (
	gateBlock       = 4 << 10
	sharedGateBlock = 64 << 10
)

// gateStep applies passes to each block of the input in turn, and multiplies with the input at the end where it is gated. There the result
// must not take the input's memory.
func gateStep(t Target, passes []pass, gated bool) Step {
	block := gateBlock
	if t.Pool.Threads() > 1 {
		block = sharedGateBlock
	}
	return Step{InPlace: !gated, Run: func(f *Frame) error {
		x, y := f.In[0].Float32s(), f.Out[0].Float32s()
		for len(x) > 0 {
			n := min(block, len(x))
			from, to := x[:n], y[:n]
			for _, p := range passes {
				if p.act.Function != kernels.Identity {
					t.Set.Unary(t.Pool, p.act, to, from)
				} else {
					t.Set.BinaryScalar(t.Pool, p.op, to, from, p.with, false)
				}
				from = to
			}
			if gated {
				t.Set.Binary(t.Pool, kernels.Mul, to, to, x[:n])
			}
			x, y = x[n:], y[n:]
		}
		return nil
	}}
}
