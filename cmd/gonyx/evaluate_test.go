package main

import (
	"encoding/csv"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/onnx/wire"
)

// evaluation is what evaluate --json prints, read as somebody else reads it.
type evaluation struct {
	Rows    int
	Task    string
	Losses  map[string]*float64
	Metrics map[string]*float64
	Classes []struct {
		Name    string
		Count   int
		Figures map[string]*float64
	}
	Confusion *struct {
		Names  []string
		Counts [][]int
	}
	Note string
}

func evaluated(t *testing.T, args ...string) evaluation {
	t.Helper()
	out, _ := must(t, 0, append([]string{"evaluate", "--json", "--threads", "1"}, args...)...)
	var e evaluation
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// The figures of the exported file on the rows that were held out are those that training wrote down.
func TestEvaluateGivesTheFiguresOfTraining(t *testing.T) {
	for name, c := range map[string]struct {
		train, data []string
		losses      int
	}{
		"detector": {tiny("--limit", "60"), []string{"--data", "words", "--limit", "6"}, 5},
		"vae with drawn noise": {[]string{"train", "vae", "--data", "digits", "--limit", "60", "--epochs", "1", "--quiet", "--threads", "1"},
			[]string{"--data", "digits", "--limit", "6"}, 3},
		"filter of noise": {[]string{"train", "autoencoder", "--data", "digits", "--limit", "60", "--epochs", "1", "--quiet", "--threads", "1", "--set", "noise=0.3"},
			[]string{"--data", "digits", "--limit", "6", "--batch-size", "4"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			args := c.train
			if i := slices.Index(args, "24"); i > 0 {
				args = slices.Delete(slices.Clone(args), i-1, i+1)
			}
			must(t, 0, append(args, "--epochs", "1", "--seed", "5", "--out", dir)...)
			lines := results(t, dir)
			e := evaluated(t, append([]string{dir}, c.data...)...)
			if e.Rows != 6 || len(e.Losses) != c.losses || e.Note != "" {
				t.Errorf("got %+v, want 6 rows, %d losses and no note", e, c.losses)
			}
			compared := 0
			for i, column := range lines[0] {
				figure, ok := strings.CutPrefix(column, "val_")
				if !ok {
					continue
				}
				got := e.Losses[figure]
				if got == nil {
					got = e.Metrics[figure]
				}
				want, err := strconv.ParseFloat(lines[len(lines)-1][i], 64)
				if err != nil && got == nil {
					continue // an empty field, and null
				}
				if err != nil || got == nil || math.Abs(*got-want) > 1e-4*math.Abs(want)+1e-6 {
					t.Errorf("%s: got %v, want %v", figure, got, lines[len(lines)-1][i])
				}
				compared++
			}
			if compared < c.losses {
				t.Errorf("got %d figures to compare, want %d or more", compared, c.losses)
			}
		})
	}
}

func TestEvaluateAClassifier(t *testing.T) {
	dir := t.TempDir()
	table := filepath.Join(dir, "news")
	must(t, 0, "data", "news", "--count", "50", "--seed", "9", "--out", table)
	files, err := filepath.Glob(filepath.Join(table, "*.csv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got %v and %v, want one table", files, err)
	}
	run := filepath.Join(dir, "run")
	must(t, 0, small("--epochs", "2", "--out", run)...)
	// What the rows are taken for is read off the raw outputs.
	outputs := filepath.Join(dir, "y.npz")
	must(t, 0, "run", run, files[0], "-o", outputs, "--text-column", "0", "--label-column", "1")
	list, err := rows.ReadNPZFile(outputs, 0)
	if err != nil {
		t.Fatal(err)
	}
	y := list[0]
	text, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	records, err := csv.NewReader(text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	records = records[len(records)-50:]
	var layout []string
	if y.Dims[0] == 51 {
		layout = []string{"--header"}
	}
	e := evaluated(t, append([]string{run, "--data", files[0]}, layout...)...)
	names := e.Confusion.Names
	right := 0
	counts := make(map[[2]string]int)
	for i, r := range records {
		p := y.Float32s()[(int(y.Dims[0])-50+i)*4:][:4]
		guess := names[slices.Index(p, slices.Max(p))]
		counts[[2]string{r[1], guess}]++
		if guess == r[1] {
			right++
		}
	}
	if got, want := *e.Metrics["accuracy"], float64(right)/50; got != want || e.Rows != 50 || e.Task != "classification" {
		t.Errorf("got accuracy %v of %d rows, want %v of 50", got, e.Rows, want)
	}
	for i, truth := range names {
		for k, guess := range names {
			if got, want := e.Confusion.Counts[i][k], counts[[2]string{truth, guess}]; got != want {
				t.Errorf("%s taken for %s: got %d, want %d", truth, guess, got, want)
			}
		}
		if got, want := slices.Sorted(maps.Keys(e.Classes[i].Figures)), []string{"f1", "precision", "recall"}; !slices.Equal(got, want) || e.Classes[i].Name != truth {
			t.Errorf("class %d: got %v of %q, want %v of %q", i, got, e.Classes[i].Name, want, truth)
		}
	}
	if e.Losses["loss"] == nil {
		t.Error("got no loss, want the network's")
	}
	// By default generated rows are others than those trained on: their digest is.
	said, _ := must(t, 0, "evaluate", run, "--data", "news", "--limit", "30")
	for _, want := range []string{"rows      30 of news", "accuracy", "taken for"} {
		if !strings.Contains(said, want) {
			t.Errorf("got %q, want %q in it", said, want)
		}
	}
}

func TestEvaluateJSONKeys(t *testing.T) {
	out, _ := must(t, 0, "evaluate", trainedRun(t), "--data", "words", "--limit", "3", "--json")
	var all map[string]any
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	want := []string{"classes", "confusion", "data", "data_sha256", "kernels", "losses", "metrics", "note", "path", "rows", "task"}
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
		t.Errorf("got keys %v, want %v", got, want)
	}
	if got, want := slices.Sorted(maps.Keys(all["metrics"].(map[string]any))), []string{"map50", "map50_95"}; !slices.Equal(got, want) {
		t.Errorf("got metrics %v, want %v", got, want)
	}
	class := all["classes"].([]any)[0].(map[string]any)
	if got, want := slices.Sorted(maps.Keys(class)), []string{"count", "figures", "name"}; !slices.Equal(got, want) {
		t.Errorf("got keys %v of a class, want %v", got, want)
	}
	if got, want := slices.Sorted(maps.Keys(class["figures"].(map[string]any))), []string{"ap50", "ap50_95"}; !slices.Equal(got, want) {
		t.Errorf("got figures %v, want %v", got, want)
	}
}

// Files from elsewhere are measured, too: by a loss that is named, and without one where they say what they do.
func TestEvaluateForeignFiles(t *testing.T) {
	rowsFile := fixtures + "rows.npz"
	e := evaluated(t, fixtures+"classifier.onnx", "--data", rowsFile)
	if len(e.Losses) != 0 || len(e.Metrics) != 0 || e.Rows != 32 || !strings.Contains(e.Note, "--loss") {
		t.Errorf("got %+v, want nothing measured and a note", e)
	}
	e = evaluated(t, fixtures+"classifier.onnx", "--data", rowsFile, "--loss", "categorical-crossentropy-logits")
	one := evaluated(t, fixtures+"classifier-one.onnx", "--data", rowsFile, "--loss", "categorical-crossentropy-logits")
	// PyTorch's own figure of the first epoch's first batch is of weights that change; at the start the loss of 4 classes is near ln 4.
	if l := e.Losses["loss"]; l == nil || math.Abs(*l-math.Log(4)) > 0.3 || math.Abs(*l-*one.Losses["loss"]) > 1e-5 {
		t.Errorf("got losses %v and %v, want both the same, near ln 4", e.Losses, one.Losses)
	}
	if e.Metrics["accuracy"] == nil || e.Confusion == nil {
		t.Errorf("got %+v, want a classifier's figures", e)
	}
	// Trained on, it names its loss.
	dir := filepath.Join(t.TempDir(), "run")
	must(t, 0, onwards("--out", dir, "--validation-split", "0")...)
	e = evaluated(t, dir, "--data", rowsFile)
	lines := results(t, dir)
	last, err := strconv.ParseFloat(lines[2][1], 64)
	if err != nil || e.Losses["loss"] == nil || *e.Losses["loss"] >= last {
		t.Errorf("got loss %v after training, want less than the last epoch's mean %v", e.Losses["loss"], last)
	}
	// A file that is not the network that it says it is has no loss of that network.
	m := decoded(t, filepath.Join(trainedRun(t), "model.onnx"))
	node := m.Graph.Nodes[slices.IndexFunc(m.Graph.Nodes, func(n *onnx.Node) bool { return n.OpType == "Sigmoid" })]
	node.OpType = "Tanh"
	path := filepath.Join(t.TempDir(), "other.onnx")
	if err := wire.WriteFile(path, m, wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	e = evaluated(t, path, "--data", "words", "--limit", "3")
	if len(e.Losses) != 0 || len(e.Metrics) != 2 || !strings.Contains(e.Note, `not the network "yolo" that it says it is`) {
		t.Errorf("got %+v, want metrics alone and a note", e)
	}
}

func TestEvaluateMisuse(t *testing.T) {
	model := trainedRun(t)
	for name, c := range map[string]struct {
		code int
		args []string
		want string
	}{
		"no model":               {2, []string{"--data", "words"}, "0 are given"},
		"no data":                {2, []string{model}, "--data is missing"},
		"an unknown loss":        {2, []string{model, "--data", "words", "--loss", "hinge"}, "--loss hinge"},
		"no rows":                {2, []string{model, "--data", "words", "--limit", "0"}, "--limit 0"},
		"an option of nobody":    {2, []string{model, "--data", "words", "--set", "wings=2"}, "wings"},
		"data that is not there": {3, []string{model, "--data", "none.npz"}, "none.npz"},
		"data of another shape":  {3, []string{model, "--data", fixtures + "rows.npz"}, "rows.npz"},
		"a model not there":      {3, []string{"none.onnx", "--data", "words"}, "none.onnx"},
		"no batch":               {2, []string{model, "--data", "words", "--batch-size", "0"}, "--batch-size 0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := must(t, c.code, append([]string{"evaluate"}, c.args...)...)
			if !strings.Contains(errs, c.want) {
				t.Errorf("got %q, want %q in it", errs, c.want)
			}
		})
	}
}
