package graphs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// keeping are changes that leave the network the same. Each may be applied to a graph that others have changed already.
var keeping = map[string]func(r *rand.Rand, g *onnx.Graph) *onnx.Graph{
	"rename everything": func(_ *rand.Rand, g *onnx.Graph) *onnx.Graph { return renamed(g) },
	"reorder the nodes": func(r *rand.Rand, g *onnx.Graph) *onnx.Graph {
		r.Shuffle(len(g.Nodes), func(i, k int) { g.Nodes[i], g.Nodes[k] = g.Nodes[k], g.Nodes[i] })
		return g
	},
	"reorder the initializers": func(r *rand.Rand, g *onnx.Graph) *onnx.Graph {
		r.Shuffle(len(g.Initializers), func(i, k int) {
			g.Initializers[i], g.Initializers[k] = g.Initializers[k], g.Initializers[i]
		})
		return g
	},
	"an initializer to a Constant": func(r *rand.Rand, g *onnx.Graph) *onnx.Graph {
		if len(g.Initializers) == 0 {
			return g
		}
		i := r.IntN(len(g.Initializers))
		w := g.Initializers[i]
		g.Initializers = slices.Delete(g.Initializers, i, i+1)
		g.Nodes = append(g.Nodes, node("", "Constant", "", w.Name, onnx.AttrTensor("value", w)))
		return g
	},
	"a Constant to an initializer": func(_ *rand.Rand, g *onnx.Graph) *onnx.Graph {
		for i, n := range g.Nodes {
			if n.OpType == "Constant" {
				w := *n.Attributes[0].Tensor
				w.Name = n.Outputs[0]
				g.Initializers = append(g.Initializers, &w)
				g.Nodes = slices.Delete(g.Nodes, i, i+1)
				break
			}
		}
		return g
	},
	"another storage": func(r *rand.Rand, g *onnx.Graph) *onnx.Graph {
		for _, t := range g.Initializers {
			t.Storage = onnx.Storage(r.IntN(3))
		}
		return g
	},
	"an identity": func(r *rand.Rand, g *onnx.Graph) *onnx.Graph {
		n := g.Nodes[r.IntN(len(g.Nodes))]
		if len(n.Inputs) == 0 {
			return g
		}
		i := r.IntN(len(n.Inputs))
		name := fmt.Sprintf("%s_i%d", n.Inputs[i], r.Uint64())
		g.Nodes = append(g.Nodes, node(name, "Identity", n.Inputs[i], name))
		n.Inputs[i] = name
		return g
	},
	"a dead node": func(r *rand.Rand, g *onnx.Graph) *onnx.Graph {
		name := fmt.Sprintf("dead%d", r.Uint64())
		g.Nodes = append(g.Nodes, node(name, "Relu", g.Inputs[0].Name, name))
		return g
	},
	"a default written out": func(r *rand.Rand, g *onnx.Graph) *onnx.Graph {
		for _, n := range g.Nodes {
			switch {
			case n.OpType == "Gemm" && n.Attribute("beta") == nil:
				n.Attributes = append(n.Attributes, onnx.AttrFloat("beta", 1))
			case n.OpType == "Conv" && n.Attribute("strides") == nil:
				n.Attributes = append(n.Attributes, onnx.AttrInts("strides", 1, 1))
			}
		}
		return g
	},
	"a newer opset": func(r *rand.Rand, g *onnx.Graph) *onnx.Graph {
		g.Opsets = []onnx.Opset{{Version: g.Opset("") + r.Int64N(onnx.MaxOpset-g.Opset("")+1)}}
		return g
	},
}

// changing are changes that make another network. Each gives what the difference must name of the first graph.
var changing = map[string]func(r *rand.Rand, g *onnx.Graph) []string{
	"one bit of a weight": func(r *rand.Rand, g *onnx.Graph) []string {
		w := g.Initializers[r.IntN(len(g.Initializers))]
		w.Data = slices.Clone(w.Data)
		bit := r.IntN(len(w.Data) * 8)
		w.Data[bit/8] ^= 1 << (bit % 8)
		return []string{fmt.Sprintf("weight %q", w.Name), "element " + position(bit/32, w.Dims)}
	},
	"an attribute": func(r *rand.Rand, g *onnx.Graph) []string {
		changes := []struct {
			node, name string
			value      *onnx.Attribute
		}{
			{"conv1", "pads", onnx.AttrInts("pads", 0, 1, 2, 1)},
			{"conv1", "auto_pad", onnx.AttrString("auto_pad", "SAME_LOWER")},
			{"pool", "ceil_mode", onnx.AttrInt("ceil_mode", 1)},
			{"pool", "storage_order", onnx.AttrInt("storage_order", 1)},
			{"dense1", "alpha", onnx.AttrFloat("alpha", r.Float32())},
			{"dense1", "beta", onnx.AttrFloat("beta", r.Float32())},
		}
		c := changes[r.IntN(len(changes))]
		n := find(g, c.node)
		n.Attributes = append(slices.DeleteFunc(n.Attributes, func(a *onnx.Attribute) bool { return a.Name == c.name }), c.value)
		if c.name == "auto_pad" {
			n.Attributes = slices.DeleteFunc(n.Attributes, func(a *onnx.Attribute) bool { return a.Name == "pads" })
		}
		return []string{fmt.Sprintf("node %q", c.node), fmt.Sprintf("attribute %q", c.name)}
	},
	"swapped operands": func(_ *rand.Rand, g *onnx.Graph) []string {
		slices.Reverse(find(g, "sub").Inputs)
		return []string{`node "sub"`, "operands 0 and 1 are swapped"}
	},
	"a dropped node": func(r *rand.Rand, g *onnx.Graph) []string {
		name := []string{"conv1/relu", "dense1/act", "sub"}[r.IntN(3)]
		i := slices.IndexFunc(g.Nodes, func(n *onnx.Node) bool { return n.Name == name })
		n := g.Nodes[i]
		g.Nodes = slices.Delete(g.Nodes, i, i+1)
		if name == "sub" {
			g.Outputs[0].Name = n.Inputs[0]
		}
		for _, m := range g.Nodes {
			for k, in := range m.Inputs {
				if in == n.Outputs[0] {
					m.Inputs[k] = n.Inputs[0]
				}
			}
		}
		return []string{fmt.Sprintf("node %q %s stands in the first graph only", name, n.OpType)}
	},
	"another element type": func(r *rand.Rand, g *onnx.Graph) []string {
		if r.IntN(2) == 0 {
			g.Inputs[1].Type.Elem = onnx.Int32
			return []string{`input 1 "ids"`, "type int64[n] against int32["}
		}
		for _, list := range [][]*onnx.ValueInfo{g.Inputs, g.Outputs} {
			for _, v := range list {
				if v.Type.Elem == onnx.Float {
					v.Type.Elem = onnx.Double
				}
			}
		}
		for i, w := range g.Initializers {
			t := named(w.Name, onnx.NewTensor(onnx.Double, w.Dims...))
			for k, v := range w.Float32s() {
				t.Float64s()[k] = float64(v)
			}
			g.Initializers[i] = t
		}
		return []string{`input 0 "x"`, "type float[batch,2,6,6] against double["}
	},
}

func names[F any](m map[string]F) []string {
	var list []string
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// TestMutants is law L7: what makes another network is found and named, however the graph is written; what does not is not.
func TestMutants(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	keep, change := names(keeping), names(changing)
	shuffled := func(g *onnx.Graph) (*onnx.Graph, []string) {
		var done []string
		for range r.IntN(6) {
			name := keep[r.IntN(len(keep))]
			g = keeping[name](r, g)
			done = append(done, name)
		}
		return g, done
	}
	for range 500 {
		g, done := shuffled(network())
		if got := diff(t, network(), g); got != "" {
			t.Errorf("%v: got %q, want no difference", done, got)
		}
		name := change[r.IntN(len(change))]
		mutant := network()
		want := changing[name](r, mutant)
		mutant, done = shuffled(mutant)
		got := diff(t, network(), mutant)
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s, then %v: got %q, want %q in it", name, done, got, part)
			}
		}
	}
}

// TestConvertedIsEqual is the part of law L1 that opsets play: a graph written at any opset is the same network.
func TestConvertedIsEqual(t *testing.T) {
	for opset := int64(9); opset <= onnx.MaxOpset; opset++ {
		g, err := ops.Convert(network(), opset)
		if err != nil {
			t.Errorf("opset %d: %v", opset, err)
			continue
		}
		if got := diff(t, network(), g); got != "" {
			t.Errorf("opset %d: got %q, want no difference", opset, got)
		}
	}
}

// FuzzDiff makes two graphs of bytes and holds difference and digest against each other, and both against the way the
// graphs were made.
func FuzzDiff(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5}, []byte{0, 1, 2, 3, 4, 5})
	f.Add([]byte{7, 7, 7, 9, 9, 1, 0, 255}, []byte{7, 7, 8, 9, 9, 1})
	f.Add([]byte{6, 0, 0, 6, 1, 1, 3, 2, 1}, []byte{6, 0, 0, 3, 1, 2})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		a, b := fuzzed(first), fuzzed(second)
		if _, err := Canonical(a); err != nil {
			t.Skip()
		}
		if _, err := Canonical(b); err != nil {
			t.Skip()
		}
		diff(t, a, b)
		if got := diff(t, a, renamed(fuzzed(first))); got != "" {
			t.Errorf("got %q after renaming, want no difference", got)
		}
	})
}

// fuzzed makes a graph: three bytes a node, its operator and what it reads.
func fuzzed(data []byte) *onnx.Graph {
	const most = 40
	g := graphOf(17, "x,z", "x", []*onnx.Tensor{named("k", onnx.Scalar32(1)), named("l", onnx.Scalar32(1)), named("m", onnx.Scalar32(2))})
	values := []string{"x", "z", "k", "l", "m"}
	operators := [...]string{"Add", "Sub", "Relu", "Identity", "Dropout", "LeakyRelu", "Neg", "If"}
	for ; len(data) >= 3 && len(g.Nodes) < most; data = data[3:] {
		out := fmt.Sprint("v", len(g.Nodes))
		p, q := values[int(data[1])%len(values)], values[int(data[2])%len(values)]
		n := node(out, operators[int(data[0])%len(operators)], p, out)
		switch n.OpType {
		case "Add", "Sub":
			n.Inputs = append(n.Inputs, q)
		case "LeakyRelu":
			n.Attributes = []*onnx.Attribute{onnx.AttrFloat("alpha", float32(data[2]%4)/100)}
		case "If":
			if g.Initializer("c") == nil {
				g.Inputs = append(g.Inputs, info("c", onnx.TensorType(onnx.Bool)))
				g.Initializers = append(g.Initializers, named("c", onnx.NewTensor(onnx.Bool)))
			}
			branch := func(op, in string) *onnx.Graph {
				return &onnx.Graph{Nodes: []*onnx.Node{node("", op, in, out+op)}, Outputs: []*onnx.ValueInfo{info(out+op, floats())}}
			}
			n.Inputs = []string{"c"}
			n.Attributes = []*onnx.Attribute{onnx.AttrGraph("then_branch", branch("Exp", p)), onnx.AttrGraph("else_branch", branch("Log", q))}
		}
		g.Nodes = append(g.Nodes, n)
		values = append(values, out)
	}
	g.Outputs[0].Name = values[len(values)-1]
	return g
}
