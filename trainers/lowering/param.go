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

	written []int // rows of the gradient that may be other than zero, some more than once
	thin    bool  // written says which; else any may be
	handed  bool  // others may have written into the gradient
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

// Gradient is the gradient that the last training run left. It is for reading only.
func (q *Param) Gradient() *onnx.Tensor { return q.grad }

// Rows lists the rows, along the first axis, that the last training run's gradient may have something in, some of them more than once. ok
// is false where that may be any. It is good until the next run.
func (q *Param) Rows() (rows []int, ok bool) { return q.written, q.thin }

// Value is Tensor as Gorgonia's value, over the same memory.
func (q *Param) Value() gorgonia.Value { return q.v }

// Grad is Gradient as Gorgonia's value, over the same memory. Solvers may write into it; that has no effect on later runs.
func (q *Param) Grad() (gorgonia.Value, error) {
	q.handed = true
	return q.g, nil
}
