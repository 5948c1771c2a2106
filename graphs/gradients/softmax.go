package gradients

import "github.com/gonyx/gonyx/graphs"

// Gradients of Softmax, dx = y·(dy - Σ dy·y), and LogSoftmax, dx = dy - exp(y)·Σ dy, along one axis.
func softmaxRules() []rule {
	along := func(gradient func(c *call, axis int64) graphs.Value) func(*call, int) (graphs.Value, error) {
		return func(c *call, _ int) (graphs.Value, error) {
			a := c.attrs()
			axis := a.Int("axis")
			if err := a.Err(); err != nil {
				return absent, err
			}
			return gradient(c, axis), nil
		}
	}
	return []rule{
		{name: "Softmax", gradient: along(func(c *call, axis int64) graphs.Value {
			y, dy := c.y[0], c.dy[0]
			return y.Mul(dy.Sub(c.sum(dy.Mul(y), true, axis)))
		})},
		{name: "LogSoftmax", gradient: along(func(c *call, axis int64) graphs.Value {
			return c.dy[0].Sub(c.y[0].Exp().Mul(c.sum(c.dy[0], true, axis)))
		})},
	}
}
