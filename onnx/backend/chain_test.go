package backend_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Steps on elements joined to what makes their input give what they give apart, to the bit, for every set and number of threads.
func TestChains(t *testing.T) {
	same, group := onnx.AttrInts("pads", 1, 1, 1, 1), onnx.AttrInt("group", 4)
	w, d := draw("w", 4, 4, 3, 3), draw("d", 4, 1, 3, 3)
	for phrase, c := range map[string]struct {
		x      []int64
		out    string
		nodes  []*onnx.Node
		consts []*onnx.Tensor
		want   string // of the plan's steps
	}{
		"behind a convolution": {[]int64{4, 9, 11}, "y", []*onnx.Node{node("Conv", "x w", "a", same), node("HardSwish", "a", "b"), node("Mul", "s b", "c"), node("Add", "c b1", "y")},
			[]*onnx.Tensor{w, draw("s", 1), draw("b1", 1)}, "Conv+HardSwish+Mul+Add"},
		"behind one of each channel": {[]int64{4, 33, 31}, "y", []*onnx.Node{node("Conv", "x d", "a", same, group), node("Swish", "a", "b"), node("Sub", "s b", "y")},
			[]*onnx.Tensor{d, draw("s", 4, 1, 1)}, "Conv+Swish+Sub"},
		"a sum with what goes around": {[]int64{4, 30, 31}, "y", []*onnx.Node{node("Conv", "x w", "a", same), node("Relu", "a", "b"), node("Conv", "b d", "c", same, group), node("Add", "x c", "d1"), node("Relu", "d1", "y")},
			[]*onnx.Tensor{w, d}, "FusedConv+Relu Conv+Add+Relu"},
		"a sum of two convolutions": {[]int64{4, 9, 11}, "y", []*onnx.Node{node("Conv", "x w", "a", same), node("Conv", "x d", "b", same, group), node("Sub", "a b", "y")},
			[]*onnx.Tensor{w, d}, "Conv Conv+Sub"},
		"behind a transposed one": {[]int64{4, 5, 6}, "y", []*onnx.Node{node("ConvTranspose", "x v", "a", onnx.AttrInts("strides", 2, 2)), node("Sigmoid", "a", "b"), node("Div", "s b", "y")},
			[]*onnx.Tensor{draw("v", 4, 3, 2, 2), draw("s", 12)}, "FusedConvTranspose+Sigmoid+Div"},
		"without a product": {[]int64{5, 70, 41}, "y", []*onnx.Node{node("Abs", "x", "a"), node("Add", "a r", "b"), node("Div", "k b", "c"), node("Clip", "c lo hi", "e"), node("Max", "e o", "y")},
			[]*onnx.Tensor{positive(draw("r", 41)), draw("k", 5, 1, 1), named("lo", onnx.Scalar32(-0.5)), named("hi", onnx.Scalar32(0.7)), draw("o")}, "Abs+Add+Div+Clip+Max"},
		"not where another reads": {[]int64{40}, "y", []*onnx.Node{node("Exp", "x", "a"), node("Neg", "a", "b"), node("Add", "a b", "y")},
			nil, "Exp Neg+Add"},
		"not where it is an output": {[]int64{40}, "y a", []*onnx.Node{node("Exp", "x", "a"), node("Neg", "a", "y")},
			nil, "Exp Neg"},
		"a square": {[]int64{40}, "y", []*onnx.Node{node("Exp", "x", "a"), node("Mul", "a a", "b"), node("Neg", "b", "y")},
			nil, "Exp Mul+Neg"},
		"not what is spread out": {[]int64{40}, "y", []*onnx.Node{node("Exp", "x", "a"), node("Add", "a r", "b"), node("Neg", "b", "y")},
			[]*onnx.Tensor{draw("r", 3, 1, 40)}, "Exp Add Neg"},
	} {
		t.Run(phrase, func(t *testing.T) {
			g := graph(c.x, c.out, c.nodes, c.consts...)
			in := []onnx.Value{draw("x", append([]int64{2}, c.x...)...)}
			for _, set := range kernels.Supported() {
				plain, err := backend.Compile(g, backend.Options{Kernels: set.String(), Threads: 1, Plain: true})
				if err != nil {
					t.Fatal(err)
				}
				defer plain.Close()
				want, oracle := runModel(t, plain.Run, in), runModel(t, plain.Evaluate, in)
				for threads := 1; threads <= 2; threads++ {
					m, err := backend.Compile(g, backend.Options{Kernels: set.String(), Threads: threads})
					if err != nil {
						t.Fatal(err)
					}
					defer m.Close()
					p, err := m.Plan(in)
					if err != nil {
						t.Fatal(err)
					}
					if got := operators(p); got != c.want {
						t.Errorf("got plan %q, want %q", got, c.want)
					}
					for range 2 { // the second time, memory is used again
						got := runModel(t, m.Run, in)
						for i := range got {
							if !bytes.Equal(got[i].(*onnx.Tensor).Data, want[i].(*onnx.Tensor).Data) {
								t.Errorf("%v, %d threads: output %d: %v", set, threads, i, ops.Compare(got[i], want[i], ops.Tolerance{}))
							}
							if d := ops.Compare(got[i], oracle[i], ops.Tolerance{Rel: 1e-5, Abs: 1e-5}); !d.Equal() {
								t.Errorf("%v, against Eval: output %d: %v", set, i, d)
							}
						}
					}
				}
			}
		})
	}
}

// A chain allocates nothing once it is warm.
func TestChainsAllocateNothing(t *testing.T) {
	g := graph([]int64{4, 9, 11}, "y", []*onnx.Node{node("Conv", "x w", "a"), node("HardSwish", "a", "b"), node("Mul", "s b", "c"), node("MaxPool", "c", "e", onnx.AttrInts("kernel_shape", 2, 2)), node("Exp", "e", "f"), node("Neg", "f", "y")},
		draw("w", 4, 4, 3, 3), draw("s", 4, 1, 1))
	m, err := backend.Compile(g, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	in := []onnx.Value{draw("x", 2, 4, 9, 11)}
	out := runModel(t, m.Run, in)
	if testing.Short() {
		t.Skip("the race detector, which the short tests run under, allocates for itself")
	}
	if n := testing.AllocsPerRun(20, func() {
		if err := m.RunInto(context.Background(), in, out); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("got %v allocations a run, want none", n)
	}
}
