package trainers_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gonyx/gonyx/exporters"
	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/losses"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// A network of your own: it is defined in Go, learns exclusive or, and becomes a file that has been read back and verified.
func Example() {
	ctx := context.Background()
	x := onnx.FromFloat32s([]float32{0, 0, 0, 1, 1, 0, 1, 1}, 4, 2)
	y := onnx.FromFloat32s([]float32{0, 1, 1, 0}, 4, 1)
	x.Name, y.Name = "x", "y"
	data, err := datasets.NewArrays("xor", x, y)
	check(err)
	network, err := networks.New("xor", networks.Data{X: []int64{2}, Y: []int64{1}}, graphs.Sequential(
		graphs.Dense("hidden", 8, graphs.Tanh),    // [batch, 8]
		graphs.Dense("output", 1, graphs.Sigmoid), // [batch, 1]
	), losses.BinaryCrossEntropy)
	check(err)
	result, err := trainers.Fit(ctx, network, data, trainers.Options{
		Epochs: 300, BatchSize: 4, Optimizer: "adam", LearningRate: 0.05, Seed: 1, Threads: 1})
	check(err)
	defer result.Close()

	dir, err := os.MkdirTemp("", "xor")
	check(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "xor.onnx")
	report, err := exporters.Export(ctx, path, exporters.Spec{Graph: network.Model.Graph, Weights: result.Best})
	check(err)
	model, err := backend.Load(path, backend.Options{})
	check(err)
	defer model.Close()
	answers, err := model.Run(ctx, []onnx.Value{x})
	check(err)
	for _, p := range answers[0].(*onnx.Tensor).Float32s() {
		fmt.Printf("%.0f ", p)
	}
	fmt.Println("verified:", report.OK())
	// Output: 0 1 1 0 verified: true
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
