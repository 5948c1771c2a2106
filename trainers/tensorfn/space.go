package tensorfn

import (
	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/gradients"
	"github.com/gonyx/gonyx/onnx"
)

// Space holds tensors that can be computed from one another. A tensor is a [graphs.Value]: its methods make further ones, and
// [Space.Function] makes them computable. The first mistake on the way is kept, and given by Function.
type Space struct {
	name      string
	b         *graphs.Builder
	gradients map[string]bool // nodes that are part of a gradient
}

// New makes an empty space. The name becomes that of its functions' graphs.
func New(name string) *Space {
	return &Space{name: name, b: graphs.New(name), gradients: make(map[string]bool)}
}

// Placeholder makes a tensor of floats whose elements each call gives. A size of -1 may differ from call to call; along the first
// axis it is the number of rows, one for all placeholders. Without dims it is a scalar.
func (s *Space) Placeholder(name string, dims ...int64) graphs.Value {
	list := make([]onnx.Dim, len(dims))
	for i, d := range dims {
		switch {
		case d >= 0:
			list[i] = onnx.Fixed(d)
		case d != -1:
			s.b.Fail("placeholder %q: size %d is neither -1 nor a number of elements", name, d)
			list[i] = onnx.UnknownDim()
		case i == 0:
			list[i] = onnx.Symbol(graphs.Batch)
		default:
			list[i] = onnx.UnknownDim()
		}
	}
	return s.b.Input(name, onnx.Float, list...)
}

// Number is a scalar that never changes.
func (s *Space) Number(x float32) graphs.Value { return s.b.Scalar(x) }

// Constant is a tensor that never changes. It takes the tensor's name, if it has one.
func (s *Space) Constant(t *onnx.Tensor) graphs.Value {
	name := t.Name
	if name == "" {
		name = "constant"
	}
	return s.b.Const(name, t)
}

// Named is a tensor under a name of its own, which an exported function's output has.
func (s *Space) Named(name string, v graphs.Value) graphs.Value {
	return s.b.Node(name, onnx.Node{OpType: "Identity"}, 1, v)[0]
}

// Gradients gives the gradient of y, or where it has many elements of their sum, by each of some tensors of the space: tensors of
// their shapes. Where y does not depend on one in a way that has a gradient, that is a mistake.
func (s *Space) Gradients(y graphs.Value, by ...graphs.Value) []graphs.Value {
	before := len(s.b.Nodes())
	grads, err := gradients.Of(y, by...)
	if err != nil {
		if s.b.Err() == nil {
			s.b.Fail("%w", err)
		}
		return by
	}
	for _, n := range s.b.Nodes()[before:] {
		s.gradients[n.Name] = true
	}
	return grads
}
