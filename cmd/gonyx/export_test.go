package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

// A file that is exported again is the one that training at that opset writes, byte for byte.
func TestExportAgain(t *testing.T) {
	dir, first := t.TempDir(), trainedRun(t)
	for _, opset := range []string{"17", "9", "11", "13", "22"} {
		out := filepath.Join(dir, opset+".onnx")
		said, _ := must(t, 0, "export", first, "-o", out, "--opset", opset)
		if !strings.Contains(said, "plan and the run's model at batch 3") {
			t.Errorf("got %q, want it held against the run's model", said)
		}
		must(t, 0, "verify", out)
		must(t, 0, "compare", first, out)
		if got := decoded(t, out).Graph.Opset(""); opset != fmt.Sprint(got) {
			t.Errorf("got opset %d, want %s", got, opset)
		}
	}
	direct := filepath.Join(dir, "direct")
	must(t, 0, tiny("--out", direct, "--opset", "11")...)
	for name, pair := range map[string][2]string{
		"at its own opset": {filepath.Join(first, "model.onnx"), filepath.Join(dir, "17.onnx")},
		"at another":       {filepath.Join(direct, "model.onnx"), filepath.Join(dir, "11.onnx")},
	} {
		a, err := os.ReadFile(pair[0])
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(pair[1])
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s: got other bytes than training's", name)
		}
	}
	// Without --opset it is the run's own; the data is not needed, nor anything but the run.
	must(t, 0, "export", direct, "-o", filepath.Join(dir, "own.onnx"))
	if got := decoded(t, filepath.Join(dir, "own.onnx")).Graph.Opset(""); got != 11 {
		t.Errorf("got opset %d, want the run's 11", got)
	}
	external := filepath.Join(dir, "external.onnx")
	must(t, 0, "export", first, "-o", external, "--external-data")
	if info, err := os.Stat(external + ".data"); err != nil || info.Size() == 0 {
		t.Errorf("got %v, want a file of data", err)
	}
	must(t, 0, "compare", first, external)
}

// A text model with its features inside gives from tokens what the run's model gives from features outside, to the bit.
func TestExportWithFeatures(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	must(t, 0, small("--epochs", "1", "--out", run)...)
	out := filepath.Join(dir, "whole.onnx")
	said, _ := must(t, 0, "export", run, "-o", out, "--with-features")
	for _, want := range []string{"it reads no strings", "plan and the run's model with features from outside at batch 3"} {
		if !strings.Contains(said, want) {
			t.Errorf("got %q, want %q in it", said, want)
		}
	}
	must(t, 0, "verify", out)
	m := decoded(t, filepath.Join(run, "model.onnx"))
	recipe, _, err := features.Restore(m.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	known := recipe.Text.Words
	text := []string{known[0] + " " + known[1] + " " + known[0], "nothing known", known[5] + " " + known[5] + " " + known[5] + " " + known[2]}
	tokens := onnx.FromStrings(make([]string, 3*6), 3, 6)
	x := onnx.NewTensor(onnx.Float, 3, int64(recipe.Text.Columns))
	for i, line := range text {
		copy(tokens.Strings[i*6:], features.Words(line))
		row := recipe.Text.Row(line)
		row.Fill(x.Float32s()[i*recipe.Text.Columns : (i+1)*recipe.Text.Columns])
	}
	results := make([][]byte, 2)
	for i, c := range []struct {
		path string
		in   *onnx.Tensor
	}{{filepath.Join(run, "model.onnx"), x}, {out, tokens}} {
		model, err := backend.Load(c.path, backend.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer model.Close()
		got, err := model.Run(t.Context(), []onnx.Value{c.in})
		if err != nil {
			t.Fatal(err)
		}
		results[i] = got[0].(*onnx.Tensor).Data
	}
	if !bytes.Equal(results[0], results[1]) {
		t.Error("got other bits from tokens than from features outside")
	}
	whole := decoded(t, out)
	if in := whole.Graph.Inputs; len(in) != 1 || in[0].Name != "tokens" || in[0].Type.String() != "tensor(string)[batch,tokens]" {
		t.Errorf("got inputs %v, want tokens alone", in)
	}
	if r, ok, err := features.Restore(whole.Metadata); err != nil || !ok || r.Text != nil || len(r.Classes) != 4 || r.Tokens != recipe.Text.Tokenizer {
		t.Errorf("got recipe %+v and %v, want the classes, the tokenizer and no text", r, err)
	}
}

// Rows run through a model with its features inside as they do through the run's own: laid out as in training, to the bit, bad rows too.
func TestRunWithFeaturesInside(t *testing.T) {
	dir := t.TempDir()
	outside, table := smallNews(t)
	inside := filepath.Join(dir, "inside.onnx")
	must(t, 0, "export", filepath.Dir(outside), "-o", inside, "--with-features")
	if recipe, _, err := features.Restore(decoded(t, outside).Metadata); err != nil || recipe.Layout == nil || recipe.Layout.TextColumn != "1" {
		t.Fatalf("got %+v, %v, want texts in column 1, which is not the default", recipe, err)
	}
	made, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad.csv")
	if err := os.WriteFile(bad, append([]byte("x,\nshort\nx,nothing-that is known\n"), made...), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		code int
		args []string
	}{
		"to the screen":           {0, []string{table}},
		"arrays":                  {0, []string{table, "-o", "y.npz"}},
		"arrays, one by one":      {0, []string{table, "-o", "y.npz", "--batch-size", "1"}},
		"bad rows, an array":      {4, []string{bad, "-o", "y.npy"}},
		"bad rows, lines":         {4, []string{bad, "-o", "y.jsonl", "--top", "2", "--batch-size", "7"}},
		"bad rows, a table":       {4, []string{bad, "-o", "y.csv", "--top", "4"}},
		"the labels as texts":     {0, []string{table, "--text-column", "0", "-o", "y.npz"}},
		"a column there is not":   {3, []string{table, "--text-column", "words"}},
		"pictures in their place": {3, []string{"a.png"}},
	} {
		var said, errs, files [2]string
		for i, model := range []string{outside, inside} {
			args := append([]string{"run", model}, c.args...)
			at := slices.Index(args, "-o") + 1
			if at > 0 {
				args[at] = filepath.Join(dir, fmt.Sprint(i)+args[at])
			}
			said[i], errs[i] = must(t, c.code, args...)
			if at > 0 {
				text, err := os.ReadFile(args[at])
				if err != nil || len(text) == 0 {
					t.Fatalf("%s: got %d bytes, %v, want results", name, len(text), err)
				}
				files[i] = string(text)
			}
		}
		if said[0] != said[1] || errs[0] != errs[1] || files[0] != files[1] {
			t.Errorf("%s: got %q and %q with features inside, %q and %q outside; equal files: %v", name, said[1], errs[1], said[0], errs[0], files[0] == files[1])
		}
	}
}

func TestExportRefuses(t *testing.T) {
	dir, good := t.TempDir(), trainedRun(t)
	out := filepath.Join(dir, "m.onnx")
	// A run that was interrupted has no model yet.
	cut := filepath.Join(dir, "cut")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	errs := &stopWriter{after: 2, stop: cancel}
	if code := run(ctx, append([]string{"gonyx"}, tiny("--out", cut, "--watch", "loss")...), strings.NewReader(""), &bytes.Buffer{}, errs); code != 130 {
		t.Fatalf("got exit code %d, want 130", code)
	}
	copied := func(name string, weights []*onnx.Tensor) string {
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(to, "weights"), 0o777); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(good, "model.onnx"))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, "model.onnx"), text, 0o666)
		}
		if err == nil && weights != nil {
			err = rows.WriteNPZFile(filepath.Join(to, "weights", "best.npz"), weights)
		}
		if err != nil {
			t.Fatal(err)
		}
		return to
	}
	best, err := rows.ReadNPZFile(filepath.Join(good, "weights", "best.npz"), 0)
	if err != nil {
		t.Fatal(err)
	}
	extra := onnx.NewTensor(onnx.Float, 2)
	extra.Name = "extra"
	shape := *onnx.NewTensor(onnx.Float, 2)
	shape.Name = best[0].Name
	other := onnx.NewTensor(onnx.Float, best[0].Dims...)
	other.Name = best[0].Name
	for name, c := range map[string]struct {
		code int
		args []string
		want string
	}{
		"no run":                   {2, []string{"-o", out}, "0 are given"},
		"no output":                {2, []string{good}, "-o MODEL.onnx is missing"},
		"an opset too old":         {2, []string{good, "-o", out, "--opset", "8"}, "--opset 8"},
		"a run not there":          {3, []string{filepath.Join(dir, "none"), "-o", out}, "no run directory"},
		"a file in its place":      {3, []string{filepath.Join(good, "model.onnx"), "-o", out}, "gonyx convert"},
		"a run that is cut":        {3, []string{cut, "-o", out}, "is not finished"},
		"no weights":               {3, []string{copied("bare", nil), "-o", out}, "best.npz"},
		"a weight too many":        {3, []string{copied("many", append([]*onnx.Tensor{extra}, best...)), "-o", out}, `array "extra" is no weight`},
		"a weight of another size": {3, []string{copied("size", append([]*onnx.Tensor{&shape}, best[1:]...)), "-o", out}, best[0].Name},
		"weights of another run":   {1, []string{copied("other", append([]*onnx.Tensor{other}, best[1:]...)), "-o", out}, "the run's model"},
		"a detector's features":    {2, []string{good, "-o", out, "--with-features"}, "takes no texts"},
		"no folder":                {3, []string{good, "-o", filepath.Join(dir, "no", "m.onnx")}, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			said, errs := must(t, c.code, append([]string{"export"}, c.args...)...)
			if !strings.Contains(said+errs, c.want) {
				t.Errorf("got %q, want %q in it", said+errs, c.want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("got a file")
			}
		})
	}
}
