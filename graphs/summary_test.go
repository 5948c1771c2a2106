package graphs

import (
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

func TestSummary(t *testing.T) {
	g := network()
	g.Nodes = append(g.Nodes, node("", "Constant", "", "k", onnx.AttrInts("value_ints", -1)),
		node("encoder.dense2", "Gemm", "y,encoder.dense2.weight", "z"), node("encoder.dense2/relu", "Relu", "z", "u"),
		node("/layers/layers.0/Tanh", "Tanh", "u", "v"), node("", "Neg", "v", "w"), node("tied", "Gemm", "w,encoder.dense2.weight", "last"))
	g.Initializers = append(g.Initializers, weight("encoder.dense2.weight", 4, 4), named("shape", onnx.FromInt64s([]int64{1, 2, 3})), named("scalar", onnx.Scalar32(1)))
	g.Outputs = append(g.Outputs, info("last", floats(batch, fixed(4))))
	s, err := Summarize(g)
	if err != nil {
		t.Fatal(err)
	}
	// 3·2·3·3+3, 27·4+4, 7·5, 4·4
	if want := int64(57 + 112 + 35 + 16); s.Parameters != want || s.Bytes != 4*want {
		t.Errorf("got %d parameters in %d bytes, want %d in %d", s.Parameters, s.Bytes, want, 4*want)
	}
	want := strings.TrimPrefix(`
net
layer             output               parameters   operators
x                 float[batch,2,6,6]                input
ids               int64[n]                          input
conv1             float[batch,3,6,6]           57   Conv, Relu
pool              float[batch,3,3,3]                MaxPool
flat              float[batch,27]                   Flatten
dense1            float[batch,4]              112   Gemm, Sigmoid
sub               float[batch,4]                    Sub
embed             float[n,5]                   35   Gather
encoder.dense2    float[batch,4]               16   Gemm, Relu
layers/layers.0   float[batch,4]                    Tanh
(node 12)         float[batch,4]                    Neg
tied              float[batch,4]                    Gemm
220 parameters, 880 B
`, "\n")
	if got := s.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestSizesForPeople(t *testing.T) {
	counts := map[int64]string{0: "0", 999: "999", 1000: "1,000", 1406896: "1,406,896"}
	for n, want := range counts {
		if got := thousands(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
	sizes := map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 5627584: "5.4 MiB", 3 << 40: "3.0 TiB"}
	for n, want := range sizes {
		if got := bytesText(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
	if got, want := operatorsText([]string{"Add", "Add", "Relu"}), "Add ×2, Relu"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
