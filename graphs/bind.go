package graphs

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Bind gives the graph with weights, by name, as the data of its initializers that have none. The graph is left alone; the
// weights' bytes are shared. It fails where a weight is missing, is left over or has another type or shape.
func Bind(g *onnx.Graph, weights map[string]*onnx.Tensor) (*onnx.Graph, error) {
	bound := *g
	bound.Initializers = make([]*onnx.Tensor, len(g.Initializers))
	used := make(map[string]bool, len(weights))
	for i, t := range g.Initializers {
		bound.Initializers[i] = t
		if t.Bound() {
			continue
		}
		w := weights[t.Name]
		switch {
		case w == nil:
			return nil, fmt.Errorf("graph %q: parameter %q (%v): there is no weight of that name", g.Name, t.Name, t)
		case w.Type != t.Type || !slices.Equal(w.Dims, t.Dims):
			return nil, fmt.Errorf("graph %q: parameter %q: the weight is %v, want %v", g.Name, t.Name, w, t)
		case !w.Bound():
			return nil, fmt.Errorf("graph %q: parameter %q: the weight has no data", g.Name, t.Name)
		}
		used[t.Name] = true
		with := *t
		with.Data = w.Data
		bound.Initializers[i] = &with
	}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		if !used[name] {
			return nil, fmt.Errorf("graph %q: weight %q is that of no parameter", g.Name, name)
		}
	}
	return &bound, nil
}
