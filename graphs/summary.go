package graphs

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Summary lists a graph's layers as people think of them.
type Summary struct {
	Name       string
	Inputs     []*onnx.ValueInfo // those that a caller must feed
	Layers     []LayerSummary    // in running order
	Parameters int64             // elements of all parameters, each counted once
	Bytes      int64             // memory they take
}

// LayerSummary is what one layer does: the nodes of its name.
type LayerSummary struct {
	Name       string
	Operators  []string  // that it becomes, in running order
	Output     onnx.Type // of its last node, as far as known
	Parameters int64     // elements of the parameters that it is the first to use
	Bytes      int64
}

// Summarize groups the nodes of a graph into layers. A layer is what node names have before their first "/": "conv1" and
// "conv1/LeakyRelu" are one; in names with a "/" in front, as PyTorch writes them, what stands before the last. A node
// without a name is a layer of its own. Parameters are initializers of a type with a fraction, of rank 1 or more, and
// those of quantized types; constants in nodes and shapes are none.
func Summarize(g *onnx.Graph) (*Summary, error) {
	l, err := ops.Lift(g)
	if err != nil {
		return nil, fmt.Errorf("summary: %w", err)
	}
	order, err := ops.Sort(g)
	if err != nil {
		return nil, fmt.Errorf("summary: %w", err)
	}
	s := &summary{
		Summary:    Summary{Name: g.Name, Inputs: g.RequiredInputs()},
		parameters: make(map[string]onnx.Type),
		layers:     make(map[string]int),
	}
	s.collect(g)
	for _, i := range order {
		n := g.Nodes[i]
		if n.OpType == "Constant" && onnx.NormalDomain(n.Domain) == onnx.DomainDefault {
			continue
		}
		s.node(n, i, l.Facts)
	}
	return &s.Summary, nil
}

type summary struct {
	Summary
	parameters map[string]onnx.Type // that no layer has used yet
	layers     map[string]int
}

func (s *summary) collect(g *onnx.Graph) {
	for _, t := range g.Initializers {
		if isParameter(t.Type, t.Dims) {
			s.parameters[t.Name] = onnx.TypeOf(t)
		}
	}
	for _, t := range g.SparseInitializers {
		if t.Values != nil && isParameter(t.Values.Type, t.Dims) {
			s.parameters[t.Name()] = onnx.TypeOf(t)
		}
	}
}

func isParameter(elem onnx.ElemType, dims []int64) bool {
	switch elem {
	case onnx.Int64, onnx.Int32, onnx.Bool, onnx.String, onnx.Undefined:
		return false
	}
	return len(dims) > 0
}

func (s *summary) node(n *onnx.Node, place int, facts ops.Facts) {
	name := layerOf(n, place)
	at, ok := s.layers[name]
	if !ok {
		at = len(s.Layers)
		s.layers[name] = at
		s.Layers = append(s.Layers, LayerSummary{Name: name})
	}
	layer := &s.Layers[at]
	op := n.OpType
	if d := onnx.NormalDomain(n.Domain); d != onnx.DomainDefault {
		op = d + "." + op
	}
	layer.Operators = append(layer.Operators, op)
	for _, out := range n.Outputs {
		if out != "" {
			layer.Output = facts[out].Type
			break
		}
	}
	s.reads(n, layer)
}

// reads counts the parameters that a node reads, those of its subgraphs with it.
func (s *summary) reads(n *onnx.Node, layer *LayerSummary) {
	count := func(name string) {
		t, ok := s.parameters[name]
		if !ok {
			return
		}
		delete(s.parameters, name)
		sizes, _ := ops.Fact{Type: t}.Sizes()
		elements, err := onnx.Elements(sizes)
		if err != nil {
			return
		}
		bytes := t.Elem.ByteLen(elements)
		layer.Parameters += elements
		layer.Bytes += bytes
		s.Parameters += elements
		s.Bytes += bytes
	}
	ops.Reads(n, count)
	for _, a := range n.Attributes {
		for _, g := range a.Subgraphs() {
			if g == nil {
				continue
			}
			s.collect(g)
			for _, inner := range g.Nodes {
				s.reads(inner, layer)
			}
		}
	}
}

func layerOf(n *onnx.Node, place int) string {
	name, ok := strings.CutPrefix(n.Name, "/")
	if name == "" {
		return fmt.Sprintf("(node %d)", place)
	}
	cut := strings.IndexByte(name, '/')
	if ok {
		cut = strings.LastIndexByte(name, '/')
	}
	if cut > 0 {
		return name[:cut]
	}
	return name
}

// String prints the summary as a table: layer, output, parameters and the operators it becomes, then the totals.
func (s *Summary) String() string {
	var b strings.Builder
	if s.Name != "" {
		fmt.Fprintf(&b, "%s\n", s.Name)
	}
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "layer\toutput\tparameters\toperators")
	for _, in := range s.Inputs {
		fmt.Fprintf(w, "%s\t%s\t\tinput\n", in.Name, typeText(in.Type))
	}
	for _, l := range s.Layers {
		parameters := ""
		if l.Parameters > 0 {
			parameters = fmt.Sprintf("%*s", len("parameters"), thousands(l.Parameters))
		}
		output := "?"
		if l.Output.Kind != onnx.KindUndefined {
			output = typeText(l.Output)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Name, output, parameters, operatorsText(l.Operators))
	}
	w.Flush()
	fmt.Fprintf(&b, "%s parameters, %s\n", thousands(s.Parameters), bytesText(s.Bytes))
	return b.String()
}

// operatorsText joins operators, the same ones in a row counted.
func operatorsText(list []string) string {
	const shown = 8
	var parts []string
	for i := 0; i < len(list); {
		k := i
		for k < len(list) && list[k] == list[i] {
			k++
		}
		if len(parts) == shown {
			parts = append(parts, fmt.Sprintf("… %d more", len(list)-i))
			break
		}
		part := list[i]
		if k-i > 1 {
			part = fmt.Sprintf("%s ×%d", part, k-i)
		}
		parts = append(parts, part)
		i = k
	}
	return strings.Join(parts, ", ")
}

// thousands writes a number with a comma between each three digits.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// bytesText writes a size in the unit that leaves at most four digits before the point.
func bytesText(n int64) string {
	size := float64(n)
	for _, unit := range [...]string{"B", "KiB", "MiB", "GiB"} {
		if size < 1024 {
			if unit == "B" {
				return fmt.Sprintf("%d B", n)
			}
			return fmt.Sprintf("%.1f %s", size, unit)
		}
		size /= 1024
	}
	return fmt.Sprintf("%.1f TiB", size)
}
