package lowering

import (
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// fold joins a convolution of 1×1, which mixes channels at each place and nothing else, with the one that reads it:
//
//	w2 ∗ (w1·x + b1) + b2  =  (w2·w1) ∗ x + (Σ w2)·b1 + b2
//
// where padding brings no zeros between the two, and where that is less work. The product of the weights is made of ordinary
// nodes in every step, so gradients find their way to both layers. The first convolution stays for whoever asks for its result.
func (p *Program) fold() {
	if p.options.Plain {
		return
	}
	g := p.lifted.Graph
	f := folder{p: p, g: g, taken: make(map[string]bool), readers: make(map[string]int), makers: make(map[string]*onnx.Node), weights: make(map[string]*onnx.Tensor)}
	for _, t := range g.Initializers {
		f.taken[t.Name], f.weights[t.Name] = true, t
	}
	for _, v := range g.Inputs {
		f.taken[v.Name] = true
		delete(f.weights, v.Name)
	}
	f.readers[p.options.Loss]++
	for _, v := range g.Outputs {
		f.readers[v.Name]++
	}
	for _, n := range g.Nodes {
		for _, name := range n.Inputs {
			f.readers[name]++
		}
		for _, name := range n.Outputs {
			f.taken[name] = true
			f.makers[name] = n
		}
	}
	var nodes []*onnx.Node
	for _, n := range g.Nodes {
		nodes = append(nodes, f.joined(n)...)
	}
	g.Nodes = nodes
}

// folder is fold at work.
type folder struct {
	p       *Program
	g       *onnx.Graph
	taken   map[string]bool // names of values
	readers map[string]int
	makers  map[string]*onnx.Node
	weights map[string]*onnx.Tensor // initializers that are no inputs
}

// joined gives the nodes that stand for n: n itself where it does not read a convolution that it can be joined with.
func (f *folder) joined(n *onnx.Node) []*onnx.Node {
	same := []*onnx.Node{n}
	if !isConv(n) {
		return same
	}
	first := f.makers[n.Inputs[0]]
	if first == nil || !isConv(first) || f.readers[n.Inputs[0]] != 1 || !pointConv(first) || !denseConv(n) {
		return same
	}
	w1, w2 := f.weights[first.Inputs[1]], f.weights[n.Inputs[1]]
	if w1 == nil || w2 == nil || len(w1.Dims) != 4 || len(w2.Dims) != 4 || w1.Dims[2] != 1 || w1.Dims[3] != 1 {
		return same
	}
	in, mid, out, taps := w1.Dims[1], w1.Dims[0], w2.Dims[0], w2.Dims[2]*w2.Dims[3]
	if w2.Dims[1] != mid || in*out*taps >= in*mid+mid*out*taps {
		return same
	}
	b1, b2 := inputOf(first, 2), inputOf(n, 2)
	if b1 != "" && !unpadded(n) {
		return same
	}
	var made []*onnx.Node
	node := func(what, op string, attrs []*onnx.Attribute, in ...string) string {
		name := f.fresh(n.Name + "/" + what)
		made = append(made, &onnx.Node{Name: name, OpType: op, Inputs: in, Outputs: []string{name}, Attributes: attrs})
		return name
	}
	matrix := node("matrix", "Reshape", nil, w1.Name, f.constant(n.Name+"/shape", mid, in))
	last := node("channels_last", "Transpose", []*onnx.Attribute{onnx.AttrInts("perm", 0, 2, 3, 1)}, w2.Name) // [out, h, w, mid]
	product := node("product", "MatMul", nil, last, matrix)
	weight := node("joined_weight", "Transpose", []*onnx.Attribute{onnx.AttrInts("perm", 0, 3, 1, 2)}, product)
	bias := b2
	if b1 != "" {
		sums := node("sums", "ReduceSum", []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}, w2.Name, f.constant(n.Name+"/axes", 2, 3)) // [out, mid]
		bias = node("shift", "MatMul", nil, sums, b1)
		if b2 != "" {
			bias = node("joined_bias", "Add", nil, bias, b2)
		}
	}
	joined := n.Clone()
	joined.Inputs = []string{first.Inputs[0], weight}
	if bias != "" {
		joined.Inputs = append(joined.Inputs, bias)
	}
	f.p.aside = append(f.p.aside, n.Inputs[0])
	return append(made, joined)
}

// fresh gives a name that no value has.
func (f *folder) fresh(name string) string {
	for f.taken[name] {
		name += "'"
	}
	f.taken[name] = true
	return name
}

// constant adds a vector of numbers to the graph.
func (f *folder) constant(name string, v ...int64) string {
	t := onnx.FromInt64s(v)
	t.Name = f.fresh(name)
	f.g.Initializers = append(f.g.Initializers, t)
	return t.Name
}

func isConv(n *onnx.Node) bool {
	return n.OpType == "Conv" && onnx.NormalDomain(n.Domain) == onnx.DomainDefault && len(n.Inputs) > 1
}

func inputOf(n *onnx.Node, i int) string {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return ""
}

// denseConv says whether every map reads every channel.
func denseConv(n *onnx.Node) bool {
	group := n.Attribute("group")
	return group == nil || group.Int == 1
}

// unpadded says whether the convolution reads no zeros around its input.
func unpadded(n *onnx.Node) bool {
	auto := n.Attribute("auto_pad")
	if auto != nil && string(auto.Str) == "VALID" {
		return true
	}
	pads := n.Attribute("pads")
	return (auto == nil || string(auto.Str) == "NOTSET") && (pads == nil || !slices.ContainsFunc(pads.Ints, func(v int64) bool { return v != 0 }))
}

// pointConv says whether the convolution reads each place of its input once, in order; its weight has to be one of 1×1.
func pointConv(n *onnx.Node) bool {
	strides := n.Attribute("strides")
	return denseConv(n) && unpadded(n) && (strides == nil || !slices.ContainsFunc(strides.Ints, func(v int64) bool { return v != 1 }))
}
