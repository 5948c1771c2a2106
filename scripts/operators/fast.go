package main

import (
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/schema"
)

// Shapes and values that between them suit every operator with a fast way: pictures, matrices, vectors, kernels, weights of gates.
var (
	floatShapes = [][]int64{{2, 4, 6, 6}, {4, 4}, {2, 4}, {4}, {4, 4, 3, 3}, {},
		{1, 12, 4}, {1, 12, 3}, {1, 12, 12}}
	intValues = [][]int64{{0}, {1}, {2}, {2, 2}, {4, 4}, {0, 1, 0, 1}}
)

// maxInputs bounds the inputs that are tried, where an operator does not need more.
const maxInputs = 4

// fast says whether an operator has a step of its own for some float32 inputs, or for bytes where it takes no floats: it has a Specialize, and that gives one
// for the shapes tried, on the portable set, so that the answer is the same on every machine.
func fast(m *ops.Meaning, s *schema.Op) bool {
	most := s.Inputs.Max
	if most < 0 || most > maxInputs {
		most = max(maxInputs, s.Inputs.Min)
	}
	for in := s.Inputs.Min; in <= most; in++ {
		for out := max(1, s.Outputs.Min); out <= max(2, s.Outputs.Min) && s.Outputs.Takes(out); out++ {
			n := nodeOf(s, in, out)
			a := ops.NewAttrs(n, s)
			op := m.New(a)
			special, can := op.(ops.Specializer)
			if !can {
				return false
			}
			if a.Err() != nil {
				continue
			}
			if anyFacts(s, in, nil, func(facts []ops.Fact) bool { return specializes(op, special, facts) }) {
				return true
			}
		}
	}
	return false
}

// nodeOf makes a node of so many inputs and outputs with the attributes that must be there.
func nodeOf(s *schema.Op, in, out int) *onnx.Node {
	n := &onnx.Node{OpType: s.Name, Domain: s.Domain}
	for i := range in {
		n.Inputs = append(n.Inputs, string(rune('a'+i)))
	}
	for i := range out {
		n.Outputs = append(n.Outputs, string(rune('y'+i)))
	}
	for i := range s.Attributes {
		if a := &s.Attributes[i]; a.Required {
			n.Attributes = append(n.Attributes, &onnx.Attribute{Name: a.Name, Type: onnx.AttributeType(a.Type), Int: 1,
				Float: 1, Ints: []int64{2, 2}, Floats: []float32{1, 1}, Tensor: onnx.Scalar32(1), Graph: &onnx.Graph{}})
		}
	}
	return n
}

// anyFacts tries every choice of facts for n inputs until one is right.
func anyFacts(s *schema.Op, n int, chosen []ops.Fact, right func([]ops.Fact) bool) bool {
	if len(chosen) == n {
		return right(chosen)
	}
	param := s.Input(len(chosen))
	types := s.Allowed(param)
	var choices []ops.Fact
	switch {
	case strings.HasSuffix(param.Name, "_scale") && types.Has("tensor(float)"):
		choices = []ops.Fact{ops.Known(onnx.Scalar32(1))}
	case strings.HasSuffix(param.Name, "_zero_point") && types.Has("tensor(uint8)"):
		choices = []ops.Fact{ops.Tensor(onnx.Uint8)}
	case types.Has("tensor(float)"):
		for _, dims := range floatShapes {
			choices = append(choices, ops.Tensor(onnx.Float, onnx.FixedDims(dims...)...))
		}
		if len(chosen) > 0 {
			choices = append(choices, ops.Known(onnx.Scalar32(1)), ops.Known(onnx.Scalar32(2)))
		}
	case types.Has("tensor(int64)"):
		for _, v := range intValues {
			choices = append(choices, ops.Known(onnx.FromInt64s(v, int64(len(v)))))
		}
	case types.Has("tensor(uint8)"):
		for _, dims := range floatShapes {
			choices = append(choices, ops.Tensor(onnx.Uint8, onnx.FixedDims(dims...)...))
		}
	case types.Has("tensor(bool)"):
		choices = []ops.Fact{ops.Tensor(onnx.Bool, onnx.FixedDims(2, 4)...)}
	}
	for _, c := range choices {
		if anyFacts(s, n, append(chosen[:len(chosen):len(chosen)], c), right) {
			return true
		}
	}
	return false
}

func specializes(op ops.Op, special ops.Specializer, facts []ops.Fact) bool {
	if _, err := op.Infer(&ops.Env{}, facts); err != nil {
		return false
	}
	consts := make([]*onnx.Tensor, len(facts))
	for i, f := range facts {
		consts[i] = f.Value
	}
	_, can := special.Specialize(ops.Target{Set: kernels.Portable}, facts, consts)
	return can
}
