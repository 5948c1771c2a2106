package tensorfn_test

import (
	"fmt"
	"log"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/trainers/tensorfn"
)

// One call evaluates several tensors: the input, its square, the mean of both, and the gradient of the square by the input.
func Example() {
	s := tensorfn.New("square")
	x := s.Placeholder("input", 4)
	square := x.Square()
	gradient := s.Gradients(square, x)[0]
	f, err := s.Function(
		[]graphs.Value{x},
		[]graphs.Value{x, square, x.ReduceMean(), square.ReduceMean(), gradient})
	if err != nil {
		log.Fatal(err)
	}
	results, err := f.Call(onnx.FromFloat32s([]float32{3, 3, 3, 3}, 4))
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		fmt.Println(r, r.Float32s())
	}
	// Output:
	// float[4] [3 3 3 3]
	// float[4] [9 9 9 9]
	// float[] [3]
	// float[] [9]
	// float[4] [6 6 6 6]
}
