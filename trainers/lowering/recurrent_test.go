package lowering

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Recurrent operators run but are not trained: that is said at once, naming the node.
func TestRecurrentOperatorsAreNotTrained(t *testing.T) {
	for name, gates := range map[string]int64{"RNN": 1, "GRU": 3, "LSTM": 4} {
		rng := rand.New(rand.NewPCG(1, 1))
		w, r := floats(rng, -1, 1, 1, gates*4, 3), floats(rng, -1, 1, 1, gates*4, 4)
		w.Name, r.Name = "w", "r"
		g := &onnx.Graph{Name: "g", Opsets: []onnx.Opset{{Version: 17}}, Initializers: []*onnx.Tensor{w, r},
			Inputs: []*onnx.ValueInfo{{Name: "x", Type: onnx.TensorType(onnx.Float, onnx.Fixed(5), onnx.Symbol("batch"), onnx.Fixed(3))}},
			Nodes: []*onnx.Node{
				{Name: "memory", OpType: name, Inputs: []string{"x", "w", "r"}, Outputs: []string{"y"}, Attributes: []*onnx.Attribute{onnx.AttrInt("hidden_size", 4)}},
				{Name: "sum", OpType: "ReduceSum", Inputs: []string{"y"}, Outputs: []string{"loss"}, Attributes: []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}},
			},
			Outputs: []*onnx.ValueInfo{{Name: "loss", Type: onnx.TensorType(onnx.Float)}},
		}
		_, err := Lower(g, Options{Loss: "loss", Wrt: []string{"w"}})
		want := `node "memory": ` + name + ": the operator is not supported in training: there is no gradient for it"
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, ops.ErrUnsupported) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
