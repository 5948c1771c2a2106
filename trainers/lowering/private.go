package lowering

import "github.com/gonyx/gonyx/onnx"

// StopGradient: y = x, and a constant to gradients.
func privateRules() []rule {
	return []rule{{domain: onnx.DomainPrivate, name: "StopGradient", stop: true, view: inEveryForm}}
}
