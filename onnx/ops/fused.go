package ops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/schema"
)

// FusedConv, FusedConvTranspose, FusedGemm, FusedMatMul (domain com.github.gonyx): the operator without the word, and what the compiler joined to it.
// y = activation(Conv(x, w, b)) · activation(ConvTranspose(x, w, b)) · activation(Gemm(a, b, c)) · activation(MatMul(a, b) + bias), bias a vector as long as the last
// axis of the product and optional. Attributes are those of the operator, and activation: "" for none, Relu, LeakyRelu, Sigmoid or
// Tanh; slope is LeakyRelu's alpha, 0.01 by default. The compiler makes them; they stand in no file that this suite writes.

// FusedPrefix begins the name of an operator's fused form.
const FusedPrefix = "Fused"

// fusable are the operators that have a fused form, and how many inputs they have by themselves. It is never written.
var fusable = map[string]int{"Conv": 3, "ConvTranspose": 3, "Gemm": 3, "MatMul": 2}

func fusedFamily() []Meaning {
	var list []Meaning
	for _, base := range [][]Meaning{convFamily(), convTransposeFamily(), gemmFamily(), matMulFamily()} {
		for _, m := range base {
			if inputs, ok := fusable[m.Name]; ok {
				list = append(list, Meaning{Domain: onnx.DomainPrivate, Name: FusedPrefix + m.Name, Class: Rounds, New: func(a *Attrs) Op {
					return fused{inputs: inputs, base: m.New(a), act: readActivation(a)}
				}})
			}
		}
	}
	return list
}

// readActivation reads the function that ends a fused operator.
func readActivation(a *Attrs) unary {
	name, slope := a.StrOr("activation", ""), a.FloatOr("slope", 0.01)
	if name == "" {
		return unary{}
	}
	u, ok := activationNamed(name, slope)
	if !ok {
		a.Fail("attribute \"activation\" is %q, want Relu, LeakyRelu, Sigmoid or Tanh", name)
	}
	return u
}

func activationNamed(name string, slope float32) (unary, bool) {
	switch name {
	case "Relu", "Sigmoid", "Tanh", "LeakyRelu":
	default:
		return unary{}, false
	}
	n := &onnx.Node{OpType: name}
	if name == "LeakyRelu" {
		n.Attributes = []*onnx.Attribute{onnx.AttrFloat("alpha", slope)}
	}
	s, ok := Schema(onnx.DomainDefault, name, 0)
	if !ok {
		return unary{}, false
	}
	for _, m := range unaryFamily() {
		if m.Name == name {
			return m.New(NewAttrs(n, s)).(unary), true
		}
	}
	return unary{}, false
}

// fusedSchema is the schema of the operator with the further attributes and, for MatMul, the bias.
func fusedSchema(name string) (*schema.Op, bool) {
	base, ok := schema.Lookup(onnx.DomainDefault, name, schema.Newest(onnx.DomainDefault))
	if _, has := fusable[name]; !has || !ok {
		return nil, false
	}
	s := *base
	s.Domain, s.Name, s.Since = onnx.DomainPrivate, FusedPrefix+name, 1
	s.Attributes = append(slices.Clone(base.Attributes), schema.Attribute{Name: "activation", Type: schema.String}, schema.Attribute{Name: "slope", Type: schema.Float})
	slices.SortFunc(s.Attributes, func(a, b schema.Attribute) int { return strings.Compare(a.Name, b.Name) })
	if name == "MatMul" {
		bias := base.Inputs.Params[1]
		bias.Name, bias.Optional = "bias", true
		s.Inputs.Max, s.Inputs.Params = 3, append(slices.Clone(base.Inputs.Params), bias)
	}
	return &s, true
}

type fused struct {
	inputs int // of the base; one more is a bias
	base   Op
	act    unary
}

func (f fused) acts() bool { return f.act.act.Function != kernels.Identity }

func (f fused) bias(n int) bool { return n > f.inputs }

func (f fused) Infer(env *Env, in []Fact) ([]Fact, error) {
	out, err := f.base.Infer(env, in[:min(len(in), f.inputs)])
	if err != nil || !f.bias(len(in)) || in[f.inputs].Absent() {
		return out, err
	}
	b, y := in[f.inputs], out[0]
	if b.Ranked() && b.Rank() != 1 {
		return nil, fmt.Errorf("bias must be a vector")
	}
	if b.Ranked() && y.Ranked() {
		if y.Rank() == 0 {
			return nil, fmt.Errorf("a bias needs a product with axes")
		}
		dims := slices.Clone(y.Dims())
		if dims[len(dims)-1], err = sameDim(dims[len(dims)-1], b.Dims()[0]); err != nil {
			return nil, fmt.Errorf("bias: %w", err)
		}
		return []Fact{Tensor(y.Elem(), dims...)}, nil
	}
	return out, nil
}

func (f fused) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	out, err := f.base.Eval(env, in[:min(len(in), f.inputs)])
	if err != nil {
		return nil, err
	}
	if f.bias(len(in)) && in[f.inputs] != nil {
		if out, err = (arithmetic{pairFuncs: additions}).Eval(env, []onnx.Value{out[0], in[f.inputs]}); err != nil {
			return nil, err
		}
	}
	if f.acts() {
		return f.act.Eval(env, out[:1])
	}
	return out, nil
}

// Specialize runs the whole of it in one pass of the kernels.
func (f fused) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	switch base := f.base.(type) {
	case conv:
		return specializeConv(base, f.act.act, t, in, consts)
	case convTranspose:
		return specializeConvTranspose(base, f.act.act, t, in, consts, nil)
	case gemm:
		return specializeGemm(base, f.act.act, t, in, consts)
	case matMul:
		return specializeMatMul(f.act.act, t, in, consts)
	}
	return Step{}, false
}
