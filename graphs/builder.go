package graphs

import (
	"fmt"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Builder records a graph node by node, at the newest opset, and infers every value's type and shape on the way. The
// first mistake is kept and given by [Builder.Model]; what is recorded after it does not count.
type Builder struct {
	graph  *onnx.Graph
	table  *ops.Table
	facts  map[string]ops.Fact
	params map[string]Parameter
	order  []string // parameter names as they came
	nodes  map[string]int
	values map[string]int
	rename map[string]string // recorded value name → output name
	scope  []string
	under  string // "layer/" while what follows a layer's main node is recorded
	err    error
}

// Parameter is a tensor to be trained: an initializer without data until weights are bound to it.
type Parameter struct {
	Name string
	Dims []int64
	Init Init
}

// Model is a graph with its parameters. The graph's initializers of the parameters' names have no data.
type Model struct {
	Graph      *onnx.Graph
	Parameters []Parameter // in the order in which the graph uses them
}

// Value is a value of the graph being built. Its methods record operators on it.
type Value struct {
	b    *Builder
	name string
}

// New starts a graph.
func New(name string) *Builder {
	return &Builder{
		graph:  &onnx.Graph{Name: name, Opsets: []onnx.Opset{{Version: onnx.MaxOpset}}},
		table:  ops.NewTable(),
		facts:  make(map[string]ops.Fact),
		params: make(map[string]Parameter),
		nodes:  make(map[string]int),
		values: make(map[string]int),
		rename: make(map[string]string),
	}
}

// Doc says what the graph is for.
func (b *Builder) Doc(text string) { b.graph.Doc = text }

// Batch is the symbol of the batch dimension.
const Batch = "batch"

// Input declares an input: x := b.Input("x", onnx.Float, onnx.Symbol(graphs.Batch), onnx.Fixed(784)).
func (b *Builder) Input(name string, elem onnx.ElemType, dims ...onnx.Dim) Value {
	v := Value{b, b.claim(name)}
	if v.name != name {
		b.fail("input %q: the name is taken", name)
	}
	b.facts[v.name] = ops.Tensor(elem, dims...)
	b.graph.Inputs = append(b.graph.Inputs, &onnx.ValueInfo{Name: name, Type: onnx.TensorType(elem, dims...)})
	return v
}

// Output names a value as an output of the graph.
func (b *Builder) Output(name string, v Value) {
	if b.err != nil {
		return
	}
	if _, renamed := b.rename[v.name]; renamed || !b.produced(v.name) {
		v = v.Identity()
	}
	if b.values[name] > 0 && v.name != name {
		b.fail("output %q: the name is taken", name)
		return
	}
	b.values[name]++
	b.rename[v.name] = name
	b.graph.Outputs = append(b.graph.Outputs, &onnx.ValueInfo{Name: name, Type: b.facts[v.name].Type})
}

func (b *Builder) produced(name string) bool {
	for _, n := range b.graph.Nodes {
		for _, out := range n.Outputs {
			if out == name {
				return true
			}
		}
	}
	return false
}

// Parameter declares a float tensor to be trained, named inside the scope; the same name again is the same parameter.
func (b *Builder) Parameter(name string, init Init, dims ...int64) Value {
	full := b.scoped(name)
	if p, ok := b.params[full]; ok {
		if fmt.Sprint(p.Dims) != fmt.Sprint(dims) {
			b.fail("parameter %q is used with shapes %v and %v", full, p.Dims, dims)
		}
		return Value{b, full}
	}
	if b.claim(full) != full {
		b.fail("parameter %q: the name is taken", full)
	}
	b.params[full] = Parameter{Name: full, Dims: dims, Init: init}
	b.order = append(b.order, full)
	b.graph.Initializers = append(b.graph.Initializers, &onnx.Tensor{Name: full, Type: onnx.Float, Dims: dims})
	b.facts[full] = ops.Tensor(onnx.Float, onnx.FixedDims(dims...)...)
	return Value{b, full}
}

// Const adds a constant. The hint becomes its name, made unique.
func (b *Builder) Const(hint string, t *onnx.Tensor) Value {
	shallow := *t
	shallow.Name = b.claim(b.scoped(b.under + hint))
	b.graph.Initializers = append(b.graph.Initializers, &shallow)
	b.facts[shallow.Name] = ops.Known(&shallow)
	return Value{b, shallow.Name}
}

// Scalar adds a float constant of rank 0.
func (b *Builder) Scalar(v float32) Value { return b.Const("const", onnx.Scalar32(v)) }

// Ints adds an int64 vector.
func (b *Builder) Ints(hint string, v ...int64) Value {
	if v == nil {
		v = []int64{}
	}
	return b.Const(hint, onnx.FromInt64s(v))
}

// In records what f builds under a name: parameters and nodes inside are called "name.…".
func (b *Builder) In(name string, f func()) {
	b.scope = append(b.scope, name)
	defer func() { b.scope = b.scope[:len(b.scope)-1] }()
	f()
}

func (b *Builder) scoped(name string) string {
	if len(b.scope) == 0 {
		return name
	}
	return strings.Join(b.scope, ".") + "." + name
}

// Op records a node of the default domain with one output, named after the operator.
func (b *Builder) Op(opType string, inputs []Value, attrs ...*onnx.Attribute) Value {
	return b.Node(strings.ToLower(opType), onnx.Node{OpType: opType, Attributes: attrs}, 1, inputs...)[0]
}

// Node records a node under a name inside the scope, made unique, and gives its outputs. n brings operator, domain,
// attributes and doc; a zero Value among inputs is an absent one.
func (b *Builder) Node(name string, n onnx.Node, outputs int, inputs ...Value) []Value {
	values := make([]Value, outputs)
	for i := range values {
		values[i].b = b
	}
	if b.err != nil {
		return values
	}
	n.Name = unique(b.nodes, b.scoped(b.under+name))
	in := make([]ops.Fact, len(inputs))
	n.Inputs = make([]string, len(inputs))
	for i, v := range inputs {
		if v.b == nil {
			continue
		}
		if v.b != b {
			b.fail("%s: input %d belongs to another builder", n.Name, i)
			return values
		}
		n.Inputs[i], in[i] = v.name, b.facts[v.name]
	}
	n.Outputs = make([]string, outputs)
	for i := range n.Outputs {
		stem := n.Name
		if i > 0 {
			stem = fmt.Sprintf("%s:%d", n.Name, i)
		}
		n.Outputs[i] = b.claim(stem)
		values[i].name = n.Outputs[i]
	}
	out, err := ops.InferNode(b.table, &n, in)
	if err != nil {
		b.fail("%s: %s: %w", n.Name, n.OpType, err)
		return values
	}
	for i, f := range out {
		b.facts[n.Outputs[i]] = f
	}
	b.graph.Nodes = append(b.graph.Nodes, &n)
	return values
}

// Model gives the finished graph, or the first mistake.
func (b *Builder) Model() (*Model, error) {
	if b.err == nil && len(b.graph.Outputs) == 0 {
		b.fail("no output is named")
	}
	if b.err != nil {
		return nil, b.err
	}
	for _, n := range b.graph.Nodes {
		b.apply(n.Inputs)
		b.apply(n.Outputs)
	}
	clear(b.rename)
	m := &Model{Graph: b.graph}
	for _, name := range b.order {
		m.Parameters = append(m.Parameters, b.params[name])
	}
	return m, nil
}

func (b *Builder) apply(names []string) {
	for i, name := range names {
		if to, ok := b.rename[name]; ok {
			names[i] = to
		}
	}
}

// claim makes a value name unique and takes it.
func (b *Builder) claim(stem string) string { return unique(b.values, stem) }

func unique(taken map[string]int, stem string) string {
	taken[stem]++
	if taken[stem] == 1 {
		return stem
	}
	for {
		name := fmt.Sprintf("%s_%d", stem, taken[stem])
		if taken[name] == 0 {
			taken[name] = 1
			return name
		}
		taken[stem]++
	}
}

func (b *Builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("graphs: "+b.graph.Name+": "+format, args...)
	}
}

// Fail records a mistake of whoever builds with the builder, such as sizes that do not fit; the first one counts.
func (b *Builder) Fail(format string, args ...any) { b.fail(format, args...) }

// Fact is what is known of the value.
func (v Value) Fact() ops.Fact { return v.b.facts[v.name] }

// Builder is the one that the value belongs to.
func (v Value) Builder() *Builder { return v.b }

// Dims gives the value's dimensions, nil where the rank is unknown.
func (v Value) Dims() []onnx.Dim { return v.Fact().Dims() }

// Size gives a dimension that must be known, counting from the end where axis is negative. It records a mistake where it
// is not known, and then gives 1.
func (v Value) Size(axis int) int64 {
	dims := v.Dims()
	if axis < 0 {
		axis += len(dims)
	}
	if v.b.err == nil && (axis < 0 || axis >= len(dims) || !dims[axis].Known()) {
		v.b.fail("value %q: %v: the size of axis %d must be known", v.name, v.Fact(), axis)
	}
	if v.b.err != nil {
		return 1
	}
	return dims[axis].Value
}
