package backend

import (
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// activationIntoStore: Relu, LeakyRelu, Sigmoid or Tanh of a Conv, a ConvTranspose, a Gemm or a MatMul → the fused form, which applies it as it stores.
func activationIntoStore(f *fusion, last *onnx.Node) bool {
	switch {
	case is(last, "Relu"), is(last, "LeakyRelu"), is(last, "Sigmoid"), is(last, "Tanh"):
	default:
		return false
	}
	n := f.only(last.Inputs[0])
	switch {
	case is(n, "Conv"), is(n, "ConvTranspose"), is(n, "Gemm"), is(n, "MatMul"):
		n = fusedForm(alike(n, n.Inputs...))
	case n != nil && n.Domain == onnx.DomainPrivate && n.OpType == ops.FusedPrefix+"MatMul" && n.Attribute("activation") == nil:
		n = alike(n, n.Inputs...)
	default:
		return false
	}
	n.Attributes = append(n.Attributes, onnx.AttrString("activation", last.OpType))
	if last.OpType == "LeakyRelu" {
		n.Attributes = append(n.Attributes, onnx.AttrFloat("slope", number(last, "alpha", 0.01)))
	}
	f.become(last, n, f.producer[last.Inputs[0]])
	return true
}

// fusedForm is the fused form of a node that has one.
func fusedForm(n *onnx.Node) *onnx.Node {
	n.Domain, n.OpType, n.Attributes = onnx.DomainPrivate, ops.FusedPrefix+n.OpType, slices.Clip(n.Attributes)
	return n
}
