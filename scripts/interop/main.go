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

	"github.com/gonyx/gonyx/exporters"
	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/rows"
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
	shapes := network.Usual
	if network.Name == "news" {
		shapes.X = []int64{500} // ten thousand words say no more about another runtime, in twenty times the space
	}
	instance, err := network.Build(networks.NewSettings(network.Options, nil), shapes)
	if err != nil {
		return err
	}
	weights := graphs.Initialize(instance.Model.Parameters, seed)
	in, err := inputs(instance.Model.Graph)
	if err != nil {
		return err
	}
	var arrays []*onnx.Tensor
	for opset := int64(firstOpset); opset <= lastOpset; opset++ {
		path := filepath.Join(folder, fmt.Sprintf("%s-%d", network.Name, opset))
		s := exporters.Spec{Graph: instance.Model.Graph, Weights: weights, Opset: opset, Features: instance.Features}
		if _, err := exporters.Export(ctx, path+".onnx", s); err != nil {
			return err
		}
		if arrays == nil {
			if arrays, err = answered(ctx, path+".onnx", in); err != nil {
				return err
			}
		}
		if err := rows.WriteNPZFile(path+".npz", arrays); err != nil {
			return err
		}
	}
	return nil
}

// inputs draws every input of a graph from 0 to 1.
func inputs(g *onnx.Graph) ([]*onnx.Tensor, error) {
	random := rand.New(rand.NewPCG(seed, 0))
	var in []*onnx.Tensor
	for _, v := range g.RequiredInputs() {
		if v.Type.Elem != onnx.Float || !v.Type.Ranked {
			return nil, fmt.Errorf("input %q: a %v cannot be drawn", v.Name, v.Type)
		}
		dims := make([]int64, len(v.Type.Dims))
		for i, d := range v.Type.Dims {
			dims[i] = batch
			if d.Known() {
				dims[i] = d.Value
			}
		}
		t := onnx.NewTensor(onnx.Float, dims...)
		t.Name = v.Name
		for i := range t.Float32s() {
			t.Float32s()[i] = random.Float32()
		}
		in = append(in, t)
	}
	return in, nil
}

// answered gives the inputs with the outputs that this suite computes for them from the file.
func answered(ctx context.Context, path string, in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	m, err := backend.Load(path, backend.Options{})
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
			return nil, fmt.Errorf("output %q is no tensor", m.Outputs()[i].Name)
		}
		named := *t
		named.Name = m.Outputs()[i].Name
		arrays = append(arrays, &named)
	}
	return arrays, nil
}
