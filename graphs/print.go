package graphs

import (
	"fmt"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// String prints the form, one line a node. Inputs have the first numbers, nodes follow in the order of the walk; a weight
// shows its name, type, shape and the start of its hash. Names are there to be read and do not count:
//
//	graph "net"
//	  %0 = input "x" : float[batch,3,64,64]
//	  %1 = Conv(%0, conv1.weight:float[16,3,1,1]#9f2c01aa, conv1.bias:float[16]#00b1c2d3) {auto_pad="NOTSET", group=1} : float[batch,16,64,64]
//	  output "y" = %1 : float[batch,16,64,64]
func (f *Form) String() string {
	var b strings.Builder
	f.print(&b, "")
	return b.String()
}

func (f *Form) print(b *strings.Builder, indent string) {
	fmt.Fprintf(b, "%sgraph %q\n", indent, f.name)
	for i, in := range f.inputs {
		fmt.Fprintf(b, "%s  %%%d = input %q", indent, i, in.name)
		typed(b, in.typ)
		if in.value != nil {
			fmt.Fprintf(b, " = %s", in.value)
		}
		b.WriteByte('\n')
	}
	for i, n := range f.nodes {
		fmt.Fprintf(b, "%s  %%%d = %s", indent, len(f.inputs)+i, n.opType)
		if n.version != 0 {
			fmt.Fprintf(b, "@%d", n.version)
		}
		f.list(b, "(", n.operands, ")")
		if len(n.outer) > 0 {
			f.list(b, " around(", n.outer, ")")
		}
		nested := n.print(b)
		before := " : "
		for _, t := range n.types {
			if t.Kind != onnx.KindUndefined {
				b.WriteString(before + typeText(t))
				before = ", "
			}
		}
		b.WriteByte('\n')
		for _, a := range nested {
			for _, g := range a.graphs {
				fmt.Fprintf(b, "%s    %s =\n", indent, a.name)
				g.print(b, indent+"      ")
			}
		}
	}
	for _, out := range f.outputs {
		fmt.Fprintf(b, "%s  output %q = %s", indent, out.name, f.number(out.from))
		typed(b, out.typ)
		b.WriteByte('\n')
	}
}

func typed(b *strings.Builder, t onnx.Type) {
	if t.Kind != onnx.KindUndefined {
		b.WriteString(" : " + typeText(t))
	}
}

func (f *Form) list(b *strings.Builder, open string, list []operand, end string) {
	b.WriteString(open)
	for i, at := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f.number(at))
	}
	b.WriteString(end)
}

// print prints a node's attributes and gives those that are graphs.
func (n *formNode) print(b *strings.Builder) (nested []formAttr) {
	open := " {"
	for _, a := range n.attrs {
		if len(a.graphs) > 0 {
			nested = append(nested, a)
			continue
		}
		b.WriteString(open + a.name + "=" + clipped(a.text()))
		open = ", "
	}
	if open == ", " {
		b.WriteString("}")
	}
	return nested
}

// number spells a value by its number: %3, %3.1 for a node's second output, ^0 for a value around a subgraph.
func (f *Form) number(at operand) string {
	switch at.kind {
	case operandInput:
		return fmt.Sprintf("%%%d", at.index)
	case operandNode:
		if at.output > 0 {
			return fmt.Sprintf("%%%d.%d", len(f.inputs)+at.index, at.output)
		}
		return fmt.Sprintf("%%%d", len(f.inputs)+at.index)
	case operandCapture:
		return fmt.Sprintf("^%d", at.index)
	case operandWeight:
		return at.weight.String()
	}
	return "-"
}

// String spells a weight: conv1.weight:float[16,3,1,1]#9f2c01aa. A short one shows what it holds, shape:int64[2]=[0,10], and
// one without data a question mark.
func (w *formWeight) String() string { return w.name + ":" + w.text() }

func (w *formWeight) text() string {
	t := w.tensor
	switch n := t.Len(); {
	case !t.Bound():
		return t.String() + "?"
	case n > maxShown || n == 0 || t.Type.Bits() < 8:
		return fmt.Sprintf("%s#%x", t, w.sum[:4])
	case len(t.Dims) == 0:
		return t.String() + "=" + plain(t, 0)
	default:
		return t.String() + "=" + listText(n, func(i int) string { return plain(t, i) })
	}
}

// maxShown is how many elements a weight may have to be printed in full.
const maxShown = 4

// operandText spells a value for people.
func (f *Form) operandText(at operand) string {
	switch at.kind {
	case operandInput:
		return fmt.Sprintf("input %d %q", at.index, f.inputs[at.index].name)
	case operandNode:
		text := nodeText(f.nodes[at.index])
		if at.output > 0 {
			text += fmt.Sprintf(" output %d", at.output)
		}
		return text
	case operandCapture:
		return fmt.Sprintf("value %d around the subgraph", at.index)
	case operandWeight:
		return fmt.Sprintf("weight %q %s", at.weight.name, at.weight.tensor)
	}
	return "an operand left out"
}

func nodeText(n *formNode) string { return n.label + " " + n.opType }

func nodesText(m, n *formNode) string {
	if m.opType == n.opType {
		return pair(m.label, n.label) + " " + m.opType
	}
	return pair(nodeText(m), nodeText(n))
}

func versionText(version int64) string {
	if version == 0 {
		return "newest"
	}
	return fmt.Sprint(version)
}

func outputsText(n *formNode) string {
	if n.outputs == "" {
		return "as read"
	}
	return n.outputs
}

// maxListText is where printing a list stops, in bytes.
const maxListText = 200

func clipped(s string) string {
	if len(s) <= maxListText {
		return s
	}
	return strings.ToValidUTF8(s[:maxListText], "") + "…"
}

// text spells an attribute's value.
func (a *formAttr) text() string {
	v := a.value
	switch v.Type {
	case onnx.AttributeInt:
		return fmt.Sprint(v.Int)
	case onnx.AttributeFloat:
		return fmt.Sprint(v.Float)
	case onnx.AttributeString:
		return fmt.Sprintf("%q", v.Str)
	case onnx.AttributeInts:
		return listText(len(v.Ints), func(i int) string { return fmt.Sprint(v.Ints[i]) })
	case onnx.AttributeFloats:
		return listText(len(v.Floats), func(i int) string { return fmt.Sprint(v.Floats[i]) })
	case onnx.AttributeStrings:
		return listText(len(v.Strs), func(i int) string { return fmt.Sprintf("%q", v.Strs[i]) })
	case onnx.AttributeTypeProto:
		if v.TypeProto != nil {
			return typeText(*v.TypeProto)
		}
	case onnx.AttributeTypeProtos:
		return listText(len(v.TypeProtos), func(i int) string {
			if v.TypeProtos[i] == nil {
				return "none"
			}
			return typeText(*v.TypeProtos[i])
		})
	}
	if len(a.graphs) > 0 {
		return fmt.Sprintf("a graph of %d nodes", len(a.graphs[0].nodes))
	}
	if len(a.weights) == 1 {
		return a.weights[0].text()
	}
	return listText(len(a.weights), func(i int) string { return a.weights[i].text() })
}

// listText spells a list, and stops where it becomes too long to read.
func listText(n int, at func(int) string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		if b.WriteString(at(i)); b.Len() > maxListText {
			b.WriteString("…")
			break
		}
	}
	b.WriteByte(']')
	return b.String()
}

// typeText spells a type, a tensor's in short: float[batch,10], float for one without a shape.
func typeText(t onnx.Type) string {
	if t.Kind != onnx.KindTensor {
		return t.String()
	}
	if !t.Ranked {
		return t.Elem.String()
	}
	return t.Elem.String() + onnx.ShapeString(t.Dims)
}
