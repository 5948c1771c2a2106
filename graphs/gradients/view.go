package gradients

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Operators whose output is their input under another shape or type, or as it is; Dropout is one outside training. Their gradient
// is the output's gradient under the input's shape and type.
func shapeRules() []rule {
	var list []rule
	for _, name := range []string{"Reshape", "Flatten", "Squeeze", "Unsqueeze"} {
		list = append(list, plain(name, func(c *call) graphs.Value { return c.reshapeLike(c.dy[0], c.x[0]) }))
	}
	return append(list,
		plain("Identity", func(c *call) graphs.Value { return c.dy[0] }),
		plain("Cast", castBack),
		plain("CastLike", castBack),
		rule{name: "Dropout", first: 1, gradient: func(c *call, _ int) (graphs.Value, error) {
			if mode := c.input(2); mode != absent {
				if known := mode.Fact().Value; known == nil || known.Type != onnx.Bool || known.Len() != 1 || known.Bools()[0] {
					return absent, fmt.Errorf("a gradient in training mode is %w", ops.ErrUnsupported)
				}
			}
			return c.dy[0], nil
		}},
	)
}

// castBack is the gradient of a conversion between types with fractions; one to a type without is a constant, and never asked.
func castBack(c *call) graphs.Value {
	if to := c.x[0].Fact().Elem(); c.dy[0].Fact().Elem() != to {
		return c.dy[0].Cast(to)
	}
	return c.dy[0]
}
