package lowering

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of Softmax, dx = y·(dy - Σ dy·y), and LogSoftmax, dx = dy - exp(y)·Σ dy, along one axis.
func softmaxRules() []rule {
	return []rule{
		{name: "Softmax", reads: always(theOutput), gradient: func(c *call, _ int) (gradient, error) { return softmaxGradient(c, false) }},
		{name: "LogSoftmax", reads: always(theOutput), gradient: func(c *call, _ int) (gradient, error) { return softmaxGradient(c, true) }},
	}
}

func softmaxGradient(c *call, log bool) (gradient, error) {
	a := c.attrs()
	axis := a.Int("axis")
	if err := a.Err(); err != nil {
		return gradient{}, err
	}
	dims := c.dims(0)
	at, err := ops.Axis(axis, len(dims))
	if err != nil {
		return gradient{}, fmt.Errorf("attribute \"axis\": %w", err)
	}
	n, inner := int(dims[at]), count(dims[at+1:])
	if n == 0 || inner == 0 {
		return gradient{run: func(*frame) {}}, nil
	}
	lines := count(dims[:at]) * inner
	var dx, dy, y []float32
	part := func(lo, hi int) {
		for l := lo; l < hi; l++ {
			start := l/inner*n*inner + l%inner
			end := start + (n-1)*inner + 1
			sum := 0.0
			for k := start; k < end; k += inner {
				if log {
					sum += float64(dy[k])
				} else {
					sum += float64(dy[k]) * float64(y[k])
				}
			}
			for k := start; k < end; k += inner {
				if log {
					dx[k] = dy[k] - float32(math.Exp(float64(y[k]))*sum)
				} else {
					dx[k] = y[k] * (dy[k] - float32(sum))
				}
			}
		}
	}
	work := 6
	if log {
		work = 40
	}
	return gradient{run: func(f *frame) {
		dx, dy, y = f.dx.Float32s(), f.dy.Float32s(), f.y.Float32s()
		c.pool.Run(lines, work*len(dx), part)
	}}, nil
}
