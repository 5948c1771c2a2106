package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	gofmt "go/format"
	"go/parser"
	"go/token"
	"os"
	"path"
	"slices"
	"strings"
)

// format holds every Go file against what gofmt would write.
func format(_ context.Context, t *tree) (string, error) {
	var wrong []error
	for _, name := range t.goFiles() {
		text, err := os.ReadFile(t.path(name))
		if err != nil {
			return "", err
		}
		switch formatted, err := gofmt.Source(text); {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		case !bytes.Equal(text, formatted):
			wrong = append(wrong, fmt.Errorf("%s is not formatted: run gofmt -w on it", name))
		}
	}
	return fmt.Sprintf("%d files", len(t.goFiles())), errors.Join(wrong...)
}

// names refuses files and folders whose name does not say what belongs in them.
func names(_ context.Context, t *tree) (string, error) {
	var wrong []error
	for _, name := range t.files {
		if part := emptyName(name); part != "" {
			wrong = append(wrong, fmt.Errorf("%s: %q says nothing: name it after what is in it", name, part))
		}
	}
	return fmt.Sprintf("%d files", len(t.files)), errors.Join(wrong...)
}

// emptyName gives the part of a path that says nothing, or "".
func emptyName(name string) string {
	for part := range strings.SplitSeq(name, "/") {
		stem := strings.TrimSuffix(part, path.Ext(part))
		word, _, _ := strings.Cut(stem, "_") // common_test.go, utils_amd64.s
		if slices.Contains([]string{"util", "utils", "helper", "helpers", "common", "misc"}, strings.ToLower(word)) {
			return part
		}
	}
	return ""
}

// inits refuses init functions, tests included.
func inits(_ context.Context, t *tree) (string, error) {
	var wrong []error
	err := t.parsed(t.goFiles(), parser.SkipObjectResolution, func(_ string, fset *token.FileSet, f *ast.File) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				wrong = append(wrong, fmt.Errorf("%v: an init function: nothing happens at import", fset.Position(fn.Pos())))
			}
		}
	})
	return fmt.Sprintf("%d files", len(t.goFiles())), errors.Join(append(wrong, err)...)
}
