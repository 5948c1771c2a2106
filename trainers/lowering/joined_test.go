package lowering

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// twins lowers a graph with neighbours joined and plainly, runs both and holds every value and gradient of one against the
// other's, within rounding. It gives the joined one.
func twins(t *testing.T, g *onnx.Graph, o Options, in []*onnx.Tensor) *Program {
	t.Helper()
	joined, err := Lower(g, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Plain = true
	plain, err := Lower(g, o)
	if err != nil {
		t.Fatal(err)
	}
	run(t, plain, in, true)
	run(t, joined, in, true)
	for i, q := range plain.Params() {
		alike(t, "gradient by "+q.Name(), joined.Params()[i].Gradient().Float32s(), q.Gradient().Float32s())
	}
	for _, name := range plain.Names() {
		v := plain.Value(name)
		if v.Type == onnx.Float {
			alike(t, name, joined.Value(name).Float32s(), v.Float32s())
		}
	}
	return joined
}

// alike fails unless both are equal within rounding of their greatest element.
func alike(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %d elements, want %d", what, len(got), len(want))
		return
	}
	greatest := 0.0
	for _, v := range want {
		greatest = max(greatest, math.Abs(float64(v)))
	}
	for i, v := range want {
		if d := math.Abs(float64(got[i]) - float64(v)); !(d <= 1e-5*greatest) {
			t.Errorf("%s: element %d: got %v, want %v", what, i, got[i], v)
			return
		}
	}
}

// convs is a graph of convolutions one after the other with the mean square for a loss; x [batch, 3, 8, 8].
func convs(list ...*onnx.Node) (*onnx.Graph, Options) {
	rng := rand.New(rand.NewPCG(3, 5))
	g := &onnx.Graph{Name: "convs", Opsets: []onnx.Opset{{Version: 17}}}
	batch := onnx.Symbol("batch")
	g.Inputs = []*onnx.ValueInfo{{Name: "x", Type: onnx.TensorType(onnx.Float, batch, onnx.Fixed(3), onnx.Fixed(8), onnx.Fixed(8))}}
	o := Options{Parameters: make(map[string]*onnx.Tensor), Set: kernels.Best()}
	sizes := map[string][]int64{"point": {6, 3, 1, 1}, "point.bias": {6}, "wide": {4, 6, 3, 3}, "wide.bias": {4}, "halves": {4, 3, 3, 3}, "narrow": {2, 3, 1, 1}, "all": {4, 3, 3, 3}, "dense": {192, 5}, "turned": {5, 192}, "dense.bias": {5}, "from2": {4, 2, 3, 3}}
	g.Nodes = list
	for _, n := range list {
		for _, name := range n.Inputs {
			if name == "twice" {
				t := onnx.FromFloat32s([]float32{1, 1, 2, 2}, 4)
				t.Name = name
				g.Initializers = append(g.Initializers, t)
			}
			if dims := sizes[name]; dims != nil && o.Parameters[name] == nil {
				o.Parameters[name] = floats(rng, -1, 1, dims...)
				g.Initializers = append(g.Initializers, &onnx.Tensor{Name: name, Type: onnx.Float, Dims: dims})
			}
		}
	}
	last := list[len(list)-1].Outputs[0]
	g.Nodes = append(g.Nodes, &onnx.Node{Name: "square", OpType: "Mul", Inputs: []string{last, last}, Outputs: []string{"square"}},
		&onnx.Node{Name: "loss", OpType: "ReduceMean", Inputs: []string{"square"}, Outputs: []string{"loss"}, Attributes: []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}})
	g.Outputs = []*onnx.ValueInfo{{Name: "loss", Type: onnx.TensorType(onnx.Float)}}
	return g, o
}

func convNode(name, in string, attrs ...*onnx.Attribute) *onnx.Node {
	return &onnx.Node{Name: name, OpType: "Conv", Inputs: strings.Split(in, ","), Outputs: []string{name}, Attributes: attrs}
}

func TestConvolutionsOfOnePointAreFolded(t *testing.T) {
	pads, strides := onnx.AttrInts("pads", 1, 1, 1, 1), onnx.AttrInts("strides", 2, 2)
	for name, c := range map[string]struct {
		nodes []*onnx.Node
		folds bool
	}{
		"both with a bias":             {[]*onnx.Node{convNode("a", "x,point,point.bias"), convNode("b", "a,wide,wide.bias")}, true},
		"no bias":                      {[]*onnx.Node{convNode("a", "x,point"), convNode("b", "a,wide")}, true},
		"a bias before alone":          {[]*onnx.Node{convNode("a", "x,point,point.bias"), convNode("b", "a,wide")}, true},
		"a bias behind alone":          {[]*onnx.Node{convNode("a", "x,point"), convNode("b", "a,wide,wide.bias")}, true},
		"a stride behind":              {[]*onnx.Node{convNode("a", "x,point,point.bias"), convNode("b", "a,wide,wide.bias", strides)}, true},
		"padding behind, no bias":      {[]*onnx.Node{convNode("a", "x,point"), convNode("b", "a,wide,wide.bias", pads)}, true},
		"padding behind a bias":        {[]*onnx.Node{convNode("a", "x,point,point.bias"), convNode("b", "a,wide,wide.bias", pads)}, false},
		"padding before":               {[]*onnx.Node{convNode("a", "x,point", pads), convNode("b", "a,wide")}, false},
		"a stride before":              {[]*onnx.Node{convNode("a", "x,point", strides), convNode("b", "a,wide")}, false},
		"groups behind":                {[]*onnx.Node{convNode("a", "x,point"), convNode("b", "a,halves", onnx.AttrInt("group", 2))}, false},
		"fewer channels between":       {[]*onnx.Node{convNode("a", "x,narrow"), convNode("b", "a,from2")}, false},
		"the first has another reader": {[]*onnx.Node{convNode("a", "x,point"), {Name: "r", OpType: "ReduceMax", Inputs: []string{"a"}, Outputs: []string{"r"}}, convNode("c", "a,wide"), {Name: "b", OpType: "Add", Inputs: []string{"c", "r"}, Outputs: []string{"b"}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			g, o := convs(c.nodes...)
			p := twins(t, g, o, []*onnx.Tensor{floats(rand.New(rand.NewPCG(1, 1)), -1, 1, 3, 3, 8, 8)})
			if got := slices.Contains(p.aside, "a"); got != c.folds {
				t.Errorf("got folded %t, want %t", got, c.folds)
			}
		})
	}
}

func TestActivationsAndPoolingsAreJoined(t *testing.T) {
	then := func(op, in, out string, attrs ...*onnx.Attribute) *onnx.Node {
		return &onnx.Node{Name: out, OpType: op, Inputs: strings.Split(in, ","), Outputs: []string{out}, Attributes: attrs}
	}
	conv := func() *onnx.Node { return convNode("a", "x,all,wide.bias") }
	window := func(attrs ...*onnx.Attribute) []*onnx.Attribute {
		return append(attrs, onnx.AttrInts("kernel_shape", 2, 2))
	}
	two, pads := onnx.AttrInts("strides", 2, 2), onnx.AttrInts("pads", 1, 0, 0, 1)
	for name, c := range map[string]struct {
		nodes []*onnx.Node
		want  string // the operators that are joined
	}{
		"rectified":                    {[]*onnx.Node{conv(), then("Relu", "a", "b")}, "with Relu"},
		"leaking":                      {[]*onnx.Node{conv(), then("LeakyRelu", "a", "b", onnx.AttrFloat("alpha", 0.3))}, "with LeakyRelu"},
		"leaking backwards":            {[]*onnx.Node{conv(), then("LeakyRelu", "a", "b", onnx.AttrFloat("alpha", -0.3))}, ""},
		"sigmoid":                      {[]*onnx.Node{conv(), then("Sigmoid", "a", "b")}, "with Sigmoid"},
		"tanh":                         {[]*onnx.Node{conv(), then("Tanh", "a", "b")}, "with Tanh"},
		"pooled":                       {[]*onnx.Node{conv(), then("LeakyRelu", "a", "b"), then("MaxPool", "b", "c", window(two)...)}, "with LeakyRelu and MaxPool"},
		"pooled with overlaps":         {[]*onnx.Node{conv(), then("Relu", "a", "b"), then("MaxPool", "b", "c", window()...)}, "with Relu and MaxPool"},
		"pooled with padding":          {[]*onnx.Node{conv(), then("Sigmoid", "a", "b"), then("MaxPool", "b", "c", window(two, pads)...)}, "with Sigmoid and MaxPool"},
		"averaged":                     {[]*onnx.Node{conv(), then("Relu", "a", "b"), then("AveragePool", "b", "c", window(two)...)}, "with Relu"},
		"pooled without an activation": {[]*onnx.Node{conv(), then("MaxPool", "a", "c", window(two)...)}, ""},
		"the convolution read twice":   {[]*onnx.Node{conv(), then("Relu", "a", "b"), then("Add", "a,b", "c")}, ""},
		"the activation read twice":    {[]*onnx.Node{conv(), then("Tanh", "a", "b"), then("MaxPool", "b", "c", window()...), then("ReduceMax", "b", "d"), then("Add", "c,d", "e")}, "with Tanh"},
		"no bias":                      {[]*onnx.Node{convNode("a", "x,all"), then("Relu", "a", "b"), then("MaxPool", "b", "c", window(two)...)}, "with Relu and MaxPool"},
		"upsampled":                    {[]*onnx.Node{then("Resize", "x,,twice", "r"), convNode("a", "r,all,wide.bias"), then("Relu", "a", "b")}, "with Relu after Resize"},
		"upsampled between":            {[]*onnx.Node{convNode("p", "x,point,point.bias"), then("Resize", "p,,twice", "r"), convNode("a", "r,wide,wide.bias"), then("Tanh", "a", "b"), then("MaxPool", "b", "c", window(two)...)}, "with Tanh and MaxPool after Resize"},
		"upsampled and read twice":     {[]*onnx.Node{then("Resize", "x,,twice", "r"), convNode("a", "r,all"), then("Relu", "a", "b"), then("ReduceMax", "r", "m"), then("Add", "b,m", "c")}, "with Relu"},
		"a product":                    {[]*onnx.Node{then("Flatten", "x", "f"), then("Gemm", "f,dense,dense.bias", "a"), then("Tanh", "a", "b")}, "with Tanh"},
		"a product turned and scaled":  {[]*onnx.Node{then("Flatten", "x", "f"), then("Gemm", "f,turned,dense.bias", "a", onnx.AttrInt("transB", 1), onnx.AttrFloat("alpha", 0.5)), then("Relu", "a", "b")}, "with Relu"},
	} {
		t.Run(name, func(t *testing.T) {
			g, o := convs(c.nodes...)
			p := twins(t, g, o, []*onnx.Tensor{floats(rand.New(rand.NewPCG(1, 1)), -1, 1, 3, 3, 8, 8)})
			got := ""
			for _, u := range p.units {
				if u.layer != nil {
					got += u.place[strings.LastIndex(u.place, "with "):]
				}
			}
			if got != c.want {
				t.Errorf("got %q joined, want %q", got, c.want)
			}
			in := []*onnx.Tensor{floats(rand.New(rand.NewPCG(2, 1)), -1, 1, 2, 3, 8, 8)}
			run(t, p, in, true)
			want := make(map[string][]float32)
			for _, q := range p.Params() {
				want["gradient of "+q.Name()] = slices.Clone(q.Gradient().Float32s())
			}
			want["loss"] = []float32{p.Loss()}
			fresh, err := Lower(g, o)
			if err != nil {
				t.Fatal(err)
			}
			for name, got := range onTape(t, fresh, in) {
				if w, ok := want[name]; ok && !slices.Equal(got, w) {
					t.Errorf("%s: Gorgonia's own machine gives %v, want %v", name, got, w)
				}
			}
		})
	}
}

func TestNetworksJoinedAndPlain(t *testing.T) {
	for _, n := range networks.All() {
		t.Run(n.Name, func(t *testing.T) {
			net, err := n.Build(networks.NewSettings(n.Options, nil), n.Usual)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			var in []*onnx.Tensor
			for _, v := range net.Training.Graph.Inputs {
				dims := []int64{5}
				for _, d := range v.Type.Dims[1:] {
					dims = append(dims, d.Value)
				}
				in = append(in, floats(rng, 0, 1, dims...))
			}
			pool := kernels.NewPool(2)
			defer pool.Close()
			for _, set := range kernels.Supported() {
				o := Options{Loss: networks.LossOutput, Parameters: graphs.Initialize(net.Training.Parameters, 1), Set: set}
				one := twins(t, net.Training.Graph, o, in)
				o.Pool = pool
				two, err := Lower(net.Training.Graph, o)
				if err != nil {
					t.Fatal(err)
				}
				run(t, two, in, true)
				for i, q := range one.Params() {
					if !slices.Equal(two.Params()[i].Gradient().Float32s(), q.Gradient().Float32s()) {
						t.Errorf("%v: gradient by %s: two threads give other bytes than one", set, q.Name())
					}
				}
			}
		})
	}
}

// crossEntropyOf is the mean binary cross-entropy of a parameter y, or of what is given for it, as losses write it; t [batch, 6].
func crossEntropyOf(y *onnx.Tensor, lo, hi float32, change func(*onnx.Graph)) (*onnx.Graph, Options) {
	g := &onnx.Graph{Name: "entropy", Opsets: []onnx.Opset{{Version: 17}}}
	g.Inputs = []*onnx.ValueInfo{{Name: "t", Type: onnx.TensorType(onnx.Float, onnx.Fixed(y.Dims[0]), onnx.Fixed(y.Dims[1]))}}
	g.Initializers = []*onnx.Tensor{{Name: "y", Type: onnx.Float, Dims: y.Dims}}
	for name, v := range map[string]float32{"lo": lo, "hi": hi, "one": 1} {
		c := onnx.Scalar32(v)
		c.Name = name
		g.Initializers = append(g.Initializers, c)
	}
	for _, n := range [][3]string{{"Clip", "y,lo,hi", "c"}, {"Log", "c", "log"}, {"Mul", "t,log", "on"}, {"Sub", "one,t", "u"}, {"Sub", "one,c", "d"},
		{"Log", "d", "log2"}, {"Mul", "u,log2", "off"}, {"Add", "on,off", "sum"}, {"Neg", "sum", "e"}, {"ReduceMean", "e", "loss"}} {
		node := &onnx.Node{Name: n[2], OpType: n[0], Inputs: strings.Split(n[1], ","), Outputs: []string{n[2]}}
		if n[0] == "ReduceMean" {
			node.Attributes = []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}
		}
		g.Nodes = append(g.Nodes, node)
	}
	g.Outputs = []*onnx.ValueInfo{{Name: "loss", Type: onnx.TensorType(onnx.Float)}}
	change(g)
	return g, Options{Parameters: map[string]*onnx.Tensor{"y": y}, Wrt: []string{"y"}, Set: kernels.Best()}
}

func TestCrossEntropiesAreJoined(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	inside := floats(rng, 0.05, 0.95, 4, 6)
	beyond := floats(rng, -0.5, 1.5, 4, 6)
	copy(beyond.Float32s(), []float32{0, 1, 1e-7, 1 - 1e-7, 0.5e-7, 1 - 0.5e-7})
	nothing := func(*onnx.Graph) {}
	node := func(g *onnx.Graph, name string) *onnx.Node {
		return g.Nodes[slices.IndexFunc(g.Nodes, func(n *onnx.Node) bool { return n.Name == name })]
	}
	for name, c := range map[string]struct {
		y      *onnx.Tensor
		lo, hi float32
		change func(*onnx.Graph)
		joined bool
	}{
		"inside the clip": {inside, 1e-7, 1 - 1e-7, nothing, true},
		"beyond the clip": {beyond, 1e-7, 1 - 1e-7, nothing, true},
		"a wide clip":     {beyond, 0.25, 0.5, nothing, true},
		"a part read elsewhere": {inside, 1e-7, 1 - 1e-7, func(g *onnx.Graph) {
			g.Outputs = append(g.Outputs, &onnx.ValueInfo{Name: "log", Type: onnx.UnrankedTensorType(onnx.Float)})
		}, true},
		"a clip from 0":          {inside, 0, 1 - 1e-7, nothing, false},
		"two targets":            {inside, 1e-7, 1 - 1e-7, func(g *onnx.Graph) { node(g, "on").Inputs[0] = "u" }, false},
		"the parts the same way": {inside, 1e-7, 1 - 1e-7, func(g *onnx.Graph) { node(g, "off").Inputs[1] = "log" }, false},
		"a rest of something else": {inside, 1e-7, 1 - 1e-7, func(g *onnx.Graph) {
			node(g, "d").Inputs[0] = "hi"
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			g, o := crossEntropyOf(c.y, c.lo, c.hi, c.change)
			target := floats(rng, 0, 1, 4, 6)
			copy(target.Float32s(), []float32{0, 1, 1, 0, 1, 0})
			p := twins(t, g, o, []*onnx.Tensor{target})
			got := slices.ContainsFunc(p.units, func(u *unit) bool { _, ok := u.op.(*entropy); return ok })
			if got != c.joined {
				t.Errorf("got joined %t, want %t", got, c.joined)
			}
		})
	}
	g, o := crossEntropyOf(inside, 1e-7, 1-1e-7, nothing)
	o.Inputs = []string{"t"}
	p := twins(t, g, o, []*onnx.Tensor{floats(rng, 0, 1, 4, 6)})
	if slices.ContainsFunc(p.units, func(u *unit) bool { _, ok := u.op.(*entropy); return ok }) {
		t.Error("a target that has a gradient: got it joined, want not")
	}
}
