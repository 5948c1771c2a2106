package backend_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/fixtures/conformance"
	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/wire"
)

// TestPouredCorpus pours every model of an old and a new release of the official suite that stock onnx-go can read, which those
// with other types than float mostly are not. What it delivers is what we decode; and run from its calls alone, a model gives
// the same bits as with the file's bytes, or is an error, which from opset 7 on asks for them.
func TestPouredCorpus(t *testing.T) {
	archive := conformance.Archive(t)
	want := func(release, _, _ string) bool { return release == "v1.2.3" || release == "v1.22.0" }
	poured, ran, asked := 0, 0, make(map[string]int)
	err := conformance.Walk(archive, want, func(c conformance.Case) error {
		m, err := wire.Decode(c.Model, wire.Options{})
		if err != nil {
			t.Errorf("%s: %v", c, err)
			return nil
		}
		p, err := backend.PourModel(c.Model)
		if err != nil {
			if !strings.Contains(err.Error(), "stock onnx-go") {
				t.Errorf("%s: got error %v, want one of stock onnx-go's own", c, err)
			}
			return nil
		}
		defer p.Close()
		if len(m.Graph.Opsets) == 0 {
			return nil
		}
		if _, err := graphs.Canonical(m.Graph); err != nil {
			return nil // an operator that the standard's data no longer has
		}
		if diff, err := graphs.Diff(m.Graph, p.Graph()); err != nil || diff != "" {
			t.Errorf("%s: got difference %q and error %v, want none", c, diff, err)
		}
		poured++
		in := inputs(c, m)
		if in == nil || len(c.Model) > 1<<20 {
			return nil
		}
		right, err := p.Run(in)
		if err != nil {
			return nil // an operator without a meaning here yet, or an output that Gorgonia has no tensor for
		}
		blind, err := backend.PourBlind(c.Model)
		if err == nil {
			defer blind.Close()
			var got []*onnx.Tensor
			if got, err = blind.Run(in); err == nil {
				ran++
				for i := range right {
					if !slices.Equal(right[i].Dims, got[i].Dims) || !bytes.Equal(right[i].Data, got[i].Data) {
						t.Errorf("%s: output %d from the calls alone: got %v, want %v", c, i, got[i], right[i])
					}
				}
				return nil
			}
		}
		if m.Graph.Opset("") >= 7 && !strings.Contains(err.Error(), "WithBytes") {
			t.Errorf("%s: from the calls alone: %v", c, err)
		}
		asked[m.Graph.Nodes[0].OpType]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d models by both roads; %d of them ran from the calls alone; these asked for the bytes: %v", poured, ran, asked)
	if poured < 1500 || ran < 1000 {
		t.Errorf("got %d models by both roads and %d run from the calls alone, want 1500 and 1000 or more", poured, ran)
	}
}

// inputs gives the inputs of a case's first data set, or nil where they are not all tensors.
func inputs(c conformance.Case, m *onnx.Model) []*onnx.Tensor {
	if len(c.DataSets) == 0 || len(c.DataSets[0].Inputs) > len(m.Graph.Inputs) {
		return nil
	}
	in := []*onnx.Tensor{}
	for i, data := range c.DataSets[0].Inputs {
		v, err := wire.DecodeValue(data, m.Graph.Inputs[i].Type, wire.Options{})
		t, ok := v.(*onnx.Tensor)
		if err != nil || !ok {
			return nil
		}
		in = append(in, t)
	}
	return in
}
