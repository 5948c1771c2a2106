package graphs

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/gonyx/gonyx/onnx"
)

// Init says how a parameter starts.
type Init uint8

// The initialisers.
const (
	Zeros Init = iota
	Ones
	// GlorotUniform draws from ±√(6 / (fan in + fan out)): Glorot and Bengio, "Understanding the difficulty of training deep
	// feedforward neural networks", 2010. Dense weights are [in, out], convolutions [out, in, height, width].
	GlorotUniform
)

// Initialize makes the weights that a seed gives, by parameter name. A parameter's weights depend on the seed, its name and its
// shape alone, so that adding a layer does not change the others.
func Initialize(parameters []Parameter, seed uint64) map[string]*onnx.Tensor {
	weights := make(map[string]*onnx.Tensor, len(parameters))
	for _, p := range parameters {
		weights[p.Name] = p.start(seed)
	}
	return weights
}

func (p Parameter) start(seed uint64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Float, p.Dims...)
	t.Name = p.Name
	v := t.Float32s()
	switch p.Init {
	case Ones:
		for i := range v {
			v[i] = 1
		}
	case GlorotUniform:
		name := fnv.New64a()
		name.Write([]byte(p.Name))
		random := rand.New(rand.NewPCG(seed, name.Sum64()))
		in, out := p.fans()
		limit := math.Sqrt(6 / (in + out))
		for i := range v {
			v[i] = float32((2*random.Float64() - 1) * limit)
		}
	}
	return t
}

// fans counts the connections into and out of a unit.
func (p Parameter) fans() (in, out float64) {
	if len(p.Dims) < 2 {
		n := float64(1)
		for _, d := range p.Dims {
			n *= float64(d)
		}
		return n, n
	}
	field := 1.0
	for _, d := range p.Dims[2:] {
		field *= float64(d)
	}
	if len(p.Dims) == 2 {
		return float64(p.Dims[0]), float64(p.Dims[1])
	}
	return float64(p.Dims[1]) * field, float64(p.Dims[0]) * field
}
