package ops

import (
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// A fused operator is its parts one after the other, by Eval and by its fast way.
func TestFusedIsItsParts(t *testing.T) {
	attr := func(a ...*onnx.Attribute) []*onnx.Attribute { return a }
	for phrase, c := range map[string]struct {
		base  string
		attrs []*onnx.Attribute
		in    []*onnx.Tensor
		bias  *onnx.Tensor // of MatMul
	}{
		"convolution":         {"Conv", attr(onnx.AttrInts("pads", 1, 0, 1, 2)), []*onnx.Tensor{noise(1, 2, 3, 5, 6), noise(2, 4, 3, 3, 3), noise(3, 4)}, nil},
		"without bias":        {"Conv", attr(onnx.AttrInts("strides", 2, 2)), []*onnx.Tensor{noise(1, 2, 3, 5, 6), noise(2, 4, 3, 3, 3)}, nil},
		"transposed":          {"ConvTranspose", attr(onnx.AttrInts("strides", 2, 2), onnx.AttrInts("pads", 1, 0, 0, 1)), []*onnx.Tensor{noise(1, 2, 3, 5, 6), noise(2, 3, 4, 3, 3), noise(3, 4)}, nil},
		"gemm":                {"Gemm", attr(onnx.AttrInt("transB", 1)), []*onnx.Tensor{noise(1, 5, 7), noise(2, 4, 7), noise(3, 4)}, nil},
		"gemm, matrix to add": {"Gemm", nil, []*onnx.Tensor{noise(1, 5, 7), noise(2, 7, 4), noise(3, 5, 4)}, nil},
		"products":            {"MatMul", nil, []*onnx.Tensor{noise(1, 3, 5, 7), noise(2, 7, 4)}, nil},
		"products and a row":  {"MatMul", nil, []*onnx.Tensor{noise(1, 3, 5, 7), noise(2, 3, 7, 4)}, noise(3, 4)},
		"a row and a row":     {"MatMul", nil, []*onnx.Tensor{noise(1, 7), noise(2, 7, 4)}, noise(3, 4)},
	} {
		for _, act := range []string{"", "Relu", "LeakyRelu", "Sigmoid", "Tanh"} {
			n := &onnx.Node{OpType: c.base, Attributes: c.attrs, Outputs: []string{"y"}}
			want := evalNode(t, n, c.in)
			if c.bias != nil {
				want = evalNode(t, &onnx.Node{OpType: "Add", Outputs: []string{"y"}}, []*onnx.Tensor{want, c.bias})
			}
			f := &onnx.Node{OpType: FusedPrefix + c.base, Domain: onnx.DomainPrivate, Attributes: append([]*onnx.Attribute{}, c.attrs...), Outputs: []string{"y"}}
			if act != "" {
				a := &onnx.Node{OpType: act, Outputs: []string{"y"}}
				f.Attributes = append(f.Attributes, onnx.AttrString("activation", act))
				if act == "LeakyRelu" {
					a.Attributes = attr(onnx.AttrFloat("alpha", 0.3))
					f.Attributes = append(f.Attributes, onnx.AttrFloat("slope", 0.3))
				}
				want = evalNode(t, a, []*onnx.Tensor{want})
			}
			in := c.in
			if c.bias != nil {
				in = append(append([]*onnx.Tensor{}, in...), c.bias)
			}
			if d := Compare(evalNode(t, f, in), want, Tolerance{}); !d.Equal() {
				t.Errorf("%s, %q: Eval: %v", phrase, act, d)
			}
			op, _, err := NewTable().Op(f)
			if err != nil {
				t.Fatal(err)
			}
			facts, consts := make([]Fact, len(in)), make([]*onnx.Tensor, len(in))
			for i, v := range in {
				facts[i] = Fact{Type: onnx.TypeOf(v)}
			}
			copy(consts[1:], in[1:])
			for _, set := range kernels.Supported() {
				if c.base == "ConvTranspose" { // it has one way for weights that stay and one for others
					step, _ := op.(Specializer).Specialize(Target{Set: set}, facts, make([]*onnx.Tensor, len(in)))
					if err := runStep(step, in, want, false); err != nil {
						t.Errorf("%s, %q, %v: %v", phrase, act, set, err)
					}
				}
				step, ok := op.(Specializer).Specialize(Target{Set: set}, facts, consts)
				if !ok {
					t.Errorf("%s, %q: there is no fast way", phrase, act)
					continue
				}
				if err := runStep(step, in, want, false); err != nil {
					t.Errorf("%s, %q, %v: %v", phrase, act, set, err)
				}
			}
		}
	}
}

func evalNode(t *testing.T, n *onnx.Node, in []*onnx.Tensor) *onnx.Tensor {
	t.Helper()
	op, _, err := NewTable().Op(n)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]onnx.Value, len(in))
	for i, v := range in {
		values[i] = v
	}
	out, err := EvalOp(op, &Env{}, values)
	if err != nil {
		t.Fatal(err)
	}
	return out[0].(*onnx.Tensor)
}

func TestFusedRefuses(t *testing.T) {
	n := &onnx.Node{OpType: FusedPrefix + "Gemm", Domain: onnx.DomainPrivate, Attributes: []*onnx.Attribute{onnx.AttrString("activation", "Exp")}}
	if _, _, err := NewTable().Op(n); err == nil {
		t.Error("an activation it does not have: got no error")
	}
	for phrase, in := range map[string][]Fact{
		"a bias of another length":  {Known(noise(1, 2, 3)), Known(noise(2, 3, 4)), Known(noise(3, 5))},
		"a bias that is a matrix":   {Known(noise(1, 2, 3)), Known(noise(2, 3, 4)), Known(noise(3, 1, 4))},
		"a bias of a scalar result": {Known(noise(1, 3)), Known(noise(2, 3)), Known(noise(3, 1))},
	} {
		op, _, err := NewTable().Op(&onnx.Node{OpType: FusedPrefix + "MatMul", Domain: onnx.DomainPrivate})
		if err != nil {
			t.Fatal(err)
		}
		if out, err := op.Infer(&Env{}, in); err == nil {
			t.Errorf("%s: got %v, want an error", phrase, out)
		}
	}
}
