package lowering

import "github.com/gonyx/gonyx/onnx"

// Operators whose output is their input under another shape, or as it is; Dropout is one outside training. Their gradient is the output's gradient under the
// input's shape.
func shapeRules() []rule {
	var list []rule
	for _, name := range []string{"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"} {
		list = append(list, rule{name: name, wrt: first(1), view: inEveryForm})
	}
	return append(list,
		// A Cast to another type stops gradients where the type has none, and is refused where it is another float.
		rule{name: "Cast", wrt: first(1), view: func(c *call) bool {
			to := c.node.Attribute("to")
			return to != nil && to.Int == int64(c.in[0].Elem())
		}},
		rule{name: "CastLike", wrt: first(1), view: func(c *call) bool { return c.in[0].Elem() == c.in[1].Elem() }},
		rule{name: "Dropout", wrt: first(1), view: func(c *call) bool {
			if len(c.in) < 3 || c.in[2].Absent() {
				return true
			}
			training := c.in[2].Value
			return training != nil && training.Type == onnx.Bool && !training.Bools()[0]
		}},
	)
}

// inEveryForm is the condition of operators whose output is always their input.
func inEveryForm(*call) bool { return true }
