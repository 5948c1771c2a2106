package ops

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/gonyx/gonyx/onnx"
)

// DefaultLimit is the number of bytes that any one tensor may take where nothing else is asked for.
const DefaultLimit = 2 << 30

// Env is what an operator may ask of the graph it stands in. An operator must not keep it.
type Env struct {
	Limit int64      // bytes that any one tensor may take; DefaultLimit where 0
	Rand  *rand.Rand // source of random operators without a seed of their own; a fixed seed where nil
	ctx   context.Context
	infer func(g *onnx.Graph, in []Fact) ([]Fact, error)
	run   func(g *onnx.Graph, in []onnx.Value) ([]onnx.Value, error)
	// branch is infer for a graph that may never be run, or nil where such a graph must fit all the same.
	branch func(g *onnx.Graph) ([]Fact, error)
}

// Context is that of the run; it never is nil.
func (e *Env) Context() context.Context {
	if e.ctx == nil {
		return context.Background()
	}
	return e.ctx
}

// New makes an output tensor of zeros, or fails where it would take more than the limit.
func (e *Env) New(elem onnx.ElemType, dims ...int64) (*onnx.Tensor, error) {
	if err := e.Fits(elem, dims); err != nil {
		return nil, err
	}
	return onnx.NewTensor(elem, dims...), nil
}

// Fits fails where a tensor would take more than the limit, or its shape is unsound.
func (e *Env) Fits(elem onnx.ElemType, dims []int64) error {
	size, err := onnx.ByteSize(elem, dims)
	if err != nil {
		return err
	}
	limit := e.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	if size > limit {
		return fmt.Errorf("a result %v%v takes %d bytes, more than the memory limit of %d", elem, dims, size, limit)
	}
	return nil
}

// InferGraph gives the facts of a subgraph's outputs. The subgraph sees the values around the node.
func (e *Env) InferGraph(g *onnx.Graph, in []Fact) ([]Fact, error) {
	if e.infer == nil {
		return nil, fmt.Errorf("no graph around the node to infer a subgraph in")
	}
	return e.infer(g, in)
}

// RunGraph evaluates a subgraph. The subgraph sees the values around the node.
func (e *Env) RunGraph(g *onnx.Graph, in []onnx.Value) ([]onnx.Value, error) {
	if e.run == nil {
		return nil, fmt.Errorf("no graph around the node to run a subgraph in")
	}
	if err := e.Context().Err(); err != nil {
		return nil, err
	}
	return e.run(g, in)
}
