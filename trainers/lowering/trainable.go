package lowering

import "github.com/gonyx/gonyx/onnx"

// Trainable says whether the operator has a gradient. One that is a constant to gradients, such as a comparison, may stand
// in a training graph all the same.
func Trainable(domain, name string) bool {
	for _, family := range rules() {
		for _, r := range family {
			if r.domain == onnx.NormalDomain(domain) && r.name == name {
				return !r.stop
			}
		}
	}
	return false
}
