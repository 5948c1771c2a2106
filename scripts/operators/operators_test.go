package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx/ops"
)

// What is known of some operators without looking at the tables.
func TestOperators(t *testing.T) {
	list, err := operators("../../graphs")
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]operator{}
	for i, o := range list {
		if i > 0 && list[i-1].name >= o.name {
			t.Errorf("%s stands after %s", o.name, list[i-1].name)
		}
		byName[o.name] = o
		if (o.fast || o.trainable) && !o.meaning {
			t.Errorf("%s is fast %v, trainable %v and has no meaning", o.name, o.fast, o.trainable)
		}
	}
	for name, want := range map[string]operator{
		"Conv":    {meaning: true, class: ops.Rounds, trainable: true, builder: "Conv2D", fast: true},
		"Add":     {meaning: true, class: ops.Rounds, trainable: true, builder: "Value.Add", fast: true},
		"NonZero": {meaning: true, class: ops.Exact},
		"Scatter": {gone: true},
	} {
		got := byName[name]
		got.name, got.versions = "", nil
		if want.builder == got.builder && want.meaning == got.meaning && want.class == got.class &&
			want.trainable == got.trainable && want.fast == got.fast && want.gone == got.gone {
			continue
		}
		t.Errorf("%s: got %+v, want %+v", name, got, want)
	}
}

func TestReadBuilders(t *testing.T) {
	dir := t.TempDir()
	text := "package graphs\n" +
		"func (v Value) Add(w Value) Value { return v.binary(\"Add\", w) }\n" +
		"func (v *Value) Plus(w Value) Value { return v.binary(\"Add\", w) }\n" +
		"func Dense() Layer { return func() { x(onnx.Node{OpType: \"Gemm\"}) } }\n" +
		"func Both() []Value { return b.Op(\"Split\") }\n" +
		"func hidden() Value { return b.Op(\"Sin\") }\n" +
		"func Print() string { return name(\"Cos\") }\n"
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := readBuilders(dir)
	if err != nil {
		t.Fatal(err)
	}
	for op, want := range map[string]string{"Add": "Value.Add", "Gemm": "Dense", "Split": "Both", "Sin": "", "Cos": ""} {
		if got[op] != want {
			t.Errorf("%s: got %q, want %q", op, got[op], want)
		}
	}
	if _, err := readBuilders(t.TempDir()); err == nil {
		t.Error("an empty folder: got no error")
	}
}

func TestMisuse(t *testing.T) {
	for phrase, args := range map[string][]string{"an unknown flag": {"-nonesuch"}, "an argument": {"everything"}} {
		var out, errs strings.Builder
		if code := run(args, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%s: got exit %d and %q, want 2 and a message", phrase, code, &errs)
		}
	}
}

func TestCheckSeesAStalePage(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "graphs"), 0o755); err != nil {
		t.Fatal(err)
	}
	builder := "package graphs\nfunc (v Value) Abs() Value { return v.unary(\"Abs\") }\n"
	if err := os.WriteFile(filepath.Join(root, "graphs", "a.go"), []byte(builder), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		args    []string
		want    int
		message string
	}{
		{[]string{"-check"}, 1, "OPERATORS.md"}, {nil, 0, ""}, {[]string{"-check"}, 0, ""},
	} {
		var out, errs strings.Builder
		if code := run(append(c.args, "-root", root), &out, &errs); code != c.want || !strings.Contains(errs.String(), c.message) {
			t.Errorf("step %d: got exit %d and %q, want %d and %q", i, code, &errs, c.want, c.message)
		}
	}
	path := filepath.Join(root, page)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, 'x'), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	if code := run([]string{"-check", "-root", root}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "is not current") {
		t.Errorf("a changed page: got exit %d and %q, want 1", code, &errs)
	}
}
