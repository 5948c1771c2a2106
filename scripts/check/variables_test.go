package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestVariables(t *testing.T) {
	for phrase, c := range map[string]struct{ text, want string }{ // want "": fine
		"read alone":                    {"var x = 1\nfunc f() int { return x }", ""},
		"initialised by a function":     {"var x = func() map[int]int { m := map[int]int{}; m[1] = 2; return m }()", ""},
		"a local of the same name":      {"var x = 1\nfunc f() { x := 2; x++; _ = x }", ""},
		"a field of the same name":      {"var x = 1\ntype s struct{ x int }\nfunc (v *s) f() { v.x = 2 }", ""},
		"a parameter of the same name":  {"var x []int\nfunc f(x []int) { x[0] = 1 }", ""},
		"a once-only value":             {"import \"sync\"\nvar x = sync.OnceValue(func() int { return 1 })", ""},
		"assigned":                      {"var x int\nfunc f() { x = 1 }", "x is written"},
		"assigned with others":          {"var x int\nfunc f() { var y int; y, x = 1, 2; _ = y }", "x is written"},
		"counted":                       {"var x int\nfunc f() { x++ }", "x is written"},
		"added to":                      {"var x int\nfunc f() { x += 2 }", "x is written"},
		"a field":                       {"var x struct{ a struct{ b int } }\nfunc f() { x.a.b = 1 }", "x is written"},
		"an element":                    {"var x [3]int\nfunc f() { x[1] = 1 }", "x is written"},
		"an element of a slice":         {"var x []int\nfunc f() { x[1:][0] = 1 }", "x is written"},
		"a map's entry":                 {"var x = map[string]int{}\nfunc f() { x[\"a\"] = 1 }", "x is written"},
		"behind a pointer":              {"var x = new(int)\nfunc f() { *x = 1 }", "x is written"},
		"deleted from":                  {"var x = map[int]int{}\nfunc f() { delete(x, 1) }", "x is written"},
		"cleared":                       {"var x = map[int]int{}\nfunc f() { clear(x) }", "x is written"},
		"copied into":                   {"var x [3]int\nfunc f() { copy(x[:], []int{1}) }", "x is written"},
		"in a range":                    {"var x int\nfunc f() { for x = range 3 {} }", "x is written"},
		"in a function literal":         {"var x int\nvar f = func() { x = 1 }", "x is written"},
		"in a method":                   {"var x int\ntype s struct{}\nfunc (s) f() { x = 1 }", "x is written"},
		"of another package":            {"import \"os\"\nfunc f() { os.Args = nil }", "os.Args is written"},
		"a lock":                        {"import \"sync\"\nvar x sync.Mutex", "x holds a sync.Mutex"},
		"a pool behind a pointer":       {"import \"sync\"\nvar x = &sync.Pool{}", "x holds a sync.Pool"},
		"an atomic in a struct":         {"import \"sync/atomic\"\nvar x struct{ n [2]atomic.Int64 }", "x holds a atomic.Int64"},
		"a channel":                     {"var x = make(chan int)", "x holds a channel"},
		"a type that holds itself":      {"type s struct{ next *s }\nvar x s", ""},
		"a function named as a builtin": {"var x = []int{1}\nfunc clear([]int) {}\nfunc f() { clear(x) }", ""},
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "a.go", "package p\n"+c.text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("%s: %v", phrase, err)
		}
		w, err := newWriteFinder(fset, []*ast.File{f}, importer.ForCompiler(fset, "source", nil), "p")
		if err != nil {
			t.Fatalf("%s: %v", phrase, err)
		}
		got := strings.Join(w.find(), "\n")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
			t.Errorf("%s: got %q, want %q", phrase, got, c.want)
		}
	}
}
