package trainers

import (
	"math"

	"github.com/gonyx/gonyx/onnx/kernels"
)

// globalNorm is the Euclidean norm of all gradients together.
func globalNorm(set kernels.Set, list []weights) float64 {
	sum := 0.0
	for _, w := range list {
		sum += set.SumSquares(w.grad)
	}
	return math.Sqrt(sum)
}

// clipScale is what gradients are multiplied by so that their global norm is at most limit: 1, or limit/(norm + 1e-6) as
// PyTorch's clip_grad_norm_ has it. The gradients themselves stay.
func clipScale(set kernels.Set, list []weights, limit float64) float64 {
	return min(1, limit/(globalNorm(set, list)+1e-6))
}
