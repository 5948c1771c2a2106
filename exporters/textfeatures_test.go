package exporters

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
)

// rowsThrough is a graph that gives the rows that it takes.
func rowsThrough(t *testing.T, columns int64) *onnx.Graph {
	t.Helper()
	b := graphs.New("rows")
	x := b.Input("x", onnx.Float, onnx.Symbol(graphs.Batch), onnx.Fixed(columns))
	b.Output("y", x.Add(b.Const("nothing", onnx.FromFloat32s([]float32{0}, 1))))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m.Graph
}

// The features inside a graph have the bits of those from outside, for every count, at every opset, and whatever the rows are padded to.
func TestTextFeaturesHaveTheBitsOfThoseOutside(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var words []string
	var idf []float32
	for i := range 40 {
		words = append(words, fmt.Sprintf("w%d", i))
		idf = append(idf, random.Float32()*9)
	}
	idf[3] = 0 // in every text
	for _, columns := range []int{41, 60} {
		text, err := features.NewText(columns, words, idf)
		if err != nil {
			t.Fatal(err)
		}
		// Row i has word i i times, and others: counts from 0 to 39.
		const width = 120
		tokens := onnx.FromStrings(make([]string, 40*width), 40, width)
		want := onnx.NewTensor(onnx.Float, 40, int64(columns))
		for i := range 40 {
			row := tokens.Strings[i*width : (i+1)*width]
			for k := range i {
				row[k] = words[i]
			}
			for k := i; k < i+60; k++ {
				row[k] = []string{"unknown", words[random.IntN(40)], words[random.IntN(4)]}[random.IntN(3)]
			}
			outside := text.Row(strings.Join(row, " "))
			outside.Fill(want.Float32s()[i*columns : (i+1)*columns])
		}
		whole, err := WithTextFeatures(rowsThrough(t, int64(columns)), text)
		if err != nil {
			t.Fatal(err)
		}
		for _, opset := range []int64{9, 10, 11, 13, 16, 17, 18, 21, onnx.MaxOpset} {
			path := filepath.Join(t.TempDir(), "text.onnx")
			report, err := Export(t.Context(), path, Spec{Graph: whole, Opset: opset})
			if err != nil {
				t.Fatalf("opset %d: %v\n%v", opset, err, report)
			}
			if !strings.Contains(report.String(), "it reads no strings") {
				t.Errorf("opset %d: got report\n%v\nwant it to say that stock onnx-go was not asked", opset, report)
			}
			if again, err := Verify(t.Context(), path, backend.Options{}); err != nil || !again.OK() {
				t.Errorf("opset %d: got %v and report\n%v", opset, err, again)
			}
			m, err := backend.Load(path, backend.Options{})
			if err != nil {
				t.Fatal(err)
			}
			out, err := m.Run(t.Context(), []onnx.Value{tokens})
			if err != nil {
				t.Fatal(err)
			}
			if got := out[0].(*onnx.Tensor); !bytes.Equal(got.Data, want.Data) {
				t.Errorf("opset %d, %d columns: got other bits than outside", opset, columns)
			}
			m.Close()
		}
	}
}

func TestTextFeaturesRefuse(t *testing.T) {
	text, err := features.NewText(3, []string{"a", "b"}, []float32{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	empty, err := features.NewText(3, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	taken := rowsThrough(t, 3)
	taken.Nodes[0].Outputs[0], taken.Outputs[0].Name = TokensInput, TokensInput
	for name, c := range map[string]struct {
		g    *onnx.Graph
		text *features.Text
		want string
	}{
		"rows of another width":     {rowsThrough(t, 4), text, `input "x" is tensor(float)[batch,4], the features are float[batch,3]`},
		"no words":                  {rowsThrough(t, 3), empty, "the vocabulary is empty"},
		"a value of the input name": {taken, text, `the network has a value "tokens", too`},
	} {
		if _, err := WithTextFeatures(c.g, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
