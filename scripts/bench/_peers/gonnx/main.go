// Command gonnx runs models with gonnx, as a contestant of the benchmark.
package main

import (
	"runtime"

	"github.com/advancedclimatesystems/gonnx"
	"gorgonia.org/tensor"

	"github.com/gonyx/gonyx/scripts/bench/_peers/contestant"
)

func main() { contestant.Serve("gonnx v1.1.0", load) }

func load(r contestant.Request) (contestant.Subject, error) {
	runtime.GOMAXPROCS(r.Threads)
	model, err := gonnx.NewModelFromFile(r.Model)
	if err != nil {
		return contestant.Subject{}, err
	}
	inputs := make(gonnx.Tensors)
	for _, in := range r.Inputs {
		inputs[in.Name] = tensor.New(tensor.WithShape(in.Dims...), tensor.WithBacking(in.Data))
	}
	var last gonnx.Tensors
	return contestant.Subject{
		Run: func() (err error) {
			last, err = model.Run(inputs)
			return err
		},
		Output: func() []float32 { return last[model.OutputNames()[0]].Data().([]float32) },
	}, nil
}
