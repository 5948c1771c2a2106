package gradients_test

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gonyx/gonyx/exporters"
	"github.com/gonyx/gonyx/graphs/gradients"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
)

// TestEveryGradientGraphCanBeExported: wherever a graph can be written to a file, so can its gradient graph, which stock onnx-go then
// reads and runs like we do, at the oldest opset that has the operator.
func TestEveryGradientGraphCanBeExported(t *testing.T) {
	if testing.Short() {
		t.Skip("some hundred exports take some seconds")
	}
	dir := t.TempDir()
	exported := 0
	for family, trials := range families() {
		for _, name := range slices.Sorted(maps.Keys(trials)) {
			tr := trials[name]
			t.Run(family+"/"+name, func(t *testing.T) {
				g, wrt, _ := tr.graph(t, allSizes, false)
				export := func(g *onnx.Graph, opset int64) error {
					_, err := exporters.Export(context.Background(), filepath.Join(dir, "gradient.onnx"), exporters.Spec{
						Graph: g, Opset: opset, Backend: backend.Options{Threads: 1}})
					return err
				}
				with, err := gradients.Gradients(g, "loss", wrt)
				if err != nil {
					t.Fatal(err)
				}
				for opset := int64(gradients.MinOpset); ; opset++ {
					err := export(with, opset)
					if err == nil {
						break
					}
					own := export(g, opset)
					if own == nil {
						t.Fatalf("opset %d: %v", opset, err)
					}
					if opset == onnx.MaxOpset {
						t.Skipf("the graph itself cannot be exported: %v", own)
					}
				}
				exported++
			})
		}
	}
	if exported < 100 {
		t.Errorf("got %d exported gradient graphs, want at least 100", exported)
	}
}
