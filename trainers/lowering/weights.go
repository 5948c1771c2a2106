package lowering

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Weights lists the initializers of a graph that training by one of its values changes, in their order: float, of rank 1 or more,
// and read, straight or by way of other nodes, where the value depends on them by gradients. Constants of rank 0, shapes and indices,
// sizes and scales of Resize, and the running statistics of BatchNormalization are none. A node that has no gradient does not end the way
// to what stands behind it: [Lower] names it. The graph is left alone.
func Weights(g *onnx.Graph, value string, limit int64) ([]string, error) {
	g = g.Clone()
	candidates := make(map[string]bool)
	for _, t := range g.Initializers {
		if t.Type == onnx.Float && len(t.Dims) > 0 && t.Len() > 0 {
			candidates[t.Name] = true
			t.Data = nil // nothing is to take it for a constant
		}
	}
	for _, v := range g.Inputs {
		delete(candidates, v.Name)
	}
	lifted, err := ops.LiftWithin(g, limit)
	if err != nil {
		return nil, fmt.Errorf("lowering: %w", err)
	}
	known := make(map[string]rule)
	for _, family := range rules() {
		for _, r := range family {
			known[r.domain+"\x00"+r.name] = r
		}
	}
	reached := map[string]bool{value: true}
	for _, n := range slices.Backward(lifted.Graph.Nodes) {
		if !slices.ContainsFunc(n.Outputs, func(name string) bool { return name != "" && reached[name] }) {
			continue
		}
		r, ok := known[onnx.NormalDomain(n.Domain)+"\x00"+n.OpType]
		if ok && r.stop {
			continue
		}
		for i, name := range n.Inputs {
			switch {
			case name == "" || ok && r.wrt != nil && !r.wrt(i):
			case n.OpType == "BatchNormalization" && i > 2:
			case isReal(lifted.Facts[name].Elem()):
				reached[name] = true
			}
		}
	}
	var names []string
	for _, t := range g.Initializers {
		if candidates[t.Name] && reached[t.Name] {
			names = append(names, t.Name)
		}
	}
	return names, nil
}
