package scoring

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
)

// echo is a model of tokens that gives its input back.
func echo(t *testing.T, limit int64, elem onnx.ElemType, dims ...onnx.Dim) *Scorer {
	t.Helper()
	b := graphs.New("echo")
	b.Output("y", b.Op("Identity", []graphs.Value{b.Input("tokens", elem, dims...)}))
	built, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	file := &onnx.Model{IRVersion: 9, Graph: built.Graph}
	recipe := &features.Recipe{Task: features.TaskReconstruction, Tokens: features.KerasTokenizer, Layout: &features.Layout{TextColumn: "1"}}
	if file.Metadata, err = recipe.Metadata(); err != nil {
		t.Fatal(err)
	}
	m, err := backend.CompileModel(file, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	s, err := New(m, limit)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A batch of texts is as wide as its longest, and no narrower than one token.
func TestTablesOfTokens(t *testing.T) {
	batch, tokens := onnx.Symbol("batch"), onnx.Symbol("tokens")
	const table = "1,\"Cat, RAT!\"\nshort\n2,...\n3,a b-c\n4,d\n5,\n"
	bad := "bad: line 2: the row is short: 1 columns, column 1 is wanted"
	cases := map[string]struct {
		rows  onnx.Dim
		limit int64
		size  int
		want  []string
	}{
		"one by one":              {batch, 0, 1, []string{`["cat" "rat"]`, bad, `[""]`, `["a" "b" "c"]`, `["d"]`, `[""]`}},
		"by two":                  {batch, 0, 2, []string{`["cat" "rat"]`, bad, `["" "" ""]`, `["a" "b" "c"]`, `["d"]`, `[""]`}},
		"all at once":             {batch, 0, 0, []string{`["cat" "rat" ""]`, bad, `["" "" ""]`, `["a" "b" "c"]`, `["d" "" ""]`, `["" "" ""]`}},
		"a model of four rows":    {onnx.FixedDims(4)[0], 0, 0, []string{`["cat" "rat" ""]`, bad, `["" "" ""]`, `["a" "b" "c"]`, `["d"]`, `[""]`}},
		"more tokens than fit":    {batch, 2 * 2 * 16, 2, []string{`["cat" "rat"]`, bad, `[""]`, "bad: 3 tokens: a batch of [2 3] takes more than the memory limit of 64 bytes; lower the batch size", `["d"]`, `[""]`}},
		"fewer rows, and it fits": {batch, 3 * 16, 1, []string{`["cat" "rat"]`, bad, `[""]`, `["a" "b" "c"]`, `["d"]`, `[""]`}},
	}
	for name, c := range cases {
		s := echo(t, c.limit, onnx.String, c.rows, tokens)
		source, err := s.Table(strings.NewReader(table), "a.csv", TableOptions{Layout: *s.Recipe.Layout})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		_, _, err = s.Run(context.Background(), source, Options{BatchSize: c.size}, func(r Result) error {
			if r.Err != nil {
				got = append(got, "bad: "+r.Err.Error())
				return nil
			}
			got = append(got, fmt.Sprintf("%q", r.Output[0].Strings))
			return nil
		})
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestTokensNeedAnInputOfTokens(t *testing.T) {
	batch := onnx.Symbol("batch")
	for name, s := range map[string]*Scorer{
		"floats":             echo(t, 0, onnx.Float, batch, onnx.Symbol("tokens")),
		"texts as a whole":   echo(t, 0, onnx.String, batch),
		"a number of tokens": echo(t, 0, onnx.String, batch, onnx.FixedDims(5)[0]),
	} {
		if _, err := s.Table(strings.NewReader("a,b\n"), "a.csv", TableOptions{}); err == nil || !strings.Contains(err.Error(), "it takes tokens, string [batch, tokens]") {
			t.Errorf("%s: got %v, want that the input is none of tokens", name, err)
		}
	}
}
