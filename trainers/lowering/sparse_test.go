package lowering

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// thinRows makes rows of 600 of which about one element in so many is not zero.
func thinRows(rng *rand.Rand, rows, every int) *onnx.Tensor {
	t := floats(rng, -1, 1, int64(rows), 600)
	for i := range t.Float32s() {
		if rng.IntN(every) > 0 {
			t.Float32s()[i] = 0
		}
	}
	return t
}

// thinNet is a product of the input by a weight with a square for a loss.
func thinNet() (*onnx.Graph, Options) {
	rng := rand.New(rand.NewPCG(5, 5))
	g := &onnx.Graph{Name: "thin", Opsets: []onnx.Opset{{Version: 17}}}
	g.Inputs = []*onnx.ValueInfo{{Name: "x", Type: onnx.TensorType(onnx.Float, onnx.Symbol("batch"), onnx.Fixed(600))}}
	o := Options{Parameters: map[string]*onnx.Tensor{"w": floats(rng, -1, 1, 600, 9), "b": floats(rng, -1, 1, 9)}, Set: kernels.Best()}
	for _, name := range []string{"w", "b"} {
		g.Initializers = append(g.Initializers, &onnx.Tensor{Name: name, Type: onnx.Float, Dims: o.Parameters[name].Dims})
	}
	g.Nodes = []*onnx.Node{
		{OpType: "Gemm", Inputs: []string{"x", "w", "b"}, Outputs: []string{"y"}},
		{OpType: "Tanh", Inputs: []string{"y"}, Outputs: []string{"t"}},
		{OpType: "Mul", Inputs: []string{"t", "t"}, Outputs: []string{"square"}},
		{OpType: "ReduceMean", Inputs: []string{"square"}, Outputs: []string{"loss"}, Attributes: []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}},
	}
	g.Outputs = []*onnx.ValueInfo{{Name: "loss", Type: onnx.TensorType(onnx.Float)}}
	return g, o
}

func TestThinRowsAsDenseOnes(t *testing.T) {
	g, o := thinNet()
	pool := kernels.NewPool(2)
	defer pool.Close()
	for _, set := range kernels.Supported() {
		rng := rand.New(rand.NewPCG(6, 6))
		o.Set = set
		var programs [3]*Program
		for i := range programs {
			o := o
			o.Plain = i == 0
			if i == 2 {
				o.Pool = pool
			}
			var err error
			if programs[i], err = Lower(g, o); err != nil {
				t.Fatal(err)
			}
		}
		// What one batch has written must be gone in the next, of another size, dense in between.
		for step, in := range []struct{ rows, every int }{{4, 50}, {4, 50}, {3, 100}, {4, 2}, {4, 50}, {5, 1000000}, {64, 20}} {
			x := thinRows(rng, in.rows, in.every)
			for _, p := range programs {
				run(t, p, []*onnx.Tensor{x}, true)
			}
			plain, thin, two := programs[0], programs[1], programs[2]
			what := fmt.Sprintf("%v, step %d", set, step)
			alike(t, what+": loss", []float32{thin.Loss()}, []float32{plain.Loss()})
			for i, q := range plain.Params() {
				got := thin.Params()[i].Gradient().Float32s()
				alike(t, what+": gradient by "+q.Name(), got, q.Gradient().Float32s())
				if !slices.Equal(two.Params()[i].Gradient().Float32s(), got) {
					t.Errorf("%s: gradient by %s: two threads give other bytes than one", what, q.Name())
				}
			}
			rows, ok := thin.Params()[0].Rows()
			if want := in.every > 10; ok != want {
				t.Fatalf("%s: got %t for a gradient of few rows, want %t", what, ok, want)
			}
			for r := range 600 {
				if ok && !slices.Contains(rows, r) && slices.ContainsFunc(thin.Params()[0].Gradient().Float32s()[r*9:(r+1)*9], func(v float32) bool { return v != 0 }) {
					t.Errorf("%s: row %d has a gradient but is not listed", what, r)
				}
			}
		}
	}
}

func TestASolverThatWritesGradientsLeavesNothing(t *testing.T) {
	g, o := thinNet()
	p, err := Lower(g, o)
	if err != nil {
		t.Fatal(err)
	}
	x := thinRows(rand.New(rand.NewPCG(7, 7)), 4, 100)
	run(t, p, []*onnx.Tensor{x}, true)
	want := slices.Clone(p.Params()[0].Gradient().Float32s())
	if _, err := p.Params()[0].Grad(); err != nil {
		t.Fatal(err)
	}
	for i := range p.Params()[0].Gradient().Float32s() {
		p.Params()[0].Gradient().Float32s()[i] = 7
	}
	run(t, p, []*onnx.Tensor{x}, true)
	if got := p.Params()[0].Gradient().Float32s(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
