package backend_test

import (
	"math"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// quantum makes a scale, and a zero point of a type.
func quantum(name string, scale float32, elem onnx.ElemType, zero byte) []*onnx.Tensor {
	return []*onnx.Tensor{named(name+"s", onnx.Scalar32(scale)), named(name+"z", &onnx.Tensor{Type: elem, Dims: []int64{}, Data: []byte{zero}})}
}

// perAxis makes scales and zero points that are 0 for n steps.
func perAxis(name string, n int64) []*onnx.Tensor {
	s := positive(draw(name, n))
	for i := range s.Float32s() {
		s.Float32s()[i] *= 0.01
	}
	return []*onnx.Tensor{named(name+"s", s), named(name+"z", onnx.NewTensor(onnx.Int8, n))}
}

func drawBytes(name string, elem onnx.ElemType, dims ...int64) *onnx.Tensor {
	t, from := onnx.NewTensor(elem, dims...), draw(name, dims...)
	for i, v := range from.Float32s() {
		t.Data[i] = byte(int(v * 127))
	}
	return named(name, t)
}

// biasOfSums makes a bias whose quanta are products of those of x and w.
func biasOfSums(name string, x float32, w *onnx.Tensor, n int64) []*onnx.Tensor {
	b, s := onnx.NewTensor(onnx.Int32, n), onnx.NewTensor(onnx.Float, int64(w.Len()))
	for i := range b.Int32s() {
		b.Int32s()[i] = int32(i*531 - 700)
	}
	for i, v := range w.Float32s() {
		s.Float32s()[i] = x * v
	}
	if w.Len() == 1 {
		s.Dims = []int64{}
	}
	return []*onnx.Tensor{named(name, b), named(name+"s", s)}
}

// Operators between quanta become those of quanta, and what a plain plan gives stays within one quantum.
func TestJoinedQuanta(t *testing.T) {
	const u8, s8 = onnx.Uint8, onnx.Int8
	join := func(lists ...[]*onnx.Tensor) (all []*onnx.Tensor) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	axis0 := onnx.AttrInt("axis", 0)
	// in reads x as quanta, out makes y of them.
	in := []*onnx.Node{node("QuantizeLinear", "x xs xz", "xq"), node("DequantizeLinear", "xq xs xz", "xd")}
	out := func(scale string, list ...*onnx.Node) []*onnx.Node {
		return append(append(append([]*onnx.Node{}, in...), list...), node("QuantizeLinear", "v "+scale+"s "+scale+"z", "yq"), node("DequantizeLinear", "yq "+scale+"s "+scale+"z", "y"))
	}
	x, y, low := quantum("x", 0.01, u8, 100), quantum("y", 0.05, u8, 120), quantum("y", 0.05, s8, 128)
	one := quantum("w", 0.02, s8, 0)
	each := perAxis("w", 5)
	w3, m := drawBytes("w", s8, 5, 3, 3, 3), drawBytes("w", s8, 6, 5)
	image, row := []int64{3, 8, 9}, []int64{6}
	cases := map[string]struct {
		x      []int64
		nodes  []*onnx.Node
		consts []*onnx.Tensor
		want   string
	}{
		"a convolution": {image, out("y", node("DequantizeLinear", "w ws wz", "wd"), node("Conv", "xd wd", "v")),
			join(x, y, one, []*onnx.Tensor{w3}), "QuantizeLinear QLinearConv DequantizeLinear"},
		"with a bias, by maps": {image, out("y", node("DequantizeLinear", "w ws wz", "wd", axis0), node("DequantizeLinear", "b bs", "bd", axis0), node("Conv", "xd wd bd", "v", onnx.AttrInts("pads", 1, 0, 1, 0))),
			join(x, y, each, []*onnx.Tensor{w3}, biasOfSums("b", 0.01, each[0], 5)), "QuantizeLinear QLinearConv DequantizeLinear"},
		"and a Relu that saturation does": {image, out("y", node("DequantizeLinear", "w ws wz", "wd"), node("Conv", "xd wd", "c"), node("Relu", "c", "v")),
			join(x, low, one, []*onnx.Tensor{w3}), "QuantizeLinear QLinearConv DequantizeLinear"},
		"not a Relu above the least": {image, out("y", node("DequantizeLinear", "w ws wz", "wd"), node("Conv", "xd wd", "c"), node("Relu", "c", "v")),
			join(x, y, one, []*onnx.Tensor{w3}), "QuantizeLinear DequantizeLinear FusedConv+Relu QuantizeLinear DequantizeLinear"},
		"not a bias of other quanta": {image, out("y", node("DequantizeLinear", "w ws wz", "wd"), node("DequantizeLinear", "b bs", "bd"), node("Conv", "xd wd bd", "v")),
			join(x, y, one, []*onnx.Tensor{w3}, biasOfSums("b", 0.011, one[0], 5)), "QuantizeLinear DequantizeLinear Conv QuantizeLinear DequantizeLinear"},
		"a product": {row, out("y", node("DequantizeLinear", "w ws wz", "wd"), node("MatMul", "xd wd", "v")),
			join(x, y, one, []*onnx.Tensor{m}), "QuantizeLinear QLinearMatMul DequantizeLinear"},
		"a product by columns": {row, out("y", node("DequantizeLinear", "w ws wz", "wd"), node("MatMul", "xd wd", "v")),
			join(x, y, each, []*onnx.Tensor{m}), "QuantizeLinear QLinearMatMul DequantizeLinear"},
		"a product with a bias": {row, out("y", node("DequantizeLinear", "w ws wz", "wd"), node("DequantizeLinear", "b bs", "bd"), node("Gemm", "xd wd bd", "v")),
			join(x, y, one, []*onnx.Tensor{m}, biasOfSums("b", 0.01, one[0], 5)), "QuantizeLinear FusedQLinearMatMul DequantizeLinear"},
		"its matrix transposed, by columns": {row, out("y", node("DequantizeLinear", "w ws wz", "wd", axis0), node("DequantizeLinear", "b bs", "bd", axis0), node("Gemm", "xd wd bd", "v", onnx.AttrInt("transB", 1))),
			join(x, y, each, []*onnx.Tensor{drawBytes("w", s8, 5, 6)}, biasOfSums("b", 0.01, each[0], 5)), "QuantizeLinear FusedQLinearMatMul DequantizeLinear"},
		"not a Gemm with a factor": {row, out("y", node("DequantizeLinear", "w ws wz", "wd"), node("Gemm", "xd wd", "v", onnx.AttrFloat("alpha", 2))),
			join(x, y, one, []*onnx.Tensor{m}), "QuantizeLinear DequantizeLinear Gemm QuantizeLinear DequantizeLinear"},
		"a pooling": {image, out("x", node("MaxPool", "xd", "v", onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2))),
			x, "QuantizeLinear MaxPool DequantizeLinear"},
		"not a pooling to other quanta": {image, out("y", node("MaxPool", "xd", "v", onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2))),
			join(x, y), "QuantizeLinear DequantizeLinear MaxPool QuantizeLinear DequantizeLinear"},
		"what is read elsewhere, too": {image, append(out("y", node("DequantizeLinear", "w ws wz", "wd"), node("Conv", "xd wd", "v")), node("Neg", "xd", "z")),
			join(x, y, one, []*onnx.Tensor{w3}), "QuantizeLinear DequantizeLinear QLinearConv DequantizeLinear Neg"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			outputs := "y"
			if len(c.nodes) > 0 && c.nodes[len(c.nodes)-1].OpType == "Neg" {
				outputs = "y z"
			}
			g := graph(c.x, outputs, c.nodes, c.consts...)
			in := []onnx.Value{draw("input", append([]int64{2}, c.x...)...)}
			for _, set := range kernels.Supported() {
				joined, err := backend.Compile(g, backend.Options{Kernels: set.String(), Threads: 1})
				if err != nil {
					t.Fatal(err)
				}
				plain, err := backend.Compile(g, backend.Options{Kernels: set.String(), Threads: 1, Plain: true})
				if err != nil {
					t.Fatal(err)
				}
				p, err := joined.Plan(in)
				if err != nil {
					t.Fatal(err)
				}
				if got := operators(p); got != c.want {
					t.Errorf("%v: got %s, want %s", set, got, c.want)
				}
				got, err := joined.Run(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				want, err := plain.Run(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				a, b := got[0].(*onnx.Tensor).Float32s(), want[0].(*onnx.Tensor).Float32s()
				off := 0
				for i := range b {
					d := math.Abs(float64(a[i] - b[i]))
					if d > 0.0501 {
						t.Fatalf("%v: element %d: got %v, want %v", set, i, a[i], b[i])
					}
					if d > 1e-6 {
						off++
					}
				}
				if off*50 > len(b) {
					t.Errorf("%v: %d of %d elements are a quantum off, want next to none", set, off, len(b))
				}
				joined.Close()
				plain.Close()
			}
		})
	}
}
