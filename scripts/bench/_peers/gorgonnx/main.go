// Command gorgonnx runs models with stock onnx-go and its Gorgonia backend, as a contestant of the benchmark.
package main

import (
	"fmt"
	"os"
	"runtime"

	onnx "github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend/x/gorgonnx"
	"gorgonia.org/tensor"

	"github.com/gonyx/gonyx/scripts/bench/_peers/contestant"
)

func main() { contestant.Serve("onnx-go v0.5.0 with gorgonnx", load) }

func load(r contestant.Request) (contestant.Subject, error) {
	runtime.GOMAXPROCS(r.Threads)
	data, err := os.ReadFile(r.Model)
	if err != nil {
		return contestant.Subject{}, err
	}
	graph := gorgonnx.NewGraph()
	model := onnx.NewModel(graph)
	if err := model.UnmarshalBinary(data); err != nil {
		return contestant.Subject{}, err
	}
	inputs := make([]tensor.Tensor, len(r.Inputs))
	for i, in := range r.Inputs {
		inputs[i] = tensor.New(tensor.WithShape(in.Dims...), tensor.WithBacking(in.Data))
	}
	return contestant.Subject{
		Run: func() error {
			for i, t := range inputs {
				if err := model.SetInput(i, t); err != nil {
					return err
				}
			}
			return graph.Run()
		},
		Output: func() []float32 {
			out, err := model.GetOutputTensors()
			if err != nil || len(out) == 0 {
				panic(fmt.Sprint("no output: ", err))
			}
			return out[0].Data().([]float32)
		},
	}, nil
}
