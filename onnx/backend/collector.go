package backend

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// collector records the calls that stock onnx-go makes while it decodes a model, and makes a graph of them. The calls come in
// this order: inputs, value_info and outputs, each told a placeholder of zeros; initializers, told their data; then, node by
// node, for every output one operand after the other, and the operation with its outputs. A value is known by its name, for
// one that is listed twice has two entries.
type collector struct {
	entries []*entry
	pending []operand
	nodes   []collected
}

// entry is a value as onnx-go announces it.
type entry struct {
	name  string
	born  int          // how many operations were applied or had begun before it was made, 0 for declared values
	told  int          // how often it was told a tensor
	value *onnx.Tensor // the last of them
}

func (e *entry) tell(t *onnx.Tensor) {
	e.told++
	e.value = t
}

type operand struct {
	entry *entry
	place float64
}

// collected is a node by its entries, whose names are final once decoding has ended.
type collected struct {
	opType     string
	attributes []*onnx.Attribute
	in, out    []*entry
	faked      bool // the only operand may be the one that onnx-go gives a node without inputs
}

// started says whether the nodes have begun.
func (c *collector) started() bool { return len(c.nodes) > 0 || len(c.pending) > 0 }

func (c *collector) value() *entry {
	e := &entry{}
	if c.started() {
		e.born = len(c.nodes) + 1
	}
	c.entries = append(c.entries, e)
	return e
}

func (c *collector) operand(to *entry, place float64) {
	c.pending = append(c.pending, operand{to, place})
}

func (c *collector) apply(opType string, attributes []*onnx.Attribute, outputs []*entry) error {
	if len(outputs) == 0 {
		return errors.New("it has no outputs")
	}
	n := collected{opType: opType, attributes: attributes, out: outputs, in: make([]*entry, len(c.pending)/len(outputs))}
	for i := range n.in {
		if c.pending[i].place != float64(i) {
			return fmt.Errorf("operand %d comes as number %v", i, c.pending[i].place)
		}
		n.in[i] = c.pending[i].entry
	}
	// onnx-go gives a node without inputs one of the name "<node>/input", made for it.
	if len(n.in) == 1 {
		e := n.in[0]
		fresh := e.born == len(c.nodes)+1 || len(c.nodes) == 0 && e.told == 0
		n.faked = fresh && e.told == 0 && strings.HasSuffix(e.name, "/input")
	}
	c.pending = c.pending[:0]
	c.nodes = append(c.nodes, n)
	return nil
}

// graph makes the graph of the calls. What they do not carry comes from the file, where it is known.
func (c *collector) graph(file *onnx.Model, o Options) (*onnx.Graph, error) {
	g := &onnx.Graph{}
	for i := range c.nodes {
		g.Nodes = append(g.Nodes, c.nodes[i].node())
	}
	if file != nil {
		return c.repair(g, file.Graph)
	}
	c.declare(g)
	if err := c.complete(g); err != nil {
		return nil, err
	}
	version := o.Opset
	if version == 0 {
		var err error
		if version, err = chooseOpset(g, o.limit()); err != nil {
			return nil, err
		}
	}
	g.Opsets = []onnx.Opset{{Version: version}}
	return g, nil
}

func (n *collected) node() *onnx.Node {
	node := &onnx.Node{OpType: n.opType, Attributes: n.attributes}
	for _, e := range n.in {
		node.Inputs = append(node.Inputs, e.name)
	}
	for _, e := range n.out {
		node.Outputs = append(node.Outputs, e.name)
	}
	if n.faked {
		if op, ok := ops.Schema("", n.opType, 0); !ok || op.Inputs.Min == 0 {
			node.Inputs = nil
		}
	}
	return node
}

// repair takes from the file what the calls do not carry: the names and types of inputs and outputs, domains, opsets, functions,
// sparse initializers, the names of nodes. Nodes, their operands, attributes and initializers are those of the calls.
func (c *collector) repair(g, file *onnx.Graph) (*onnx.Graph, error) {
	if len(g.Nodes) != len(file.Nodes) {
		return nil, fmt.Errorf("the bytes given are those of another model: they have %d nodes, onnx-go delivered %d", len(file.Nodes), len(g.Nodes))
	}
	for i, n := range g.Nodes {
		f := file.Nodes[i]
		if n.OpType != f.OpType {
			return nil, fmt.Errorf("the bytes given are those of another model: node %d is %s, onnx-go delivered %s", i, f.OpType, n.OpType)
		}
		n.Name, n.Domain, n.Overload, n.Doc = f.Name, f.Domain, f.Overload, f.Doc
		if len(f.Inputs) == 0 && c.nodes[i].faked {
			n.Inputs = nil
		} else if n.Inputs == nil && c.nodes[i].faked {
			n.Inputs = []string{c.nodes[i].in[0].name}
		}
		order := make([]*onnx.Attribute, 0, len(n.Attributes))
		for _, a := range f.Attributes {
			switch given := n.Attribute(a.Name); {
			case given == nil:
				return nil, fmt.Errorf("the bytes given are those of another model: onnx-go delivered no attribute %q of %s", a.Name, ops.Place(f, i))
			case given.Type == onnx.AttributeUndefined:
				order = append(order, a)
			default:
				given.Doc = a.Doc
				order = append(order, given)
			}
		}
		if len(order) < len(n.Attributes) {
			return nil, fmt.Errorf("the bytes given are those of another model: they have %d attributes at %s, onnx-go delivered %d", len(order), ops.Place(f, i), len(n.Attributes))
		}
		n.Attributes = order
	}
	latest := make(map[string]*entry)
	for _, e := range c.entries {
		latest[e.name] = e
	}
	for _, t := range file.Initializers {
		e := latest[t.Name]
		if e == nil || e.value == nil {
			return nil, fmt.Errorf("the bytes given are those of another model: onnx-go delivered no initializer %q", t.Name)
		}
		g.Initializers = append(g.Initializers, e.value)
	}
	for _, v := range file.Inputs {
		if latest[v.Name] == nil {
			return nil, fmt.Errorf("the bytes given are those of another model: onnx-go delivered no input %q", v.Name)
		}
	}
	g.Name, g.Doc, g.Opsets, g.Functions = file.Name, file.Doc, file.Opsets, file.Functions
	g.Inputs, g.Outputs, g.SparseInitializers = file.Inputs, file.Outputs, file.SparseInitializers
	return g, nil
}

// declare tells inputs, initializers and outputs apart from the calls alone. The shapes of placeholders say nothing, for
// symbolic dimensions are left out of them.
func (c *collector) declare(g *onnx.Graph) {
	produced := make(map[string]bool)
	for _, n := range g.Nodes {
		for _, name := range n.Outputs {
			produced[name] = true
		}
	}
	// The declared values end with one that a node makes, that is listed a second time or that is told again what it is. An
	// initializer that is not declared comes after them all.
	end := -1
	seen := make(map[string]bool)
	for i, e := range c.entries {
		if e.told > 0 && e.name != "" && (produced[e.name] || seen[e.name] || e.told > 1) {
			end = i
		}
		seen[e.name] = seen[e.name] || e.told > 0
	}
	first := make(map[string]*entry)
	made := false // a produced value came: inputs have ended
	for i, e := range c.entries {
		if e.told == 0 || e.name == "" {
			continue
		}
		info := &onnx.ValueInfo{Name: e.name, Type: onnx.UnrankedTensorType(e.value.Type)}
		again := first[e.name] != nil
		made = made || produced[e.name] || again
		switch {
		case produced[e.name]:
			if !again {
				g.Outputs = append(g.Outputs, info)
			}
		case again:
			g.Outputs = append(g.Outputs, info)
		case i > end:
			g.Initializers = append(g.Initializers, e.value)
		case made:
			g.Outputs = append(g.Outputs, info)
		default:
			g.Inputs = append(g.Inputs, info)
		}
		if e.told > 1 {
			g.Initializers = append(g.Initializers, e.value)
		}
		if !again {
			first[e.name] = e
		}
	}
}

// complete fails where a node reads a value that nothing gives, and where an attribute has no type.
func (c *collector) complete(g *onnx.Graph) error {
	given := make(map[string]bool)
	for _, v := range g.Inputs {
		given[v.Name] = true
	}
	for _, t := range g.Initializers {
		given[t.Name] = true
	}
	for _, n := range g.Nodes {
		for _, name := range n.Outputs {
			given[name] = true
		}
	}
	for i, n := range g.Nodes {
		for k, name := range n.Inputs {
			if name != "" && !given[name] {
				return fmt.Errorf("%s: input %d: value %q is delivered by nobody; onnx-go leaves out sparse initializers and inputs without a type: give the file's bytes with WithBytes",
					ops.Place(n, i), k, name)
			}
		}
		for _, a := range n.Attributes {
			if a.Type == onnx.AttributeUndefined {
				return fmt.Errorf("%s: attribute %q: onnx-go leaves out its value, for the file says no type: give the file's bytes with WithBytes", ops.Place(n, i), a.Name)
			}
		}
	}
	return nil
}
