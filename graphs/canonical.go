package graphs

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Form is a graph in canonical form: what is left of it when everything is dropped that does not make it another
// network. Two graphs are equal when their forms are.
//
// What counts: the inputs in order with their types, and the default of an input that an initializer of its name gives;
// the outputs in order with their types (the declared one joined with the inferred one, so that what inference knows
// may be stated or not); in each type fixed, symbolic and unknown dimensions, and which dimensions share a symbol; the
// nodes that the outputs need, their operators and attributes to the bit, and which of them share a result; weights by
// type, shape and bits; parameters without data by name, type and shape.
//
// What does not: names, docs, metadata and quantization annotations; the order of nodes and initializers; where a weight
// is stored, be it raw, typed, external, sparse, an initializer or a Constant, in this graph or in one around it, once or
// several times; attributes at their default; identities and dropout that does nothing; nodes and optional outputs that
// nothing reads; functions, which are inlined; the opset, as far as nodes can be lifted to the newest one; types that a
// graph states of values in between, and all types in subgraphs, which follow from the values around them.
type Form struct {
	name     string
	inputs   []formInput
	outputs  []formOutput
	nodes    []*formNode // as a depth-first walk from the outputs leaves them: operands before the node
	captures int         // values of the graphs around that a subgraph uses
	digest   [32]byte
}

type formInput struct {
	name  string
	typ   onnx.Type
	code  string      // the type's encoding, symbols numbered
	value *formWeight // the default, or nil
}

type formOutput struct {
	name string
	typ  onnx.Type
	code string
	from operand
}

// formNode is a node that counts.
type formNode struct {
	label    string // for people: the node's name, or what it makes
	opType   string // with the domain where it is not the default one
	version  int64  // 0: the newest
	outputs  string // what counts of the outputs' number
	operands []operand
	outer    []operand // values around the node that its subgraphs use, as they number them
	attrs    []formAttr
	types    []onnx.Type // of the outputs, where known
	code     []byte      // all of the above that counts, but for the operands
	sum      [32]byte    // of code and, through their sums, of everything the node depends on
}

type operandKind uint8

const (
	operandAbsent operandKind = iota
	operandInput
	operandNode
	operandWeight
	operandCapture // a value of the graphs around
)

// operand is where a value comes from.
type operand struct {
	kind   operandKind
	index  int // of the input, node or capture
	output int // of the node
	weight *formWeight
}

// Canonical brings a graph to its canonical form. It fails where the graph cannot be lifted (see [ops.Lift]), names a
// value that nothing makes, or needs a weight that was not loaded. The graph is left alone.
func Canonical(g *onnx.Graph) (*Form, error) {
	l, err := ops.Lift(withoutHints(g, true, 0))
	if err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	w := &formWalk{lifted: l, dense: maxDense}
	f, _, err := w.graph(l.Graph, nil)
	if err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	return f, nil
}
