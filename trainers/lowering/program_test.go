package lowering

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// net is a network with a loss that has a bit of everything: convolution, pooling, views, a shared value, several outputs of a
// node, broadcasting, a target that gradients do not flow through. x [batch, 2, 6, 6], y [batch, 4]; outputs loss, prediction.
func net() (*onnx.Graph, map[string]*onnx.Tensor) {
	rng := rand.New(rand.NewPCG(9, 9))
	weights := make(map[string]*onnx.Tensor)
	g := &onnx.Graph{Name: "net", Opsets: []onnx.Opset{{Version: 17}, {Domain: onnx.DomainPrivate, Version: 1}}}
	param := func(name string, dims ...int64) {
		g.Initializers = append(g.Initializers, &onnx.Tensor{Name: name, Type: onnx.Float, Dims: dims})
		weights[name] = floats(rng, -0.5, 0.5, dims...)
	}
	constant := func(name string, t *onnx.Tensor) {
		t.Name = name
		g.Initializers = append(g.Initializers, t)
	}
	node := func(name, op string, in, out string, attrs ...*onnx.Attribute) {
		domain := ""
		if op == "StopGradient" {
			domain = onnx.DomainPrivate
		}
		g.Nodes = append(g.Nodes, &onnx.Node{Name: name, OpType: op, Domain: domain, Inputs: strings.Split(in, ","), Outputs: strings.Split(out, ","), Attributes: attrs})
	}
	batch := onnx.Symbol("batch")
	g.Inputs = []*onnx.ValueInfo{
		{Name: "x", Type: onnx.TensorType(onnx.Float, batch, onnx.Fixed(2), onnx.Fixed(6), onnx.Fixed(6))},
		{Name: "y", Type: onnx.TensorType(onnx.Float, batch, onnx.Fixed(4))},
	}
	param("conv.weight", 3, 2, 3, 3)
	param("conv.bias", 3)
	param("dense.weight", 27, 8)
	param("dense.bias", 8)
	param("scale", 4)
	constant("half", onnx.Scalar32(0.5))
	constant("shape", onnx.FromInt64s([]int64{-1, 4}))
	constant("last", onnx.FromInt64s([]int64{1}))
	constant("parts", onnx.FromInt64s([]int64{4, 4}))
	node("conv", "Conv", "x,conv.weight,conv.bias", "c", onnx.AttrInts("pads", 1, 1, 1, 1))
	node("conv/relu", "LeakyRelu", "c", "r", onnx.AttrFloat("alpha", 0.3))
	node("pool", "MaxPool", "r", "p", onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2))
	node("flatten", "Flatten", "p", "f")
	node("dense", "Gemm", "f,dense.weight,dense.bias", "d")
	node("split", "Split", "d,parts", "a,b", onnx.AttrInt("axis", 1))
	node("sigmoid", "Sigmoid", "a", "s")
	node("twice", "Mul", "s,s", "ss")
	node("scaled", "Mul", "b,scale", "bs")
	node("sum", "Add", "ss,bs", "z")
	node("reshape", "Reshape", "z,shape", "prediction")
	node("error", "Sub", "prediction,y", "e")
	node("stop", "StopGradient", "prediction", "fixed")
	node("weigh", "Mul", "e,fixed", "w")
	node("square", "Mul", "w,e", "sq")
	node("rows", "ReduceSum", "sq,last", "row", onnx.AttrInt("keepdims", 0))
	node("mean", "ReduceMean", "row", "m", onnx.AttrInt("keepdims", 0))
	node("halve", "Mul", "m,half", "loss")
	g.Outputs = []*onnx.ValueInfo{
		{Name: "loss", Type: onnx.TensorType(onnx.Float)},
		{Name: "prediction", Type: onnx.TensorType(onnx.Float, batch, onnx.Fixed(4))},
	}
	return g, weights
}

func batchOf(n int, seed uint64) []*onnx.Tensor {
	rng := rand.New(rand.NewPCG(seed, 1))
	return []*onnx.Tensor{floats(rng, -1, 1, int64(n), 2, 6, 6), floats(rng, 0, 1, int64(n), 4)}
}

func lowered(t *testing.T, o Options) *Program {
	t.Helper()
	g, weights := net()
	o.Parameters, o.Loss = weights, "loss"
	p, err := Lower(g, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func run(t *testing.T, p *Program, in []*onnx.Tensor, train bool) {
	t.Helper()
	if err := p.Run(in, train); err != nil {
		t.Fatal(err)
	}
}

// taken copies the loss, the prediction and the gradients of the last run.
func taken(p *Program) map[string][]float32 {
	m := map[string][]float32{"loss": slices.Clone(p.Value("loss").Float32s()), "prediction": slices.Clone(p.Output("prediction").Float32s())}
	for _, q := range p.Params() {
		m["gradient of "+q.Name()] = slices.Clone(q.Gradient().Float32s())
	}
	return m
}

// same fails where two results do not have the same bits.
func same(t *testing.T, what string, got, want map[string][]float32) {
	t.Helper()
	for name, w := range want {
		if !bytes.Equal(onnx.BytesOf(got[name]), onnx.BytesOf(w)) {
			t.Errorf("%s: %s: got %v, want %v", what, name, got[name], w)
		}
	}
}

func TestNetGradients(t *testing.T) {
	g, weights := net()
	// Without the stop, whose derivative finite differences do not know.
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *onnx.Node) bool { return n.OpType == "StopGradient" || n.Name == "weigh" })
	for _, n := range g.Nodes {
		for i, in := range n.Inputs {
			if in == "w" {
				n.Inputs[i] = "e"
			}
			if weights[in] != nil {
				n.Inputs[i] = "x" + in
			}
		}
	}
	for i, x := range g.Initializers {
		if w := weights[x.Name]; w != nil {
			w.Name = "x" + x.Name
			g.Initializers[i] = w
		}
	}
	checkGradients(t, g, batchOf(3, 1), 2e-4)
}

func TestForwardEqualsEvaluator(t *testing.T) {
	g, weights := net()
	in := batchOf(3, 1)
	for _, set := range kernels.Supported() {
		p := lowered(t, Options{Set: set})
		run(t, p, in, false)
		bound := g.Clone()
		for i, x := range bound.Initializers {
			if w := weights[x.Name]; w != nil {
				c := *w
				c.Name = x.Name
				bound.Initializers[i] = &c
			}
		}
		l, err := ops.Lift(bound)
		if err != nil {
			t.Fatal(err)
		}
		e, err := ops.NewEvaluator(l)
		if err != nil {
			t.Fatal(err)
		}
		watched := 0
		if _, err := e.Run(context.Background(), []onnx.Value{in[0], in[1]}, ops.EvalOptions{Watch: func(name string, v onnx.Value) {
			want := v.(*onnx.Tensor)
			got := p.Value(name)
			if got == nil || !slices.Equal(got.Dims, want.Dims) {
				t.Errorf("%v: value %q: got %v, want %v", set, name, got, want)
				return
			}
			watched++
			for i, w := range want.Float32s() {
				if math.Abs(float64(got.Float32s()[i]-w)) > 1e-5*(1+math.Abs(float64(w))) {
					t.Errorf("%v: value %q: element %d: got %v, want %v", set, name, i, got.Float32s()[i], w)
					break
				}
			}
		}}); err != nil {
			t.Fatal(err)
		}
		if watched < len(g.Nodes) {
			t.Errorf("%v: got %d values, want at least one of each of the %d nodes", set, watched, len(g.Nodes))
		}
	}
}

func TestAnyBatchSizeThroughOneProgram(t *testing.T) {
	p := lowered(t, Options{Batch: 4})
	for _, n := range []int{4, 1, 7, 2, 7, 4, 3, 5, 6, 8, 9, 1} {
		in := batchOf(n, uint64(n))
		run(t, p, in, true)
		fresh := lowered(t, Options{Batch: max(2, n)})
		run(t, fresh, in, true)
		same(t, "a batch of another size", taken(p), taken(fresh))
		run(t, p, in, false)
		if got, want := p.Loss(), fresh.Loss(); got != want {
			t.Errorf("batch of %d without gradients: got loss %v, want %v", n, got, want)
		}
	}
}

func TestBatchIsItsRows(t *testing.T) {
	const n = 5
	in := batchOf(n, 3)
	p, one := lowered(t, Options{}), lowered(t, Options{})
	run(t, p, in, true)
	sum := make(map[string][]float64)
	for i := range n {
		row := make([]*onnx.Tensor, len(in))
		for k, x := range in {
			size := x.Len() / n
			row[k] = onnx.FromFloat32s(x.Float32s()[i*size:(i+1)*size], append([]int64{1}, x.Dims[1:]...)...)
		}
		run(t, one, row, true)
		want := one.Output("prediction").Float32s()
		for k, got := range p.Output("prediction").Float32s()[i*4 : (i+1)*4] {
			if math.Abs(float64(got-want[k])) > 1e-6 {
				t.Errorf("row %d: prediction %d: got %v, want %v", i, k, got, want[k])
			}
		}
		for name, v := range taken(one) {
			if name == "prediction" {
				continue
			}
			if sum[name] == nil {
				sum[name] = make([]float64, len(v))
			}
			for k, x := range v {
				sum[name][k] += float64(x) / n
			}
		}
	}
	for name, got := range taken(p) {
		for k, want := range sum[name] {
			if math.Abs(float64(got[k])-want) > 1e-5*(1+math.Abs(want)) {
				t.Errorf("%s: element %d: got %v, want the mean over rows %v", name, k, got[k], want)
				break
			}
		}
	}
}

func TestSameBytesForAnyThreads(t *testing.T) {
	pool := kernels.NewPool(2)
	defer pool.Close()
	const n = 128 // enough work to be shared out
	for _, set := range kernels.Supported() {
		one, two := lowered(t, Options{Set: set}), lowered(t, Options{Set: set, Pool: pool})
		run(t, one, batchOf(n, 4), true)
		run(t, two, batchOf(n, 4), true)
		same(t, set.String()+": two threads", taken(two), taken(one))
		run(t, two, batchOf(n, 4), true)
		same(t, set.String()+": again", taken(two), taken(one))
	}
}

func TestMachineEqualsTapeMachine(t *testing.T) {
	const n = 3
	p := lowered(t, Options{Batch: n, Set: kernels.Best()})
	in := batchOf(n, 5)
	run(t, p, in, true)
	want := taken(p)

	same(t, "tape machine", onTape(t, lowered(t, Options{Batch: n, Set: kernels.Best()}), in), want)
}

func TestMachineIsAVM(t *testing.T) {
	p := lowered(t, Options{})
	vm := p.VM()
	if err := vm.RunAll(); err == nil {
		t.Error("running without inputs: got no error")
	}
	run(t, p, batchOf(2, 6), true)
	want := taken(p)
	vm.Reset()
	if got := p.Value("loss"); got != nil {
		t.Errorf("after Reset: got a loss %v, want none", got)
	}
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	same(t, "RunAll again", taken(p), want)
	if err := vm.Close(); err != nil {
		t.Fatal(err)
	}
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	same(t, "RunAll after Close", taken(p), want)
}

func TestWarmGradientsAllocateNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector, which the short tests run under, allocates for itself")
	}
	p := lowered(t, Options{Set: kernels.Best()})
	run(t, p, batchOf(4, 7), true)
	seen := 0
	for _, a := range p.machine.current.actions {
		if !strings.Contains(a.text, "gradient") {
			continue // what operators do on their way forward is theirs
		}
		seen++
		if got := testing.AllocsPerRun(5, func() {
			if err := a.run(); err != nil {
				t.Error(err)
			}
		}); got > 0 {
			t.Errorf("%s: got %v allocations, want none", a.text, got)
		}
	}
	if seen < 15 {
		t.Errorf("got %d gradients and sums, want one for each operand that has one", seen)
	}
}

func TestParametersThatShareAGradient(t *testing.T) {
	// Add of two parameters: both have the gradient of the sum, in Gorgonia the same node.
	g := &onnx.Graph{Opsets: []onnx.Opset{{Version: 17}},
		Initializers: []*onnx.Tensor{{Name: "a", Type: onnx.Float, Dims: []int64{2}}, {Name: "b", Type: onnx.Float, Dims: []int64{2}}},
		Nodes: []*onnx.Node{
			{OpType: "Add", Inputs: []string{"a", "b"}, Outputs: []string{"s"}},
			{OpType: "ReduceSumSquare", Inputs: []string{"s"}, Outputs: []string{"loss"}, Attributes: []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}},
		},
		Outputs: []*onnx.ValueInfo{{Name: "loss", Type: onnx.TensorType(onnx.Float)}},
	}
	p, err := Lower(g, Options{Parameters: map[string]*onnx.Tensor{"a": onnx.FromFloat32s([]float32{1, 2}, 2), "b": onnx.FromFloat32s([]float32{3, -5}, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, p, nil, true)
	for _, q := range p.Params() {
		if got, want := q.Gradient().Float32s(), []float32{8, -6}; !slices.Equal(got, want) {
			t.Errorf("gradient of %s: got %v, want %v", q.Name(), got, want)
		}
	}
	clear(p.Params()[0].Gradient().Float32s())
	if got, want := p.Params()[1].Gradient().Float32s(), []float32{8, -6}; !slices.Equal(got, want) {
		t.Errorf("writing one gradient reached the other: got %v, want %v", got, want)
	}
}

func TestPanicIsAnErrorThatNamesTheNode(t *testing.T) {
	p := lowered(t, Options{})
	run(t, p, batchOf(2, 8), true)
	pl := p.machine.plans[0]
	at := slices.IndexFunc(pl.actions, func(a action) bool { return strings.Contains(a.text, `"dense"`) })
	pl.actions[at].run = func() error { panic("torn") }
	err := p.Run(batchOf(2, 8), true)
	if want := `lowering: node "dense": Gemm: panic: torn`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if got := p.Value("loss"); got != nil {
		t.Errorf("after a failed run: got a loss %v, want none", got)
	}
	run(t, p, batchOf(3, 8), true) // goes on
}

func TestWatchedValuesStay(t *testing.T) {
	p := lowered(t, Options{})
	run(t, p, batchOf(2, 9), true)
	lazy := slices.Clone(p.Value("d").Float32s())
	if err := p.Watch("d", "x"); err != nil {
		t.Fatal(err)
	}
	run(t, p, batchOf(2, 9), true)
	if got := p.Value("d").Float32s(); !slices.Equal(got, lazy) {
		t.Errorf("watched: got %v, want %v", got, lazy)
	}
	if p.machine.insight != nil {
		t.Error("a watched value was computed a second time")
	}
	if err := p.Watch("nothing"); err == nil || !strings.Contains(err.Error(), `"nothing"`) {
		t.Errorf("watching an unknown value: got %v, want an error that names it", err)
	}
	if got := p.Value("nothing"); got != nil {
		t.Errorf("an unknown value: got %v, want nil", got)
	}
	if got := p.Output("d"); got != nil {
		t.Errorf("Output of a value in between: got %v, want nil", got)
	}
}

func TestLowerLeavesTheGraphAlone(t *testing.T) {
	g, weights := net()
	before := g.Clone()
	start := slices.Clone(weights["scale"].Float32s())
	p, err := Lower(g, Options{Loss: "loss", Parameters: weights})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range p.Params() {
		clear(q.Tensor().Float32s())
	}
	if got := weights["scale"].Float32s(); !slices.Equal(got, start) {
		t.Errorf("stepping a parameter wrote into the value it started from: got %v, want %v", got, start)
	}
	for i, x := range g.Initializers {
		if x.Bound() != before.Initializers[i].Bound() || x.Name != before.Initializers[i].Name {
			t.Errorf("initializer %d: got %v, want %v", i, x, before.Initializers[i])
		}
	}
	if len(g.Nodes) != len(before.Nodes) || g.Opset("") != 17 {
		t.Error("the graph was changed")
	}
}

func TestTrainableOperatorsHaveAMeaning(t *testing.T) {
	table, seen := ops.NewTable(), make(map[string]bool)
	for _, family := range rules() {
		for _, r := range family {
			if m := table.Meaning(r.domain, r.name); m == nil || m.New == nil {
				t.Errorf("%s has a gradient but no meaning", r.name)
			}
			if seen[r.name] {
				t.Errorf("%s has two rules", r.name)
			}
			seen[r.name] = true
			if !r.stop && r.gradient == nil && r.view == nil {
				t.Errorf("%s has neither a gradient nor is it a view", r.name)
			}
		}
	}
	for name, want := range map[string]bool{"Conv": true, "Gemm": true, "Reshape": true, "Floor": false, "Shape": false} {
		if got := Trainable(onnx.DomainDefault, name); got != want {
			t.Errorf("%s trainable: got %v, want %v", name, got, want)
		}
	}
}

func TestIndicesFromAnInput(t *testing.T) {
	// loss = Σ table[ids]²: the gradient by the table is 2·row for each time a row is taken.
	g := &onnx.Graph{Opsets: []onnx.Opset{{Version: 17}},
		Inputs:       []*onnx.ValueInfo{{Name: "ids", Type: onnx.TensorType(onnx.Int64, onnx.Symbol("batch"))}},
		Initializers: []*onnx.Tensor{{Name: "table", Type: onnx.Float, Dims: []int64{3, 2}}},
		Nodes: []*onnx.Node{
			{OpType: "Gather", Inputs: []string{"table", "ids"}, Outputs: []string{"rows"}},
			{OpType: "ReduceSumSquare", Inputs: []string{"rows"}, Outputs: []string{"loss"}, Attributes: []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}},
		},
		Outputs: []*onnx.ValueInfo{{Name: "loss", Type: onnx.TensorType(onnx.Float)}},
	}
	p, err := Lower(g, Options{Parameters: map[string]*onnx.Tensor{"table": onnx.FromFloat32s([]float32{1, 2, 3, 4, 5, 6}, 3, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ids  []int64
		want []float32
	}{
		{[]int64{0, 2, 2}, []float32{2, 4, 0, 0, 20, 24}},
		{[]int64{1, 1, 1}, []float32{0, 0, 18, 24, 0, 0}},
		{[]int64{-1}, []float32{0, 0, 0, 0, 10, 12}},
	} {
		run(t, p, []*onnx.Tensor{onnx.FromInt64s(c.ids)}, true)
		if got := p.Params()[0].Gradient().Float32s(); !slices.Equal(got, c.want) {
			t.Errorf("rows %v: got %v, want %v", c.ids, got, c.want)
		}
	}
	if err := p.Run([]*onnx.Tensor{onnx.FromInt64s([]int64{3})}, true); err == nil || !strings.Contains(err.Error(), "Gather") {
		t.Errorf("a row that is not there: got %v, want an error of Gather", err)
	}
}

func TestShapesComputedFromTheBatch(t *testing.T) {
	// y = Reshape(x·w, Concat(Shape(x)[0], 2, 2)): a shape that is not the same for every batch size.
	axis := onnx.AttrInt("axis", 0)
	g := &onnx.Graph{Opsets: []onnx.Opset{{Version: 17}},
		Inputs: []*onnx.ValueInfo{{Name: "x", Type: onnx.TensorType(onnx.Float, onnx.Symbol("batch"), onnx.Fixed(4))}},
		Initializers: []*onnx.Tensor{{Name: "w", Type: onnx.Float, Dims: []int64{4}}, {Name: "rest", Type: onnx.Int64, Dims: []int64{2}, Data: onnx.BytesOf([]int64{2, 2})},
			{Name: "first", Type: onnx.Int64, Dims: []int64{1}, Data: onnx.BytesOf([]int64{0})}},
		Nodes: []*onnx.Node{
			{OpType: "Mul", Inputs: []string{"x", "w"}, Outputs: []string{"xw"}},
			{OpType: "Shape", Inputs: []string{"x"}, Outputs: []string{"dims"}},
			{OpType: "Gather", Inputs: []string{"dims", "first"}, Outputs: []string{"n"}},
			{OpType: "Concat", Inputs: []string{"n", "rest"}, Outputs: []string{"shape"}, Attributes: []*onnx.Attribute{axis}},
			{OpType: "Reshape", Inputs: []string{"xw", "shape"}, Outputs: []string{"y"}},
			{OpType: "ReduceSum", Inputs: []string{"y"}, Outputs: []string{"loss"}, Attributes: []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}},
		},
		Outputs: []*onnx.ValueInfo{{Name: "loss", Type: onnx.TensorType(onnx.Float)}, {Name: "y", Type: onnx.UnrankedTensorType(onnx.Float)}},
	}
	p, err := Lower(g, Options{Parameters: map[string]*onnx.Tensor{"w": onnx.FromFloat32s([]float32{1, 2, 3, 4}, 4)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{3, 1, 2, 5} {
		x := onnx.NewTensor(onnx.Float, n, 4)
		for i := range x.Float32s() {
			x.Float32s()[i] = 1
		}
		run(t, p, []*onnx.Tensor{x}, true)
		if got, want := p.Output("y").Dims, []int64{n, 2, 2}; !slices.Equal(got, want) {
			t.Errorf("batch of %d: got shape %v, want %v", n, got, want)
		}
		if got, want := p.Params()[0].Gradient().Float32s()[0], float32(n); got != want {
			t.Errorf("batch of %d: got gradient %v, want %v", n, got, want)
		}
	}
}
