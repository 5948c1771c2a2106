package backend_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// ways says of each step of a plan which way it runs: r for those of a region, R for the last of one, f fast, p plain.
func ways(p *backend.Plan) string {
	var s strings.Builder
	for _, line := range strings.Split(p.String(), "\n")[1:] {
		word, _, _ := strings.Cut(line, " ")
		switch {
		case word == "region" && strings.Contains(line, "kept["):
			s.WriteString("R")
		case word != "":
			s.WriteString(word[:1])
		}
	}
	return s.String()
}

// Regions hold what nothing else reads, as much as stays in cache, and give what the plain plan gives, from many goroutines.
func TestRegions(t *testing.T) {
	pads := onnx.AttrInts("pads", 1, 1, 1, 1)
	pool := []*onnx.Attribute{onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2)}
	shape := &onnx.Tensor{Name: "shape", Type: onnx.Int64, Dims: []int64{4}, Data: onnx.BytesOf([]int64{-1, 4, 8, 8})}
	scales := named("scales", onnx.FromFloat32s([]float32{1, 1, 2, 2}, 4))
	nearest := []*onnx.Attribute{onnx.AttrString("mode", "nearest"), onnx.AttrString("coordinate_transformation_mode", "asymmetric"), onnx.AttrString("nearest_mode", "floor")}
	u, v, w := draw("u", 4, 3, 3, 3), draw("v", 4, 4, 3, 3), draw("w", 5, 4, 3, 3)
	for phrase, c := range map[string]struct {
		x     []int64
		out   string
		nodes []*onnx.Node
		ways  string
	}{
		"a chain": {[]int64{3, 8, 8}, "y", []*onnx.Node{node("Conv", "x u", "a", pads), node("MaxPool", "a", "b", pool...),
			node("Resize", "b _ scales", "c", nearest...), node("Exp", "c", "d"), node("Conv", "d w", "y")}, "rrRf"},
		"two readers": {[]int64{3, 8, 8}, "y", []*onnx.Node{node("Conv", "x u", "a", pads), node("MaxPool", "a", "b", pool...), node("Conv", "b v", "c", pads),
			node("Conv", "b v", "d", pads), node("Conv", "d w", "e"), node("Exp", "c", "f"), node("ReduceSum", "f", "g"), node("Mul", "e g", "y")}, "rRffrR"},
		"an output inside": {[]int64{3, 8, 8}, "y b", []*onnx.Node{node("Conv", "x u", "a", pads), node("MaxPool", "a", "b", pool...), node("Conv", "b v", "c", pads),
			node("Conv", "c w", "y")}, "rRrR"},
		"a view between": {[]int64{3, 8, 8}, "y", []*onnx.Node{node("Conv", "x u", "a", pads), node("Conv", "a v", "b", pads), node("Reshape", "b shape", "c"),
			node("Conv", "c v", "d", pads), node("Conv", "d w", "y")}, "rRrR"},
		"a branch that comes first": {[]int64{3, 8, 8}, "y", []*onnx.Node{node("Conv", "x u", "a", pads), node("Exp", "x", "z"), node("Conv", "a v", "b", pads),
			node("ReduceSum", "z", "s"), node("Mul", "b s", "y")}, "ffrR"},
		"weights that a run makes": {[]int64{3, 8, 8}, "y", []*onnx.Node{node("Conv", "x u", "a", pads), node("ReduceSum", "a", "s"), node("Mul", "v s", "k"),
			node("Conv", "a k", "b", pads), node("MaxPool", "b", "y", pool...)}, "fffff"},
		"one that goes by squares, and what is behind it": {[]int64{16, 24, 24}, "y", []*onnx.Node{node("Conv", "x big", "a", pads), node("Add", "a x", "b"), node("Relu", "b", "y")}, "R"},
		"poolings alone": {[]int64{3, 8, 8}, "y", []*onnx.Node{node("MaxPool", "x", "a", pool...), node("MaxPool", "a", "y", pool...)}, "ff"},
		"planes too large for a cache": {[]int64{3, 250, 250}, "y", []*onnx.Node{node("Conv", "x u", "a", pads), node("Conv", "a v", "b", pads), node("MaxPool", "b", "c", pool...),
			node("Conv", "c w", "d"), node("MaxPool", "d", "y", pool...)}, "frRrR"},
	} {
		t.Run(phrase, func(t *testing.T) {
			g := graph(c.x, c.out, c.nodes, u, v, w, shape, scales, draw("big", 16, 16, 3, 3))
			tolerance := ops.Tolerance{}
			if c.ways == "R" {
				tolerance = ops.Tolerance{Rel: 1e-5, Abs: 1e-5}
			}
			for _, set := range kernels.Supported() {
				for _, threads := range []int{1, 2} {
					m, err := backend.Compile(g, backend.Options{Kernels: set.String(), Threads: threads})
					if err != nil {
						t.Fatal(err)
					}
					plain, err := backend.Compile(g, backend.Options{Kernels: set.String(), Threads: 1, Plain: true})
					if err != nil {
						t.Fatal(err)
					}
					var wait sync.WaitGroup
					for k := range 3 {
						in := []onnx.Value{draw(fmt.Sprint(phrase, k), append([]int64{int64(k + 1)}, c.x...)...)}
						p, err := m.Plan(in)
						if err != nil {
							t.Fatal(err)
						}
						wantWays := c.ways
						if wantWays == "R" && set.String() != "avx512" {
							wantWays = "f" // it does not pay here
						}
						if got := ways(p); got != wantWays {
							t.Fatalf("%v: got %q, want %q in\n%v", set, got, wantWays, p)
						}
						want := runModel(t, plain.Run, in)
						wait.Go(func() {
							for range 2 {
								for i, got := range runModel(t, m.Run, in) {
									if d := ops.Compare(got, want[i], tolerance); !d.Equal() {
										t.Errorf("%v, %d threads, batch %d: output %d: %v", set, threads, k+1, i, d)
									}
								}
							}
						})
					}
					wait.Wait()
					m.Close()
					plain.Close()
				}
			}
		})
	}
}
