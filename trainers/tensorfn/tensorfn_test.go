package tensorfn_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/trainers/lowering"
	"github.com/gonyx/gonyx/trainers/tensorfn"
)

func vector(v ...float32) *onnx.Tensor { return onnx.FromFloat32s(v, int64(len(v))) }
func scalar(v float32) *onnx.Tensor    { return onnx.Scalar32(v) }

// TestSmallFunctions are the ones by which the articles explain what a tensor is.
func TestSmallFunctions(t *testing.T) {
	for name, c := range map[string]struct {
		outputs func(s *tensorfn.Space, x graphs.Value) []graphs.Value
		in      *onnx.Tensor
		want    []*onnx.Tensor
	}{
		"the input": {func(s *tensorfn.Space, x graphs.Value) []graphs.Value { return []graphs.Value{x} },
			vector(1, 1, 1, 1), []*onnx.Tensor{vector(1, 1, 1, 1)}},
		"its square": {func(s *tensorfn.Space, x graphs.Value) []graphs.Value { return []graphs.Value{x.Square()} },
			vector(2, 2, 2, 2), []*onnx.Tensor{vector(4, 4, 4, 4)}},
		"input, square, mean and mean of the square": {func(s *tensorfn.Space, x graphs.Value) []graphs.Value {
			return []graphs.Value{x, x.Square(), x.ReduceMean(), x.Square().ReduceMean()}
		}, vector(2, 2, 2, 2), []*onnx.Tensor{vector(2, 2, 2, 2), vector(4, 4, 4, 4), scalar(2), scalar(4)}},
		"the mean is not the root of the mean of the square": {func(s *tensorfn.Space, x graphs.Value) []graphs.Value {
			return []graphs.Value{x.ReduceMean(), x.Square().ReduceMean()}
		}, vector(1, 2, 3, 6), []*onnx.Tensor{scalar(3), scalar(12.5)}},
		"input, square and gradient of the square": {func(s *tensorfn.Space, x graphs.Value) []graphs.Value {
			square := x.Square()
			return append([]graphs.Value{x, square}, s.Gradients(square, x)...)
		}, vector(3, 3, 3, 3), []*onnx.Tensor{vector(3, 3, 3, 3), vector(9, 9, 9, 9), vector(6, 6, 6, 6)}},
		"gradient of a gradient": {func(s *tensorfn.Space, x graphs.Value) []graphs.Value {
			return s.Gradients(s.Gradients(x.Square().Mul(x), x)[0], x)
		}, vector(1, 2, 3, 4), []*onnx.Tensor{vector(6, 12, 18, 24)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := tensorfn.New("small")
			x := s.Placeholder("input", 4)
			f, err := s.Function([]graphs.Value{x}, c.outputs(s, x))
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.Call(c.in)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "in Gorgonia", got, c.want, ops.Tolerance{})
			same(t, "by the backend", runs(t, f.Graph(), c.in), c.want, ops.Tolerance{})
			path := filepath.Join(t.TempDir(), "small.onnx")
			report, err := f.Export(context.Background(), path, 0)
			if err != nil {
				t.Fatalf("%v\n%v", err, report)
			}
			m, err := backend.Load(path, backend.Options{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			out, err := m.Run(context.Background(), []onnx.Value{c.in})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "from the file", tensors(out), c.want, ops.Tolerance{})
		})
	}
}

func same(t *testing.T, what string, got, want []*onnx.Tensor, tol ops.Tolerance) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d results, want %d", what, len(got), len(want))
	}
	for i := range want {
		if d := ops.Compare(got[i], want[i], tol); !d.Equal() {
			t.Errorf("%s: result %d: %v", what, i, d)
		}
	}
}

func tensors(values []onnx.Value) []*onnx.Tensor {
	list := make([]*onnx.Tensor, len(values))
	for i, v := range values {
		list[i] = v.(*onnx.Tensor)
	}
	return list
}

func runs(t *testing.T, g *onnx.Graph, in ...*onnx.Tensor) []*onnx.Tensor {
	t.Helper()
	m, err := backend.Compile(g, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	values := make([]onnx.Value, len(in))
	for i, x := range in {
		values[i] = x
	}
	out, err := m.Run(context.Background(), values)
	if err != nil {
		t.Fatal(err)
	}
	return tensors(out)
}

// layers makes a function of a small network with placeholders for everything: its loss and the loss's gradients.
func layers(t *testing.T) (f *tensorfn.Function, inputs []string) {
	t.Helper()
	s := tensorfn.New("layers")
	x := s.Placeholder("x", -1, 1, 6, 6)
	w := s.Placeholder("w", 3, 1, 3, 3)
	c := s.Placeholder("c", 3)
	v := s.Placeholder("v", 12, 4)
	b := x.Builder()
	h := b.Op("Conv", []graphs.Value{x, w, c}, onnx.AttrInts("pads", 1, 1, 0, 0))
	h = b.Op("MaxPool", []graphs.Value{h.Tanh()}, onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2))
	loss := s.Named("loss", h.Flatten().MatMul(v).Softmax().Log().Square().ReduceMean())
	by := []graphs.Value{x, w, c, v}
	f, err := s.Function(by, append([]graphs.Value{loss}, s.Gradients(loss, by...)...))
	if err != nil {
		t.Fatal(err)
	}
	return f, []string{"x", "w", "c", "v"}
}

func draw(seed uint64, rows int64) []*onnx.Tensor {
	rng := rand.New(rand.NewPCG(seed, 1))
	var list []*onnx.Tensor
	for _, dims := range [][]int64{{rows, 1, 6, 6}, {3, 1, 3, 3}, {3}, {12, 4}} {
		t := onnx.NewTensor(onnx.Float, dims...)
		for i := range t.Float32s() {
			t.Float32s()[i] = 2*rng.Float32() - 1
		}
		list = append(list, t)
	}
	return list
}

// TestGradientsAreGorgoniasAndSlopes: what a function gives as gradients is what the backend gives of its graph, what gorgonia.Grad
// gives, and how the function changes, for any number of rows.
func TestGradientsAreGorgoniasAndSlopes(t *testing.T) {
	f, inputs := layers(t)
	g := f.Graph()
	forward := g.Clone()
	forward.Outputs = forward.Outputs[:1]
	p, err := lowering.Lower(forward, lowering.Options{Loss: "loss", Inputs: inputs, Set: kernels.Best()})
	if err != nil {
		t.Fatal(err)
	}
	tol := ops.Tolerance{Rel: 1e-4, Abs: 1e-5}
	for rows := int64(1); rows <= 3; rows++ {
		in := draw(uint64(rows), rows)
		got, err := f.Call(in...)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "by the backend", runs(t, g, in...), got, tol)
		if err := p.Run(in, true); err != nil {
			t.Fatal(err)
		}
		want := []*onnx.Tensor{p.Output("loss")}
		for _, name := range inputs {
			want = append(want, p.InputGradient(name))
		}
		same(t, "against gorgonia.Grad", got, want, tol)
		for i, x := range in {
			slope(t, f, in, i, got[1+i])
			if !slices.Equal(x.Dims, got[1+i].Dims) {
				t.Errorf("gradient by %s: got shape %v, want %v", inputs[i], got[1+i].Dims, x.Dims)
			}
		}
	}
}

// slope moves input i along its gradient and sees whether the loss changes by the gradient's square.
func slope(t *testing.T, f *tensorfn.Function, in []*onnx.Tensor, i int, gradient *onnx.Tensor) {
	t.Helper()
	square := 0.0
	for _, v := range gradient.Float32s() {
		square += float64(v) * float64(v)
	}
	const h = 0.02
	at := func(h float64) float64 {
		moved := onnx.NewTensor(onnx.Float, in[i].Dims...)
		for k, v := range in[i].Float32s() {
			moved.Float32s()[k] = float32(float64(v) + h*float64(gradient.Float32s()[k])/math.Sqrt(square))
		}
		args := slices.Clone(in)
		args[i] = moved
		out, err := f.Call(args...)
		if err != nil {
			t.Fatal(err)
		}
		return float64(out[0].Float32s()[0])
	}
	if got, want := (at(h)-at(-h))/(2*h), math.Sqrt(square); math.Abs(got-want) > 0.02*want {
		t.Errorf("input %d: got slope %g, the gradient says %g", i, got, want)
	}
}

func TestExport(t *testing.T) {
	f, _ := layers(t)
	ctx := context.Background()
	dir := t.TempDir()
	for opset := int64(18); opset <= 23; opset++ {
		path := filepath.Join(dir, "layers.onnx")
		report, err := f.Export(ctx, path, opset)
		if err != nil {
			t.Fatalf("opset %d: %v\n%v", opset, err, report)
		}
		if report.Opset != opset || !strings.Contains(report.String(), "plan and trainer") {
			t.Errorf("got a report of opset %d, want %d, held against Gorgonia:\n%v", report.Opset, opset, report)
		}
	}
	old := filepath.Join(dir, "old.onnx")
	if _, err := f.Export(ctx, old, 17); err == nil || !strings.Contains(err.Error(), "opset 18 or newer, opset 17 was asked for") {
		t.Errorf("opset 17: got %v, want that gradients need 18", err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("opset 17 was refused, and yet there is a file")
	}
	s := tensorfn.New("plain")
	x := s.Placeholder("x", -1, 2)
	plain, err := s.Function([]graphs.Value{x}, []graphs.Value{x.Exp()})
	if err != nil {
		t.Fatal(err)
	}
	if report, err := plain.Export(ctx, old, 9); err != nil {
		t.Errorf("a function without gradients at opset 9: %v\n%v", err, report)
	}
}

func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		build func(s *tensorfn.Space, x graphs.Value) (in, out []graphs.Value)
		want  string
	}{
		"shapes that do not fit": {func(s *tensorfn.Space, x graphs.Value) (in, out []graphs.Value) {
			return []graphs.Value{x}, []graphs.Value{x.Add(s.Constant(vector(1, 2, 3)))}
		}, "add"},
		"a placeholder is not fed": {func(s *tensorfn.Space, x graphs.Value) (in, out []graphs.Value) { return nil, []graphs.Value{x.Exp()} }, `depends on input "x"`},
		"a gradient by nothing": {func(s *tensorfn.Space, x graphs.Value) (in, out []graphs.Value) {
			return []graphs.Value{x}, s.Gradients(x.Exp(), s.Placeholder("z", 2))
		}, `value "z"`},
		"a gradient that is not": {func(s *tensorfn.Space, x graphs.Value) (in, out []graphs.Value) {
			return []graphs.Value{x}, s.Gradients(x.Builder().Op("Shrink", []graphs.Value{x}), x)
		}, "Shrink: the operator has no gradient"},
		"a size that cannot be": {func(s *tensorfn.Space, x graphs.Value) (in, out []graphs.Value) {
			return []graphs.Value{x, s.Placeholder("z", -2)}, []graphs.Value{x.Exp()}
		}, `placeholder "z": size -2`},
		"a placeholder twice": {func(s *tensorfn.Space, x graphs.Value) (in, out []graphs.Value) {
			return []graphs.Value{s.Placeholder("x")}, []graphs.Value{x.Exp()}
		}, `input "x": the name is taken`},
		"a tensor of another space": {func(s *tensorfn.Space, x graphs.Value) (in, out []graphs.Value) {
			return []graphs.Value{x}, []graphs.Value{tensorfn.New("other").Number(1)}
		}, "another builder"},
	} {
		t.Run(name, func(t *testing.T) {
			s := tensorfn.New("wrong")
			in, out := c.build(s, s.Placeholder("x", 2))
			_, err := s.Function(in, out)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestCallsThatDoNotFit(t *testing.T) {
	s := tensorfn.New("two")
	x, y := s.Placeholder("x", -1, 2), s.Placeholder("y", -1, 2)
	f, err := s.Function([]graphs.Value{x, y}, []graphs.Value{x.Add(y)})
	if err != nil {
		t.Fatal(err)
	}
	two, three := onnx.NewTensor(onnx.Float, 2, 2), onnx.NewTensor(onnx.Float, 3, 2)
	for name, in := range map[string][]*onnx.Tensor{
		"too few": {two}, "too many": {two, two, two}, "nil": {two, nil}, "another rank": {two, vector(1, 2)}, "rows differ": {two, three},
		"another size": {two, onnx.NewTensor(onnx.Float, 2, 3)}, "another type": {two, onnx.NewTensor(onnx.Double, 2, 2)},
	} {
		if _, err := f.Call(in...); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if _, err := f.Call(three, three); err != nil {
		t.Errorf("got %v after calls that failed", err)
	}
}

// TestManyGoroutines: each caller gets its own results, which later calls leave alone.
func TestManyGoroutines(t *testing.T) {
	f, _ := layers(t)
	var group sync.WaitGroup
	for k := range 4 {
		group.Go(func() {
			in := draw(uint64(k), int64(k+1))
			first, err := f.Call(in...)
			if err != nil {
				t.Error(err)
				return
			}
			for range 3 {
				again, err := f.Call(in...)
				if err != nil {
					t.Error(err)
					return
				}
				same(t, "again", again, first, ops.Tolerance{})
			}
		})
	}
	group.Wait()
}
