package exporters

import (
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// quantaOf gives, by name, the quantum of every output of a graph that is quantized last, moved about afterwards or not. A sum that lies
// between two quanta falls to one or the other by how it was rounded before, so that numbers of two roads may be one quantum apart.
func quantaOf(g *onnx.Graph) map[string]float64 {
	constant, producer := make(map[string]*onnx.Tensor), make(map[string]*onnx.Node)
	for _, t := range g.Initializers {
		constant[t.Name] = t
	}
	for _, n := range g.Nodes {
		for _, name := range n.Outputs {
			producer[name] = n
		}
		if a := n.Attribute("value"); n.OpType == "Constant" && a != nil && a.Tensor != nil && len(n.Outputs) == 1 {
			constant[n.Outputs[0]] = a.Tensor
		}
	}
	quanta := make(map[string]float64)
	for _, v := range g.Outputs {
		name := v.Name
		for range g.Nodes { // no chain is longer
			n := producer[name]
			if n == nil || onnx.NormalDomain(n.Domain) != onnx.DomainDefault || len(n.Inputs) == 0 {
				break
			}
			if n.OpType == "DequantizeLinear" && len(n.Inputs) > 1 {
				if q := greatest(constant[n.Inputs[1]]); q > 0 {
					quanta[v.Name] = q
				}
				break
			}
			switch n.OpType {
			case "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Identity", "Slice", "Gather":
				name = n.Inputs[0]
				continue
			}
			break
		}
	}
	return quanta
}

// greatest gives the greatest of a scale's elements, 0 where it has no finite one.
func greatest(t *onnx.Tensor) float64 {
	q := 0.0
	if t == nil || t.Type != onnx.Float || !t.Bound() {
		return q
	}
	for _, s := range t.Float32s() {
		if v := math.Abs(float64(s)); v > q && !math.IsInf(v, 0) {
			q = v
		}
	}
	return q
}
