package lowering

import (
	"github.com/gonyx/gonyx/onnx"
	"gorgonia.org/gorgonia"
)

// Param is a parameter that is trained: its value and the gradient of the loss by it. It is a gorgonia.ValueGrad, so that a
// gorgonia.Solver steps it.
type Param struct {
	name           string
	value, grad    *onnx.Tensor
	node, gradNode *gorgonia.Node
	v, g           gorgonia.Value
}

func newParam(name string, value *onnx.Tensor) (*Param, error) {
	q := &Param{name: name, value: value, grad: onnx.NewTensor(value.Type, value.Dims...)}
	var err error
	if q.v, err = valueOf(q.value); err != nil {
		return nil, err
	}
	q.g, err = valueOf(q.grad)
	return q, err
}

// Name is the initializer's name in the graph.
func (q *Param) Name() string { return q.name }

// Tensor is the current value. A solver writes it, and so may whoever restores a checkpoint.
func (q *Param) Tensor() *onnx.Tensor { return q.value }

// Gradient is the gradient that the last training run left. Solvers read it; writing it has no effect on later runs.
func (q *Param) Gradient() *onnx.Tensor { return q.grad }

// Value is Tensor as Gorgonia's value, over the same memory.
func (q *Param) Value() gorgonia.Value { return q.v }

// Grad is Gradient as Gorgonia's value, over the same memory.
func (q *Param) Grad() (gorgonia.Value, error) { return q.g, nil }
