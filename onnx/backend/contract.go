package backend

import (
	"context"
	"errors"
	"fmt"
	"slices"

	onnxgo "github.com/owulveryck/onnx-go"
	gonum "gonum.org/v1/gonum/graph"
	"gorgonia.org/tensor"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/wire"
)

// Backend runs models that stock onnx-go decodes: it is the Backend of github.com/owulveryck/onnx-go v0.5.0 and its
// ComputationBackend.
//
//	b := backend.New(backend.WithBytes(file))
//	model := onnxgo.NewModel(b)
//	err := model.UnmarshalBinary(file)
//	err = model.SetInput(0, x)
//	err = b.Run()
//	y, err := model.GetOutputTensors()
//
// SetInput(i) reaches the i-th input without an initializer, whatever stands before it in the file. A backend holds one
// model; a second one is refused. It is not safe for several goroutines: [Backend.Graph] with [Compile] gives what is.
type Backend struct {
	options Options
	bytes   []byte
	file    *onnx.Model // our own decode of the bytes; nil without them
	err     error       // the first mistake
	calls   collector
	nodes   []*node
	done    bool        // no more of the graph comes
	graph   *onnx.Graph // once done
	model   *Model      // once run
	given   map[string]*onnx.Tensor
	results map[string]tensor.Tensor
}

// Option sets up a [Backend].
type Option func(*Backend)

// WithBytes hands over the file that stock onnx-go is about to decode. The names of outputs, the domains, opsets, symbols,
// functions and sparse initializers, which onnx-go does not pass on, then come from our own decode of it, and the memory
// limit is checked before anything is allocated. The bytes must not be changed afterwards.
func WithBytes(file []byte) Option {
	return func(b *Backend) { b.bytes = file }
}

// WithOptions says how the graph is compiled. Options.Opset is the default domain's version where the file's bytes are not
// given; where it is 0 it is the newest opset from 7 on at which every node's arity and attributes are legal, and a node that
// means something else at another such opset is an error.
func WithOptions(o Options) Option { return func(b *Backend) { b.options = o } }

// New makes an empty backend. A mistake in the bytes given is the error of decoding.
func New(options ...Option) *Backend {
	b := &Backend{given: make(map[string]*onnx.Tensor), results: make(map[string]tensor.Tensor)}
	for _, o := range options {
		o(b)
	}
	if b.bytes == nil {
		return b
	}
	file, err := wire.Decode(b.bytes, wire.Options{MemoryLimit: b.options.limit()})
	if err == nil {
		err = admit(file, b.options.limit())
	}
	if err != nil {
		b.fail("%w", err)
	}
	b.file = file
	return b
}

// firstID is the id of the first node. SetInput of onnx-go v0.5.0 asks for the node whose id is the number of the input
// (io.go), every other call for ids given here: with ids this far up a small one can only be an input's number.
const firstID = 1 << 32

// node is a value of the graph, as onnx-go sees it.
type node struct {
	backend *Backend
	id      int64
	entry   *entry
	tensor  tensor.Tensor // what it was last told while decoding: the placeholder of a declared value, or an initializer
}

func (n *node) ID() int64 { return n.id }

// SetName tells the value's name.
func (n *node) SetName(name string) { n.entry.name = name }

// GetName gives the value's name.
func (n *node) GetName() string { return n.entry.name }

// SetTensor takes an initializer or the placeholder of a declared value while decoding, and an input afterwards.
func (n *node) SetTensor(t tensor.Tensor) error {
	b := n.backend
	if !b.done && n.entry.born > 0 {
		b.fail("%w", errSecondModel)
	}
	if !b.done && b.calls.started() {
		b.finish()
	}
	if b.err != nil {
		return b.err
	}
	value, err := fromTensor(t)
	if err != nil {
		return fmt.Errorf("backend: value %q: %w", n.entry.name, err)
	}
	if b.done {
		return b.setInput(n.entry.name, value, t)
	}
	value.Name = n.entry.name
	n.entry.tell(value)
	n.tensor = t
	return nil
}

// GetTensor gives an output that was computed, an input as it was set, an initializer, or the placeholder of a declared value;
// nil for values in between.
func (n *node) GetTensor() tensor.Tensor {
	if t, ok := n.backend.results[n.entry.name]; ok {
		return t
	}
	return n.tensor
}

var errSecondModel = errors.New("this backend already holds a model; make a new one with backend.New")

// refused is a node of a model that is refused before it is decoded: onnx-go allocates nothing for a node that carries no data.
type refused struct{ id int64 }

func (r refused) ID() int64 { return r.id }

type edge struct {
	from, to gonum.Node
	weight   float64
}

func (e edge) From() gonum.Node         { return e.from }
func (e edge) To() gonum.Node           { return e.to }
func (e edge) Weight() float64          { return e.weight }
func (e edge) ReversedEdge() gonum.Edge { return edge{e.to, e.from, e.weight} }

// NewNode makes the node of a value.
func (b *Backend) NewNode() gonum.Node {
	id := firstID + int64(len(b.nodes))
	if b.err != nil || b.done {
		return refused{id}
	}
	n := &node{backend: b, id: id, entry: b.calls.value()}
	b.nodes = append(b.nodes, n)
	return n
}

// AddNode does nothing: a node belongs to the graph from NewNode on.
func (b *Backend) AddNode(gonum.Node) {}

// NewWeightedEdge makes the edge from a node's output to its operand; the weight is the operand's place.
func (b *Backend) NewWeightedEdge(from, to gonum.Node, weight float64) gonum.WeightedEdge {
	return edge{from, to, weight}
}

// SetWeightedEdge records an operand of the operation that comes next.
func (b *Backend) SetWeightedEdge(e gonum.WeightedEdge) {
	if to, ok := e.To().(*node); ok {
		b.calls.operand(to.entry, e.Weight())
	}
}

// ApplyOperation records a node of the graph.
func (b *Backend) ApplyOperation(op onnxgo.Operation, outputs ...gonum.Node) error {
	if b.err != nil {
		return b.err
	}
	if b.done {
		return fmt.Errorf("backend: %w", errSecondModel)
	}
	attributes, err := fromAttributes(op.Attributes)
	if err == nil {
		entries := make([]*entry, len(outputs))
		for i, out := range outputs {
			n, ok := out.(*node)
			if !ok {
				panic("backend: an output that NewNode did not make")
			}
			entries[i] = n.entry
		}
		err = b.calls.apply(op.Name, attributes, entries)
	}
	if err != nil {
		b.fail("node %d: %s: %w", len(b.calls.nodes), op.Name, err)
	}
	return b.err
}

// Node gives the node of an id, or of the i-th input without an initializer for a number i that is no id; nil where there is
// none. The first call ends decoding.
func (b *Backend) Node(id int64) gonum.Node {
	b.finish()
	if id >= 0 && id < firstID && b.graph != nil {
		required := b.graph.RequiredInputs()
		if id >= int64(len(required)) {
			return nil
		}
		for _, n := range b.nodes {
			if n.entry.name == required[id].Name {
				return n
			}
		}
		return nil
	}
	if i := id - firstID; i >= 0 && i < int64(len(b.nodes)) {
		return b.nodes[i]
	}
	if id >= 0 && id < firstID && len(b.nodes) > 0 {
		return b.nodes[0] // of a model that is refused: its SetTensor says why
	}
	return nil
}

// The rest of gonum's DirectedWeightedBuilder, which onnx-go never calls: a view of the graph as gonum has it would lose
// operands that are given twice, so there is none.

// Nodes gives none.
func (b *Backend) Nodes() gonum.Nodes { return gonum.Empty }

// From gives none.
func (b *Backend) From(int64) gonum.Nodes { return gonum.Empty }

// To gives none.
func (b *Backend) To(int64) gonum.Nodes { return gonum.Empty }

// HasEdgeBetween is false.
func (b *Backend) HasEdgeBetween(_, _ int64) bool { return false }

// HasEdgeFromTo is false.
func (b *Backend) HasEdgeFromTo(_, _ int64) bool { return false }

// Edge is nil.
func (b *Backend) Edge(_, _ int64) gonum.Edge { return nil }

func (b *Backend) fail(text string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("backend: "+text, args...)
	}
}

// finish puts the graph together, once.
func (b *Backend) finish() {
	if b.done {
		return
	}
	b.done = true
	if b.err != nil {
		return
	}
	g, err := b.calls.graph(b.file, b.options)
	if err != nil {
		b.fail("%w", err)
		return
	}
	b.graph = g
}

// Graph gives the graph that was collected. It ends decoding.
func (b *Backend) Graph() (*onnx.Graph, error) {
	b.finish()
	if b.err != nil {
		return nil, b.err
	}
	return b.graph, nil
}

func (b *Backend) setInput(name string, value *onnx.Tensor, t tensor.Tensor) error {
	if !slices.ContainsFunc(b.graph.Inputs, func(v *onnx.ValueInfo) bool { return v.Name == name }) {
		return fmt.Errorf("backend: %w: value %q is no input of the model", ErrInput, name)
	}
	b.given[name] = value
	b.results[name] = t
	return nil
}

// Run computes every output from the inputs that were set.
func (b *Backend) Run() error {
	g, err := b.Graph()
	if err != nil {
		return err
	}
	if b.model == nil {
		file := b.file
		if file == nil {
			file = &onnx.Model{IRVersion: onnx.MaxIRVersion}
		}
		collected := *file
		collected.Graph = g
		if b.model, err = CompileModel(&collected, b.options); err != nil {
			return err
		}
	}
	in := make([]onnx.Value, len(g.Inputs))
	for i, v := range g.Inputs {
		if t := b.given[v.Name]; t != nil {
			in[i] = t
		}
	}
	out, err := b.model.Run(context.Background(), in)
	if err != nil {
		return err
	}
	for i, v := range g.Outputs {
		t, err := toTensor(out[i])
		if err != nil {
			return fmt.Errorf("backend: output %q: %w", v.Name, err)
		}
		b.results[v.Name] = t
	}
	return nil
}

// Close ends the threads of the model that was run.
func (b *Backend) Close() {
	if b.model != nil {
		b.model.Close()
	}
}

// Poured is a model that stock onnx-go decoded and poured into a [Backend].
type Poured struct {
	backend *Backend
	model   *onnxgo.Model
}

// PourModel has stock onnx-go decode a file. Our own decode and limits go first; what onnx-go cannot read, even where it
// panics, is an error.
func PourModel(file []byte, options ...Option) (*Poured, error) {
	return pour(file, New(append(slices.Clone(options), WithBytes(file))...))
}

func pour(file []byte, b *Backend) (p *Poured, err error) {
	if b.err != nil {
		return nil, b.err
	}
	defer func() {
		if broken := recover(); broken != nil {
			p, err = nil, fmt.Errorf("stock onnx-go panics on the file: %v", broken)
		}
	}()
	p = &Poured{backend: b, model: onnxgo.NewModel(b)}
	if err := p.model.UnmarshalBinary(file); err != nil {
		if b.err != nil {
			return nil, b.err
		}
		return nil, fmt.Errorf("stock onnx-go cannot read the file: %w", err)
	}
	if _, err := b.Graph(); err != nil {
		return nil, err
	}
	return p, nil
}

// Pour gives the graph that stock onnx-go makes of a file, see [PourModel].
func Pour(file []byte, options ...Option) (*onnx.Graph, error) {
	p, err := PourModel(file, options...)
	if err != nil {
		return nil, err
	}
	return p.Graph(), nil
}

// Graph gives the graph that was collected.
func (p *Poured) Graph() *onnx.Graph { return p.backend.graph }

// Run sets the inputs without a default, in their order, and gives the outputs, all through onnx-go's own methods.
func (p *Poured) Run(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	if want := len(p.model.Input); len(in) != want {
		return nil, fmt.Errorf("backend: %w: stock onnx-go has %d inputs to set, %d are given", ErrInput, want, len(in))
	}
	for i, t := range in {
		given, err := toTensor(t)
		if err == nil {
			err = p.model.SetInput(i, given)
		}
		if err != nil {
			return nil, fmt.Errorf("input %d: %w", i, err)
		}
	}
	if err := p.backend.Run(); err != nil {
		return nil, err
	}
	list, err := p.model.GetOutputTensors()
	if err != nil {
		return nil, err
	}
	out := make([]*onnx.Tensor, len(list))
	for i, t := range list {
		if out[i], err = fromTensor(t); err != nil {
			return nil, fmt.Errorf("output %d: %w", i, err)
		}
	}
	return out, nil
}

// Close ends the threads of the model that was run.
func (p *Poured) Close() { p.backend.Close() }

// admit says whether a model is worth handing to onnx-go, which allocates a placeholder for every declared value.
func admit(m *onnx.Model, limit int64) error {
	if m.Graph == nil {
		return errors.New("the model has no graph")
	}
	total := int64(0)
	for _, list := range [][]*onnx.ValueInfo{m.Graph.Inputs, m.Graph.ValueInfo, m.Graph.Outputs} {
		for _, v := range list {
			var known []int64
			for _, d := range v.Type.Dims {
				if d.Known() {
					known = append(known, d.Value)
				}
			}
			size, err := onnx.ByteSize(v.Type.Elem, known)
			if err != nil {
				return fmt.Errorf("value %q: %w", v.Name, err)
			}
			if total += size; size > limit || total > limit {
				return fmt.Errorf("value %q of type %v: stock onnx-go would allocate %d bytes for the values declared so far, more than the memory limit of %d",
					v.Name, v.Type, total, limit)
			}
		}
	}
	return nil
}

var _ interface {
	onnxgo.Backend
	Run() error
} = (*Backend)(nil)
