package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx/rows"
)

// smallNews trains a classifier on generated news with the label first, and gives its model and the table.
func smallNews(t *testing.T) (model, table string) {
	t.Helper()
	dir := t.TempDir()
	must(t, 0, "data", "news", "--count", "120", "--out", filepath.Join(dir, "made"))
	f, err := os.Open(filepath.Join(dir, "made", newsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	made, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for _, r := range made {
		if err := w.Write([]string{r[1], r[0]}); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	table = filepath.Join(dir, "news.csv")
	if err := os.WriteFile(table, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "run")
	must(t, 0, "train", "news", "--data", table, "--text-column", "1", "--label-column", "0", "--epochs", "3", "--threads", "1", "--quiet",
		"--set", "words=200", "--set", "units=8", "--out", run)
	return filepath.Join(run, "model.onnx"), table
}

func TestRunRows(t *testing.T) {
	model, table := smallNews(t)
	dir := t.TempDir()

	// One line a row, in order, the layout as it was in training.
	out, _ := must(t, 0, "run", model, table)
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 120 || !strings.HasPrefix(lines[7], "row 7: ") || strings.Count(lines[7], ";") != 2 {
		t.Errorf("got %d lines such as %q, want 120 with three classes each", len(lines), lines[7])
	}

	// Results agree whatever the form, batch size and number of classes.
	in := filepath.Join(dir, "in.csv")
	if err := os.WriteFile(in, []byte("x,bank profit shares\nshort\nx,match goal team\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	csvFile, jsonFile, npy := filepath.Join(dir, "y.csv"), filepath.Join(dir, "y.jsonl"), filepath.Join(dir, "y.npy")
	_, errs := must(t, 4, "run", model, in, "-o", csvFile, "--top", "4")
	if !strings.Contains(errs, "row 1: line 2") || !strings.Contains(errs, "1 of 3 rows") {
		t.Errorf("got %q, want row 1 and line 2 named", errs)
	}
	must(t, 4, "run", model, in, "-o", jsonFile, "--top", "4", "--batch-size", "1")
	must(t, 4, "run", model, in, "-o", npy)
	f, err := os.Open(csvFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 4 || strings.Join(lines[0], ",") != "row,class1,probability1,class2,probability2,class3,probability3,class4,probability4,error" {
		t.Fatalf("got %q, %v, want a header and three rows", lines, err)
	}
	if bad := lines[2]; bad[0] != "1" || bad[1] != "" || !strings.Contains(bad[9], "line 2") {
		t.Errorf("got %q of the bad row, want its number, an empty result and the error", bad)
	}
	text, err := os.ReadFile(jsonFile)
	if err != nil {
		t.Fatal(err)
	}
	objects := strings.Split(strings.TrimSpace(string(text)), "\n")
	for i, line := range objects {
		var got struct {
			Row     int
			Classes []struct {
				Class       string
				Probability float64
			}
			Error string
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.Row != i || (got.Classes == nil) != (i == 1) || (got.Error != "") != (i == 1) {
			t.Fatalf("line %d: got %s, %v", i, line, err)
		}
		if i != 1 && got.Classes[0].Class != lines[i+1][1] {
			t.Errorf("row %d: got class %q in JSON, %q in CSV", i, got.Classes[0].Class, lines[i+1][1])
		}
	}
	array, err := rows.ReadNPYFile(npy, 0)
	if err != nil || array.Dims[0] != 3 || array.Dims[1] != 4 {
		t.Fatalf("got %v, %v, want [3, 4]", array, err)
	}
	if v := array.Float32s(); v[4] == v[4] || v[0] != v[0] || v[8] != v[8] {
		t.Errorf("got %v, want NaN for the bad row alone", v)
	}
}

func TestRunRowsFromStandardInput(t *testing.T) {
	model, _ := smallNews(t)
	for name, text := range map[string]string{
		"a table":      "x,bank profit shares\nx,goal\n",
		"only texts":   "bank profit shares\ngoal\n",
		"JSON objects": "{\"text\":\"bank profit shares\"}\n{\"text\":\"goal\"}\n",
	} {
		var out, errs bytes.Buffer
		args := []string{"gonyx", "run", model, "-", "--top", "1"}
		if name == "JSON objects" {
			args = append(args, "--text-column", "text")
		}
		if code := run(context.Background(), args, strings.NewReader(text), &out, &errs); code != 0 || strings.Count(out.String(), "\n") != 2 {
			t.Errorf("%s: got exit code %d and %q, %q, want a line for each of two rows", name, code, out.String(), errs.String())
		}
	}
}

func TestRunRowsRefuses(t *testing.T) {
	model, table := smallNews(t)
	cases := map[string]struct {
		code int
		args []string
		want string
	}{
		"rows beside a picture":    {2, []string{table, "a.png"}, "alone"},
		"a long delimiter":         {2, []string{table, "--delimiter", "::"}, "delimiter"},
		"drawing texts":            {2, []string{table, "--draw", "d"}, "no boxes"},
		"pictures for texts":       {3, []string{"a.png"}, "pictures"},
		"a table that is not here": {3, []string{"none.csv"}, "none.csv"},
		"a column without header":  {3, []string{table, "--text-column", "words"}, "--text-column"},
		"rows and --input":         {2, []string{table, "--input", "x=a.npy"}, "not both"},
	}
	for name, c := range cases {
		if code, _, errs := gonyx(t, append([]string{"run", model}, c.args...)...); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%s: got exit code %d and %q, want %d and %q", name, code, errs, c.code, c.want)
		}
	}
}

func TestDataIsWrittenAndTrainedOn(t *testing.T) {
	dir := t.TempDir()
	digits := filepath.Join(dir, "digits")
	must(t, 0, "data", "digits", "--count", "40", "--out", digits, "--seed", "3")
	must(t, 0, "train", "autoencoder", "--data", digits, "--epochs", "1", "--threads", "1", "--quiet", "--set", "units1=8", "--set", "units2=4",
		"--set", "code=2", "--out", filepath.Join(dir, "run"))
	must(t, 2, "data", "digits", "--out", digits)

	// A model without classes gives its output, one column an element, known before any row is good.
	in, out := filepath.Join(dir, "in.csv"), filepath.Join(dir, "y.csv")
	if err := os.WriteFile(in, []byte("1,2\n"+strings.Repeat("0,", 783)+"255\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	must(t, 4, "run", filepath.Join(dir, "run"), in, "-o", out)
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 3 || len(lines[0]) != 786 || lines[0][784] != "y[783]" || lines[1][1] != "" || lines[2][784] == "" {
		t.Errorf("got %d lines, %v, want a header, an empty result and one of 784 numbers", len(lines), err)
	}
	for name, args := range map[string][]string{
		"an unknown set": {"data", "nwes"}, "no set": {"data"}, "no rows": {"data", "news", "--count", "0"},
		"an option there is not": {"data", "news", "--set", "size=3", "--out", filepath.Join(dir, "x")},
	} {
		if code, _, _ := gonyx(t, args...); code != 2 {
			t.Errorf("%s: got exit code %d, want 2", name, code)
		}
	}
}

func TestTrainRefusesTablesItCannotRead(t *testing.T) {
	dir := t.TempDir()
	table := filepath.Join(dir, "a.csv")
	if err := os.WriteFile(table, []byte("text,kind\na b,1\nshort\nc d,2\ne f,2\ng,1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	train := func(more ...string) []string {
		return append([]string{"train", "news", "--data", table, "--epochs", "1", "--threads", "1", "--quiet", "--set", "words=20", "--set", "units=2",
			"--out", filepath.Join(dir, "run")}, more...)
	}
	_, errs := must(t, 3, train("--header")...)
	if !strings.Contains(errs, "line 3") {
		t.Errorf("got %q, want line 3 named", errs)
	}
	must(t, 2, train("--header", "--label-column", "label", "--set", "bad-rows=skip")...)
	must(t, 2, train("--escape", "ab")...)
	must(t, 2, train("--escape", ",")...)
	_, errs = must(t, 0, train("--header", "--label-column", "kind", "--set", "bad-rows=skip")...)
	if !strings.Contains(errs, "line 3") || !strings.Contains(errs, "1 of 5 rows") {
		t.Errorf("got %q, want the row that was passed over named", errs)
	}
}
