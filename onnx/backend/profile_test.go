package backend_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
)

// A profile says of each step what it does and took, and what is left of a run is as without it.
func TestProfile(t *testing.T) {
	shape := &onnx.Tensor{Name: "shape", Type: onnx.Int64, Dims: []int64{2}, Data: onnx.BytesOf([]int64{-1, 4 * 4 * 4})}
	g := graph([]int64{3, 8, 8}, "y", []*onnx.Node{
		node("Conv", "x w", "a", onnx.AttrInts("pads", 1, 1, 1, 1)), node("Relu", "a", "b"),
		node("MaxPool", "b", "c", onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2)),
		node("Reshape", "c shape", "d"), node("MatMul", "d v", "e"), node("Gemm", "e u", "f", onnx.AttrInt("transB", 1)), node("Softmax", "f", "y"),
	}, draw("w", 4, 3, 3, 3), draw("v", 64, 10), draw("u", 5, 10), shape)
	m, err := backend.Compile(g, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	in := []onnx.Value{draw("x", 2, 3, 8, 8)}
	p, err := m.Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	before := runModel(t, p.Run, in)
	list, err := p.Profile(context.Background(), in, 4)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]int64{ // multiplications, bytes of weights
		"c": {2 * 4 * 8 * 8 * 3 * 3 * 3, 4 * 4 * 3 * 3 * 3}, "e": {2 * 64 * 10, 4 * 64 * 10}, "f": {2 * 10 * 5, 4 * 5 * 10}, "y": {},
	}
	var operators []string
	for _, s := range list {
		operators = append(operators, s.Operators...)
		if s.Time <= 0 || !s.Fast {
			t.Errorf("%v: fast is %v and the time %v, want a time on the kernels", s, s.Fast, s.Time)
		}
		if w, ok := want[s.Name]; !ok || s.Products != w[0] || s.Constants != w[1] {
			t.Errorf("%v: got %d products and %d bytes of weights, want %v", s, s.Products, s.Constants, w)
		}
		delete(want, s.Name)
	}
	if len(want) > 0 {
		t.Errorf("no step is called %v", want)
	}
	if got := strings.Join(operators, " "); got != "FusedConv+Relu MaxPool MatMul Gemm Softmax" {
		t.Errorf("operators: got %s", got)
	}
	for i, got := range runModel(t, p.Run, in) {
		if d := ops.Compare(got, before[i], ops.Tolerance{}); !d.Equal() {
			t.Errorf("output %d after a profile: %v", i, d)
		}
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Profile(cancelled, in, 1); err == nil {
		t.Error("a cancelled profile gives no error")
	}
}
