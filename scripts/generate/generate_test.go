package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTreeIsCurrent(t *testing.T) {
	var out, errs strings.Builder
	if code := run([]string{"-check", "-root", "../.."}, &out, &errs); code != 0 {
		t.Errorf("got exit %d, want 0: %s", code, &errs)
	}
}

func TestCheckSeesEveryDifference(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, filepath.FromSlash(schemaDir))
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	put(filepath.Join(root, "go.mod"), "module m\n")
	check := func(want int, message string) {
		t.Helper()
		var out, errs strings.Builder
		if code := run([]string{"-check", "-root", root}, &out, &errs); code != want || !strings.Contains(errs.String(), message) {
			t.Errorf("got exit %d and %q, want %d and %q", code, &errs, want, message)
		}
	}
	generate := func() {
		t.Helper()
		var out, errs strings.Builder
		if code := run([]string{"-root", root}, &out, &errs); code != 0 {
			t.Fatalf("got exit %d, want 0: %s", code, &errs)
		}
	}
	check(1, "types_gen.go is missing")
	generate()
	check(0, "")
	put(filepath.Join(dir, "types_gen.go"), "package schema\n")
	check(1, "types_gen.go is not current")
	put(filepath.Join(dir, "old_gen.go"), "package schema\n")
	check(1, "old_gen.go is no longer generated")
	generate()
	check(0, "")
}

func TestOutputIsDeterministic(t *testing.T) {
	first, err := schemaFiles()
	if err != nil {
		t.Fatal(err)
	}
	second, err := schemaFiles()
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range first {
		if f.name != second[i].name || !bytes.Equal(f.text, second[i].text) {
			t.Errorf("%s: got two different texts from the same input", f.name)
		}
	}
}

func TestMisuse(t *testing.T) {
	for phrase, args := range map[string][]string{
		"unknown flag":     {"-nonesuch"},
		"an argument":      {"everything"},
		"not a repository": {"-root", t.TempDir()},
	} {
		var out, errs strings.Builder
		if code := run(args, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%s: got exit %d and %q, want 2 and a message", phrase, code, &errs)
		}
	}
}

func TestDefaultLiteral(t *testing.T) {
	for printed, want := range map[[2]string]string{
		{"int", "-1"}:                             "Value{Type: Int, Int: -1}",
		{"float", "0.5"}:                          "Value{Type: Float, bits: 0x3f000000 /* 0.5 */}",
		{"float", "-0.0"}:                         "Value{Type: Float, bits: 0x80000000 /* -0 */}",
		{"float", "(2.0)"}:                        "Value{Type: Float, bits: 0x40000000 /* 2 */}",
		{"string", "NOTSET"}:                      `Value{Type: String, Str: "NOTSET"}`,
		{"list of ints", "['0', '2', '3']"}:       "Value{Type: Ints, Ints: []int64{0, 2, 3}}",
		{"list of strings", "['Tanh', 'Tanh']"}:   `Value{Type: Strings, Strs: []string{"Tanh", "Tanh"}}`,
		{"int", "1.0"}:                            "",
		{"int", "99999999999999999999"}:           "",
		{"float", "one"}:                          "",
		{"float", "(2.0"}:                         "",
		{"float", "1e39"}:                         "",
		{"float", "nan"}:                          "",
		{"list of ints", "0, 2"}:                  "",
		{"list of ints", "[]"}:                    "",
		{"list of ints", "['x']"}:                 "",
		{"list of strings", "['it's']"}:           "",
		{"list of floats", "['1.0']"}:             "",
		{"tensor", "0"}:                           "",
		{"list of strings", "['Tanh', \"Tanh\"]"}: "",
	} {
		got, err := defaultLiteral(printed[0], printed[1])
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s %q: got %q and error %v, want %q", printed[0], printed[1], got, err, want)
		}
	}
}

func TestSpellType(t *testing.T) {
	for text, want := range map[string]string{
		"tensor(float)":                "tensor(float)",
		"seq(map(int64, float))":       "seq(map(int64,tensor(float)))",
		"map(string,tensor(int64))":    "map(string,tensor(int64))",
		"optional(seq(tensor(uint4)))": "optional(seq(tensor(uint4)))",
		"tensor(float7)":               "",
		"tensor(float))":               "",
		"seq(tensor(float)":            "",
		"map(float)":                   "",
		"T":                            "",
		"":                             "",
	} {
		got, err := spellType(text)
		if err == nil && got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q and error %v, want %q", text, got, err, want)
		}
	}
}

func TestReadStandardRefuses(t *testing.T) {
	const one = `"inputs":{"min":1,"max":1,"params":[{"name":"X","type":"T"}]},"outputs":{"min":0,"max":0},"types":{"T":["tensor(float)"]}`
	const none = `{"defaults":[]}`
	for message, c := range map[string][2]string{
		"unknown field":              {`{"operators":[{"name":"A","since":1,"colour":"red"}]}`, none},
		"stated twice":               {`{"operators":[{"name":"A","since":1},{"name":"A","since":1}]}`, none},
		"needs a name":               {`{"operators":[{"since":1}]}`, none},
		"a deprecated version":       {`{"operators":[{"name":"A","since":1,"deprecated":true,` + one + `}]}`, none},
		"do not follow":              {`{"operators":[{"name":"A","since":1,` + strings.Replace(one, `"max":1`, `"max":2`, 1) + `}]}`, none},
		`"U" is not a type`:          {`{"operators":[{"name":"A","since":1,` + strings.Replace(one, `"type":"T"`, `"type":"U"`, 1) + `}]}`, none},
		`unknown element type`:       {`{"operators":[{"name":"A","since":1,` + strings.Replace(one, `(float)`, `(floot)`, 1) + `}]}`, none},
		"is required and has":        {`{"operators":[{"name":"A","since":1,"attributes":[{"name":"a","type":"int","required":true,"default":"1"}]}]}`, none},
		"attribute \"a\" is stated":  {`{"operators":[{"name":"A","since":1,"attributes":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}]}`, none},
		"no such operator version":   {`{"operators":[]}`, `{"defaults":[{"name":"A","since":1,"attribute":"a"}]}`},
		"no such default":            {`{"operators":[{"name":"A","since":1}]}`, `{"defaults":[{"name":"A","since":1,"attribute":"a"}]}`},
		`now prints "2", not "1"`:    {`{"operators":[{"name":"A","since":1,"attributes":[{"name":"a","type":"int","default":"2"}]}]}`, `{"defaults":[{"name":"A","since":1,"attribute":"a","printed":"1","value":"1"}]}`},
		"variadic and not the last":  {`{"operators":[{"name":"A","since":1,"inputs":{"min":1,"max":-1,"params":[{"name":"x","type":"tensor(int8)","variadic":true},{"name":"y","type":"tensor(int8)"}]}}]}`, none},
		"both variadic and optional": {`{"operators":[{"name":"A","since":1,"inputs":{"min":1,"max":-1,"params":[{"name":"x","type":"tensor(int8)","variadic":true,"optional":true}]}}]}`, none},
	} {
		if _, err := readStandard([]input{{"some.json", []byte(c[0])}}, []byte(c[1])); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("got error %v, want one that says %q", err, message)
		}
	}
	withdrawn := input{"some.json", []byte(`{"operators":[{"name":"A","since":1,"withdrawn":true,` + one + `}]}`)}
	if _, err := readStandard([]input{withdrawn}, []byte(none)); err == nil || !strings.Contains(err.Error(), "not deprecated") {
		t.Errorf("a withdrawn version that is not deprecated: got error %v, want one that says so", err)
	}
	deprecated := input{"other.json", []byte(`{"operators":[{"name":"A","since":1,"deprecated":true}]}`)}
	if ops, err := readStandard([]input{deprecated, withdrawn}, []byte(none)); err != nil || len(ops) != 1 || !ops[0].Withdrawn {
		t.Errorf("a withdrawn version: got %v and error %v, want it alone", ops, err)
	}
	fine := input{"some.json", []byte(`{"operators":[{"name":"A","since":1,` + one + `}]}`)}
	if _, err := readStandard([]input{fine}, []byte(none)); err != nil {
		t.Errorf("a fine operator: got error %v, want none", err)
	}
	if _, err := readStandard([]input{fine, {"other.json", fine.text}}, []byte(none)); err == nil || !strings.Contains(err.Error(), "stated twice") {
		t.Errorf("an operator in two files: got error %v, want one that says \"stated twice\"", err)
	}
}
