package ops

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/schema"
)

// Whatever types, shapes, values and attributes a file has, an operator answers with a result or an error, and what inference says
// from the shapes alone agrees with the result.
func TestAnyInput(t *testing.T) {
	for _, family := range families() {
		for _, m := range family {
			if m.New == nil || m.Domain != onnx.DomainDefault {
				continue
			}
			s, ok := Schema(m.Domain, m.Name, 0)
			if !ok {
				t.Fatalf("%s has no schema", m.Name)
			}
			t.Run(m.Name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 2))
				for range 200 {
					n, in := anyNode(r, s)
					if n == nil {
						return // needs graphs or values of other kinds
					}
					if err := tryNode(n, m.Class, in); err != nil {
						t.Fatalf("%s: %v", describeNode(n, in), err)
					}
				}
			})
		}
	}
}

func describeNode(n *onnx.Node, in []onnx.Value) string {
	text := n.OpType
	for _, a := range n.Attributes {
		text += fmt.Sprintf(" %s=%v%v%v%q", a.Name, a.Int, a.Float, a.Ints, a.Str)
	}
	for _, v := range in {
		text += " " + FactOf(v).String()
	}
	return text
}

// tryNode fails where the node panics or inference disagrees with what is computed.
func tryNode(n *onnx.Node, class Class, in []onnx.Value) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	op, _, err := NewTable().Op(n)
	if err != nil {
		return nil
	}
	env := &Env{Limit: 1 << 20}
	shapes := make([]Fact, len(in))
	for i, v := range in {
		shapes[i] = FactOf(v)
		shapes[i].Value = nil
	}
	inferred, refused := op.Infer(env, shapes)
	unranked := make([]Fact, len(in))
	for i, f := range shapes {
		unranked[i] = f
		unranked[i].Type.Ranked, unranked[i].Type.Dims = false, nil
	}
	_, vague := op.Infer(env, unranked)
	out, err := EvalOp(op, env, in)
	if err != nil {
		return nil
	}
	if refused != nil || vague != nil {
		return fmt.Errorf("inference refuses what can be evaluated: %v, %v", refused, vague)
	}
	for i, f := range inferred {
		y, ok := out[i].(*onnx.Tensor)
		if !ok || f.Absent() {
			continue
		}
		if _, err := Merge(f.Type, Fact{Type: onnx.TypeOf(y)}); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
		if !y.Bound() {
			return fmt.Errorf("output %d: %v has %d bytes", i, y, len(y.Data))
		}
		if f.Value != nil && class != Random && string(f.Value.Data) != string(y.Data) {
			return fmt.Errorf("output %d: inference knows another value", i)
		}
	}
	return nil
}

// anyNode makes a node of an operator with inputs of types that it allows, or nil where it takes something else than tensors.
func anyNode(r *rand.Rand, s *schema.Op) (*onnx.Node, []onnx.Value) {
	n := &onnx.Node{OpType: s.Name}
	words := []string{"nonsense", "", "LEFT", "RIGHT", "SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "constant", "reflect", "edge", "wrap",
		"nearest", "linear", "cubic", "half_pixel", "align_corners", "asymmetric", "floor", "ceil", "none", "tanh", "add", "mul", "max", "DCR",
		"ij->ji", "i,j->", "...ij,...jk->...ik"}
	for i := range s.Attributes {
		a := &s.Attributes[i]
		if !a.Required && r.IntN(3) > 0 {
			continue
		}
		small := func() int64 { return int64(r.IntN(8)) - 3 }
		switch a.Type {
		case schema.Int:
			n.Attributes = append(n.Attributes, onnx.AttrInt(a.Name, small()))
		case schema.Float:
			n.Attributes = append(n.Attributes, onnx.AttrFloat(a.Name, float32(small())/2))
		case schema.Ints:
			list := make([]int64, r.IntN(5))
			for k := range list {
				list[k] = small()
			}
			n.Attributes = append(n.Attributes, onnx.AttrInts(a.Name, list...))
		case schema.String:
			n.Attributes = append(n.Attributes, onnx.AttrString(a.Name, words[r.IntN(len(words))]))
		default:
			if a.Required {
				return nil, nil
			}
		}
	}
	most := s.Inputs.Max
	if most < 0 || most > s.Inputs.Min+3 {
		most = s.Inputs.Min + 3
	}
	count := s.Inputs.Min + r.IntN(most-s.Inputs.Min+1)
	bound := make(map[string]string)
	in := make([]onnx.Value, count)
	shape := anyShape(r)
	for i := range in {
		p := s.Input(i)
		if p.Optional && r.IntN(3) == 0 {
			n.Inputs = append(n.Inputs, "")
			continue
		}
		word, ok := bound[p.Type]
		if !ok {
			allowed := slices.Collect(s.Allowed(p).All())
			word = allowed[r.IntN(len(allowed))]
			bound[p.Type] = word
		}
		name, tensor := strings.CutPrefix(strings.TrimSuffix(word, ")"), "tensor(")
		elem, known := onnx.ParseElemType(name)
		if !tensor || !known {
			return nil, nil
		}
		dims := shape
		if r.IntN(2) == 0 {
			dims = anyShape(r)
		}
		in[i] = anyTensor(r, elem, dims)
		n.Inputs = append(n.Inputs, fmt.Sprintf("x%d", i))
	}
	for i := range max(s.Outputs.Min, 1) {
		n.Outputs = append(n.Outputs, fmt.Sprintf("y%d", i))
	}
	return n, in
}

func anyShape(r *rand.Rand) []int64 {
	dims := make([]int64, r.IntN(5))
	for i := range dims {
		dims[i] = int64(r.IntN(4))
	}
	return dims
}

func anyTensor(r *rand.Rand, elem onnx.ElemType, dims []int64) *onnx.Tensor {
	t := onnx.NewTensor(elem, slices.Clone(dims)...)
	for i := range t.Strings {
		t.Strings[i] = []string{"", "1", "x", "-2.5"}[r.IntN(4)]
	}
	wild := r.IntN(4) == 0
	switch {
	case elem == onnx.Bool:
		for i := range t.Data {
			t.Data[i] = byte(r.IntN(2))
		}
	case wild && elem.Bits() >= 8:
		for i := range t.Data {
			t.Data[i] = byte(r.IntN(256))
		}
	case elem == onnx.Float || elem == onnx.Double || isHalf(elem):
		put := floatWriter(t)
		for i := range t.Len() {
			put(i, float64(r.IntN(9))/2-2)
		}
	case isInteger(elem):
		put := intWriter(t, true)
		for i := range t.Len() {
			put(i, int64(r.IntN(7))-2)
		}
	}
	return t
}
