package losses

import (
	"math"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
)

// clamp keeps predictions this far from 0 and 1, where a logarithm has no value; the gradient beyond is 0 (Keras's epsilon).
const clamp = 1e-7

// bernoulli is the binary cross-entropy of each element: -t·log p - (1-t)·log(1-p), with p clamped to [1e-7, 1-1e-7].
func bernoulli(output, target graphs.Value) graphs.Value {
	one := output.Builder().Scalar(1)
	p := output.Clip(clamp, 1-clamp)
	on := target.Mul(p.Log())
	off := one.Sub(target).Mul(one.Sub(p).Log())
	return on.Add(off).Neg()
}

// BinaryCrossEntropy is the mean over batch and elements of -t·log p - (1-t)·log(1-p). output and target are [batch, …] in 0..1.
func BinaryCrossEntropy(output, target graphs.Value) Loss {
	return Loss{Total: bernoulli(output, target).ReduceMean()}
}

// CategoricalCrossEntropy is the mean over the batch of -Σ t·log p. output and target are [batch, classes]; p is clamped
// below at 1e-7.
func CategoricalCrossEntropy(output, target graphs.Value) Loss {
	p := output.Clip(clamp, float32(math.Inf(1)))
	return Loss{Total: target.Mul(p.Log()).ReduceSum(1).ReduceMean().Neg()}
}

// LogitsCrossEntropy is the categorical cross-entropy of scores that no softmax has made probabilities of yet: the mean over the batch of
// -Σ t·log softmax(p), as PyTorch's CrossEntropyLoss. output and target are [batch, classes].
func LogitsCrossEntropy(output, target graphs.Value) Loss {
	p := output.Builder().Op("LogSoftmax", []graphs.Value{output}, onnx.AttrInt("axis", 1))
	return Loss{Total: target.Mul(p).ReduceSum(1).ReduceMean().Neg()}
}

// MeanSquaredError is the mean over batch and elements of (p - t)².
func MeanSquaredError(output, target graphs.Value) Loss {
	return Loss{Total: output.Sub(target).Square().ReduceMean()}
}
