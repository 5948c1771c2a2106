package graphs

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

func node(name, opType, inputs, outputs string, attrs ...*onnx.Attribute) *onnx.Node {
	split := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(s, ",")
	}
	return &onnx.Node{Name: name, OpType: opType, Inputs: split(inputs), Outputs: split(outputs), Attributes: attrs}
}

func info(name string, t onnx.Type) *onnx.ValueInfo { return &onnx.ValueInfo{Name: name, Type: t} }

func floats(dims ...onnx.Dim) onnx.Type { return onnx.TensorType(onnx.Float, dims...) }

var (
	batch   = onnx.Symbol("batch")
	unknown = onnx.UnknownDim()
)

func fixed(n int64) onnx.Dim { return onnx.Fixed(n) }

// weight makes a float initializer whose elements are all different.
func weight(name string, dims ...int64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Float, dims...)
	v := t.Float32s()
	for i := range v {
		v[i] = float32(i)*0.25 - 1 + float32(len(name))
	}
	t.Name = name
	return t
}

func named(name string, t *onnx.Tensor) *onnx.Tensor {
	t.Name = name
	return t
}

// network is a small convolutional and dense network with a second input and output: what most tests change.
//
//	x [batch,2,6,6] → conv1 3×3 same → relu1 → pool → [batch,3,3,3] → flat → dense1 → act → sub → y [batch,4]
//	ids [n] → embed → e [n,5]
func network() *onnx.Graph {
	return &onnx.Graph{
		Name:   "net",
		Opsets: []onnx.Opset{{Version: 13}},
		Inputs: []*onnx.ValueInfo{
			info("x", floats(batch, fixed(2), fixed(6), fixed(6))),
			info("ids", onnx.TensorType(onnx.Int64, onnx.Symbol("n"))),
		},
		Outputs: []*onnx.ValueInfo{
			info("y", floats(batch, fixed(4))),
			info("e", floats(onnx.Symbol("n"), fixed(5))),
		},
		Initializers: []*onnx.Tensor{
			weight("conv1.weight", 3, 2, 3, 3), weight("conv1.bias", 3),
			weight("dense1.weight", 27, 4), weight("dense1.bias", 4),
			weight("table", 7, 5),
		},
		Nodes: []*onnx.Node{
			node("conv1", "Conv", "x,conv1.weight,conv1.bias", "c", onnx.AttrInts("pads", 1, 1, 1, 1), onnx.AttrInts("kernel_shape", 3, 3)),
			node("conv1/relu", "Relu", "c", "r"),
			node("pool", "MaxPool", "r", "p", onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2)),
			node("flat", "Flatten", "p", "f"),
			node("dense1", "Gemm", "f,dense1.weight,dense1.bias", "d"),
			node("dense1/act", "Sigmoid", "d", "s"),
			node("sub", "Sub", "d,s", "y"),
			node("embed", "Gather", "table,ids", "e"),
		},
	}
}

func find(g *onnx.Graph, name string) *onnx.Node {
	for _, n := range g.Nodes {
		if n.Name == name {
			return n
		}
	}
	panic("no node " + name)
}

// renamed is the graph with every value, node, symbol and weight under another name.
func renamed(g *onnx.Graph) *onnx.Graph {
	g = g.Clone()
	r := func(s string) string {
		if s == "" {
			return s
		}
		return "q_" + s + "_q"
	}
	var retyped func(t onnx.Type) onnx.Type
	retyped = func(t onnx.Type) onnx.Type {
		t.Dims = slices.Clone(t.Dims)
		for k, d := range t.Dims {
			t.Dims[k].Param = r(d.Param)
		}
		if t.Of != nil {
			of := retyped(*t.Of)
			t.Of = &of
		}
		return t
	}
	list := func(infos []*onnx.ValueInfo) []*onnx.ValueInfo {
		out := make([]*onnx.ValueInfo, len(infos))
		for i, v := range infos {
			c := *v
			c.Name, c.Doc, c.Type = r(v.Name), "renamed", retyped(v.Type)
			out[i] = &c
		}
		return out
	}
	var graph func(g *onnx.Graph)
	graph = func(g *onnx.Graph) {
		g.Name = r(g.Name)
		g.Inputs, g.Outputs, g.ValueInfo = list(g.Inputs), list(g.Outputs), list(g.ValueInfo)
		for _, t := range g.Initializers {
			t.Name = r(t.Name)
		}
		for i, t := range g.SparseInitializers {
			c := *t
			v := *t.Values
			v.Name = r(v.Name)
			c.Values, g.SparseInitializers[i] = &v, &c
		}
		for i, n := range g.Nodes {
			n.Name = fmt.Sprint("n", len(g.Nodes)-i)
			for k := range n.Inputs {
				n.Inputs[k] = r(n.Inputs[k])
			}
			for k := range n.Outputs {
				n.Outputs[k] = r(n.Outputs[k])
			}
			for _, a := range n.Attributes {
				for _, sub := range a.Subgraphs() {
					graph(sub)
				}
			}
		}
	}
	graph(g)
	return g
}

// diff compares two graphs both ways, by difference and by digest, and fails where these do not agree.
func diff(t *testing.T, a, b *onnx.Graph) string {
	t.Helper()
	d, err := Diff(a, b)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Diff(b, a)
	if err != nil {
		t.Fatal(err)
	}
	da, errA := Digest(a)
	db, errB := Digest(b)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if (d == "") != (da == db) || (d == "") != (back == "") {
		t.Fatalf("difference %q, the other way %q, but digests %s and %s", d, back, da, db)
	}
	if strings.HasPrefix(d, "the digests differ") {
		t.Errorf("got no explanation of a difference: %q", d)
	}
	return d
}

func TestWhatDoesNotCount(t *testing.T) {
	cases := map[string]func(g *onnx.Graph) *onnx.Graph{
		"nothing changed": func(g *onnx.Graph) *onnx.Graph { return g },
		"every name":      renamed,
		"docs, metadata and denotations": func(g *onnx.Graph) *onnx.Graph {
			g.Doc, g.Nodes[0].Doc = "doc", "doc"
			g.Metadata = []onnx.Entry{{Key: "k", Value: "v"}}
			g.Inputs[0].Type.Denotation = "IMAGE"
			g.Inputs[0].Type.Dims[0].Denotation = "BATCH"
			return g
		},
		"the order of nodes": func(g *onnx.Graph) *onnx.Graph {
			slices.Reverse(g.Nodes)
			return g
		},
		"the order of initializers": func(g *onnx.Graph) *onnx.Graph {
			slices.Reverse(g.Initializers)
			return g
		},
		"the order of attributes": func(g *onnx.Graph) *onnx.Graph {
			slices.Reverse(g.Nodes[0].Attributes)
			return g
		},
		"typed and external storage": func(g *onnx.Graph) *onnx.Graph {
			g.Initializers[0].Storage = onnx.StorageTyped
			g.Initializers[1].Storage = onnx.StorageExternal
			g.Initializers[1].External = &onnx.External{Location: "w.bin"}
			return g
		},
		"a weight in a Constant": func(g *onnx.Graph) *onnx.Graph {
			w := g.Initializers[2]
			g.Initializers = slices.Delete(g.Initializers, 2, 3)
			g.Nodes = append([]*onnx.Node{node("k", "Constant", "", w.Name, onnx.AttrTensor("value", w))}, g.Nodes...)
			return g
		},
		"a sparse initializer": func(g *onnx.Graph) *onnx.Graph {
			w := g.Initializers[1]
			g.Initializers = slices.Delete(g.Initializers, 1, 2)
			g.SparseInitializers = []*onnx.SparseTensor{{
				Values: named(w.Name, onnx.FromFloat32s(w.Float32s(), 3)), Indices: onnx.FromInt64s([]int64{0, 1, 2}), Dims: []int64{3},
			}}
			return g
		},
		"a weight kept twice": func(g *onnx.Graph) *onnx.Graph {
			g.Initializers = append(g.Initializers, weight("conv1.again", 3))
			copy(g.Initializers[5].Data, g.Initializers[1].Data)
			g.Nodes[0].Inputs[2] = "conv1.again"
			return g
		},
		"attributes at their schema's default": func(g *onnx.Graph) *onnx.Graph {
			n := find(g, "dense1")
			n.Attributes = append(n.Attributes, onnx.AttrInt("transB", 0), onnx.AttrFloat("alpha", 1))
			find(g, "conv1").Attributes = append(find(g, "conv1").Attributes, onnx.AttrString("auto_pad", "NOTSET"), onnx.AttrInt("group", 1))
			return g
		},
		"attributes at the prose's default": func(g *onnx.Graph) *onnx.Graph {
			n := find(g, "conv1")
			n.Attributes = append(n.Attributes, onnx.AttrInts("strides", 1, 1), onnx.AttrInts("dilations", 1, 1))
			find(g, "pool").Attributes = append(find(g, "pool").Attributes, onnx.AttrInts("pads", 0, 0, 0, 0))
			return g
		},
		"a kernel_shape that the weight says": func(g *onnx.Graph) *onnx.Graph {
			n := find(g, "conv1")
			n.Attributes = n.Attributes[:1]
			return g
		},
		"identities": func(g *onnx.Graph) *onnx.Graph {
			g.Nodes = append(g.Nodes, node("id1", "Identity", "x", "x1"), node("id2", "Identity", "x1", "x2"), node("id3", "Identity", "dense1.bias", "b"))
			find(g, "conv1").Inputs[0] = "x2"
			find(g, "dense1").Inputs[2] = "b"
			return g
		},
		"an identity before an output": func(g *onnx.Graph) *onnx.Graph {
			find(g, "sub").Outputs[0] = "t"
			g.Nodes = append(g.Nodes, node("id", "Identity", "t", "y"))
			return g
		},
		"dropout that does not train": func(g *onnx.Graph) *onnx.Graph {
			g.Initializers = append(g.Initializers, named("ratio", onnx.Scalar32(0.4)))
			g.Nodes = append(g.Nodes, node("drop", "Dropout", "f,ratio", "f1"))
			find(g, "dense1").Inputs[0] = "f1"
			return g
		},
		"dropout told not to train": func(g *onnx.Graph) *onnx.Graph {
			no := named("no", onnx.NewTensor(onnx.Bool))
			g.Initializers = append(g.Initializers, no)
			g.Nodes = append(g.Nodes, node("drop", "Dropout", "f,,no", "f1,mask"))
			find(g, "dense1").Inputs[0] = "f1"
			return g
		},
		"nodes that nothing needs": func(g *onnx.Graph) *onnx.Graph {
			g.Nodes = append(g.Nodes, node("lost", "Relu", "y", "lost"))
			g.Initializers = append(g.Initializers, weight("lost.weight", 2))
			return g
		},
		"an optional output that nothing reads": func(g *onnx.Graph) *onnx.Graph {
			find(g, "pool").Outputs = append(find(g, "pool").Outputs, "indices")
			return g
		},
		"operands left out at the end": func(g *onnx.Graph) *onnx.Graph {
			find(g, "conv1/relu").Outputs = append(find(g, "conv1/relu").Outputs, "")
			find(g, "pool").Inputs = append(find(g, "pool").Inputs, "")
			return g
		},
		"shapes stated of values in between": func(g *onnx.Graph) *onnx.Graph {
			g.ValueInfo = append(g.ValueInfo, info("c", floats(batch, fixed(3), fixed(6), fixed(6))), info("d", floats(onnx.Symbol("rows"), fixed(4))))
			return g
		},
		"the opset": func(g *onnx.Graph) *onnx.Graph {
			g.Opsets = []onnx.Opset{{Domain: "ai.onnx", Version: 17}, {Domain: "ai.onnx.ml", Version: 2}}
			return g
		},
		"a function's body in its place": func(g *onnx.Graph) *onnx.Graph {
			f := &onnx.Function{
				Domain: "my", Name: "Gate", Inputs: []string{"a"}, Outputs: []string{"o"}, Opsets: []onnx.Opset{{Version: 13}},
				Nodes: []*onnx.Node{node("1", "Sigmoid", "a", "b"), node("2", "Sub", "a,b", "o")},
			}
			g.Functions = []*onnx.Function{f}
			g.Opsets = append(g.Opsets, onnx.Opset{Domain: "my", Version: 1})
			g.Nodes = slices.DeleteFunc(g.Nodes, func(n *onnx.Node) bool { return n.Name == "sub" || n.Name == "dense1/act" })
			call := node("gate", "Gate", "d", "y")
			call.Domain = "my"
			g.Nodes = append(g.Nodes, call)
			return g
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			if got := diff(t, network(), change(network())); got != "" {
				t.Errorf("got %q, want no difference", got)
			}
		})
	}
}

func TestWhatCounts(t *testing.T) {
	setInt := func(n *onnx.Node, name string, v int64) {
		n.Attributes = append(n.Attributes, onnx.AttrInt(name, v))
	}
	cases := map[string]struct {
		change func(g *onnx.Graph)
		want   string
	}{
		"one bit of a weight": {
			func(g *onnx.Graph) { g.Initializers[2].Data[4*(5*4+2)] ^= 1 },
			`output 0 "y": node "dense1" Gemm: operand 1: weight "dense1.weight" float[27,4]: element [5,2]: 17.5 (0x418c0000) against 17.500002 (0x418c0001)`,
		},
		"a weight's shape": {
			func(g *onnx.Graph) { g.Initializers[3].Dims = []int64{1, 4} },
			`weight "dense1.bias": float[4] against float[1,4]`,
		},
		"an attribute": {
			func(g *onnx.Graph) { setInt(find(g, "pool"), "ceil_mode", 1) },
			`output 0 "y": node "pool" MaxPool: attribute "ceil_mode": 0 against 1`,
		},
		"an attribute by its last bit": {
			func(g *onnx.Graph) {
				find(g, "dense1").Attributes = []*onnx.Attribute{onnx.AttrFloat("alpha", math.Nextafter32(1, 2))}
			},
			`node "dense1" Gemm: attribute "alpha": 1 (0x3f800000) against 1.0000001 (0x3f800001)`,
		},
		"an attribute that is not at the prose's default": {
			func(g *onnx.Graph) {
				n := find(g, "pool")
				n.Attributes = append(n.Attributes, onnx.AttrInts("pads", 0, 0, 1, 1))
			},
			`node "pool" MaxPool: attribute "pads": left out against [0,0,1,1]`,
		},
		"swapped operands": {
			func(g *onnx.Graph) { slices.Reverse(find(g, "sub").Inputs) },
			`output 0 "y": node "sub" Sub: operands 0 and 1 are swapped: node "dense1" Gemm, node "dense1/act" Sigmoid against node "dense1/act" Sigmoid, node "dense1" Gemm`,
		},
		"a dropped node": {
			func(g *onnx.Graph) { find(g, "pool").Inputs[0] = "c" },
			`output 0 "y": node "conv1/relu" Relu stands in the first graph only`,
		},
		"an added node": {
			func(g *onnx.Graph) {
				g.Nodes = append(g.Nodes, node("neg", "Neg", "f", "f1"))
				find(g, "dense1").Inputs[0] = "f1"
			},
			`output 0 "y": node "neg" Neg stands in the second graph only`,
		},
		"another operator": {
			func(g *onnx.Graph) { find(g, "dense1/act").OpType = "Tanh" },
			`output 0 "y": node "dense1/act" Sigmoid against node "dense1/act" Tanh: operator Sigmoid against Tanh`,
		},
		"an operand less": {
			func(g *onnx.Graph) { find(g, "dense1").Inputs = find(g, "dense1").Inputs[:2] },
			`node "dense1" Gemm: 3 operands against 2`,
		},
		"the order of outputs": {
			func(g *onnx.Graph) { slices.Reverse(g.Outputs) },
			`output 0 "y" against "e": node "sub" Sub against node "embed" Gather`,
		},
		"the order of inputs": {
			func(g *onnx.Graph) { slices.Reverse(g.Inputs) },
			`input 0 "x" against "ids": type float[batch,2,6,6] against int64[n]`,
		},
		"an output more": {
			func(g *onnx.Graph) { g.Outputs = append(g.Outputs, info("s", floats(batch, fixed(4)))) },
			`2 outputs against 3`,
		},
		"an input more": {
			func(g *onnx.Graph) { g.Inputs = append(g.Inputs, info("unused", floats())) },
			`2 inputs against 3`,
		},
		"an input's element type": {
			func(g *onnx.Graph) { g.Inputs[1].Type.Elem = onnx.Int32 },
			`input 1 "ids": type int64[n] against int32[n]`,
		},
		"a symbolic dimension fixed": {
			func(g *onnx.Graph) { g.Inputs[0].Type.Dims[0] = fixed(1) },
			`input 0 "x": type float[batch,2,6,6] against float[1,2,6,6]`,
		},
		"a symbolic dimension unknown": {
			func(g *onnx.Graph) { g.Inputs[0].Type.Dims[0] = unknown },
			`input 0 "x": type float[batch,2,6,6] against float[?,2,6,6]`,
		},
		"a symbol shared": {
			func(g *onnx.Graph) { g.Inputs[1].Type.Dims[0] = batch },
			`input 1 "ids": type int64[n] against int64[batch]`,
		},
		"an input without a shape": {
			func(g *onnx.Graph) { g.Inputs[1].Type = onnx.UnrankedTensorType(onnx.Int64) },
			`input 1 "ids": type int64[n] against int64`,
		},
		"a default for an input": {
			func(g *onnx.Graph) {
				g.Initializers = append(g.Initializers, named("ids", onnx.FromInt64s([]int64{1, 2})))
			},
			`input 1 "ids": no default against one of ids:int64[2]=[1,2]`,
		},
		"a node that is computed twice": {
			func(g *onnx.Graph) {
				g.Nodes = append(g.Nodes, node("dense1 again", "Gemm", "f,dense1.weight,dense1.bias", "d2"))
				find(g, "sub").Inputs[0] = "d2"
			},
			`Gemm is computed once against twice, by node "dense1 again" and node "dense1"`,
		},
		"training dropout": {
			func(g *onnx.Graph) {
				yes := named("yes", onnx.NewTensor(onnx.Bool))
				yes.Data[0] = 1
				g.Initializers = append(g.Initializers, yes)
				g.Nodes = append(g.Nodes, node("drop", "Dropout", "f,,yes", "f1"))
				find(g, "dense1").Inputs[0] = "f1"
			},
			`node "drop" Dropout stands in the second graph only`,
		},
		"a stop to gradients": {
			func(g *onnx.Graph) {
				stop := node("stop", "StopGradient", "f", "f1")
				stop.Domain = onnx.DomainPrivate
				g.Nodes = append(g.Nodes, stop)
				find(g, "dense1").Inputs[0] = "f1"
			},
			`node "stop" com.github.gonyx.StopGradient stands in the second graph only`,
		},
		"parameters without data, by name": {
			func(g *onnx.Graph) { g.Initializers[1].Data = nil },
			`weight "conv1.bias" float[3]: data against none`,
		},
		"an output used in another place": {
			func(g *onnx.Graph) { find(g, "sub").Inputs[1] = "d" },
			`node "dense1/act" Sigmoid stands in the first graph only`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := network()
			c.change(g)
			if got := diff(t, network(), g); !strings.Contains(got, c.want) {
				t.Errorf("got %q\nwant %q in it", got, c.want)
			}
			// What counts still counts when everything that does not is changed too.
			if got := diff(t, network(), renamed(g)); got == "" {
				t.Errorf("got no difference after renaming, want one")
			}
		})
	}
}
