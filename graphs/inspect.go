package graphs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Inspection is what there is to know of a model without running it.
type Inspection struct {
	Name        string           `json:"name"`
	Doc         string           `json:"doc"`
	Producer    string           `json:"producer"`
	IRVersion   int64            `json:"ir_version"`
	Opsets      map[string]int64 `json:"opsets"` // by domain; "ai.onnx" is the default one
	Inputs      []InspectedValue `json:"inputs"`
	Outputs     []InspectedValue `json:"outputs"`
	Operators   map[string]int   `json:"operators"` // how often each is used, subgraphs and functions included
	Nodes       int              `json:"nodes"`
	Parameters  int64            `json:"parameters"`      // elements of all initializers
	Bytes       int64            `json:"parameter_bytes"` // that they take
	Metadata    [][2]string      `json:"metadata"`
	Digest      string           `json:"digest"`      // empty where the graph has none
	Unsupported []string         `json:"unsupported"` // nodes that cannot be run here
	Warnings    []string         `json:"warnings"`
	Problem     string           `json:"problem"` // why the model is not sound; empty where it is
}

// InspectedValue is an input or output.
type InspectedValue struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default bool   `json:"default,omitempty"` // an input that need not be given
}

// Inspect describes a model. limit bounds any one tensor in bytes; ops.DefaultLimit where 0.
func Inspect(m *onnx.Model, limit int64) *Inspection {
	in := &Inspection{IRVersion: m.IRVersion, Producer: strings.TrimSpace(m.ProducerName + " " + m.ProducerVersion),
		Opsets: make(map[string]int64), Operators: make(map[string]int), Doc: m.Doc,
		Inputs: []InspectedValue{}, Outputs: []InspectedValue{}, Metadata: [][2]string{}, Unsupported: []string{}, Warnings: []string{}}
	for _, e := range m.Metadata {
		in.Metadata = append(in.Metadata, [2]string{e.Key, e.Value})
	}
	warnings, err := ops.Check(m, limit)
	in.Warnings = append(in.Warnings, warnings...)
	if err != nil {
		in.Problem = err.Error()
	}
	g := m.Graph
	if g == nil {
		return in
	}
	in.Name = g.Name
	if in.Doc == "" {
		in.Doc = g.Doc
	}
	in.values(g)
	in.count(g.Nodes)
	for _, f := range g.Functions {
		in.count(f.Nodes)
	}
	for _, t := range g.Initializers {
		n := int64(t.Len())
		in.Parameters += n
		in.Bytes += t.Type.ByteLen(n)
	}
	if in.Problem != "" {
		return in
	}
	if len(g.Opsets) == 0 {
		g = ops.WithOpset1(g)
	}
	if d, err := Digest(g); err == nil {
		in.Digest = d
	} else {
		in.Warnings = append(in.Warnings, "no digest: "+err.Error())
	}
	in.support(g, limit)
	return in
}

func (in *Inspection) values(g *onnx.Graph) {
	for _, o := range g.Opsets {
		name := onnx.NormalDomain(o.Domain)
		if name == "" {
			name = "ai.onnx"
		}
		in.Opsets[name] = o.Version
	}
	required := make(map[string]bool)
	for _, v := range g.RequiredInputs() {
		required[v.Name] = true
	}
	for _, v := range g.Inputs {
		in.Inputs = append(in.Inputs, InspectedValue{v.Name, v.Type.String(), !required[v.Name]})
	}
	for _, v := range g.Outputs {
		in.Outputs = append(in.Outputs, InspectedValue{v.Name, v.Type.String(), false})
	}
}

func (in *Inspection) count(nodes []*onnx.Node) {
	for _, n := range nodes {
		name := n.OpType
		if d := onnx.NormalDomain(n.Domain); d != "" {
			name = d + "." + name
		}
		in.Operators[name]++
		in.Nodes++
		for _, a := range n.Attributes {
			for _, g := range a.Subgraphs() {
				if g != nil {
					in.count(g.Nodes)
				}
			}
		}
	}
}

// support lists the nodes that cannot be run.
func (in *Inspection) support(g *onnx.Graph, limit int64) {
	lifted, err := ops.LiftWithin(g, limit)
	if err == nil {
		_, err = ops.NewEvaluator(lifted)
	}
	if err == nil {
		return
	}
	if !errors.Is(err, ops.ErrUnsupported) {
		in.Problem = err.Error()
		return
	}
	in.Unsupported = append(in.Unsupported, strings.Split(err.Error(), "\n")...)
}

// String prints the inspection for people.
func (in *Inspection) String() string {
	var s strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&s, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("graph", "%s", in.Name)
	if in.Doc != "" {
		line("", "%s", in.Doc)
	}
	line("producer", "%s", in.Producer)
	opsets := []string{fmt.Sprintf("IR %d", in.IRVersion)}
	for _, d := range slices.Sorted(maps.Keys(in.Opsets)) {
		opsets = append(opsets, fmt.Sprintf("%s %d", d, in.Opsets[d]))
	}
	line("versions", "%s", strings.Join(opsets, ", "))
	values := func(name string, list []InspectedValue) {
		for _, v := range list {
			note := ""
			if v.Default {
				note = " (has a default)"
			}
			line(name, "%s %s%s", v.Name, v.Type, note)
			name = ""
		}
	}
	values("inputs", in.Inputs)
	values("outputs", in.Outputs)
	var operators []string
	for _, name := range slices.Sorted(maps.Keys(in.Operators)) {
		operators = append(operators, fmt.Sprintf("%s×%d", name, in.Operators[name]))
	}
	line("operators", "%d nodes: %s", in.Nodes, strings.Join(operators, ", "))
	line("parameters", "%d in %d bytes", in.Parameters, in.Bytes)
	title := "metadata"
	for _, e := range in.Metadata {
		line(title, "%s = %s", e[0], shortened(e[1]))
		title = ""
	}
	if in.Digest != "" {
		line("digest", "%s", in.Digest)
	}
	list := func(name string, texts []string) {
		for _, t := range texts {
			line(name, "%s", t)
			name = ""
		}
	}
	list("warnings", in.Warnings)
	list("unsupported", in.Unsupported)
	if in.Problem != "" {
		line("problem", "%s", in.Problem)
	}
	return strings.TrimRight(s.String(), "\n")
}

func shortened(s string) string {
	const most = 120
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + fmt.Sprintf("… (%d bytes)", len(s))
	}
	return s
}

// Dot writes the graph in Graphviz's language: operators as boxes, inputs, outputs and parameters as ovals.
func Dot(g *onnx.Graph) string {
	var s strings.Builder
	s.WriteString("digraph {\n\trankdir=TB\n\tnode [fontname=\"Helvetica\" fontsize=10]\n")
	made := make(map[string]string) // value → the node that draws it
	for _, v := range g.Inputs {
		id := dotText("input " + v.Name)
		made[v.Name] = id
		fmt.Fprintf(&s, "\t%s [label=%s shape=oval style=filled fillcolor=\"#e8f1ff\"]\n", id, dotText(v.Name+"\n"+v.Type.String()))
	}
	for _, t := range g.Initializers {
		if made[t.Name] == "" {
			id := dotText("weight " + t.Name)
			made[t.Name] = id
			fmt.Fprintf(&s, "\t%s [label=%s shape=oval fontcolor=\"#666666\" color=\"#999999\"]\n", id, dotText(t.Name+"\n"+t.String()))
		}
	}
	for i, n := range g.Nodes {
		for _, out := range n.Outputs {
			made[out] = dotText(fmt.Sprintf("node %d", i))
		}
	}
	for i, n := range g.Nodes {
		id := dotText(fmt.Sprintf("node %d", i))
		fmt.Fprintf(&s, "\t%s [label=%s shape=box style=rounded]\n", id, dotText(n.OpType+"\n"+n.Name))
		ops.Reads(n, func(name string) {
			if from := made[name]; from != "" {
				fmt.Fprintf(&s, "\t%s -> %s\n", from, id)
			}
		})
	}
	for _, v := range g.Outputs {
		id := dotText("output " + v.Name)
		fmt.Fprintf(&s, "\t%s [label=%s shape=oval style=filled fillcolor=\"#e9f7e9\"]\n", id, dotText(v.Name+"\n"+v.Type.String()))
		if from := made[v.Name]; from != "" {
			fmt.Fprintf(&s, "\t%s -> %s\n", from, id)
		}
	}
	s.WriteString("}\n")
	return s.String()
}

// dotText writes a string of the DOT language.
func dotText(text string) string {
	text = strings.ReplaceAll(text, "\\", "\\\\")
	text = strings.ReplaceAll(text, "\"", "\\\"")
	return "\"" + strings.ReplaceAll(text, "\n", "\\n") + "\""
}
