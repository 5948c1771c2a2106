package graphs

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// Diff gives "" where two graphs are equal, as [Form] defines it, and else says in one line what the first difference is on the
// path from the outputs: where it is on both sides, and what stands there.
//
//	output 0 "y": node "dense1" Gemm: attribute "transB": 0 against 1
func Diff(a, b *onnx.Graph) (string, error) {
	fa, err := Canonical(a)
	if err != nil {
		return "", fmt.Errorf("first graph: %w", err)
	}
	fb, err := Canonical(b)
	if err != nil {
		return "", fmt.Errorf("second graph: %w", err)
	}
	return fa.Diff(fb), nil
}

// Diff gives "" where two forms are equal, else the first difference, see [Diff].
func (f *Form) Diff(other *Form) string {
	if f.digest == other.digest {
		return ""
	}
	c := comparison{f, other}
	for _, look := range [...]func() string{c.inputs, c.outputs, c.sharing} {
		if d := look(); d != "" {
			return d
		}
	}
	return "the digests differ: " + f.Digest() + against + other.Digest()
}

const against = " against "

// comparison explains how two forms differ that are known to.
type comparison struct{ a, b *Form }

func pair(a, b string) string {
	if a == b {
		return a
	}
	return a + against + b
}

func quoted(a, b string) string { return pair(fmt.Sprintf("%q", a), fmt.Sprintf("%q", b)) }

func (c comparison) inputs() string {
	if len(c.a.inputs) != len(c.b.inputs) {
		return fmt.Sprintf("%d inputs against %d", len(c.a.inputs), len(c.b.inputs))
	}
	for i := range c.a.inputs {
		x, y := &c.a.inputs[i], &c.b.inputs[i]
		where := fmt.Sprintf("input %d %s: ", i, quoted(x.name, y.name))
		if x.code != y.code {
			return where + typesDiffer(x.typ, y.typ)
		}
		switch {
		case x.value == nil && y.value == nil:
		case x.value == nil:
			return where + "no default against one of " + y.value.String()
		case y.value == nil:
			return where + "a default of " + x.value.String() + " against none"
		case x.value.sum != y.value.sum:
			return where + "default: " + weightsDiffer(x.value, y.value)
		}
	}
	return ""
}

// typesDiffer says how two types differ; the symbols alone may.
func typesDiffer(x, y onnx.Type) string {
	a, b := typeText(x), typeText(y)
	if a != b {
		return "type " + a + against + b
	}
	return "type " + a + ": its symbols stand for other dimensions than in the second graph"
}

func (c comparison) outputs() string {
	if len(c.a.outputs) != len(c.b.outputs) {
		return fmt.Sprintf("%d outputs against %d", len(c.a.outputs), len(c.b.outputs))
	}
	for i := range c.a.outputs {
		x, y := &c.a.outputs[i], &c.b.outputs[i]
		where := fmt.Sprintf("output %d %s: ", i, quoted(x.name, y.name))
		if d := c.descend(x.from, y.from); d != "" {
			return where + d
		}
		if x.code != y.code {
			return where + typesDiffer(x.typ, y.typ)
		}
	}
	return ""
}

// same says whether two values are computed alike.
func (c comparison) same(x, y operand) bool {
	if x.kind != y.kind {
		return false
	}
	switch x.kind {
	case operandNode:
		return x.output == y.output && c.a.nodes[x.index].sum == c.b.nodes[y.index].sum
	case operandWeight:
		return x.weight.sum == y.weight.sum
	}
	return x.index == y.index
}

// descend walks from two values down the first operands that differ, to where they do.
func (c comparison) descend(x, y operand) string {
	where := ""
	for {
		if c.same(x, y) {
			return ""
		}
		if d := c.inserted(x, y); d != "" {
			return where + d
		}
		if x.kind != y.kind || x.kind == operandInput || x.kind == operandCapture {
			return where + c.a.operandText(x) + against + c.b.operandText(y)
		}
		if x.kind == operandWeight {
			return where + weightsDiffer(x.weight, y.weight)
		}
		m, n := c.a.nodes[x.index], c.b.nodes[y.index]
		if m.sum == n.sum {
			return fmt.Sprintf("%soutput %d%s%d of %s", where, x.output, against, y.output, nodesText(m, n))
		}
		if d := c.nodes(m, n); d != "" {
			return where + nodesText(m, n) + ": " + d
		}
		found := false
		for i := range m.operands {
			if !c.same(m.operands[i], n.operands[i]) {
				where = ""
				if m.operands[i].kind != operandNode || n.operands[i].kind != operandNode {
					where = fmt.Sprintf("%s: operand %d: ", nodesText(m, n), i)
				}
				x, y, found = m.operands[i], n.operands[i], true
				break
			}
		}
		for i := 0; i < len(m.outer) && !found; i++ {
			if !c.same(m.outer[i], n.outer[i]) {
				where = fmt.Sprintf("%s: value %d around its subgraphs: ", nodesText(m, n), i)
				x, y, found = m.outer[i], n.outer[i], true
			}
		}
		if !found {
			return where + nodesText(m, n) + ": it depends on something that differs"
		}
	}
}

// inserted says so where one side has a node more than the other.
func (c comparison) inserted(x, y operand) string {
	if x.kind == operandNode {
		for _, in := range c.a.nodes[x.index].operands {
			if in.kind != operandAbsent && c.same(in, y) {
				return fmt.Sprintf("%s stands in the first graph only", nodeText(c.a.nodes[x.index]))
			}
		}
	}
	if y.kind == operandNode {
		for _, in := range c.b.nodes[y.index].operands {
			if in.kind != operandAbsent && c.same(x, in) {
				return fmt.Sprintf("%s stands in the second graph only", nodeText(c.b.nodes[y.index]))
			}
		}
	}
	return ""
}

// nodes says how two nodes differ by themselves, or in the number or order of their operands.
func (c comparison) nodes(m, n *formNode) string {
	switch {
	case m.opType != n.opType:
		return "operator " + m.opType + against + n.opType
	case m.version != n.version:
		return "operator version " + versionText(m.version) + against + versionText(n.version)
	}
	if d := c.attributes(m, n); d != "" {
		return d
	}
	if m.outputs != n.outputs {
		return "outputs " + outputsText(m) + against + outputsText(n)
	}
	if len(m.operands) != len(n.operands) {
		return fmt.Sprintf("%d operands against %d", len(m.operands), len(n.operands))
	}
	if len(m.outer) != len(n.outer) {
		return fmt.Sprintf("its subgraphs use %d values around it against %d", len(m.outer), len(n.outer))
	}
	return c.swapped(m, n)
}

// swapped says so where two operands have changed places and nothing else differs.
func (c comparison) swapped(m, n *formNode) string {
	var at []int
	for i := range m.operands {
		if !c.same(m.operands[i], n.operands[i]) {
			if at = append(at, i); len(at) > 2 {
				return ""
			}
		}
	}
	if len(at) != 2 {
		return ""
	}
	i, k := at[0], at[1]
	if !c.same(m.operands[i], n.operands[k]) || !c.same(m.operands[k], n.operands[i]) {
		return ""
	}
	return fmt.Sprintf("operands %d and %d are swapped: %s, %s against %s, %s", i, k,
		c.a.operandText(m.operands[i]), c.a.operandText(m.operands[k]),
		c.b.operandText(n.operands[i]), c.b.operandText(n.operands[k]))
}

func (c comparison) attributes(m, n *formNode) string {
	for i, k := 0, 0; i < len(m.attrs) || k < len(n.attrs); {
		switch {
		case k == len(n.attrs) || i < len(m.attrs) && m.attrs[i].name < n.attrs[k].name:
			return fmt.Sprintf("attribute %q: %s against left out", m.attrs[i].name, m.attrs[i].text())
		case i == len(m.attrs) || n.attrs[k].name < m.attrs[i].name:
			return fmt.Sprintf("attribute %q: left out against %s", n.attrs[k].name, n.attrs[k].text())
		}
		if x, y := &m.attrs[i], &n.attrs[k]; x.code != y.code {
			return fmt.Sprintf("attribute %q: %s", x.name, attributesDiffer(x, y))
		}
		i, k = i+1, k+1
	}
	return ""
}

func attributesDiffer(x, y *formAttr) string {
	if x.value.Type != y.value.Type {
		return fmt.Sprintf("a value of type %v against one of type %v", x.value.Type, y.value.Type)
	}
	if len(x.weights) != len(y.weights) || len(x.graphs) != len(y.graphs) {
		return fmt.Sprintf("%d values against %d", len(x.weights)+len(x.graphs), len(y.weights)+len(y.graphs))
	}
	for i := range x.weights {
		if x.weights[i].sum != y.weights[i].sum {
			return weightsDiffer(x.weights[i], y.weights[i])
		}
	}
	for i := range x.graphs {
		if d := x.graphs[i].Diff(y.graphs[i]); d != "" {
			return d
		}
	}
	if len(x.graphs) > 0 {
		return "its graphs use other values around the node"
	}
	return listsDiffer(x, y)
}

// sharing finds a value that one side computes once and the other several times, which is all that can differ when every
// output is computed alike.
func (c comparison) sharing() string {
	type twin struct {
		first, last *formNode
		count       int
	}
	again := func(t twin, n *formNode) twin {
		if t.count == 0 {
			t.first = n
		}
		return twin{t.first, n, t.count + 1}
	}
	inA, inB := make(map[[32]byte]twin, len(c.a.nodes)), make(map[[32]byte]twin, len(c.b.nodes))
	for _, n := range c.a.nodes {
		inA[n.sum] = again(inA[n.sum], n)
	}
	for _, n := range c.b.nodes {
		inB[n.sum] = again(inB[n.sum], n)
	}
	for _, n := range c.b.nodes {
		x, y := inA[n.sum], inB[n.sum]
		if x.count != y.count && x.count > 0 {
			more := y
			if x.count > y.count {
				more = x
			}
			return fmt.Sprintf("%s is computed %s against %s, by %s and %s", nodesText(x.first, y.first), times(x.count), times(y.count), more.first.label, more.last.label)
		}
	}
	for i := range min(len(c.a.nodes), len(c.b.nodes)) {
		m, n := c.a.nodes[i], c.b.nodes[i]
		if m.sum == n.sum {
			for k := range m.operands {
				if m.operands[k].kind == operandNode && m.operands[k] != n.operands[k] {
					return fmt.Sprintf("%s: operand %d: other nodes share its result than in the second graph", nodesText(m, n), k)
				}
			}
		}
	}
	return ""
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}
