package ops_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/schema"
)

// change is two neighbouring versions of one operator of the default domain.
type change struct{ older, newer *schema.Op }

func changes() []change {
	var list []change
	var last *schema.Op
	for op := range schema.All() {
		if last != nil && op.Domain == onnx.DomainDefault && last.Domain == op.Domain && last.Name == op.Name {
			list = append(list, change{last, op})
		}
		last = op
	}
	return list
}

// TestEveryVersionChange holds the list of all version changes against what the code does with them: how a node is lifted and lowered
// over the change, by the schema alone or by a rewrite, and what became of nodes made for it (see [TestVersionChangeLaws]).
// GONYX_UPDATE=1 writes the list anew; the difference is to be read.
func TestEveryVersionChange(t *testing.T) {
	const file = "testdata/versions.txt"
	table := ops.NewTable()
	var b strings.Builder
	b.WriteString("# Every change of version of an operator of the default domain: the versions, how a node is lifted and how it is lowered.\n" +
		"# schema: by raising or lowering the version alone, as the tables allow it; rewrite: by a rewrite of ours.\n")
	for _, c := range changes() {
		m := table.Meaning(onnx.DomainDefault, c.older.Name)
		up, down := "none", "none"
		superset := schema.Superset(c.older, c.newer)
		if superset {
			up, down = "schema", "schema"
		}
		if m != nil && m.Upgrade[c.newer.Since] != nil {
			up = "rewrite"
		}
		if m != nil && m.Downgrade[c.newer.Since] != nil {
			down = "rewrite"
		}
		note := ""
		if c.newer.Deprecated {
			down, note = "-", ": there is no such node at the newer version"
		}
		if reason := refused()[fmt.Sprint(c.older.Name, " ", c.newer.Since)]; reason != "" {
			down, note = "refused", ": "+reason
		}
		if up == "none" || down == "none" {
			t.Errorf("%s %d to %d: lifted by %s, lowered by %s; want a way for both", c.older.Name, c.older.Since, c.newer.Since, up, down)
		}
		fmt.Fprintf(&b, "%s %d %d: up %s, down %s%s\n", c.older.Name, c.older.Since, c.newer.Since, up, down, note)
	}
	if os.Getenv("GONYX_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(b.String(), "\n")
	for i, line := range strings.Split(string(want), "\n") {
		if i >= len(got) || got[i] != line {
			t.Fatalf("%s, line %d: got %q, want %q", file, i+1, got[min(i, len(got)-1)], line)
		}
	}
}

// refused names changes that no node can be lowered over, by the newer version.
func refused() map[string]string {
	return map[string]string{
		"GroupNormalization 21": "the standard took the older version back, other checkers refuse it",
	}
}

// unproven names changes over which some of the nodes made here become other nodes of the same meaning while the operator has no
// Eval, so that the numbers cannot be compared.
func unproven() map[string]string {
	return map[string]string{
		"DFT 20": "the axis is written out",
	}
}

// TestVersionChangeLaws makes nodes for both sides of every version change. Lifting one over the change, or lowering it, must give a
// sound graph that has the same canonical form, or where a rewrite adds nodes that lifting does not take away, the same numbers. A node
// may be refused, but not all that are made for a change.
func TestVersionChangeLaws(t *testing.T) {
	if testing.Short() {
		t.Skip("some thousand nodes")
	}
	for _, c := range changes() {
		t.Run(fmt.Sprintf("%s/%d-%d", c.older.Name, c.older.Since, c.newer.Since), func(t *testing.T) {
			below := c.newer.Since - 1
			made, lifted := 0, 0
			for name, g := range nodesOf(c.older, below) {
				made++
				up, err := ops.Convert(g, c.newer.Since)
				switch {
				case err == nil:
				case errors.Is(err, ops.ErrUnsupported), strings.Contains(err.Error(), "a fact it needs is not known"),
					strings.Contains(err.Error(), "it cannot be written as"):
					t.Logf("%s: not lifted: %v", name, err)
					continue
				default:
					t.Errorf("%s: lifting: %v", name, err)
					continue
				}
				lifted++
				holdsConverted(t, name+", lifted", g, up, "")
			}
			if made == 0 {
				t.Errorf("no node of version %d could be made", c.older.Since)
			}
			if lifted == 0 && made > 0 {
				t.Errorf("none of %d nodes of version %d could be lifted", made, c.older.Since)
			}
			if c.newer.Deprecated {
				return
			}
			made = 0
			lowered := 0
			change := fmt.Sprint(c.older.Name, " ", c.newer.Since)
			for name, g := range nodesOf(c.newer, c.newer.Since) {
				made++
				down, err := ops.Convert(g, below)
				if err != nil {
					t.Logf("%s: not lowered: %v", name, err)
					continue
				}
				lowered++
				holdsConverted(t, name+", lowered", g, down, change)
			}
			if made == 0 {
				t.Errorf("no node of version %d could be made", c.newer.Since)
			}
			if lowered == 0 != (refused()[change] != "") {
				t.Errorf("%d of %d nodes of version %d could be lowered, listed as refused %v", lowered, made, c.newer.Since, refused()[change] != "")
			}
		})
	}
}

// holdsConverted checks a converted graph against the one it was made of. Where it was lowered, over the change that is named, other
// nodes may give the same numbers.
func holdsConverted(t *testing.T, name string, g, converted *onnx.Graph, change string) {
	t.Helper()
	if err := sound(converted); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	diff, err := graphs.Diff(g, converted)
	switch {
	case err != nil:
		t.Errorf("%s: %v", name, err)
	case diff == "":
	case change == "":
		t.Errorf("%s: got %s, want no difference", name, diff)
	default:
		want, err := evaluated(g)
		if errors.Is(err, errUnranked) || errors.Is(err, ops.ErrUnsupported) && unproven()[change] != "" {
			t.Logf("%s: %s, and the numbers cannot be compared: %v", name, diff, err)
			return
		}
		if err != nil {
			t.Errorf("%s: got %s, and the numbers cannot be compared: %v", name, diff, err)
			return
		}
		got, err := evaluated(converted)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		for i := range want {
			if err := sameValue(got[i], want[i]); err != nil {
				t.Errorf("%s: output %d: %v", name, i, err)
			}
		}
	}
}

func sound(g *onnx.Graph) error {
	_, err := ops.Check(&onnx.Model{IRVersion: onnx.MaxIRVersion, Graph: g}, 0)
	return err
}

// errUnranked says that a graph cannot be run because nothing says of what shape its inputs are.
var errUnranked = errors.New("an input has no shape")

// evaluated runs a graph on small numbers.
func evaluated(g *onnx.Graph) ([]onnx.Value, error) {
	l, err := ops.Lift(g)
	if err != nil {
		return nil, err
	}
	e, err := ops.NewEvaluator(l)
	if err != nil {
		return nil, err
	}
	var in []onnx.Value
	for _, v := range g.Inputs {
		if v.Type.Kind != onnx.KindTensor || !v.Type.Ranked {
			return nil, errUnranked
		}
		var dims []int64
		for _, d := range v.Type.Dims {
			dims = append(dims, d.Value)
		}
		in = append(in, numbers(v.Type.Elem, func(i int) float64 { return float64(i%7) - 2.5 }, dims...))
	}
	return e.Run(context.Background(), in, ops.EvalOptions{})
}

// numbers makes a tensor of an element type; strings are the numbers in words.
func numbers(elem onnx.ElemType, at func(i int) float64, dims ...int64) *onnx.Tensor {
	t := onnx.NewTensor(elem, dims...)
	for i := range t.Len() {
		v := at(i)
		switch elem {
		case onnx.Float:
			t.Float32s()[i] = float32(v)
		case onnx.Double:
			t.Float64s()[i] = v
		case onnx.Int64:
			t.Int64s()[i] = int64(v)
		case onnx.Int32:
			t.Int32s()[i] = int32(v)
		case onnx.Uint8:
			t.Data[i] = uint8(v)
		case onnx.Bool:
			t.Bools()[i] = v > 0
		case onnx.BFloat16:
			onnx.View[uint16](t)[i] = uint16(math.Float32bits(float32(v)) >> 16)
		case onnx.String:
			t.Strings[i] = fmt.Sprint(v)
		}
	}
	return t
}

// nodesOf makes graphs of one node of a version, by what sets them apart: every one is sound at the opset.
func nodesOf(op *schema.Op, opset int64) map[string]*onnx.Graph {
	list := make(map[string]*onnx.Graph)
	if op.Deprecated {
		return list
	}
	try := func(name string, n *nodeMaker) bool {
		g := n.graph(opset)
		if sound(g) != nil {
			return false
		}
		list[name] = g
		return true
	}
	elems := elemsOf(op)
	for _, elem := range elems {
		for _, ranked := range []bool{true, false} {
			for _, optional := range []bool{false, true} {
				base := &nodeMaker{op: op, elem: elem, ranked: ranked, optional: optional}
				name := fmt.Sprintf("%s, ranked %v, optional inputs %v", elem, ranked, optional)
				if !try(name, base) || elem != elems[0] {
					continue
				}
				for i := range op.Attributes {
					for k, a := range otherValues(op, &op.Attributes[i]) {
						with := *base
						with.extra = a
						try(fmt.Sprintf("%s, %s %d", name, a.Name, k), &with)
					}
				}
			}
		}
	}
	return list
}

// elemsOf picks element types for the first type variable: the usual ones that it takes.
func elemsOf(op *schema.Op) []onnx.ElemType {
	if len(op.Inputs.Params) == 0 {
		return []onnx.ElemType{onnx.Float}
	}
	var list []onnx.ElemType
	allowed := op.Allowed(&op.Inputs.Params[len(op.Inputs.Params)-1])
	first := op.Allowed(&op.Inputs.Params[0])
	for _, e := range []onnx.ElemType{onnx.Float, onnx.Int64, onnx.Bool, onnx.String, onnx.Uint8, onnx.Int32} {
		if first.Has("tensor("+e.String()+")") || len(op.Inputs.Params) == 1 && allowed.Has("tensor("+e.String()+")") {
			list = append(list, e)
		}
	}
	list = list[:min(len(list), 3)]
	if list == nil {
		list = []onnx.ElemType{onnx.Float}
	}
	return list
}

// nodeMaker makes a graph of one node.
type nodeMaker struct {
	op               *schema.Op
	elem             onnx.ElemType
	ranked, optional bool
	extra            *onnx.Attribute
}

func (m *nodeMaker) graph(opset int64) *onnx.Graph {
	g := &onnx.Graph{Name: "one", Opsets: []onnx.Opset{{Version: opset}}}
	n := &onnx.Node{OpType: m.op.Name, Name: "n"}
	for i := range m.op.Attributes {
		a := &m.op.Attributes[i]
		switch {
		case m.extra != nil && m.extra.Name == a.Name:
			n.Attributes = append(n.Attributes, m.extra)
		case a.Required || wanted(m.op.Name+"."+a.Name):
			n.Attributes = append(n.Attributes, value(m.op, a))
		}
	}
	for i := range m.op.Inputs.Params {
		p := &m.op.Inputs.Params[i]
		name := fmt.Sprintf("x%d", i)
		if p.Optional && !m.optional && !wanted(m.op.Name+"/"+p.Name) {
			n.Inputs = append(n.Inputs, "")
			continue
		}
		n.Inputs = append(n.Inputs, name)
		if k := constant(m.op, p, m.elem); k != nil {
			c := *k
			c.Name = name
			g.Initializers = append(g.Initializers, &c)
			continue
		}
		g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: name, Type: m.typeOf(p)})
		if p.Variadic && m.op.Name != "Scan" && m.op.Name != "Loop" && m.op.Name != "SequenceMap" && !p.Optional {
			n.Inputs = append(n.Inputs, name)
		}
	}
	for len(n.Inputs) > 0 && n.Inputs[len(n.Inputs)-1] == "" {
		n.Inputs = n.Inputs[:len(n.Inputs)-1]
	}
	outputs := max(1, m.op.Outputs.Min)
	if m.optional && m.op.Name != "BatchNormalization" {
		outputs = max(outputs, len(m.op.Outputs.Params))
	}
	for i := range outputs {
		name := fmt.Sprintf("y%d", i)
		n.Outputs = append(n.Outputs, name)
		g.Outputs = append(g.Outputs, &onnx.ValueInfo{Name: name})
	}
	g.Nodes = []*onnx.Node{n}
	return g
}

// typeOf gives an input's type: of the element type where the parameter takes it, of shape [2,3,4] or what the operator needs.
func (m *nodeMaker) typeOf(p *schema.Param) onnx.Type {
	allowed := m.op.Allowed(p)
	word := "tensor(" + m.elem.String() + ")"
	switch {
	case p.Variadic && (m.op.Name == "Loop" || m.op.Name == "Scan"):
		word = "tensor(float)"
	case m.op.Name == "OptionalGetElement", m.op.Name == "OptionalHasElement":
		word = "optional(" + word + ")"
	}
	if !allowed.Has(word) {
		for w := range allowed.All() {
			word = w
			if w == "tensor(float)" || w == "tensor(int64)" || w == "tensor(bool)" {
				break
			}
		}
	}
	t := parsedType(word)
	if t.Kind == onnx.KindTensor && m.ranked {
		return onnx.TensorType(t.Elem, onnx.FixedDims(shapeOf(m.op, p)...)...)
	}
	return t
}

// parsedType reads a type as the schemas spell it.
func parsedType(word string) onnx.Type {
	inner := func(prefix string) (onnx.Type, bool) {
		if s, ok := strings.CutPrefix(word, prefix+"("); ok {
			return parsedType(strings.TrimSuffix(s, ")")), true
		}
		return onnx.Type{}, false
	}
	if t, ok := inner("seq"); ok {
		return onnx.Type{Kind: onnx.KindSequence, Of: &t}
	}
	if t, ok := inner("optional"); ok {
		return onnx.Type{Kind: onnx.KindOptional, Of: &t}
	}
	elem, _ := onnx.ParseElemType(strings.TrimSuffix(strings.TrimPrefix(word, "tensor("), ")"))
	return onnx.UnrankedTensorType(elem)
}

// Versions 7 and 9 of BatchNormalization train where all five outputs are named; lifting takes them away again unless somebody reads
// them.
func TestBatchNormalizationTrainsWithFiveOutputs(t *testing.T) {
	channel := func() *onnx.Tensor { return ramp(3) }
	newest := one{op: "BatchNormalization", in: []*onnx.Tensor{ramp(2, 3, 4), channel(), channel(), channel(), channel()}, outputs: 3,
		attrs: []*onnx.Attribute{onnx.AttrInt("training_mode", 1)}}.graph(onnx.MaxOpset)
	older, err := ops.Convert(newest, 9)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(older.Nodes[0].Outputs); got != 5 {
		t.Fatalf("got %d outputs, want 5", got)
	}
	if _, err := ops.Convert(older, onnx.MaxOpset); err != nil {
		t.Error(err)
	}
	older.Outputs = append(older.Outputs, &onnx.ValueInfo{Name: older.Nodes[0].Outputs[3]})
	if _, err := ops.Convert(older, onnx.MaxOpset); !errors.Is(err, ops.ErrUnsupported) {
		t.Errorf("saved_mean is an output: got error %v, want one that says it is not supported", err)
	}
}

// GroupNormalization-18 has a scale a group; how many channels there are may be known only when it runs.
func TestGroupsOfUnknownSize(t *testing.T) {
	x, scale, bias := ramp(1, 4, 2), vals([]float32{1, 2}), vals([]float32{0, 10})
	o := one{op: "GroupNormalization", in: []*onnx.Tensor{x, scale, bias}, attrs: []*onnx.Attribute{onnx.AttrInt("num_groups", 2)}}
	known := o.graph(18)
	want, err := o.run(known)
	if err != nil {
		t.Fatal(err)
	}
	open := o.graph(18)
	open.Inputs[0].Type = onnx.UnrankedTensorType(onnx.Float)
	got, err := o.run(open)
	if err != nil {
		t.Fatal(err)
	}
	if err := sameValue(got[0], want[0]); err != nil {
		t.Error(err)
	}
}
