package main

import (
	"strings"
	"testing"
)

const head = "| level | package | owns | may import of ours | foreign libraries that live here |\n|---|---|---|---|---|\n"

const sound = "# Page\n\n" + head +
	"| 0 | `onnx` | the format | – | – |\n" +
	"| 1 | `onnx/ops` | meaning | `onnx` | – |\n" +
	"| 1 | `onnx/rows` | rows | `onnx` | `example.org/csv`, `example.org/npy` in `npy.go` |\n" +
	"| 2 | `graphs` | builder | `onnx/ops` | – |\n" +
	"| 7 | `scripts` | programs | all | – |\n" +
	"| 7 | `cmd/gonyx` | flags | all | `example.org/cli` |\n\nAnd | so | on.\n"

func TestImportsAgainstTable(t *testing.T) {
	rows, err := readTable(sound)
	if err != nil {
		t.Fatal(err)
	}
	for phrase, c := range map[string]struct{ file, imported, want string }{ // want "": allowed
		"a package that the row names":         {"onnx/ops/a.go", "m/onnx", ""},
		"a package behind one that it names":   {"graphs/a.go", "m/onnx", ""},
		"up":                                   {"onnx/ops/a.go", "m/graphs", "onnx/ops may not"},
		"sideways":                             {"onnx/rows/a.go", "m/onnx/ops", "onnx/rows may not"},
		"down, but not named":                  {"graphs/a.go", "m/onnx/rows", "graphs may not"},
		"a program imports all":                {"cmd/gonyx/a.go", "m/onnx/rows", ""},
		"a program below scripts imports all":  {"scripts/x/a.go", "m/graphs", ""},
		"a program imports a program":          {"cmd/gonyx/a.go", "m/scripts/x", "cmd/gonyx may not"},
		"a package imports a program":          {"graphs/a.go", "m/cmd/gonyx", "graphs may not"},
		"a package without a row":              {"other/a.go", "fmt", "other has no row"},
		"a package below one that has a row":   {"graphs/deep/a.go", "fmt", "graphs/deep has no row"},
		"an import without a row":              {"graphs/a.go", "m/other", "other, which has no row"},
		"a test imports up":                    {"onnx/a_test.go", "m/graphs", ""},
		"a test imports its own package":       {"graphs/a_test.go", "m/graphs", ""},
		"a test imports a program":             {"onnx/a_test.go", "m/cmd/gonyx", "onnx may not"},
		"a test imports any library":           {"onnx/a_test.go", "example.org/any", ""},
		"the standard library":                 {"onnx/a.go", "encoding/json", ""},
		"C":                                    {"onnx/a.go", "C", "imports C"},
		"C in a test":                          {"onnx/a_test.go", "C", "imports C"},
		"a library at home":                    {"onnx/rows/a.go", "example.org/csv", ""},
		"a package of a library at home":       {"onnx/rows/a.go", "example.org/csv/fast", ""},
		"a library whose name begins the same": {"onnx/rows/a.go", "example.org/csvs", "does not live"},
		"a library away from home":             {"onnx/ops/a.go", "example.org/csv", "does not live"},
		"a library in its file":                {"onnx/rows/npy.go", "example.org/npy", ""},
		"a library outside its file":           {"onnx/rows/a.go", "example.org/npy", "does not live"},
		"a library that a package behind has":  {"cmd/gonyx/a.go", "example.org/csv", "does not live"},
	} {
		err := rows.allows("m", c.file, c.imported)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s imports %s: got error %v, want %q", phrase, c.file, c.imported, err, c.want)
		}
	}
}

func TestTableRefuses(t *testing.T) {
	for phrase, c := range map[string]struct{ text, want string }{
		"no table":               {"# Page\n", "no table"},
		"two tables":             {sound + "\n" + head, "two tables"},
		"a name without a row":   {head + "| 1 | `a` | x | `b` | – |\n", "`b`, which has no row"},
		"a name of its level":    {head + "| 1 | `a` | x | `b` | – |\n| 1 | `b` | x | – | – |\n", "imports point down"},
		"a name above":           {head + "| 1 | `a` | x | `b` | – |\n| 2 | `b` | x | – | – |\n", "imports point down"},
		"itself":                 {head + "| 1 | `a` | x | `a` | – |\n", "imports point down"},
		"a package twice":        {head + "| 1 | `a` | x | – | – |\n| 1 | `a` | x | – | – |\n", "twice"},
		"a level that is none":   {head + "| one | `a` | x | – | – |\n", "level \"one\""},
		"a cell too few":         {head + "| 1 | `a` | x | – |\n", "4 cells"},
		"a name without ticks":   {head + "| 1 | `a` | x | b | – |\n", "in backticks"},
		"a library not in ticks": {head + "| 1 | `a` | x | – | csv |\n", "foreign library \"csv\""},
	} {
		if _, err := readTable(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one that says %q", phrase, err, c.want)
		}
	}
}
