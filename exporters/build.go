package exporters

import (
	"fmt"
	"strings"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// IRVersion gives the version of the format that a file of an opset of the default domain says: up to 14 and from 23 on the lowest
// that the standard's releases pair with it, 8 in between, which every reader of those opsets takes.
func IRVersion(opset int64) int64 {
	switch {
	case opset <= 8:
		return 3
	case opset <= 11:
		return opset - 5
	case opset <= 14:
		return 7
	case opset <= 22:
		return 8
	case opset <= 23:
		return 11
	case opset <= 24:
		return 12
	case opset <= 27:
		return 13
	}
	return 14
}

// built is a model to be written, with the graph that it must be equal to.
type built struct {
	model *onnx.Model
	form  *graphs.Form // of the graph with its weights, before it was brought to the opset
}

// build binds weights, brings the graph to the opset and says about it what the file shall say. The graph is left alone.
func build(s Spec) (*built, error) {
	g, err := graphs.Bind(s.Graph, s.Weights)
	if err != nil {
		return nil, err
	}
	g = g.Clone()
	g.ValueInfo = nil
	if err := public(g); err != nil {
		return nil, err
	}
	form, err := graphs.Canonical(g)
	if err != nil {
		return nil, err
	}
	g, err = ops.Convert(g, s.Opset)
	if err != nil {
		return nil, fmt.Errorf("at opset %d: %w", s.Opset, err)
	}
	if err := initializers(g); err != nil {
		return nil, err
	}
	name(g.Nodes)
	m := &onnx.Model{
		IRVersion: IRVersion(s.Opset), ProducerName: Producer, ProducerVersion: Version, Doc: g.Doc, Graph: g,
	}
	if m.Metadata, err = metadata(s, form.Digest()); err != nil {
		return nil, err
	}
	return &built{m, form}, nil
}

// public takes the private domain out of a graph: StopGradient becomes Identity, which it is where nothing is trained.
func public(g *onnx.Graph) error {
	for i, n := range g.Nodes {
		if n.Domain == onnx.DomainPrivate {
			if n.OpType != "StopGradient" {
				return fmt.Errorf("%s: %s of the private domain has no place in a file", ops.Place(n, i), n.OpType)
			}
			n.OpType, n.Domain = "Identity", onnx.DomainDefault
		}
		for _, a := range n.Attributes {
			for _, sub := range a.Subgraphs() {
				if err := public(sub); err != nil {
					return fmt.Errorf("%s: %w", ops.Place(n, i), err)
				}
			}
		}
	}
	var kept []onnx.Opset
	for _, o := range g.Opsets {
		if o.Domain != onnx.DomainPrivate {
			kept = append(kept, o)
		}
	}
	g.Opsets = kept
	return nil
}

// initializers leaves those that are read, in the form that stock onnx-go reads. None may be an input, for then a reader takes
// the weights for something to feed.
func initializers(g *onnx.Graph) error {
	read := make(map[string]bool)
	for _, n := range g.Nodes {
		ops.Reads(n, func(name string) { read[name] = true })
	}
	for _, v := range g.Outputs {
		read[v.Name] = true
	}
	var kept []*onnx.Tensor
	for _, t := range g.Initializers {
		if !read[t.Name] {
			continue
		}
		if t.Len() == 0 {
			return fmt.Errorf("initializer %q: %v has no elements, which stock onnx-go cannot read", t.Name, t)
		}
		kept = append(kept, stored(t))
	}
	g.Initializers = kept
	if required := g.RequiredInputs(); len(required) < len(g.Inputs) {
		for _, v := range g.Inputs {
			if g.Initializer(v.Name) != nil {
				return fmt.Errorf("input %q has a default, which an exported network has not", v.Name)
			}
		}
	}
	for _, n := range g.Nodes {
		for _, a := range n.Attributes {
			if a.Tensor != nil {
				a.Tensor = stored(a.Tensor)
			}
		}
	}
	return nil
}

// stored gives a tensor as the file keeps it: raw, bools as numbers, since stock onnx-go reads eight raw bytes for each.
func stored(t *onnx.Tensor) *onnx.Tensor {
	s := *t
	s.External, s.Storage = nil, onnx.StorageRaw
	if s.Type == onnx.Bool {
		s.Storage = onnx.StorageTyped
	}
	return &s
}

// name gives every node a name that no other has; those that have one keep it.
func name(nodes []*onnx.Node) {
	taken := make(map[string]bool)
	for _, n := range nodes {
		if taken[n.Name] {
			n.Name = ""
		}
		taken[n.Name] = true
	}
	for _, n := range nodes {
		stem := strings.ToLower(n.OpType)
		for k := 1; n.Name == ""; k++ {
			candidate := stem
			if k > 1 {
				candidate = fmt.Sprintf("%s_%d", stem, k)
			}
			if !taken[candidate] {
				n.Name = candidate
				taken[candidate] = true
			}
		}
	}
}

// metadata gives the entries of the file, always in the same order.
func metadata(s Spec, digest string) ([]onnx.Entry, error) {
	var list []onnx.Entry
	if s.Features != nil {
		entries, err := s.Features.Metadata()
		if err != nil {
			return nil, err
		}
		list = entries
	}
	list = append(list, s.Metadata...)
	list = append(list, onnx.Entry{Key: DigestKey, Value: digest})
	seen := make(map[string]bool)
	for _, e := range list {
		if seen[e.Key] {
			return nil, fmt.Errorf("metadata %q is given twice", e.Key)
		}
		seen[e.Key] = true
	}
	return list, nil
}
