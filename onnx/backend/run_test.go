package backend_test

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Outputs that a fast step makes lie where the caller wants them; outputs that are views, constants, inputs or read again are right, too.
func TestRunInto(t *testing.T) {
	ctx := context.Background()
	g := graph([]int64{2, 3}, "y z v k x", []*onnx.Node{
		node("Flatten", "x", "f"), node("Gemm", "f w", "c"), node("Relu", "c", "y"), node("Exp", "y", "z"), node("Flatten", "y", "v"),
	}, draw("w", 6, 5), draw("k", 2))
	m, err := backend.Compile(g, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var out []onnx.Value
	for _, seed := range []string{"one", "two"} {
		in := []onnx.Value{draw(seed, 4, 2, 3)}
		want := runModel(t, m.Evaluate, in)
		if out == nil {
			out = runModel(t, m.Run, in)
		} else if err := m.RunInto(ctx, in, out); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if d := ops.Compare(out[i], want[i], ops.Tolerance{Rel: 1e-5, Abs: 1e-6}); !d.Equal() {
				t.Errorf("%s: output %d: %v", seed, i, d)
			}
		}
	}
	again := runModel(t, m.Run, []onnx.Value{draw("three", 4, 2, 3)})
	if again[0] == out[0] {
		t.Error("two runs gave the same tensor")
	}
	in := []onnx.Value{draw("one", 4, 2, 3)}
	for phrase, c := range map[string]struct {
		slot int
		v    onnx.Value
		want string
	}{
		"another shape":       {0, onnx.NewTensor(onnx.Float, 3, 5), "memory for"},
		"another type":        {1, onnx.NewTensor(onnx.Double, 4, 5), "memory for"},
		"no tensor":           {0, nil, "no tensor is given"},
		"a nil tensor":        {0, (*onnx.Tensor)(nil), "no tensor is given"},
		"memory of an input":  {4, in[0], "its memory is also"},
		"memory of an output": {1, out[0], "its memory is also"},
		"too little memory":   {0, &onnx.Tensor{Type: onnx.Float, Dims: []int64{4, 5}, Data: make([]byte, 8)}, "memory for"},
	} {
		bad := append([]onnx.Value{}, out...)
		bad[c.slot] = c.v
		if err := m.RunInto(ctx, in, bad); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", phrase, err, c.want)
		}
	}
	if err := m.RunInto(ctx, in, out[:1]); err == nil {
		t.Error("too few outputs: got no error")
	}
}

// A model keeps the plans of the latest shapes and gives the same one for the same shapes.
func TestPlansAreKept(t *testing.T) {
	g := graph([]int64{3}, "y", []*onnx.Node{node("Relu", "x", "y")})
	m, err := backend.Compile(g, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	plan := func(batch int64) *backend.Plan {
		p, err := m.Plan([]onnx.Value{onnx.NewTensor(onnx.Float, batch, 3)})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := plan(1)
	for batch := range int64(15) {
		plan(batch + 2)
	}
	if plan(1) != first {
		t.Error("the plan of a shape that was used again is another one")
	}
	for batch := range int64(15) {
		plan(batch + 20)
	}
	if plan(1) != first {
		t.Error("the plan of the latest shape but fifteen is another one")
	}
	plan(40)
	for batch := range int64(15) {
		plan(batch + 50)
	}
	if plan(1) == first {
		t.Error("sixteen other shapes came since, and the plan is still there")
	}
	for phrase, in := range map[string][]onnx.Value{
		"another type": {onnx.NewTensor(onnx.Double, 1, 3)}, "another rank": {onnx.NewTensor(onnx.Float, 3)}, "no value": {nil}, "no inputs": {},
		"another size": {onnx.NewTensor(onnx.Float, 1, 4)}, "a sequence": {&onnx.Sequence{Elem: onnx.UnrankedTensorType(onnx.Float)}},
	} {
		if _, err := m.Plan(in); err == nil {
			t.Errorf("%s: got no error", phrase)
		}
	}
}

// A body may read by name the very value that its node takes, as PyTorch writes the condition of a loop.
func TestBodiesReadWhatTheirNodeTakes(t *testing.T) {
	body := func(opType, in string) *onnx.Graph {
		return &onnx.Graph{Name: opType, Nodes: []*onnx.Node{node(opType, in, "r", onnx.AttrInt("to", int64(onnx.Float)))},
			Outputs: []*onnx.ValueInfo{{Name: "r", Type: onnx.UnrankedTensorType(onnx.Float)}}}
	}
	stop := &onnx.Graph{Name: "steps", Nodes: []*onnx.Node{node("Identity", "yes", "go"), node("Add", "v x", "w")}}
	stop.Inputs = []*onnx.ValueInfo{{Name: "i", Type: onnx.TensorType(onnx.Int64)}, {Name: "was", Type: onnx.TensorType(onnx.Bool)},
		{Name: "v", Type: onnx.UnrankedTensorType(onnx.Float)}}
	stop.Outputs = []*onnx.ValueInfo{{Name: "go", Type: onnx.TensorType(onnx.Bool)}, {Name: "w", Type: onnx.UnrankedTensorType(onnx.Float)}}
	g := graph([]int64{3}, "y z", []*onnx.Node{
		node("ReduceMax", "x _", "most", onnx.AttrInt("keepdims", 0)), node("Greater", "most zero", "yes"),
		node("If", "yes", "y", onnx.AttrGraph("then_branch", body("Cast", "yes")), onnx.AttrGraph("else_branch", body("Cast", "most"))),
		node("Loop", "three yes x", "z", onnx.AttrGraph("body", stop)),
	}, named("zero", onnx.NewTensor(onnx.Float)), named("three", onnx.FromInt64s([]int64{3})))
	m, err := backend.Compile(g, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x := onnx.FromFloat32s([]float32{-1, 0.5, 2}, 1, 3)
	out := runModel(t, m.Run, []onnx.Value{x})
	for i, want := range []*onnx.Tensor{onnx.FromFloat32s([]float32{1}), onnx.FromFloat32s([]float32{-4, 2, 8}, 1, 3)} {
		if d := ops.Compare(out[i], want, ops.Tolerance{}); !d.Equal() {
			t.Errorf("output %d: %v", i, d)
		}
	}
}

// Tensors whose shapes only a run tells are let go of after their last reader: a chain of them takes the memory of a few.
func TestRunsLetGoOfWhatIsRead(t *testing.T) {
	const links, size = 24, 1 << 22 // 16 MiB each
	nodes := []*onnx.Node{node("Shape", "x", "s"), node("Mul", "s times", "wide")}
	last := "x"
	for i := range links {
		e, v, r := fmt.Sprint("e", i), fmt.Sprint("v", i), fmt.Sprint("r", i)
		nodes = append(nodes, node("Expand", last+" one", e), node("Tile", e+" wide", v), node("Identity", v, v+"i"),
			node("ReduceMax", v+"i", r))
		last = r
	}
	nodes = append(nodes, node("Identity", last, "y"))
	g := graph([]int64{}, "y", nodes, named("one", onnx.FromInt64s([]int64{1}, 1)))
	g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: "times", Type: onnx.TensorType(onnx.Int64, onnx.Fixed(1))})
	m, err := backend.Compile(g, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x := onnx.FromFloat32s([]float32{7}, 1)
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	var most uint64
	ctx := &watched{Context: context.Background(), each: func() {
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		most = max(most, s.HeapAlloc)
	}}
	var before runtime.MemStats
	runtime.GC()
	runtime.GC() // what earlier tests left in pools goes with the second one
	runtime.ReadMemStats(&before)
	out, err := m.Run(ctx, []onnx.Value{x, onnx.FromInt64s([]int64{size}, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if got := out[0].(*onnx.Tensor).Float32s(); len(got) != 1 || got[0] != 7 {
		t.Errorf("got %v, want 7", out[0])
	}
	if got, want := most-before.HeapAlloc, uint64(links*size*4/2); most < before.HeapAlloc+size || got > want {
		t.Errorf("got %d bytes at most while it ran, want no more than %d", got, want)
	}
}

// watched is a context that is told whenever it is asked, as it is between steps.
type watched struct {
	context.Context
	each func()
}

func (w *watched) Err() error {
	w.each()
	return w.Context.Err()
}
