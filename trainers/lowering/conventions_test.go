package lowering

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// TestConventions pins what gradients are where a function has a corner.
func TestConventions(t *testing.T) {
	inf := float32(math.Inf(1))
	v := func(x ...float32) *onnx.Tensor { return onnx.FromFloat32s(x, int64(len(x))) }
	for name, c := range map[string]struct {
		op   string
		in   []*onnx.Tensor
		want [][]float32
	}{
		"Relu at 0":                 {"Relu", []*onnx.Tensor{v(-1, 0, 1)}, [][]float32{{0, 0, 1}}},
		"LeakyRelu at 0":            {"LeakyRelu", []*onnx.Tensor{v(-1, 0, 1)}, [][]float32{{0.01, 0.01, 1}}},
		"Abs at 0":                  {"Abs", []*onnx.Tensor{v(-2, 0, 2)}, [][]float32{{-1, 0, 1}}},
		"Sqrt at 0":                 {"Sqrt", []*onnx.Tensor{v(0, 4)}, [][]float32{{inf, 0.25}}},
		"Max of equals":             {"Max", []*onnx.Tensor{v(1, 2, 3), v(1, 3, 2)}, [][]float32{{0.5, 0, 1}, {0.5, 1, 0}}},
		"Min of three equals":       {"Min", []*onnx.Tensor{v(1), v(1), v(2), v(1)}, [][]float32{{1.0 / 3}, {1.0 / 3}, {0}, {1.0 / 3}}},
		"Clip at its bounds":        {"Clip", []*onnx.Tensor{v(-2, -1, 0, 1, 2), constant(onnx.Scalar32(-1)), constant(onnx.Scalar32(1))}, [][]float32{{0, 1, 1, 1, 0}}},
		"ReduceMax of equals":       {"ReduceMax", []*onnx.Tensor{v(2, 1, 2, 2)}, [][]float32{{1.0 / 3, 0, 1.0 / 3, 1.0 / 3}}},
		"ReduceL2 of zeros":         {"ReduceL2", []*onnx.Tensor{v(0, 0)}, [][]float32{{0, 0}}},
		"Pow by 0 and of 0":         {"Pow", []*onnx.Tensor{v(0, 0, 3), v(0, 2, 0)}, [][]float32{{0, 0, 0}, {0, 0, float32(math.Log(3))}}},
		"Mul where the other is 0":  {"Mul", []*onnx.Tensor{v(0), v(5)}, [][]float32{{5}, {0}}},
		"Where takes no other part": {"Where", []*onnx.Tensor{bools([]bool{true, false}, 2), v(1, inf), v(inf, 2)}, [][]float32{{1, 0}, {0, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			g := trial{op: c.op, in: c.in}.graph(t, rand.New(rand.NewPCG(1, 1)))
			var wrt []string
			for _, x := range g.Initializers {
				if x.Name[0] == 'x' {
					wrt = append(wrt, x.Name)
				}
				if x.Name == "w0" {
					for i := range x.Float32s() {
						x.Float32s()[i] = 1
					}
				}
			}
			p, err := Lower(g, Options{Wrt: wrt})
			if err != nil {
				t.Fatal(err)
			}
			run(t, p, nil, true)
			for i, q := range p.Params() {
				if got := q.Gradient().Float32s(); !slices.Equal(got, c.want[i]) {
					t.Errorf("gradient by %s: got %v, want %v", q.Name(), got, c.want[i])
				}
			}
		})
	}
}
