// Command interop writes what other runtimes are asked about: every network of the catalogue at every opset from 9 to
// 22, each as NAME-opset.onnx with NAME-opset.npz beside it, which holds inputs and the outputs that this suite computes for
// them, under their names in the graph. The run script beside it hands the folder to check.py.
//
//	go run ./scripts/interop FOLDER
package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/onnx/wire"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// The opsets that models are exported at.
const firstOpset, lastOpset = 9, 22

const (
	batch = 3
	seed  = 1
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(errs, "usage: go run ./scripts/interop FOLDER")
		return 2
	}
	n := 0
	for _, network := range networks.All() {
		if err := writeNetwork(ctx, args[0], network); err != nil {
			fmt.Fprintf(errs, "interop: %s: %v\n", network.Name, err)
			return 1
		}
		n++
	}
	fmt.Fprintf(out, "interop: wrote %d networks at opsets %d to %d into %s\n", n, firstOpset, lastOpset, args[0])
	return 0
}

// writeNetwork writes one network at every opset, with the same weights, inputs and outputs.
func writeNetwork(ctx context.Context, folder string, network networks.Network) error {
	data, err := datasets.Open(network.Dataset, datasets.Config{Limit: batch, Seed: seed})
	if err != nil {
		return err
	}
	info := data.Info()
	shapes := networks.Data{Recipe: info.Recipe}
	if x, at := info.Field(datasets.FieldX); at >= 0 {
		shapes.X = x.Dims
	}
	if y, at := info.Field(datasets.FieldY); at >= 0 {
		shapes.Y = y.Dims
	}
	instance, err := network.Build(networks.NewSettings(network.Options, nil), shapes)
	if err != nil {
		return err
	}
	g := bound(instance.Model)
	in, err := inputs(g, data)
	if err != nil {
		return err
	}
	arrays, err := answered(ctx, g, in)
	if err != nil {
		return err
	}
	for opset := int64(firstOpset); opset <= lastOpset; opset++ {
		if err := writePair(folder, fmt.Sprintf("%s-%d", network.Name, opset), g, opset, arrays); err != nil {
			return fmt.Errorf("opset %d: %w", opset, err)
		}
	}
	return nil
}

// writePair writes a model at an opset, and arrays beside it.
func writePair(folder, name string, g *onnx.Graph, opset int64, arrays []*onnx.Tensor) error {
	converted, err := ops.Convert(g, opset)
	if err != nil {
		return err
	}
	m := &onnx.Model{IRVersion: irVersion(opset), ProducerName: "gonyx", Graph: converted}
	path := filepath.Join(folder, name)
	if err := wire.WriteFile(path+".onnx", m, wire.WriteOptions{}); err != nil {
		return err
	}
	return rows.WriteNPZFile(path+".npz", arrays)
}

// irVersion is the lowest version of the format that goes with an opset from 9 on.
func irVersion(opset int64) int64 {
	switch {
	case opset <= 11:
		return opset - 5
	case opset <= 14:
		return 7
	}
	return 8
}

// bound is a model's graph with the weights that the seed gives.
func bound(m *graphs.Model) *onnx.Graph {
	weights := graphs.Initialize(m.Parameters, seed)
	g := m.Graph.Clone()
	for _, t := range g.Initializers {
		if w := weights[t.Name]; w != nil {
			t.Data = w.Data
		}
	}
	return g
}

// inputs takes each input of the graph from the data's field of that name; what the data does not have is drawn.
func inputs(g *onnx.Graph, data datasets.Dataset) ([]*onnx.Tensor, error) {
	fields := datasets.NewBatch(data.Info(), batch)
	numbers := make([]int, batch)
	for i := range numbers {
		numbers[i] = i
	}
	if err := data.Read(0, numbers, fields); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(seed, 0))
	var in []*onnx.Tensor
	for _, v := range g.RequiredInputs() {
		var t *onnx.Tensor
		if _, at := data.Info().Field(v.Name); at >= 0 {
			field := *fields[at]
			t = &field
		} else {
			var err error
			if t, err = draw(v, random); err != nil {
				return nil, err
			}
		}
		t.Name = v.Name
		in = append(in, t)
	}
	return in, nil
}

// draw makes a float input of normal random numbers. Dimensions that are not fixed are the batch.
func draw(v *onnx.ValueInfo, random *rand.Rand) (*onnx.Tensor, error) {
	if v.Type.Elem != onnx.Float || !v.Type.Ranked {
		return nil, fmt.Errorf("input %q: no data has it and a %v cannot be drawn", v.Name, v.Type)
	}
	dims := make([]int64, len(v.Type.Dims))
	for i, d := range v.Type.Dims {
		dims[i] = batch
		if d.Known() {
			dims[i] = d.Value
		}
	}
	t := onnx.NewTensor(onnx.Float, dims...)
	for i := range t.Float32s() {
		t.Float32s()[i] = float32(random.NormFloat64())
	}
	return t, nil
}

// answered gives the inputs with the outputs that this suite computes for them.
func answered(ctx context.Context, g *onnx.Graph, in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	m, err := backend.Compile(g, backend.Options{})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	values := make([]onnx.Value, len(in))
	for i, t := range in {
		values[i] = t
	}
	out, err := m.Run(ctx, values)
	if err != nil {
		return nil, err
	}
	arrays := in
	for i, v := range out {
		t, ok := v.(*onnx.Tensor)
		if !ok {
			return nil, fmt.Errorf("output %q is no tensor", g.Outputs[i].Name)
		}
		named := *t
		named.Name = g.Outputs[i].Name
		arrays = append(arrays, &named)
	}
	return arrays, nil
}
