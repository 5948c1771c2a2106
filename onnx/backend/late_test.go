package backend_test

import (
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Behind a size that data decide, steps run by the fast way for the shapes at hand, on every set and for every size anew; what they give is
// what evaluation does. Where next to nothing is left, they are evaluated.
func TestStepsWhoseShapesOnlyARunTells(t *testing.T) {
	nodes := []*onnx.Node{
		node("ReduceMax", "x outer", "top", onnx.AttrInt("keepdims", 0)), node("Greater", "top zero", "some"),
		node("Compress", "x some", "kept", onnx.AttrInt("axis", 2)),
		node("Conv", "kept w b", "c", onnx.AttrInts("pads", 1, 1)), node("Relu", "c", "r"),
		node("Transpose", "r", "turned", onnx.AttrInts("perm", 0, 2, 1)), node("MatMul", "turned m", "product"), node("Softmax", "product", "y"),
	}
	consts := []*onnx.Tensor{named("outer", onnx.FromInt64s([]int64{0, 1})), named("zero", onnx.Scalar32(0)), draw("w", 6, 8, 3), draw("b", 6), draw("m", 6, 5)}
	for _, set := range kernels.Supported() {
		m, err := backend.Compile(graph([]int64{8, 1500}, "y", nodes, consts...), backend.Options{Kernels: set.String(), Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		x := draw("x", 2, 8, 1500)
		for i := range x.Float32s() {
			x.Float32s()[i] -= 2
		}
		positive := func(from, to int) { // so many columns stay
			for i := from; i < to; i++ {
				x.Float32s()[i] = 0.001 * float32(i)
			}
		}
		p, err := m.Plan([]onnx.Value{x})
		if err != nil {
			t.Fatal(err)
		}
		before := backend.FastSteps(m)
		if n := strings.Count(p.String(), "plain "); n != 5 {
			t.Fatalf("%v: got a plan that evaluates %d steps, want the steps behind Compress not to be planned:\n%v", set, n, p)
		}
		for _, stay := range []struct{ from, to, fast int }{{1, 9, 0}, {9, 1201, 3}, {9, 1201, 0}, {1201, 1400, 3}} {
			positive(stay.from, stay.to)
			got, want := runModel(t, m.Run, []onnx.Value{x}), runModel(t, m.Evaluate, []onnx.Value{x})
			if d := ops.Compare(got[0], want[0], ops.Tolerance{Rel: 1e-5, Abs: 1e-5}); !d.Equal() {
				t.Errorf("%v, columns to %d: %v", set, stay.to, d)
			}
			made := backend.FastSteps(m) - before
			if before += made; made < stay.fast || stay.fast == 0 && made > 0 {
				t.Errorf("%v, columns to %d: got %d new fast steps, want %d or more", set, stay.to, made, stay.fast)
			}
		}
	}
}
