package lowering

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// squares makes loss = Σ (x + c)², with x [batch, 2] and c [2] besides, and double = 2x.
func squares(t *testing.T) *onnx.Graph {
	t.Helper()
	b := graphs.New("squares")
	x := b.Input("x", onnx.Float, onnx.Symbol(graphs.Batch), onnx.Fixed(2))
	c := b.Input("c", onnx.Float, onnx.Fixed(2))
	b.Output("loss", x.Add(c).Reshape(-1).Square().ReduceSum())
	b.Output("double", x.Scale(2))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m.Graph
}

func TestForwardAlone(t *testing.T) {
	p, err := Lower(squares(t), Options{Forward: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range [][]float32{{1, 2}, {1, 2, 3, 4}, {5, 6, 7, 8, 9, 10}, {-1, 0}} {
		in := []*onnx.Tensor{onnx.FromFloat32s(x, int64(len(x)/2), 2), onnx.FromFloat32s([]float32{1, -1}, 2)}
		if err := p.Run(in, false); err != nil {
			t.Fatal(err)
		}
		want := float32(0)
		for i, v := range x {
			d := v + []float32{1, -1}[i%2]
			want += d * d
			if got := p.Output("double").Float32s()[i]; got != 2*v {
				t.Errorf("double of %v: element %d: got %g, want %g", x, i, got, 2*v)
			}
		}
		if got := p.Output("loss").Float32s()[0]; got != want {
			t.Errorf("%v: got %g, want %g", x, got, want)
		}
		if p.InputGradient("x") != nil {
			t.Error("got a gradient from a program that only goes forward")
		}
	}
	if err := p.Run(nil, true); err == nil || !strings.Contains(err.Error(), "only goes forward") {
		t.Errorf("training: got %v, want an error", err)
	}
}

func TestGradientsByInputs(t *testing.T) {
	p, err := Lower(squares(t), Options{Loss: "loss", Inputs: []string{"c", "x"}})
	if err != nil {
		t.Fatal(err)
	}
	if p.InputGradient("x") != nil {
		t.Error("got a gradient before any run")
	}
	for _, x := range [][]float32{{1, 2}, {1, 2, 3, 4, 5, 6}, {-1, 0, 2, 2}} {
		rows := int64(len(x) / 2)
		in := []*onnx.Tensor{onnx.FromFloat32s(x, rows, 2), onnx.FromFloat32s([]float32{1, -1}, 2)}
		if err := p.Run(in, true); err != nil {
			t.Fatal(err)
		}
		byX, byC := make([]float32, len(x)), make([]float32, 2)
		for i, v := range x {
			byX[i] = 2 * (v + []float32{1, -1}[i%2])
			byC[i%2] += byX[i]
		}
		if got := p.InputGradient("x"); !slices.Equal(got.Dims, []int64{rows, 2}) || !slices.Equal(got.Float32s(), byX) {
			t.Errorf("by x of %v: got %v %v, want %v", x, got, got.Float32s(), byX)
		}
		if got := p.InputGradient("c"); !slices.Equal(got.Float32s(), byC) {
			t.Errorf("by c of %v: got %v, want %v", x, got.Float32s(), byC)
		}
		if err := p.Run(in, false); err != nil {
			t.Fatal(err)
		}
		if p.InputGradient("x") != nil {
			t.Error("got a gradient from a run that did not train")
		}
	}
}

func TestInputsThatHaveNoGradient(t *testing.T) {
	for name, c := range map[string]struct {
		build       func(b *graphs.Builder, x graphs.Value)
		options     Options
		want        string
		unsupported bool
	}{
		"no such input": {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.ReduceSum()) }, Options{Inputs: []string{"z"}}, `input "z": the graph has no input`, false},
		"no way": {func(b *graphs.Builder, x graphs.Value) {
			b.Output("y", b.Parameter("w", graphs.Ones, 1).ReduceSum())
			b.Output("z", x.Exp())
		}, Options{Inputs: []string{"x"}, Parameters: map[string]*onnx.Tensor{"w": onnx.FromFloat32s([]float32{1}, 1)}}, `input "x": the loss "y" does not depend on it`, false},
		"a way that stops": {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.StopGradient().ReduceSum()) },
			Options{Inputs: []string{"x"}}, `only by ways that have no gradient`, false},
		"a way without one": {func(b *graphs.Builder, x graphs.Value) { b.Output("y", b.Op("Shrink", []graphs.Value{x}).ReduceSum()) },
			Options{Inputs: []string{"x"}}, `Shrink`, true},
		"forward with a loss": {func(b *graphs.Builder, x graphs.Value) { b.Output("y", x.ReduceSum()) }, Options{Forward: true, Loss: "y"}, "only goes forward", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := graphs.New("test")
			c.build(b, b.Input("x", onnx.Float, onnx.Fixed(2)))
			m, err := b.Model()
			if err != nil {
				t.Fatal(err)
			}
			_, err = Lower(m.Graph, c.options)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
			if got := errors.Is(err, ops.ErrUnsupported); got != c.unsupported {
				t.Errorf("wraps ErrUnsupported: got %v, want %v", got, c.unsupported)
			}
		})
	}
}
