package ops

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// noise makes a float tensor of numbers between -4 and 4 that follow from the seed.
func noise(seed uint32, dims ...int64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Float, dims...)
	for i := range t.Float32s() {
		seed = seed*1664525 + 1013904223
		t.Float32s()[i] = float32(int32(seed>>8)%4001) / 1000
	}
	return t
}

func positive(t *onnx.Tensor) *onnx.Tensor {
	for i, v := range t.Float32s() {
		t.Float32s()[i] = float32(math.Abs(float64(v))) + 0.5
	}
	return t
}

// fastNode is a node with inputs.
type fastNode struct {
	op    string
	attrs []*onnx.Attribute
	in    []*onnx.Tensor
}

// read gives the operator of the node, the types of its inputs, which may be absent, and what Eval makes of them.
func (c fastNode) read(t *testing.T) (op Op, facts []Fact, want []onnx.Value) {
	t.Helper()
	n := &onnx.Node{OpType: c.op, Attributes: c.attrs, Outputs: []string{"y"}}
	if strings.HasPrefix(c.op, FusedPrefix) {
		n.Domain = onnx.DomainPrivate
	}
	op, _, err := NewTable().Op(n)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]onnx.Value, len(c.in))
	facts = make([]Fact, len(c.in))
	for i, v := range c.in {
		if v != nil {
			values[i], facts[i] = v, Fact{Type: onnx.TypeOf(v)}
		}
	}
	if want, err = EvalOp(op, &Env{}, values); err != nil {
		t.Fatal(err)
	}
	return op, facts, want
}

// Every fast way computes what Eval does, on every set of kernels, with constant inputs and without, in place where it says it may.
func TestFastWays(t *testing.T) {
	attrs := func(a ...*onnx.Attribute) []*onnx.Attribute { return a }
	x := noise(1, 2, 3, 4, 5)
	cases := map[string]fastNode{
		"leaky relu":       {"LeakyRelu", attrs(onnx.AttrFloat("alpha", 0.3)), []*onnx.Tensor{x}},
		"hard swish":       {"HardSwish", nil, []*onnx.Tensor{noise(7, 3, 4099)}},
		"hard sigmoid":     {"HardSigmoid", attrs(onnx.AttrFloat("alpha", 0.3)), []*onnx.Tensor{noise(7, 3, 4099)}},
		"swish":            {"Swish", attrs(onnx.AttrFloat("alpha", 1.5)), []*onnx.Tensor{noise(7, 3, 4099)}},
		"gelu by tanh":     {"Gelu", attrs(onnx.AttrString("approximate", "tanh")), []*onnx.Tensor{noise(7, 3, 4099)}},
		"elu":              {"Elu", attrs(onnx.AttrFloat("alpha", 1.5)), []*onnx.Tensor{noise(7, 3, 99)}},
		"clip upside down": {"Clip", nil, []*onnx.Tensor{x, onnx.Scalar32(2), onnx.Scalar32(-1)}},
		"log":              {"Log", nil, []*onnx.Tensor{positive(noise(2, 37))}},
		"square root":      {"Sqrt", nil, []*onnx.Tensor{positive(noise(3, 37))}},
		"softmax":          {"Softmax", nil, []*onnx.Tensor{x}},
		"log softmax":      {"LogSoftmax", nil, []*onnx.Tensor{x}},
		"matrix product":   {"MatMul", nil, []*onnx.Tensor{noise(4, 7, 9), noise(5, 9, 11)}},
		"batch, one b":     {"MatMul", nil, []*onnx.Tensor{noise(4, 2, 3, 7, 9), noise(5, 9, 11)}},
		"two batches":      {"MatMul", nil, []*onnx.Tensor{noise(4, 2, 1, 7, 9), noise(5, 3, 9, 11)}},
		"row by matrix":    {"MatMul", nil, []*onnx.Tensor{noise(4, 9), noise(5, 9, 11)}},
		"matrix by row":    {"MatMul", nil, []*onnx.Tensor{noise(4, 2, 7, 9), noise(5, 9)}},
		"row by row":       {"MatMul", nil, []*onnx.Tensor{noise(4, 9), noise(5, 9)}},
		"row by batch":     {"MatMul", nil, []*onnx.Tensor{noise(4, 9), noise(5, 3, 9, 11)}},
		"gemm, row":        {"Gemm", attrs(onnx.AttrInt("transB", 1)), []*onnx.Tensor{noise(4, 7, 9), noise(5, 11, 9), noise(6, 11)}},
		"gemm, column":     {"Gemm", attrs(onnx.AttrInt("transA", 1)), []*onnx.Tensor{noise(4, 9, 7), noise(5, 9, 11), noise(6, 7, 1)}},
		"gemm, scalar":     {"Gemm", nil, []*onnx.Tensor{noise(4, 7, 9), noise(5, 9, 11), noise(6, 1)}},
		"gemm, full":       {"Gemm", nil, []*onnx.Tensor{noise(4, 7, 9), noise(5, 9, 11), noise(6, 7, 11)}},
		"gemm, nothing":    {"Gemm", nil, []*onnx.Tensor{noise(4, 7, 9), noise(5, 9, 11)}},
		"gemm, one row":    {"Gemm", nil, []*onnx.Tensor{noise(4, 1, 9), noise(5, 9, 11), noise(6, 11)}},
		"conv transpose":   {"ConvTranspose", attrs(onnx.AttrInts("strides", 2, 1), onnx.AttrInts("pads", 1, 0, 0, 2)), []*onnx.Tensor{noise(1, 2, 4, 5, 3), noise(2, 4, 3, 3, 4), noise(3, 3)}},
		"in groups, too":   {"ConvTranspose", attrs(onnx.AttrInt("group", 2), onnx.AttrInts("strides", 2, 2), onnx.AttrInts("output_padding", 1, 1)), []*onnx.Tensor{noise(1, 2, 4, 3, 3), noise(2, 4, 3, 2, 2)}},
		"square":           {"Pow", nil, []*onnx.Tensor{x, onnx.Scalar32(2)}},
		"cube":             {"Pow", nil, []*onnx.Tensor{x, onnx.FromInt64s([]int64{3}, 1, 1)}},
		"clip":             {"Clip", nil, []*onnx.Tensor{x, onnx.Scalar32(-1), onnx.Scalar32(2)}},
		"clip from below":  {"Clip", nil, []*onnx.Tensor{x, onnx.Scalar32(-1)}},
		"sum of all":       {"ReduceSum", nil, []*onnx.Tensor{x}},
		"mean of planes":   {"ReduceMean", nil, []*onnx.Tensor{x, onnx.FromInt64s([]int64{3, 2})}},
		"sum of rows":      {"ReduceSum", attrs(onnx.AttrInt("keepdims", 0)), []*onnx.Tensor{noise(8, 5, 4099), onnx.FromInt64s([]int64{-1})}},
		"batch norm":       {"BatchNormalization", nil, []*onnx.Tensor{x, noise(2, 3), noise(3, 3), noise(4, 3), positive(noise(5, 3))}},
		"flat batch norm":  {"BatchNormalization", nil, []*onnx.Tensor{noise(1, 5, 3), noise(2, 3), noise(3, 3), noise(4, 3), positive(noise(5, 3))}},
	}
	for name, c := range convolutions() {
		in := []*onnx.Tensor{noise(1, c.x...), noise(2, c.w...)}
		if c.bias {
			in = append(in, noise(3, c.w[0]))
		}
		cases["convolution, "+name] = fastNode{"Conv", c.attrs, in}
	}
	for _, op := range []string{"Relu", "Sigmoid", "Tanh", "Exp", "Neg", "Abs", "Gelu", "Mish", "Softplus", "Erf", "Round", "Floor", "Ceil"} {
		cases[op] = fastNode{op, nil, []*onnx.Tensor{noise(7, 133)}}
	}
	shapes := map[string][2][]int64{
		"same": {{3, 4, 5}, {3, 4, 5}}, "scalar": {{3, 4, 5}, {}}, "one": {{3, 4, 5}, {1, 1}}, "row": {{3, 4, 5}, {5}},
		"rows": {{3, 4, 5}, {4, 5}}, "column": {{3, 4, 5}, {4, 1}}, "channel": {{2, 3, 4, 5}, {3, 1, 1}}, "first axis": {{3, 4}, {3, 1}},
	}
	for _, op := range []string{"Add", "Sub", "Mul", "Div", "Max", "Min"} {
		for name, s := range shapes {
			a, b := noise(1, s[0]...), positive(noise(2, s[1]...))
			cases[op+" "+name] = fastNode{op, nil, []*onnx.Tensor{a, b}}
			cases[op+" "+name+" swapped"] = fastNode{op, nil, []*onnx.Tensor{b, positive(noise(3, s[0]...))}}
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { holdFastWay(t, c) })
	}
}

// holdFastWay holds the fast ways of a node against Eval. An input may be absent.
func holdFastWay(t *testing.T, c fastNode) {
	pool := kernels.NewPool(2)
	defer pool.Close()
	op, facts, want := c.read(t)
	ran := 0
	for _, set := range kernels.Supported() {
		for _, constant := range []bool{false, true} {
			consts := make([]*onnx.Tensor, len(c.in))
			if constant {
				copy(consts[1:], c.in[1:])
			}
			step, ok := op.(Specializer).Specialize(Target{Set: set, Pool: pool}, facts, consts)
			if !ok {
				continue
			}
			ran++
			// The race detector, which the short tests run under, allocates for itself.
			if n := allocations(step, c.in, want[0].(*onnx.Tensor)); n > 0 && !testing.Short() {
				t.Errorf("%v, constants %v: a run allocates %v times", set, constant, n)
			}
			where := fmt.Sprintf("%v, constants %v", set, constant)
			if err := runStep(step, c.in, want[0].(*onnx.Tensor), false); err != nil {
				t.Errorf("%s: %v", where, err)
			}
			if step.InPlace && count(want[0].(*onnx.Tensor).Dims) == c.in[0].Len() {
				if err := runStep(step, c.in, want[0].(*onnx.Tensor), true); err != nil {
					t.Errorf("%s, in place: %v", where, err)
				}
			}
		}
	}
	if ran == 0 {
		t.Error("there is no fast way")
	}
}

// allocations counts those of one run once memory is there.
func allocations(step Step, in []*onnx.Tensor, want *onnx.Tensor) float64 {
	f := &Frame{In: in, Out: []*onnx.Tensor{onnx.NewTensor(want.Type, want.Dims...)}, Scratch: onnx.AlignedBytes(step.Scratch)}
	return testing.AllocsPerRun(2, func() {
		if err := step.Run(f); err != nil {
			panic(err)
		}
	})
}

// runStep runs a step into memory that is not zero, or into its first input.
func runStep(step Step, in []*onnx.Tensor, want *onnx.Tensor, inPlace bool) error {
	inputs := append([]*onnx.Tensor{}, in...)
	y := onnx.NewTensor(want.Type, want.Dims...)
	for i := range y.Float32s() {
		y.Float32s()[i] = float32(math.NaN())
	}
	if inPlace {
		copy(y.Data, in[0].Data)
		inputs[0] = &onnx.Tensor{Type: in[0].Type, Dims: in[0].Dims, Data: y.Data}
	}
	if err := step.Run(&Frame{In: inputs, Out: []*onnx.Tensor{y}, Scratch: onnx.AlignedBytes(step.Scratch)}); err != nil {
		return err
	}
	for i, v := range y.Float32s() {
		if w := want.Float32s()[i]; math.Abs(float64(v-w)) > 1e-5*(1+math.Abs(float64(w))) || v != v {
			return fmt.Errorf("element %d: got %v, want %v", i, v, w)
		}
	}
	return nil
}
