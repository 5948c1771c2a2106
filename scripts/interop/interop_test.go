package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/onnx/wire"
)

// Every file is the same network, at the opset that its name says, with arrays for its inputs and outputs.
func TestPairs(t *testing.T) {
	dir := t.TempDir()
	var out, errs strings.Builder
	if code := run(t.Context(), []string{dir}, &out, &errs); code != 0 {
		t.Fatalf("got exit %d: %s", code, &errs)
	}
	for _, n := range networks.All() {
		var first *onnx.Graph
		for opset := int64(firstOpset); opset <= lastOpset; opset++ {
			path := filepath.Join(dir, fmt.Sprintf("%s-%d", n.Name, opset))
			m, err := wire.ReadFile(path+".onnx", wire.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Graph.Opset(""); got != opset {
				t.Errorf("%s: got opset %d, want %d", path, got, opset)
			}
			if first == nil {
				first = m.Graph
			}
			if diff, err := graphs.Diff(first, m.Graph); err != nil || diff != "" {
				t.Errorf("%s differs from the first: %q, error %v", path, diff, err)
			}
			arrays, err := rows.ReadNPZFile(path+".npz", 0)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, a := range arrays {
				got = append(got, a.Name)
			}
			for _, v := range slices.Concat(m.Graph.RequiredInputs(), m.Graph.Outputs) {
				want = append(want, v.Name)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: got arrays %q, want %q", path, got, want)
			}
		}
	}
}

func TestMisuse(t *testing.T) {
	var out, errs strings.Builder
	if code := run(t.Context(), nil, &out, &errs); code != 2 || errs.Len() == 0 {
		t.Errorf("no folder: got exit %d and %q, want 2 and a message", code, &errs)
	}
	if code := run(t.Context(), []string{filepath.Join(t.TempDir(), "none")}, &out, &errs); code != 1 {
		t.Errorf("a folder that is not there: got exit %d, want 1", code)
	}
}
