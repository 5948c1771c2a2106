package backend

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// oldestGuess is the oldest opset that a graph without one is thought to be of. Before it broadcasting followed other rules.
const oldestGuess = 7

// chooseOpset gives the newest opset at which every node of a graph is legal. It fails where a node means something else at
// another such opset, for then only the file can say.
func chooseOpset(g *onnx.Graph, limit int64) (int64, error) {
	var legal []int64
	var why error
	for version := int64(onnx.MaxOpset); version >= oldestGuess; version-- {
		err := ops.Legal(g.Nodes, version)
		switch {
		case err == nil:
			legal = append(legal, version)
		case why == nil:
			why = err
		}
	}
	if legal == nil {
		return 0, fmt.Errorf("at no opset from %d to %d are all nodes legal: give the file's bytes with WithBytes, or Options.Opset; at %d: %w", oldestGuess, onnx.MaxOpset, onnx.MaxOpset, why)
	}
	// Where inference finds at a newer one that a node cannot work, such as a Split that does not say into how many, it is none.
	var lifted *ops.Lifted
	newest := int64(0)
	why = nil
	for len(legal) > 0 && lifted == nil {
		at := *g
		newest = legal[0]
		at.Opsets = []onnx.Opset{{Version: newest}}
		var err error
		if lifted, err = ops.LiftWithin(&at, limit); err != nil {
			legal = legal[1:]
			if why == nil {
				why = fmt.Errorf("at opset %d, the newest at which all nodes are legal: %w", newest, err)
			}
		}
	}
	if lifted == nil {
		return 0, why
	}
	for i, n := range g.Nodes {
		if other := ambiguous(g, n, legal, lifted.Facts); other != 0 {
			return 0, fmt.Errorf("%s means one thing at opset %d and another at opset %d, and onnx-go does not say which it is: give the file's bytes with WithBytes, or Options.Opset",
				ops.Place(n, i), newest, other)
		}
	}
	return newest, nil
}

// ambiguous gives an opset among the legal ones, newest first, at which the node is something else than at the newest, or 0.
func ambiguous(g *onnx.Graph, n *onnx.Node, legal []int64, facts ops.Facts) int64 {
	alone := onnx.Graph{Nodes: []*onnx.Node{n}}
	seen := make(map[string]bool)
	for _, name := range n.Inputs {
		if name == "" || seen[name] {
			continue
		}
		seen[name] = true
		if t := g.Initializer(name); t != nil {
			alone.Initializers = append(alone.Initializers, t)
			continue
		}
		alone.Inputs = append(alone.Inputs, &onnx.ValueInfo{Name: name, Type: facts[name].Type})
	}
	for _, name := range n.Outputs {
		if name != "" {
			alone.Outputs = append(alone.Outputs, &onnx.ValueInfo{Name: name})
		}
	}
	var first *ops.Lifted
	since := int64(0)
	for _, version := range legal {
		op, ok := ops.Schema("", n.OpType, version)
		if !ok || op.Since == since {
			continue
		}
		since = op.Since
		alone.Opsets = []onnx.Opset{{Version: version}}
		l, err := ops.Lift(&alone)
		switch {
		case err != nil && errors.Is(err, ops.ErrUnsupported):
			return version
		case err != nil: // the types are not those of this version
		case first == nil:
			first = l
		case !sameLifted(first, l):
			return version
		}
	}
	return 0
}

// sameLifted compares two liftings of one node, whose new names come in the same order.
func sameLifted(a, b *ops.Lifted) bool {
	if len(a.Graph.Nodes) != len(b.Graph.Nodes) || len(a.Graph.Initializers) != len(b.Graph.Initializers) {
		return false
	}
	for i, x := range a.Graph.Initializers {
		y := b.Graph.Initializers[i]
		if x.Name != y.Name || x.Type != y.Type || !slices.Equal(x.Dims, y.Dims) || !bytes.Equal(x.Data, y.Data) || !slices.Equal(x.Strings, y.Strings) {
			return false
		}
	}
	for i, x := range a.Graph.Nodes {
		y := b.Graph.Nodes[i]
		if x.OpType != y.OpType || x.Domain != y.Domain || a.Held[x] != b.Held[y] ||
			!slices.Equal(x.Inputs, y.Inputs) || !slices.Equal(x.Outputs, y.Outputs) || !sameAttributes(x, y) || !sameAttributes(y, x) {
			return false
		}
	}
	return true
}

// sameAttributes says whether every attribute of x that is not at its default stands in y as it is.
func sameAttributes(x, y *onnx.Node) bool {
	op, ok := ops.Schema(x.Domain, x.OpType, 0)
	for _, a := range x.Attributes {
		if ok {
			if s := op.Attribute(a.Name); s != nil && ops.AtDefault(a, s) {
				continue
			}
		}
		b := y.Attribute(a.Name)
		if b == nil || a.Type != b.Type || a.Int != b.Int || a.Float != b.Float || a.Tensor != b.Tensor || !bytes.Equal(a.Str, b.Str) ||
			!slices.Equal(a.Ints, b.Ints) || !slices.Equal(a.Floats, b.Floats) || !slices.EqualFunc(a.Strs, b.Strs, bytes.Equal) {
			return false
		}
	}
	return true
}
