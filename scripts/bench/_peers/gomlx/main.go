// Command gomlx runs models with GoMLX's backend in Go, as a contestant of the benchmark.
package main

import (
	"runtime"

	"github.com/gomlx/gomlx/backends"
	_ "github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/gomlx/gomlx/pkg/ml/context"
	"github.com/gomlx/onnx-gomlx/onnx"

	"github.com/gonyx/gonyx/scripts/bench/_peers/contestant"
)

func main() { contestant.Serve("GoMLX v0.26.0, simplego", load) }

func load(r contestant.Request) (contestant.Subject, error) {
	runtime.GOMAXPROCS(r.Threads)
	model, err := onnx.ReadFile(r.Model)
	if err != nil {
		return contestant.Subject{}, err
	}
	ctx := context.New()
	if err := model.VariablesToContext(ctx); err != nil {
		return contestant.Subject{}, err
	}
	backend, err := backends.NewWithConfig("go")
	if err != nil {
		return contestant.Subject{}, err
	}
	var inputs []any
	for _, in := range r.Inputs {
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(in.Data, in.Dims...))
	}
	exec, err := context.NewExec(backend, ctx.Reuse(), func(ctx *context.Context, given []*graph.Node) []*graph.Node {
		named := make(map[string]*graph.Node)
		for i, in := range r.Inputs {
			named[in.Name] = given[i]
		}
		return model.CallGraph(ctx, given[0].Graph(), named)
	})
	if err != nil {
		return contestant.Subject{}, err
	}
	var last *tensors.Tensor
	return contestant.Subject{
		Run: func() error {
			out, err := exec.Exec(inputs...)
			if err == nil {
				last = out[0]
			}
			return err
		},
		Output: func() []float32 { return tensors.MustCopyFlatData[float32](last) },
	}, nil
}
