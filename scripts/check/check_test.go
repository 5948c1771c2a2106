package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// treeOf makes a tree of the files.
func treeOf(t *testing.T, files map[string]string) *tree {
	t.Helper()
	made := &tree{root: t.TempDir(), module: "m", out: &strings.Builder{}}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(made.path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(made.path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		made.files = append(made.files, name)
	}
	return made
}

func TestSteps(t *testing.T) {
	const fine = "package p\n"
	for phrase, c := range map[string]struct {
		step  func(context.Context, *tree) (string, error)
		files map[string]string
		want  string // "": passes
	}{
		"formatted":                  {format, map[string]string{"a.go": fine}, ""},
		"not formatted":              {format, map[string]string{"b/a.go": "package  p\n"}, "b/a.go is not formatted"},
		"not Go":                     {format, map[string]string{"a.go": "pack p\n"}, "a.go"},
		"test data is left alone":    {format, map[string]string{"testdata/a.go": "package  p\n"}, ""},
		"a noun":                     {names, map[string]string{"commonmark.go": "", "a/shape.go": ""}, ""},
		"utils":                      {names, map[string]string{"utils.go": ""}, "utils.go"},
		"a test of helpers":          {names, map[string]string{"a/helper_test.go": ""}, "helper_test.go"},
		"a folder":                   {names, map[string]string{"Common/a.py": ""}, "Common"},
		"an init function":           {inits, map[string]string{"a.go": fine + "func init() {}\n"}, "a.go:2:1"},
		"an init in a test":          {inits, map[string]string{"a_test.go": fine + "func init() {}\n"}, "a_test.go:2:1"},
		"a method named init":        {inits, map[string]string{"a.go": fine + "type s int\nfunc (s) init() {}\n"}, ""},
		"imports as the table says":  {imports, map[string]string{"ARCHITECTURE.md": sound, "onnx/a.go": fine + "import \"fmt\"\n"}, ""},
		"an import out of the table": {imports, map[string]string{"ARCHITECTURE.md": sound, "onnx/a.go": fine + "import \"m/graphs\"\n"}, "onnx/a.go:2:8"},
		"imports of a nested module": {imports, map[string]string{"ARCHITECTURE.md": sound, "onnx/_gen/a.go": fine + "import \"x.org/y\"\n"}, ""},
		"no table":                   {imports, map[string]string{"onnx/a.go": fine}, "ARCHITECTURE.md"},
		"commands that work":         {readme, map[string]string{"README.md": "```sh\ntest -f README.md\n```\n\n```text\ngo test ./...\n```\n"}, ""},
		"a command that fails":       {readme, map[string]string{"README.md": "```sh\ntrue\nfalse\ntrue\n```\n```sh\ngo test ./...\n```\n"}, "README.md:2"},
		"no test command":            {readme, map[string]string{"README.md": "```sh\ntrue\n```\n"}, "how to run the tests"},
		"nothing but the tests":      {readme, map[string]string{"README.md": "```sh\ngo test ./...\n```\n"}, "no block marked sh"},
	} {
		_, err := c.step(t.Context(), treeOf(t, c.files))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", phrase, err, c.want)
		}
	}
}

func TestShellBlocks(t *testing.T) {
	page := "one\n```sh\na\nb\n```\n```sh long\nc\n```\n```go\n// ```sh\n```\n\n  ```sh\n  d\n  ```\n"
	blocks, err := shellBlocks(page)
	if got, want := fmt.Sprint(blocks), "[{3 a\nb\n} {14   d\n}]"; err != nil || got != want {
		t.Errorf("got %q and error %v, want %q", got, err, want)
	}
	if _, err := shellBlocks("```sh\na\n"); err == nil {
		t.Error("a block without an end: got no error")
	}
}

// Fuzzing that ran out of time is no failure; one that found an input is, whatever else it says.
func TestOverran(t *testing.T) {
	const late = "--- FAIL: FuzzX (6.05s)\n    context deadline exceeded\nFAIL\n"
	for said, want := range map[string]bool{
		late: true,
		late + "    Failing input written to testdata/fuzz/FuzzX/1\n": false,
		"--- FAIL: FuzzX (0.05s)\n    --- FAIL: FuzzX (0.00s)\n":      false,
		"panic: context\n" + late:                                     false,
	} {
		if got := overran(said); got != want {
			t.Errorf("%q: got %v, want %v", said, got, want)
		}
	}
}

func TestFuzzTargets(t *testing.T) {
	made := treeOf(t, map[string]string{
		"a/a_test.go": "package a\nimport \"testing\"\nfunc FuzzOne(f *testing.F) {}\nfunc FuzzyHelp(n int) {}\nfunc (s) FuzzTwo(f *testing.F) {}\n",
		"a/a.go":      "package a\nimport \"testing\"\nfunc FuzzThree(f *testing.F) {}\n",
	})
	targets, err := made.fuzzTargets()
	if got := fmt.Sprint(targets); err != nil || got != "[{a FuzzOne}]" {
		t.Errorf("got %s and error %v, want [{a FuzzOne}]", got, err)
	}
}

func TestDifferences(t *testing.T) {
	made := treeOf(t, map[string]string{"k/a.s": "1", "k/b.s": "2", "other": "3"})
	in := func(name string) bool { return strings.HasPrefix(name, "k/") }
	dir := t.TempDir()
	if err := made.copyTo(dir, in); err != nil {
		t.Fatal(err)
	}
	if err := made.differences(dir, in); err != nil {
		t.Errorf("an unchanged copy: got %v", err)
	}
	for name, text := range map[string]string{"a.s": "changed", "c.s": "new"} {
		if err := os.WriteFile(filepath.Join(dir, "k", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "k", "b.s")); err != nil {
		t.Fatal(err)
	}
	want := "k/a.s is not current\nk/c.s is missing\nk/b.s is no longer made"
	if err := made.differences(dir, in); err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestMisuse(t *testing.T) {
	for phrase, args := range map[string][]string{"an unknown step": {"imports", "everything"}, "an unknown flag": {"-nonesuch"}} {
		var out, errs strings.Builder
		if code := run(t.Context(), args, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%s: got exit %d and %q, want 2 and a message", phrase, code, &errs)
		}
	}
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"-list"}, &out, &errs); code != 0 || !strings.HasPrefix(out.String(), "format\nnames\n") {
		t.Errorf("-list: got exit %d and %q", code, &out)
	}
}
