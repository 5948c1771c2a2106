package lowering

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"gorgonia.org/gorgonia"
)

// maze makes a graph of random nodes on values [batch, 4] with two parameters: values that several nodes use, views of views,
// stops, splits, and an output in between.
func maze(seed uint64) (*onnx.Graph, map[string]*onnx.Tensor) {
	rng := rand.New(rand.NewPCG(seed, 77))
	g := &onnx.Graph{Name: "maze", Opsets: []onnx.Opset{{Version: 18}, {Domain: onnx.DomainPrivate, Version: 1}}}
	batch := onnx.Symbol("batch")
	g.Inputs = []*onnx.ValueInfo{{Name: "x", Type: onnx.TensorType(onnx.Float, batch, onnx.Fixed(4))}}
	weights := map[string]*onnx.Tensor{"u": floats(rng, -1, 1, 4), "v": floats(rng, -1, 1, 4, 4)}
	for _, name := range []string{"u", "v"} {
		g.Initializers = append(g.Initializers, &onnx.Tensor{Name: name, Type: onnx.Float, Dims: weights[name].Dims})
	}
	for name, v := range map[string][]int64{"square": {-1, 2, 2}, "flat": {-1, 4}, "one": {1}} {
		t := onnx.FromInt64s(v)
		t.Name = name
		g.Initializers = append(g.Initializers, t)
	}
	made := 0
	node := func(op, domain string, outs int, attrs []*onnx.Attribute, in ...string) []string {
		n := &onnx.Node{Name: fmt.Sprintf("n%d", len(g.Nodes)), OpType: op, Domain: domain, Inputs: in, Attributes: attrs}
		for range outs {
			n.Outputs = append(n.Outputs, fmt.Sprintf("t%d", made))
			made++
		}
		g.Nodes = append(g.Nodes, n)
		return n.Outputs
	}
	axis := func(k int64) []*onnx.Attribute { return []*onnx.Attribute{onnx.AttrInt("axis", k)} }
	values := []string{node("Mul", "", 1, nil, "x", "u")[0], node("MatMul", "", 1, nil, "x", "v")[0]}
	pick := func() string { return values[rng.IntN(len(values))] }
	for range 12 + rng.IntN(12) {
		var out string
		switch rng.IntN(10) {
		case 0, 1:
			out = node([]string{"Add", "Sub", "Mul", "Max"}[rng.IntN(4)], "", 1, nil, pick(), pick())[0]
		case 2:
			out = node([]string{"Relu", "Sigmoid", "Tanh", "Softmax", "Identity"}[rng.IntN(5)], "", 1, nil, pick())[0]
		case 3: // there and back by views
			out = node("Reshape", "", 1, nil, node("Identity", "", 1, nil, node("Reshape", "", 1, nil, pick(), "square")[0])[0], "flat")[0]
		case 4: // across
			turned := node("Transpose", "", 1, []*onnx.Attribute{onnx.AttrInts("perm", 0, 2, 1)}, node("Reshape", "", 1, nil, pick(), "square")[0])[0]
			out = node("Flatten", "", 1, axis(1), turned)[0]
		case 5:
			parts := node("Split", "", 2, append(axis(1), onnx.AttrInt("num_outputs", 2)), pick())
			out = node("Concat", "", 1, axis(1), parts[1], parts[rng.IntN(2)])[0]
		case 6:
			out = node("Add", "", 1, nil, pick(), node("StopGradient", onnx.DomainPrivate, 1, nil, pick())[0])[0]
		case 7:
			out = node("Mul", "", 1, nil, pick(), "u")[0]
		case 8:
			out = node("Sub", "", 1, nil, pick(), node("ReduceMean", "", 1, nil, pick(), "one")[0])[0]
		default:
			out = node("Where", "", 1, nil, node("Greater", "", 1, nil, pick(), pick())[0], pick(), pick())[0]
		}
		values = append(values, out)
	}
	all := node("Sum", "", 1, nil, values...)[0] // every value counts
	g.Nodes = append(g.Nodes, &onnx.Node{Name: "loss", OpType: "ReduceMean", Inputs: []string{all}, Outputs: []string{"loss"}, Attributes: []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}})
	g.Outputs = []*onnx.ValueInfo{{Name: "loss", Type: onnx.TensorType(onnx.Float)}, {Name: values[len(values)/2], Type: onnx.UnrankedTensorType(onnx.Float)}}
	return g, weights
}

// results copies the outputs and gradients.
func results(p *Program) map[string][]float32 {
	m := make(map[string][]float32)
	for _, v := range p.lifted.Graph.Outputs {
		m[v.Name] = slices.Clone(p.Output(v.Name).Float32s())
	}
	for _, q := range p.Params() {
		m["gradient of "+q.Name()] = slices.Clone(q.Gradient().Float32s())
	}
	return m
}

const mazes = 40

// Nothing reads memory before it is written or after its last reader, by whatever view.
func TestMemoryIsFreeWhenThePlanSaysSo(t *testing.T) {
	for seed := range uint64(mazes) {
		g, weights := maze(seed)
		p, err := Lower(g, Options{Loss: "loss", Parameters: weights, Set: kernels.Best()})
		if err != nil {
			t.Fatalf("maze %d: %v", seed, err)
		}
		in := []*onnx.Tensor{floats(rand.New(rand.NewPCG(seed, 3)), -1, 1, 3, 4)}
		run(t, p, in, true)
		want := results(p)
		pl, memory := p.machine.current, p.machine.arena.data
		poison := func(b []byte) {
			for i := range b {
				b[i] = 0xff // NaN
			}
		}
		poison(memory)
		for _, q := range p.Params() {
			poison(q.Gradient().Data)
		}
		for i, a := range pl.actions {
			if err := a.run(); err != nil {
				t.Fatalf("maze %d: %s: %v", seed, a.text, err)
			}
			for _, b := range pl.blocks {
				if b.dies == i {
					poison(memory[b.offset : b.offset+b.size])
				}
			}
		}
		same(t, fmt.Sprintf("maze %d", seed), results(p), want)
	}
}

func TestBlocksThatLiveTogetherAreApart(t *testing.T) {
	shared := 0
	for seed := range uint64(mazes) {
		g, weights := maze(seed)
		p, err := Lower(g, Options{Loss: "loss", Parameters: weights})
		if err != nil {
			t.Fatal(err)
		}
		run(t, p, []*onnx.Tensor{onnx.NewTensor(onnx.Float, 5, 4)}, true)
		blocks := p.machine.current.blocks
		for i, a := range blocks {
			for _, b := range blocks[:i] {
				overlap := a.offset < b.offset+b.size && b.offset < a.offset+a.size
				together := a.born <= b.dies && b.born <= a.dies
				if overlap && together {
					t.Fatalf("maze %d: blocks at %d+%d (%d to %d) and %d+%d (%d to %d) share memory", seed, a.offset, a.size, a.born, a.dies, b.offset, b.size, b.born, b.dies)
				}
				if overlap {
					shared++
				}
			}
		}
	}
	if shared == 0 {
		t.Error("no two blocks share memory: got no reuse at all")
	}
}

func TestMazesEqualTheTapeMachine(t *testing.T) {
	for seed := range uint64(mazes) {
		g, weights := maze(seed)
		const n = 3
		p, err := Lower(g, Options{Loss: "loss", Parameters: weights, Batch: n})
		if err != nil {
			t.Fatal(err)
		}
		in := []*onnx.Tensor{floats(rand.New(rand.NewPCG(seed, 3)), -1, 1, n, 4)}
		run(t, p, in, true)
		want := results(p)
		same(t, fmt.Sprintf("maze %d", seed), onTape(t, p, in), want)
	}
}

// onTape runs the program's graph on Gorgonia's own machine and copies outputs and gradients.
func onTape(t *testing.T, p *Program, in []*onnx.Tensor) map[string][]float32 {
	t.Helper()
	for _, v := range p.values {
		if v.node.Op() != nil {
			continue
		}
		x := v.constant
		switch {
		case v.param != nil:
			x = v.param.value
		case v.input >= 0:
			x = in[v.input]
		}
		value, err := valueOf(x)
		if err != nil {
			t.Fatal(err)
		}
		if err := gorgonia.Let(v.node, value); err != nil {
			t.Fatal(err)
		}
	}
	vm := gorgonia.NewTapeMachine(p.Graph())
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	got := make(map[string][]float32)
	read := func(name string, n *gorgonia.Node) {
		x, err := tensorOf(n.Value())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got[name] = slices.Clone(x.Float32s())
	}
	for _, v := range p.lifted.Graph.Outputs {
		read(v.Name, p.byName[v.Name].node)
	}
	for _, q := range p.Params() {
		read("gradient of "+q.Name(), q.gradNode)
	}
	return got
}

func TestMemoryLimit(t *testing.T) {
	g, weights := net()
	p, err := Lower(g, Options{Loss: "loss", Parameters: weights, Limit: 60000, Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	run(t, p, batchOf(2, 1), true)
	err = p.Run(batchOf(60, 1), true) // no single tensor is too large, together they are
	if err == nil || !strings.Contains(err.Error(), "more than the memory limit of 60000") || !strings.Contains(err.Error(), "node ") {
		t.Errorf("got %v, want an error that names a node and the limit", err)
	}
	err = p.Run(batchOf(400, 1), true)
	if err == nil || !strings.Contains(err.Error(), `node "conv"`) {
		t.Errorf("got %v, want an error that names the node", err)
	}
	run(t, p, batchOf(2, 1), true)
}
