package ops

import (
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// IsView says whether a node of the newest version gives its first input's elements in their order, whatever its other inputs
// are: then an engine may let both share memory.
func IsView(n *onnx.Node) bool {
	switch onnx.NormalDomain(n.Domain) {
	case onnx.DomainPrivate:
		return n.OpType == "StopGradient"
	case onnx.DomainDefault:
		switch n.OpType {
		case "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze":
			return true
		}
	}
	return false
}

// Keeps says whether a node gives its first input's elements in their order because of the types and shapes it has, which all are known:
// a Cast to the same type, a Slice of everything, a Transpose that moves no axis but those of size 1. in are the facts of its inputs.
func Keeps(n *onnx.Node, in []Fact, out Fact) bool {
	if onnx.NormalDomain(n.Domain) != onnx.DomainDefault || len(in) == 0 || in[0].Elem() != out.Elem() {
		return false
	}
	x, ok := in[0].Sizes()
	y, ok2 := out.Sizes()
	if !ok || !ok2 {
		return false
	}
	switch n.OpType {
	case "Cast":
		return true
	case "Expand":
		return slices.Equal(x, y)
	case "Slice":
		if len(in) > 4 && !in[4].Absent() {
			steps, ok := in[4].KnownInts()
			if !ok || slices.ContainsFunc(steps, func(step int64) bool { return step != 1 }) {
				return false
			}
		}
		return slices.Equal(x, y)
	case "Transpose":
		perm := n.Attribute("perm")
		if perm == nil || len(perm.Ints) != len(x) {
			return false
		}
		last := int64(-1)
		for _, axis := range perm.Ints {
			if x[axis] == 1 {
				continue
			}
			if axis < last {
				return false
			}
			last = axis
		}
		return true
	}
	return false
}
