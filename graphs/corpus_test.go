package graphs

import (
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/fixtures/conformance"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/wire"
)

// withoutSchema are operators that old releases tested and the standard's data no longer describes.
var withoutSchema = []string{"ConstantFill", "DynamicSlice", "MeanVarianceNormalization does not exist", "ThresholdedRelu does not exist",
	"GroupNormalization was taken out"}

// TestCorpusHasForms holds equality against every model of the official suite's oldest and newest releases: it has a form
// where it is sound, and the same one under other names, in another order and after going to bytes and back.
func TestCorpusHasForms(t *testing.T) {
	archive := conformance.Archive(t)
	releases := []string{"v1.2.3", "v1.7.0", "v1.13.1", "v1.22.0"}
	models := 0
	want := func(release, _, _ string) bool { return slices.Contains(releases, release) }
	err := conformance.Walk(archive, want, func(c conformance.Case) error {
		m, err := wire.Decode(c.Model, wire.Options{})
		if err != nil {
			t.Errorf("%s: %v", c, err)
			return nil
		}
		if len(m.Graph.Opsets) == 0 {
			m.Graph = ops.WithOpset1(m.Graph)
		}
		f, err := Canonical(m.Graph)
		if err != nil {
			if !slices.ContainsFunc(withoutSchema, func(word string) bool { return strings.Contains(err.Error(), word) }) {
				t.Errorf("%s: %v", c, err)
			}
			return nil
		}
		models++
		data, err := wire.Encode(m)
		if err != nil {
			t.Errorf("%s: %v", c, err)
			return nil
		}
		again, err := wire.Decode(data, wire.Options{})
		if err != nil {
			t.Errorf("%s: %v", c, err)
			return nil
		}
		if len(again.Graph.Opsets) == 0 {
			again.Graph = ops.WithOpset1(again.Graph)
		}
		other := renamed(again.Graph)
		slices.Reverse(other.Nodes)
		o, err := Canonical(other)
		if err != nil {
			t.Errorf("%s under other names: %v", c, err)
			return nil
		}
		if got := f.Diff(o); got != "" {
			t.Errorf("%s under other names: got %q, want no difference", c, got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if models < 3000 {
		t.Errorf("got %d models with a form, want at least 3000", models)
	}
}
