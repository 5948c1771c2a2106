package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// realModels is the subject of models of somebody else's.
const realModels = "real models"

// realDuels are models that the run script put into a folder: FILE.onnx, and FILE.json with the shape of each input of floats by its
// name, or a whole number.
func realDuels(folder, models string) ([]duel, error) {
	files, err := filepath.Glob(filepath.Join(models, "*.onnx"))
	if err != nil {
		return nil, err
	}
	var list []duel
	for _, path := range files {
		stem := strings.TrimSuffix(path, ".onnx")
		text, err := os.ReadFile(stem + ".json")
		if err != nil {
			return nil, err
		}
		var given map[string]json.RawMessage
		if err := json.Unmarshal(text, &given); err != nil {
			return nil, fmt.Errorf("%s.json: %w", stem, err)
		}
		name := filepath.Base(stem)
		g := &onnx.Graph{}
		var in []array
		for _, input := range slices.Sorted(maps.Keys(given)) {
			var dims []int64
			if json.Unmarshal(given[input], &dims) == nil {
				g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: input, Type: onnx.TensorType(onnx.Float, onnx.FixedDims(dims...)...)})
				continue
			}
			var n int64
			if err := json.Unmarshal(given[input], &n); err != nil {
				return nil, fmt.Errorf("%s.json: input %q is neither a shape nor a whole number: %w", stem, input, err)
			}
			a := array{Elem: "int64", Name: input, Dims: []int64{}, Path: filepath.Join(folder, fmt.Sprintf("%s-%s.bin", name, input))}
			if err := os.WriteFile(a.Path, onnx.Scalar64(n).Data, 0o644); err != nil {
				return nil, err
			}
			in = append(in, a)
		}
		more, err := writeInputs(folder, name, g, 1, kind{share: 1})
		if err != nil {
			return nil, err
		}
		in = append(in, more...)
		list = append(list, duel{Name: name, Subject: realModels, Kind: "run", Model: path, In: in, Rows: 1, Alone: true})
	}
	return list, nil
}
