package graphs

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// graphOf makes a graph over float inputs and outputs of one dimension "n".
func graphOf(opset int64, inputs, outputs string, inits []*onnx.Tensor, nodes ...*onnx.Node) *onnx.Graph {
	g := &onnx.Graph{Opsets: []onnx.Opset{{Version: opset}}, Initializers: inits, Nodes: nodes}
	for _, name := range strings.Split(inputs, ",") {
		g.Inputs = append(g.Inputs, info(name, floats(onnx.Symbol("n"))))
	}
	for _, name := range strings.Split(outputs, ",") {
		g.Outputs = append(g.Outputs, info(name, onnx.UnrankedTensorType(onnx.Float)))
	}
	return g
}

// branches is an If whose branches add to x and take from it; the values they use stand in them or around them.
func branches(inside bool, then ...*onnx.Node) *onnx.Graph {
	k := named("k", onnx.Scalar32(2))
	other := &onnx.Graph{Name: "else", Nodes: []*onnx.Node{node("", "Sub", "h,x", "o2")}, Outputs: []*onnx.ValueInfo{info("o2", onnx.Type{})}}
	body := &onnx.Graph{Name: "then", Nodes: then, Outputs: []*onnx.ValueInfo{info("o1", onnx.Type{})}}
	g := graphOf(16, "x", "y", nil,
		node("h", "Abs", "x", "h"),
		node("if", "If", "c", "y", onnx.AttrGraph("then_branch", body), onnx.AttrGraph("else_branch", other)))
	g.Inputs = append(g.Inputs, info("c", onnx.TensorType(onnx.Bool)))
	if inside {
		body.Initializers = []*onnx.Tensor{k}
	} else {
		g.Initializers = []*onnx.Tensor{k}
	}
	return g
}

func TestPairsThatAreEqual(t *testing.T) {
	constant := func(a *onnx.Attribute, opset int64) *onnx.Graph {
		return graphOf(opset, "x", "y", nil, node("k", "Constant", "", "k", a), node("add", "Add", "x,k", "y"))
	}
	initializer := func(k *onnx.Tensor) *onnx.Graph {
		return graphOf(13, "x", "y", []*onnx.Tensor{named("w", k)}, node("add", "Add", "x,w", "y"))
	}
	sparse := &onnx.SparseTensor{Values: onnx.FromFloat32s([]float32{5, 7}, 2), Indices: onnx.FromInt64s([]int64{0, 2, 1, 0}, 2, 2), Dims: []int64{2, 3}}
	ints := func(k *onnx.Tensor, a *onnx.Attribute) *onnx.Graph {
		nodes := []*onnx.Node{node("r", "Reshape", "x,k", "y")}
		if a != nil {
			return graphOf(13, "x", "y", nil, append([]*onnx.Node{node("k", "Constant", "", "k", a)}, nodes...)...)
		}
		return graphOf(13, "x", "y", []*onnx.Tensor{named("k", k)}, nodes...)
	}
	undeclared := func(g *onnx.Graph) *onnx.Graph {
		for _, v := range g.Outputs {
			v.Type = onnx.UnrankedTensorType(v.Type.Elem)
		}
		return g
	}
	otherSymbol := network()
	otherSymbol.Outputs[0].Type = floats(onnx.Symbol("another name of the batch"), fixed(4))
	cases := map[string][2]*onnx.Graph{
		"a Constant's value_float":  {constant(onnx.AttrFloat("value_float", 2), 13), initializer(onnx.Scalar32(2))},
		"a Constant's value_floats": {constant(onnx.AttrFloats("value_floats", 2, 3), 13), initializer(onnx.FromFloat32s([]float32{2, 3}, 2))},
		"a Constant's sparse_value": {
			constant(&onnx.Attribute{Name: "sparse_value", Type: onnx.AttributeSparseTensor, SparseTensor: sparse}, 13),
			initializer(onnx.FromFloat32s([]float32{0, 0, 5, 7, 0, 0}, 2, 3)),
		},
		"a Constant's value of another opset": {constant(onnx.AttrTensor("value", onnx.Scalar32(2)), 9), initializer(onnx.Scalar32(2))},
		"a Constant's value_ints":             {ints(nil, onnx.AttrInts("value_ints", 1, -1)), ints(onnx.FromInt64s([]int64{1, -1}), nil)},
		"an output's shape that follows":      {network(), undeclared(network())},
		"another symbol where one follows":    {network(), otherSymbol},
		"a weight inside a subgraph or around it": {
			branches(true, node("", "Mul", "h,k", "o1")), branches(false, node("", "Mul", "h,k", "o1")),
		},
		"names in and around subgraphs": {
			branches(false, node("", "Mul", "h,k", "o1")), renamed(branches(false, node("", "Mul", "h,k", "o1"))),
		},
		"an identity inside a subgraph": {
			branches(false, node("", "Mul", "h,k", "o1")),
			branches(false, node("", "Identity", "h", "i"), node("", "Mul", "i,k", "o0"), node("", "Identity", "o0", "o1")),
		},
		"dropout of old, which never trained": {
			declared(graphOf(10, "x", "y", nil, node("d", "Dropout", "x", "h", onnx.AttrFloat("ratio", 0.25)), node("a", "Abs", "h", "y"))),
			declared(graphOf(22, "x", "y", nil, node("a", "Abs", "x", "y"))),
		},
		"an input that is an output": {
			graphOf(13, "x", "y", nil, node("i", "Identity", "x", "y")),
			func() *onnx.Graph {
				g := graphOf(13, "x", "y", nil)
				g.Outputs[0].Name = "x"
				return g
			}(),
		},
		"a permutation that the prose reverses": {
			transposed(onnx.AttrInts("perm", 1, 0)), transposed(nil),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := diff(t, c[0], c[1]); got != "" {
				t.Errorf("got %q, want no difference", got)
			}
		})
	}
}

// declared gives the graph's outputs the shape of its first input.
func declared(g *onnx.Graph) *onnx.Graph {
	for _, v := range g.Outputs {
		v.Type = g.Inputs[0].Type
	}
	return g
}

func transposed(perm *onnx.Attribute) *onnx.Graph {
	n := node("t", "Transpose", "x", "y")
	if perm != nil {
		n.Attributes = []*onnx.Attribute{perm}
	}
	g := graphOf(13, "x", "y", nil, n)
	g.Inputs[0].Type = floats(fixed(2), batch)
	return g
}

func TestPairsThatDiffer(t *testing.T) {
	scalar := func(v float32) *onnx.Graph {
		return graphOf(13, "x", "y", []*onnx.Tensor{named("w", onnx.Scalar32(v))}, node("add", "Add", "x,w", "y"))
	}
	clone := func(elem onnx.ElemType, data ...byte) *onnx.Graph {
		t := &onnx.Tensor{Name: "w", Type: elem, Dims: []int64{3}, Data: data}
		g := graphOf(23, "x", "y", []*onnx.Tensor{t}, node("c", "Cast", "w", "y", onnx.AttrInt("to", 1)))
		return g
	}
	word := func(s string) *onnx.Graph {
		g := graphOf(13, "x", "y", []*onnx.Tensor{named("w", onnx.FromStrings([]string{"a", s}, 2))}, node("i", "Identity", "w", "y"))
		g.Outputs[0].Type.Elem = onnx.String
		return g
	}
	filled := func(v float32) *onnx.Graph {
		g := graphOf(13, "x", "y", nil, node("s", "Shape", "x", "s"), node("f", "ConstantOfShape", "s", "y", onnx.AttrTensor("value", onnx.FromFloat32s([]float32{v}, 1))))
		return g
	}
	shared := func(first, second string) *onnx.Graph {
		return graphOf(13, "x", "y", nil, node("a1", "Exp", "x", "p"), node("a2", "Exp", "x", "q"), node("b1", "Neg", first, "r"), node("b2", "Log", second, "s"),
			node("c", "Concat", "p,q,r,s", "y", onnx.AttrInt("axis", 0)))
	}
	cases := map[string]struct {
		a, b *onnx.Graph
		want string
	}{
		"the sign of a zero": {scalar(0), scalar(float32(math.Copysign(0, -1))), `element []: 0 (0x00000000) against -0 (0x80000000)`},
		"the payload of a NaN": {scalar(math.Float32frombits(0x7fc00001)), scalar(math.Float32frombits(0x7fc00002)),
			`NaN (0x7fc00001) against NaN (0x7fc00002)`},
		"a half's last bit":    {clone(onnx.Float16, 0, 1, 0, 2, 0, 3), clone(onnx.Float16, 0, 1, 0, 2, 1, 3), `weight "w" float16[3]: element [2]: 0x300 against 0x301`},
		"a packed element":     {clone(onnx.Uint4, 0x21, 0x03), clone(onnx.Uint4, 0x31, 0x03), `weight "w" uint4[3]: element [1]: 0x2 against 0x3`},
		"a weight's type":      {clone(onnx.Uint8, 1, 2, 3), clone(onnx.Int8, 1, 2, 3), `weight "w": uint8[3] against int8[3]`},
		"a word":               {word("b"), word("c"), `weight "w" string[2]: element [1]: "b" against "c"`},
		"a tensor attribute":   {filled(1), filled(2), `node "f" ConstantOfShape: attribute "value": weight "value" float[1]: element [0]: 1 (0x3f800000) against 2 (0x40000000)`},
		"which twin is shared": {shared("p", "q"), shared("q", "q"), `node "b1" Neg`},
		"a constant against what computes it": {
			graphOf(13, "x", "y", []*onnx.Tensor{named("k", onnx.FromFloat32s([]float32{0, 0}, 2))}, node("a", "Add", "x,k", "y")),
			graphOf(13, "x", "y", []*onnx.Tensor{named("n", onnx.FromInt64s([]int64{2}))}, node("k", "ConstantOfShape", "n", "k"), node("a", "Add", "x,k", "y")),
			`node "a" Add: operand 1: weight "k" float[2] against node "k" ConstantOfShape`,
		},
		"inside a subgraph": {
			branches(false, node("m", "Mul", "h,k", "o1")), branches(false, node("m", "Div", "h,k", "o1")),
			`node "if" If: attribute "then_branch": output 0 "o1": node "m" Mul against node "m" Div: operator Mul against Div`,
		},
		"a weight inside a subgraph": {
			branches(false, node("m", "Mul", "h,k", "o1")),
			func() *onnx.Graph {
				g := branches(false, node("m", "Mul", "h,k", "o1"))
				g.Initializers[0] = named("k", onnx.Scalar32(3))
				return g
			}(),
			`attribute "then_branch": output 0 "o1": node "m" Mul: operand 1: weight "k" float[]: element []: 2 (0x40000000) against 3 (0x40400000)`,
		},
		"what a subgraph takes from around it": {
			branches(false, node("m", "Mul", "h,k", "o1")), branches(false, node("m", "Mul", "x,k", "o1")), `node "if" If: `,
		},
		"swapped around a subgraph": {
			branches(false, node("m", "Sub", "h,x", "o1")), branches(false, node("m", "Sub", "x,h", "o1")), `node "if" If: `,
		},
		"parameters without data": {
			graphOf(13, "x", "y", []*onnx.Tensor{{Name: "a", Type: onnx.Float, Dims: []int64{2}}}, node("add", "Add", "x,a", "y")),
			graphOf(13, "x", "y", []*onnx.Tensor{{Name: "b", Type: onnx.Float, Dims: []int64{2}}}, node("add", "Add", "x,b", "y")),
			`weight "a" against "b" float[2]: they have no data, so their names count`,
		},
		"an operand left out": {
			graphOf(13, "x", "y", []*onnx.Tensor{named("k", onnx.Scalar32(1))}, node("clip", "Clip", "x,k,k", "y")),
			graphOf(13, "x", "y", []*onnx.Tensor{named("k", onnx.Scalar32(1))}, node("clip", "Clip", "x,,k", "y")),
			`node "clip" Clip: operand 1: weight "k" float[] against an operand left out`,
		},
		"which output of a node": {splitted("a", "b"), splitted("b", "a"), `node "split" Split`},
		"a permutation":          {transposed(onnx.AttrInts("perm", 0, 1)), transposed(nil), `attribute "perm": [0,1] against left out`},
		"how many outputs a variadic operator has": {
			splitted("a", "b"), splitted("a", "b", "c"), `node "split" Split: `,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := diff(t, c.a, c.b); !strings.Contains(got, c.want) || got == "" {
				t.Errorf("got %q\nwant %q in it", got, c.want)
			}
		})
	}
}

// splitted takes x apart and subtracts the first two named parts.
func splitted(parts ...string) *onnx.Graph {
	made := slices.Clone(parts)
	slices.Sort(made)
	g := graphOf(18, "x", "y", nil, node("split", "Split", "x", strings.Join(made, ","), onnx.AttrInt("num_outputs", int64(len(made)))),
		node("sub", "Sub", parts[0]+","+parts[1], "y"))
	g.Inputs[0].Type = floats(fixed(12))
	return g
}

func TestRefused(t *testing.T) {
	cases := map[string]struct {
		g    *onnx.Graph
		want string
	}{
		"a value that nothing makes":   {graphOf(13, "x", "y", nil, node("a", "Abs", "z", "y")), `value "z" is not defined`},
		"an output that nothing makes": {graphOf(13, "x", "y", nil, node("a", "Abs", "x", "z")), `value "y" is not defined`},
		"a cycle":                      {graphOf(13, "x", "y", nil, node("a", "Add", "x,y", "y")), `cycle`},
		"a value made twice":           {graphOf(13, "x", "y", nil, node("a", "Abs", "x", "y"), node("b", "Neg", "x", "y")), `"y"`},
		"an unknown operator":          {graphOf(13, "x", "y", nil, node("a", "Frobnicate", "x", "y")), `Frobnicate`},
		"an attribute given twice": {graphOf(13, "x", "y", nil, node("a", "Concat", "x", "y", onnx.AttrInt("axis", 0), onnx.AttrInt("axis", 0))),
			`attribute "axis" is given twice`},
		"external data that is not there": {
			graphOf(13, "x", "y", []*onnx.Tensor{{Name: "w", Type: onnx.Float, Dims: []int64{2}, External: &onnx.External{Location: "w.bin"}}}, node("a", "Add", "x,w", "y")),
			`tensor "w": its data stands in "w.bin" and was not loaded`,
		},
		"a sparse tensor of endless size": {
			func() *onnx.Graph {
				g := graphOf(13, "x", "y", nil, node("a", "Add", "x,w", "y"))
				g.SparseInitializers = []*onnx.SparseTensor{{Values: named("w", onnx.FromFloat32s([]float32{1}, 1)), Indices: onnx.FromInt64s([]int64{0}), Dims: []int64{1 << 40}}}
				return g
			}(), `bytes when written out`,
		},
		"a node without its operand": {graphOf(13, "x", "y", nil, node("a", "Identity", "", "y")), `node "a": Identity`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Canonical(c.g)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %q in it", err, c.want)
			}
		})
	}
}
