package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/wire"
)

func TestConvert(t *testing.T) {
	dir, run := t.TempDir(), trainedRun(t)
	old, latest := filepath.Join(dir, "old.onnx"), filepath.Join(dir, "new.onnx")
	must(t, 0, "convert", run, "--opset", "9", "-o", old)
	out, _ := must(t, 0, "convert", old, "-o", latest, "--opset", "22", "--json")
	var report map[string]any
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(report)), []string{"checks", "digest", "opset", "path"}; !slices.Equal(got, want) {
		t.Errorf("convert --json: got keys %v, want %v", got, want)
	}
	out, _ = must(t, 0, "compare", filepath.Join(run, "model.onnx"), latest)
	if !strings.Contains(out, "equal: both have the digest") {
		t.Errorf("got %q, want both equal", out)
	}
	must(t, 0, "verify", old)
	must(t, 0, "verify", latest)

	gelu := filepath.Join(dir, "gelu.onnx")
	free := onnx.TensorType(onnx.Float, onnx.Symbol("batch"), onnx.Fixed(3))
	if err := wire.WriteFile(gelu, &onnx.Model{IRVersion: 9, Graph: &onnx.Graph{
		Name: "gelu", Opsets: []onnx.Opset{{Version: 20}},
		Inputs: []*onnx.ValueInfo{{Name: "x", Type: free}}, Outputs: []*onnx.ValueInfo{{Name: "y", Type: free}},
		Nodes: []*onnx.Node{{Name: "n", OpType: "Gelu", Inputs: []string{"x"}, Outputs: []string{"y"}}},
	}}, wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		code int
		args []string
		want string
	}{
		"no opset":                    {2, []string{old, "-o", latest}, "--opset is missing"},
		"no output":                   {2, []string{old, "--opset", "12"}, "-o OUT.onnx is missing"},
		"an opset that nobody knows":  {2, []string{old, "--opset", "0", "-o", latest}, "want 1 to 28"},
		"two models":                  {2, []string{old, latest, "--opset", "12", "-o", latest}, "2 are given"},
		"a model that is not there":   {3, []string{filepath.Join(dir, "none.onnx"), "--opset", "12", "-o", latest}, "none.onnx"},
		"an opset that is too old":    {3, []string{gelu, "--opset", "19", "-o", filepath.Join(dir, "one.onnx")}, "Gelu does not exist before opset 20"},
		"a folder that is not there":  {3, []string{old, "--opset", "12", "-o", filepath.Join(dir, "no", "x.onnx")}, "no such file"},
		"a folder in place of a file": {3, []string{old, "--opset", "12", "-o", dir}, "is a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := must(t, c.code, append([]string{"convert"}, c.args...)...)
			if !strings.Contains(errs, c.want) {
				t.Errorf("got %q, want %q in it", errs, c.want)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "one.onnx")); err == nil {
		t.Error("a refused conversion left a file")
	}
}
