package trainers

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/onnx/wire"
	"github.com/gonyx/gonyx/trainers/lowering"
)

// ReadWeights reads the parameters of a network from a .npz file: arrays named <layer>.weight and <layer>.bias, dense weights
// in × out, convolutions out × in × height × width; or from a model file: its initializers of the parameters' names. A missing, surplus or
// mis-shaped one is an error; of a model file's initializers those are surplus that training would change.
func ReadWeights(path string, n *networks.Instance, limit int64) (map[string]*onnx.Tensor, error) {
	weights, noun := make(map[string]*onnx.Tensor), anArray
	if IsModelFile(path) {
		noun = "initializer"
		file, err := wire.ReadFile(path, wire.Options{MemoryLimit: limit})
		if err != nil {
			return nil, err
		}
		if weights, err = initializers(file, n); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	} else {
		arrays, err := rows.ReadNPZFile(path, limit)
		if err != nil {
			return nil, err
		}
		for _, t := range arrays {
			weights[t.Name] = t
		}
	}
	if err := fitWeights(weights, n, noun); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		if !finite(weights[name].Float32s()) {
			return nil, fmt.Errorf("%s: %s %q has a number that is NaN, infinite or beyond float32", path, noun, name)
		}
	}
	return weights, nil
}

// initializers gives those of a model file that are weights, or have the name of a parameter.
func initializers(file *onnx.Model, n *networks.Instance) (map[string]*onnx.Tensor, error) {
	g := file.Graph
	if g == nil {
		return nil, fmt.Errorf("the model has no graph")
	}
	if len(g.Opsets) == 0 {
		g = ops.WithOpset1(g)
	}
	trained := make(map[string]bool)
	for _, v := range g.Outputs {
		names, err := lowering.Weights(g, v.Name, 0)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			trained[name] = true
		}
	}
	weights := make(map[string]*onnx.Tensor)
	for _, t := range g.Initializers {
		if trained[t.Name] || slices.ContainsFunc(n.Training.Parameters, func(p graphs.Parameter) bool { return p.Name == t.Name }) {
			own := *t
			own.Storage, own.External = onnx.StorageRaw, nil
			weights[t.Name] = &own
		}
	}
	return weights, nil
}

// anArray is what weights are called in messages where they come from arrays.
const anArray = "array"

func fitWeights(weights map[string]*onnx.Tensor, n *networks.Instance, noun string) error {
	wanted := make(map[string]bool)
	for _, p := range n.Training.Parameters {
		wanted[p.Name] = true
		t := weights[p.Name]
		if t == nil {
			return fmt.Errorf("%s %q is missing: network %q has a parameter of that name, %v", noun, p.Name, n.Name, p.Dims)
		}
		if !slices.Equal(t.Dims, p.Dims) {
			return fmt.Errorf("%s %q has shape %v, the parameter has %v", noun, p.Name, t.Dims, p.Dims)
		}
		if t.Type == onnx.Double {
			narrow := onnx.NewTensor(onnx.Float, t.Dims...)
			for i, v := range t.Float64s() {
				narrow.Float32s()[i] = float32(v)
			}
			narrow.Name = t.Name
			weights[p.Name] = narrow
		} else if t.Type != onnx.Float {
			return fmt.Errorf("%s %q is of %v, the parameter is of float", noun, p.Name, t.Type)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		if !wanted[name] {
			return fmt.Errorf("%s %q is no parameter of network %q", noun, name, n.Name)
		}
	}
	return nil
}
