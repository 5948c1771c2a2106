package exporters

import (
	"path/filepath"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/wire"
)

// quantized is a graph of a product in floats between quanta, its outputs y moved about and z not quantized.
func quantized(scale *onnx.Tensor) *onnx.Graph {
	name := func(n string, t *onnx.Tensor) *onnx.Tensor {
		t.Name = n
		return t
	}
	node := func(op, out string, in ...string) *onnx.Node {
		return &onnx.Node{OpType: op, Name: out, Inputs: in, Outputs: []string{out}}
	}
	float := func(n string) *onnx.ValueInfo {
		return &onnx.ValueInfo{Name: n, Type: onnx.TensorType(onnx.Float, onnx.Symbol("n"), onnx.Fixed(5))}
	}
	w := onnx.NewTensor(onnx.Float, 7, 5)
	for i := range w.Float32s() {
		w.Float32s()[i] = float32(i%9) / 8
	}
	in := float("x")
	in.Type.Dims[1] = onnx.Fixed(7)
	return &onnx.Graph{
		Name: "quantized", Opsets: []onnx.Opset{{Version: 21}}, Inputs: []*onnx.ValueInfo{in}, Outputs: []*onnx.ValueInfo{float("y"), float("z")},
		Initializers: []*onnx.Tensor{name("w", w), name("s", scale), name("zero", &onnx.Tensor{Type: onnx.Uint8, Dims: []int64{}, Data: []byte{3}})},
		Nodes: []*onnx.Node{node("MatMul", "z", "x", "w"), node("QuantizeLinear", "q", "z", "s", "zero"), node("DequantizeLinear", "d", "q", "s", "zero"),
			node("Identity", "y", "d")},
	}
}

func TestQuantaOf(t *testing.T) {
	got := quantaOf(quantized(onnx.Scalar32(0.25)))
	if len(got) != 1 || got["y"] != 0.25 {
		t.Errorf("got %v, want y alone with 0.25", got)
	}
}

// A model between quanta is verified as any other.
func TestQuantizedModelsAreVerified(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.onnx")
	file := &onnx.Model{IRVersion: 10, Graph: quantized(onnx.Scalar32(0.01))}
	if err := wire.WriteFile(path, file, wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	report, err := Verify(t.Context(), path, backend.Options{Threads: 1})
	if err != nil || report.Err() != nil {
		t.Fatalf("got %v, %v, want none:\n%v", err, report.Err(), report)
	}
}
