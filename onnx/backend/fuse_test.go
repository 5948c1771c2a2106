package backend_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// draw makes a float tensor of numbers between -1 and 1 that follow from the name.
func draw(name string, dims ...int64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Float, dims...)
	t.Name = name
	seed := uint32(2166136261)
	for _, c := range []byte(name) {
		seed = (seed ^ uint32(c)) * 16777619
	}
	for i := range t.Float32s() {
		seed = seed*1664525 + 1013904223
		t.Float32s()[i] = float32(int32(seed>>8)%2001-1000) / 1000
	}
	return t
}

func named(name string, t *onnx.Tensor) *onnx.Tensor {
	t.Name = name
	return t
}

func positive(t *onnx.Tensor) *onnx.Tensor {
	for i, v := range t.Float32s() {
		t.Float32s()[i] = float32(math.Abs(float64(v))) + 0.5
	}
	return t
}

// node makes a node of operands that are separated by blanks; "_" is absent.
func node(opType, in, out string, attrs ...*onnx.Attribute) *onnx.Node {
	n := &onnx.Node{Name: out, OpType: opType, Outputs: strings.Fields(out), Attributes: attrs}
	for _, name := range strings.Fields(in) {
		n.Inputs = append(n.Inputs, strings.Trim(name, "_"))
	}
	return n
}

// graph makes a graph with an input x of a free batch.
func graph(x []int64, out string, nodes []*onnx.Node, consts ...*onnx.Tensor) *onnx.Graph {
	g := &onnx.Graph{Name: "g", Opsets: []onnx.Opset{{Version: onnx.MaxOpset}}, Nodes: nodes, Initializers: consts}
	dims := append([]onnx.Dim{onnx.Symbol("batch")}, onnx.FixedDims(x...)...)
	g.Inputs = []*onnx.ValueInfo{{Name: "x", Type: onnx.TensorType(onnx.Float, dims...)}}
	for _, name := range strings.Fields(out) {
		g.Outputs = append(g.Outputs, &onnx.ValueInfo{Name: name, Type: onnx.UnrankedTensorType(onnx.Float)})
	}
	return g
}

// operators lists the plan's operators, each with the activation that was joined to it.
func operators(p *backend.Plan) string {
	var list []string
	for _, line := range strings.Split(p.String(), "\n")[1:] {
		if head, _, ok := strings.Cut(line, "("); ok {
			list = append(list, head[strings.LastIndexByte(head, ' ')+1:])
		}
	}
	return strings.Join(list, " ")
}

func TestFusion(t *testing.T) {
	image, row := []int64{3, 8, 9}, []int64{6}
	nodes := func(list ...*onnx.Node) []*onnx.Node { return list }
	u, w3, w4 := draw("u", 4, 3, 1, 1), draw("w", 5, 3, 3, 3), draw("w", 5, 4, 3, 3)
	a, b := draw("a", 4), draw("b", 5)
	pads := onnx.AttrInts("pads", 1, 1, 1, 1)
	twice := named("twice", onnx.FromFloat32s([]float32{1, 1, 2, 2}, 4))
	nearest := []*onnx.Attribute{onnx.AttrString("coordinate_transformation_mode", "asymmetric"), onnx.AttrString("nearest_mode", "floor")}
	norm := func(n int64) []*onnx.Tensor {
		return []*onnx.Tensor{draw("s", n), draw("t", n), draw("m", n), positive(draw("v", n))}
	}
	with := func(list []*onnx.Tensor, more ...*onnx.Tensor) []*onnx.Tensor { return append(more, list...) }
	ints := func(name string, v ...int64) *onnx.Tensor { return named(name, onnx.FromInt64s(v)) }
	numbers := []*onnx.Tensor{named("zero", onnx.Scalar32(0)), named("three", onnx.Scalar32(3)), named("six", onnx.Scalar32(6))}
	infinite := draw("w", 5, 4, 3, 3)
	infinite.Float32s()[7] = float32(math.Inf(1))
	for phrase, c := range map[string]struct {
		x      []int64
		nodes  []*onnx.Node
		consts []*onnx.Tensor
		out    string
		want   string
	}{
		"an activation in a convolution's store": {image, nodes(node("Conv", "x w b", "c", pads), node("LeakyRelu", "c", "y", onnx.AttrFloat("alpha", 0.3))),
			[]*onnx.Tensor{w3, b}, "y", "FusedConv+LeakyRelu"},
		"in a product's store": {row, nodes(node("Gemm", "x w b", "c"), node("Tanh", "c", "d"), node("MatMul", "d v", "e"), node("Sigmoid", "e", "y")),
			[]*onnx.Tensor{draw("w", 6, 5), b, draw("v", 5, 3)}, "y", "FusedGemm+Tanh FusedMatMul+Sigmoid"},
		"not where the sum is read elsewhere": {row, nodes(node("Gemm", "x w b", "c"), node("Relu", "c", "d"), node("Add", "c d", "y")),
			[]*onnx.Tensor{draw("w", 6, 5), b}, "y", "Gemm Relu+Add"},
		"not where the sum is an output": {row, nodes(node("Gemm", "x w b", "c"), node("Relu", "c", "y")),
			[]*onnx.Tensor{draw("w", 6, 5), b}, "y c", "Gemm Relu"},
		"an activation after an identity": {row, nodes(node("Gemm", "x w b", "c"), node("Identity", "c", "d"), node("Dropout", "d", "e"), node("Relu", "e", "y")),
			[]*onnx.Tensor{draw("w", 6, 5), b}, "y", "FusedGemm+Relu"},
		"an activation that kernels do not have": {row, nodes(node("Gemm", "x w b", "c"), node("Softsign", "c", "y")),
			[]*onnx.Tensor{draw("w", 6, 5), b}, "y", "Gemm Softsign"},
		"a bias by itself": {row, nodes(node("MatMul", "x w", "c"), node("Add", "b c", "d"), node("Relu", "d", "y")),
			[]*onnx.Tensor{draw("w", 6, 5), b}, "y", "FusedMatMul+Relu"},
		"a bias that is no row": {row, nodes(node("MatMul", "x w", "c"), node("Add", "c b", "y")),
			[]*onnx.Tensor{draw("w", 6, 5), draw("b", 1, 1, 5)}, "y", "MatMul Add"},
		"a bias a map": {image, nodes(node("Conv", "x w", "c"), node("Add", "c b", "d"), node("Relu", "d", "y")),
			[]*onnx.Tensor{w3, draw("b", 5, 1, 1)}, "y", "FusedConv+Relu"},
		"a sum over pixels is no bias": {image, nodes(node("Conv", "x w", "c"), node("Add", "c b", "y")),
			[]*onnx.Tensor{w3, draw("b", 7)}, "y", "Conv+Add"},
		"a linear 1×1 convolution": {image, nodes(node("Conv", "x u a", "c"), node("Conv", "c w b", "d"), node("Relu", "d", "y")),
			[]*onnx.Tensor{u, a, w4, b}, "y", "FusedConv+Relu"},
		"one without bias, the next pads": {image, nodes(node("Conv", "x u", "c"), node("Conv", "c w b", "y", pads)),
			[]*onnx.Tensor{u, w4, b}, "y", "Conv"},
		"one with bias, the next pads": {image, nodes(node("Conv", "x u a", "c"), node("Conv", "c w b", "y", pads)),
			[]*onnx.Tensor{u, a, w4, b}, "y", "Conv Conv"},
		"with bias, the next pads by itself": {image, nodes(node("Conv", "x u a", "c"), node("Conv", "c w b", "y", onnx.AttrString("auto_pad", "SAME_UPPER"))),
			[]*onnx.Tensor{u, a, w4, b}, "y", "Conv Conv"},
		"one that pads": {image, nodes(node("Conv", "x u", "c", pads), node("Conv", "c w b", "y")),
			[]*onnx.Tensor{u, w4, b}, "y", "Conv Conv"},
		"one with strides": {image, nodes(node("Conv", "x u", "c", onnx.AttrInts("strides", 2, 1)), node("Conv", "c w b", "y")),
			[]*onnx.Tensor{u, w4, b}, "y", "Conv Conv"},
		"the next with strides": {image, nodes(node("Conv", "x u a", "c"), node("Conv", "c w b", "y", onnx.AttrInts("strides", 2, 1))),
			[]*onnx.Tensor{u, a, w4, b}, "y", "Conv"},
		"an activation between": {image, nodes(node("Conv", "x u a", "c"), node("Relu", "c", "d"), node("Conv", "d w b", "y")),
			[]*onnx.Tensor{u, a, w4, b}, "y", "FusedConv+Relu Conv"},
		"infinite weights": {image, nodes(node("Conv", "x u a", "c"), node("Conv", "c w b", "y")),
			[]*onnx.Tensor{u, a, infinite, b}, "y", "Conv Conv"},
		"more channels before than between": {image, nodes(node("Conv", "x u", "c"), node("Conv", "c w b", "y")),
			[]*onnx.Tensor{draw("u", 2, 3, 1, 1), draw("w", 5, 2, 3, 3), b}, "y", "Conv Conv"},
		"doubled planes": {image, nodes(node("Resize", "x _ twice", "c"), node("Conv", "c w b", "d", pads), node("Relu", "d", "y")),
			[]*onnx.Tensor{w3, b, twice}, "y", "FusedConvTranspose+Relu"},
		"doubled planes, unequal padding and a kernel of 4 by 5": {image, nodes(node("Resize", "x _ twice", "c", nearest...), node("Conv", "c w", "y", onnx.AttrInts("pads", 0, 4, 3, 2))),
			[]*onnx.Tensor{draw("w", 5, 3, 4, 5), twice}, "y", "ConvTranspose"},
		"doubled planes, all padding the kernel reaches and more": {image, nodes(node("Resize", "x _ twice", "c"), node("Conv", "c w b", "y", onnx.AttrInts("pads", 3, 0, 0, 0))),
			[]*onnx.Tensor{w3, b, twice}, "y", "Resize Conv"},
		"doubled planes by lines": {image, nodes(node("Resize", "x _ twice", "c", onnx.AttrString("mode", "linear")), node("Conv", "c w b", "y", pads)),
			[]*onnx.Tensor{w3, b, twice}, "y", "Resize Conv"},
		"doubled planes from corner to corner": {image, nodes(node("Resize", "x _ twice", "c", onnx.AttrString("coordinate_transformation_mode", "align_corners"), onnx.AttrString("nearest_mode", "floor")), node("Conv", "c w b", "y", pads)),
			[]*onnx.Tensor{w3, b, twice}, "y", "Resize Conv"},
		"planes doubled in width": {image, nodes(node("Resize", "x _ s", "c"), node("Conv", "c w b", "y", pads)),
			[]*onnx.Tensor{w3, b, named("s", onnx.FromFloat32s([]float32{1, 1, 1, 2}, 4))}, "y", "Resize Conv"},
		"doubled planes that are an output": {image, nodes(node("Resize", "x _ twice", "c"), node("Conv", "c w b", "y", pads)),
			[]*onnx.Tensor{w3, b, twice}, "y c", "Resize Conv"},
		"doubled planes, strides": {image, nodes(node("Resize", "x _ twice", "c"), node("Conv", "c w b", "y", onnx.AttrInts("strides", 1, 2))),
			[]*onnx.Tensor{w3, b, twice}, "y", "Resize Conv"},
		"a norm in a convolution's weights": {image, nodes(node("Conv", "x w b", "c", pads), node("BatchNormalization", "c s t m v", "d"), node("Relu", "d", "y")),
			with(norm(5), w3, b), "y", "FusedConv+Relu"},
		"a norm without bias before it": {image, nodes(node("Conv", "x w", "c"), node("BatchNormalization", "c s t m v", "y", onnx.AttrFloat("epsilon", 0.1))),
			with(norm(5), w3), "y", "Conv"},
		"a sum and a norm after a transposed convolution": {[]int64{4, 6, 7}, nodes(node("ConvTranspose", "x w", "c", onnx.AttrInts("strides", 2, 2), onnx.AttrInt("group", 2)),
			node("Add", "c a", "d"), node("BatchNormalization", "d s t m v", "e"), node("Relu", "e", "y")),
			with(norm(6), draw("w", 4, 3, 2, 2), draw("a", 6, 1, 1)), "y", "FusedConvTranspose+Relu"},
		"a norm of lines, written out": {row, nodes(node("ReduceMean", "x ax", "m"), node("Sub", "x m", "d"), node("Pow", "d two", "q"), node("ReduceMean", "q ax", "v"), node("Add", "v eps", "e"), node("Sqrt", "e", "r"),
			node("Div", "d r", "n"), node("Mul", "n s", "o"), node("Add", "o b", "y")),
			[]*onnx.Tensor{ints("ax", -1), named("two", onnx.Scalar32(2)), named("eps", onnx.Scalar32(1e-3)), draw("s", 6), draw("b", 6)}, "y", "LayerNormalization"},
		"a norm of lines with two differences": {row, nodes(node("ReduceMean", "x ax", "m"), node("Sub", "x m", "d"), node("Sub", "x m", "d2"), node("Mul", "d2 d2", "q"), node("ReduceMean", "q ax", "v"), node("Add", "eps v", "e"), node("Sqrt", "e", "r"),
			node("Div", "d r", "n"), node("Mul", "s n", "y")),
			[]*onnx.Tensor{ints("ax", -1), named("eps", onnx.Scalar32(1e-3)), draw("s", 6)}, "y", "LayerNormalization"},
		"a norm of single numbers that is spread": {[]int64{5, 1}, nodes(node("ReduceMean", "x ax", "m"), node("Sub", "x m", "d"), node("Mul", "d d", "q"), node("ReduceMean", "q ax", "v"), node("Add", "eps v", "e"), node("Sqrt", "e", "r"),
			node("Div", "d r", "n"), node("Mul", "s n", "y")),
			[]*onnx.Tensor{ints("ax", -1), named("eps", onnx.Scalar32(1e-3)), draw("s", 6)}, "y", "ReduceMean Sub Mul ReduceMean Add+Sqrt+Div Mul"},
		"a norm whose mean is read elsewhere": {row, nodes(node("ReduceMean", "x ax", "m"), node("Sub", "x m", "d"), node("Mul", "d d", "q"), node("ReduceMean", "q ax", "v"), node("Add", "eps v", "e"), node("Sqrt", "e", "r"),
			node("Div", "d r", "n"), node("Mul", "s n", "o"), node("Add", "o m", "y")),
			[]*onnx.Tensor{ints("ax", -1), named("eps", onnx.Scalar32(1e-3)), draw("s", 6)}, "y", "ReduceMean Sub Mul ReduceMean Add+Sqrt Div+Mul+Add"},
		"gelu, written out": {row, nodes(node("Div", "x root", "a"), node("Erf", "a", "b"), node("Add", "b one", "c"), node("Mul", "x c", "d"), node("Mul", "d half", "y")),
			[]*onnx.Tensor{named("root", onnx.Scalar32(math.Sqrt2)), named("one", onnx.Scalar32(1)), named("half", onnx.Scalar32(0.5))}, "y", "Gelu"},
		"gelu, halved first": {row, nodes(node("Mul", "half x", "h"), node("Mul", "x root", "a"), node("Erf", "a", "b"), node("Add", "one b", "c"), node("Mul", "h c", "y")),
			[]*onnx.Tensor{named("root", onnx.Scalar32(math.Sqrt2/2)), named("one", onnx.Scalar32(1)), named("half", onnx.Scalar32(0.5))}, "y", "Gelu"},
		"gelu, of something else": {row, nodes(node("Exp", "x", "e"), node("Div", "e root", "a"), node("Erf", "a", "b"), node("Add", "b one", "c"), node("Mul", "x c", "d"), node("Mul", "d half", "y")),
			[]*onnx.Tensor{named("root", onnx.Scalar32(math.Sqrt2)), named("one", onnx.Scalar32(1)), named("half", onnx.Scalar32(0.5))}, "y", "Exp+Div+Erf+Add+Mul+Mul"},
		"gelu by another root": {row, nodes(node("Div", "x root", "a"), node("Erf", "a", "b"), node("Add", "b one", "c"), node("Mul", "x c", "d"), node("Mul", "d half", "y")),
			[]*onnx.Tensor{named("root", onnx.Scalar32(1.4)), named("one", onnx.Scalar32(1)), named("half", onnx.Scalar32(0.5))}, "y", "Div+Erf+Add+Mul+Mul"},
		"gelu by tanh, written out": {row, nodes(node("Pow", "x three", "p"), node("Mul", "p k", "q"), node("Add", "x q", "r"), node("Mul", "r s", "t"), node("Tanh", "t", "u"), node("Add", "u one", "v"), node("Mul", "x v", "w"), node("Mul", "w half", "y")),
			[]*onnx.Tensor{named("three", onnx.Scalar32(3)), named("k", onnx.Scalar32(0.044715)), named("s", onnx.Scalar32(0.7978845608)), named("one", onnx.Scalar32(1)), named("half", onnx.Scalar32(0.5))}, "y", "Gelu"},
		"gelu by tanh, as products": {row, nodes(node("Mul", "x x", "p2"), node("Mul", "x p2", "p"), node("Mul", "p k", "q"), node("Add", "x q", "r"), node("Mul", "r s", "t"), node("Tanh", "t", "u"), node("Add", "u one", "v"), node("Mul", "half x", "w"), node("Mul", "w v", "y")),
			[]*onnx.Tensor{named("k", onnx.Scalar32(0.044715)), named("s", onnx.Scalar32(0.7978845608)), named("one", onnx.Scalar32(1)), named("half", onnx.Scalar32(0.5))}, "y", "Gelu"},
		"a pad of nothing, an order that stays": {image, nodes(node("Pad", "x p", "a"), node("Transpose", "a", "b", onnx.AttrInts("perm", 0, 1, 2, 3)), node("Exp", "b", "y")),
			[]*onnx.Tensor{ints("p", 0, 0, 0, 0, 0, 0, 0, 0)}, "y", "Exp"},
		"a norm in a product's weights": {row, nodes(node("Gemm", "x w b", "c", onnx.AttrInt("transB", 1)), node("BatchNormalization", "c s t m v", "y")),
			with(norm(5), draw("w", 5, 6), b), "y", "Gemm"},
		"a norm of a value read elsewhere": {row, nodes(node("Gemm", "x w b", "c"), node("BatchNormalization", "c s t m v", "d"), node("Add", "c d", "y")),
			with(norm(5), draw("w", 6, 5), b), "y", "Gemm BatchNormalization Add"},
		"factors and addends after a convolution": {image, nodes(node("Conv", "x w b", "c", pads), node("Mul", "s c", "d"), node("Sub", "t d", "e"), node("Div", "e u", "f"), node("Relu", "f", "y")),
			[]*onnx.Tensor{w3, b, draw("s", 5, 1, 1), draw("t", 1), positive(draw("u", 1, 5, 1, 1))}, "y", "FusedConv+Relu"},
		"a factor that is an output": {image, nodes(node("Conv", "x w b", "c", pads), node("Mul", "s c", "y")),
			[]*onnx.Tensor{w3, b, draw("s", 5, 1, 1)}, "y c", "Conv Mul"},
		"a factor of pixels": {image, nodes(node("Conv", "x w b", "c", pads), node("Mul", "s c", "y")),
			[]*onnx.Tensor{w3, b, draw("s", 8, 9)}, "y", "Conv+Mul"},
		"a factor that adds axes": {image, nodes(node("Conv", "x w b", "c", pads), node("Mul", "s c", "y")),
			[]*onnx.Tensor{w3, b, draw("s", 1, 1, 1, 1, 1)}, "y", "Conv Mul"},
		"a division of a constant": {image, nodes(node("Conv", "x w b", "c", pads), node("Div", "s c", "y")),
			[]*onnx.Tensor{w3, named("b", onnx.FromFloat32s([]float32{90, 91, 92, 93, 94}, 5)), draw("s", 1)}, "y", "Conv+Div"},
		"a division by zero": {image, nodes(node("Conv", "x w b", "c", pads), node("Div", "c s", "y")),
			[]*onnx.Tensor{w3, b, named("s", onnx.NewTensor(onnx.Float, 1))}, "y", "Conv+Div"},
		"factors before a convolution that pads": {image, nodes(node("Mul", "s x", "c"), node("Conv", "c w b", "y", pads)),
			[]*onnx.Tensor{w3, b, draw("s", 3, 1, 1)}, "y", "Conv"},
		"an addend before it": {image, nodes(node("Add", "s x", "c"), node("Conv", "c w b", "y", pads)),
			[]*onnx.Tensor{w3, b, draw("s", 3, 1, 1)}, "y", "Add Conv"},
		"an addend before one that does not pad": {image, nodes(node("Mul", "s x", "c"), node("Add", "s c", "d"), node("Conv", "d w", "y")),
			[]*onnx.Tensor{w3, draw("s", 3, 1, 1)}, "y", "Conv"},
		"factors before groups": {[]int64{4, 8, 9}, nodes(node("Mul", "x s", "c"), node("Add", "s c", "d"), node("Conv", "d w", "y", onnx.AttrInt("group", 2))),
			[]*onnx.Tensor{draw("w", 6, 2, 3, 3), draw("s", 4, 1, 1)}, "y", "Conv"},
		"a norm before a convolution": {image, nodes(node("BatchNormalization", "x s t m v", "c"), node("Conv", "c w b", "y")),
			with(norm(3), w3, b), "y", "Conv"},
		"factors of one element": {row, nodes(node("Mul", "x s", "c"), node("Div", "c t", "d"), node("Mul", "d s", "y")),
			[]*onnx.Tensor{draw("s", 1), positive(named("t", draw("t")))}, "y", "Mul"},
		"factors of several": {row, nodes(node("Mul", "x s", "c"), node("Div", "c t", "y")),
			[]*onnx.Tensor{draw("s", 6), positive(draw("t", 1))}, "y", "Mul+Div"},
		"hard swish, divided last": {row, nodes(node("Add", "x three", "a"), node("Clip", "a zero six", "c"), node("Mul", "x c", "d"), node("Div", "d six", "y")),
			numbers, "y", "HardSwish"},
		"hard swish, divided first": {row, nodes(node("Add", "x three", "a"), node("Clip", "a zero six", "c"), node("Div", "c six", "d"), node("Mul", "d x", "y")),
			numbers, "y", "HardSwish"},
		"hard swish by its gate": {row, nodes(node("HardSigmoid", "x", "g", onnx.AttrFloat("alpha", 1.0/6)), node("Mul", "g x", "y")),
			nil, "y", "HardSwish"},
		"another gate": {row, nodes(node("HardSigmoid", "x", "g"), node("Mul", "g x", "y")),
			nil, "y", "HardSigmoid+Mul"},
		"clipped at another number": {row, nodes(node("Add", "x three", "a"), node("Clip", "a zero three", "c"), node("Mul", "x c", "d"), node("Div", "d six", "y")),
			numbers, "y", "Add+Clip+Mul+Div"},
		"the gate is read elsewhere": {row, nodes(node("Add", "x three", "a"), node("Clip", "a zero six", "c"), node("Mul", "x c", "d"), node("Div", "d six", "e"), node("Add", "e c", "y")),
			numbers, "y", "Add+Clip Mul+Div+Add"},
		"swish": {row, nodes(node("Sigmoid", "x", "g"), node("Mul", "x g", "y")),
			nil, "y", "Swish"},
		"a gate of something else": {row, nodes(node("Exp", "x", "e"), node("Sigmoid", "e", "g"), node("Mul", "x g", "y")),
			nil, "y", "Exp+Sigmoid+Mul"},
		"padding of its own": {image, nodes(node("Pad", "x p", "c"), node("Conv", "c w b", "y", onnx.AttrInts("pads", 0, 1, 0, 0))),
			[]*onnx.Tensor{w3, b, ints("p", 0, 0, 1, 2, 0, 0, 0, 1)}, "y", "Conv"},
		"padding with another number": {image, nodes(node("Pad", "x p one", "c"), node("Conv", "c w b", "y")),
			[]*onnx.Tensor{w3, b, ints("p", 0, 0, 1, 2, 0, 0, 0, 1), named("one", onnx.Scalar32(1))}, "y", "Pad Conv"},
		"padding of channels": {image, nodes(node("Pad", "x p", "c"), node("Conv", "c w b", "y")),
			[]*onnx.Tensor{w4, b, ints("p", 0, 1, 0, 0, 0, 0, 0, 0)}, "y", "Pad Conv"},
		"padding by reflection": {image, nodes(node("Pad", "x p", "c", onnx.AttrString("mode", "reflect")), node("Conv", "c w b", "y")),
			[]*onnx.Tensor{w3, b, ints("p", 0, 0, 1, 1, 0, 0, 1, 1)}, "y", "Pad Conv"},
		"turned and turned back": {image, nodes(node("Transpose", "x", "c", onnx.AttrInts("perm", 0, 2, 3, 1)), node("Transpose", "c", "d", onnx.AttrInts("perm", 0, 3, 1, 2)), node("Exp", "d", "y")),
			nil, "y", "Exp"},
		"turned twice": {image, nodes(node("Transpose", "x", "c", onnx.AttrInts("perm", 0, 2, 3, 1)), node("Transpose", "c", "y", onnx.AttrInts("perm", 2, 0, 3, 1))),
			nil, "y", "Transpose"},
		"turned back into an output": {image, nodes(node("Transpose", "x", "c", onnx.AttrInts("perm", 0, 2, 3, 1)), node("Transpose", "c", "y", onnx.AttrInts("perm", 0, 3, 1, 2))),
			nil, "y", ""},
		"turned, and the turned is an output": {image, nodes(node("Transpose", "x", "c", onnx.AttrInts("perm", 0, 2, 3, 1)), node("Transpose", "c", "y", onnx.AttrInts("perm", 0, 3, 1, 2))),
			nil, "y c", "Transpose"},
	} {
		t.Run(phrase, func(t *testing.T) {
			g := graph(c.x, c.out, c.nodes, c.consts...)
			in := []onnx.Value{draw("x", append([]int64{2}, c.x...)...)}
			for _, set := range kernels.Supported() {
				m, err := backend.Compile(g, backend.Options{Kernels: set.String(), Threads: 1})
				if err != nil {
					t.Fatal(err)
				}
				p, err := m.Plan(in)
				if err != nil {
					t.Fatal(err)
				}
				if got := operators(p); got != c.want {
					t.Errorf("got plan %q, want %q", got, c.want)
				}
				plain, err := backend.Compile(g, backend.Options{Kernels: set.String(), Threads: 1, Plain: true})
				if err != nil {
					t.Fatal(err)
				}
				got, want, oracle := runModel(t, m.Run, in), runModel(t, plain.Run, in), runModel(t, m.Evaluate, in)
				for i := range want {
					for what, w := range map[string]onnx.Value{"unfused": want[i], "Eval": oracle[i]} {
						if d := ops.Compare(got[i], w, ops.Tolerance{Rel: 1e-5, Abs: 1e-5}); !d.Equal() {
							t.Errorf("%v, against %s: output %d: %v", set, what, i, d)
						}
					}
				}
				m.Close()
				plain.Close()
			}
		})
	}
}

func runModel(t *testing.T, run func(context.Context, []onnx.Value) ([]onnx.Value, error), in []onnx.Value) []onnx.Value {
	t.Helper()
	out, err := run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A value that a body around it reads keeps its name and is made.
func TestFusionLeavesWhatBodiesRead(t *testing.T) {
	body := func(value string) *onnx.Graph {
		return &onnx.Graph{Name: value, Nodes: []*onnx.Node{node("Identity", value, "r")}, Outputs: []*onnx.ValueInfo{{Name: "r", Type: onnx.UnrankedTensorType(onnx.Float)}}}
	}
	yes := &onnx.Tensor{Name: "yes", Type: onnx.Bool, Dims: []int64{}, Data: []byte{1}}
	g := graph([]int64{6}, "y", []*onnx.Node{
		node("Gemm", "x w", "c"), node("Relu", "c", "d"), node("Identity", "d", "e"),
		node("If", "yes", "f", onnx.AttrGraph("then_branch", body("c")), onnx.AttrGraph("else_branch", body("e"))),
		node("Add", "d f", "y"),
	}, draw("w", 6, 5), yes)
	m, err := backend.Compile(g, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	in := []onnx.Value{draw("x", 2, 6)}
	got, want := runModel(t, m.Run, in), runModel(t, m.Evaluate, in)
	if d := ops.Compare(got[0], want[0], ops.Tolerance{Rel: 1e-5, Abs: 1e-5}); !d.Equal() {
		t.Error(d)
	}
}
