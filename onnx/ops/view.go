package ops

import "github.com/gonyx/gonyx/onnx"

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
