package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// staticVersion is a release that works with the Go version of go.mod.
const staticVersion = "v0.8.2"

func vet(ctx context.Context, t *tree) (string, error) {
	return "no complaint", t.runGo(ctx, nil, "vet", "./...")
}

func static(ctx context.Context, t *tree) (string, error) {
	return "no complaint of " + staticVersion, t.runGo(ctx, nil, "run", "honnef.co/go/tools/cmd/staticcheck@"+staticVersion, "./...")
}

// cross builds and vets, tests included, for another system.
func cross(goos, goarch string) func(context.Context, *tree) (string, error) {
	return func(ctx context.Context, t *tree) (string, error) {
		env := []string{"GOOS=" + goos, "GOARCH=" + goarch}
		return "builds", errors.Join(t.runGo(ctx, env, "build", "./..."), t.runGo(ctx, env, "vet", "./..."))
	}
}

// tests runs every test with more flags.
func tests(flags ...string) func(context.Context, *tree) (string, error) {
	return func(ctx context.Context, t *tree) (string, error) { return t.test(ctx, nil, flags...) }
}

// race runs the tests that are not long under the race detector, the one thing here that needs cgo.
func race(ctx context.Context, t *tree) (string, error) {
	cc, err := exec.CommandContext(ctx, "go", "env", "CC").Output()
	if err != nil {
		return "", fmt.Errorf("go env CC: %w", err)
	}
	if _, err := exec.LookPath(strings.TrimSpace(string(cc))); err != nil {
		return "", fmt.Errorf("the race detector needs a C compiler: install gcc: %w", err)
	}
	return t.test(ctx, []string{"CGO_ENABLED=1"}, "-race", "-short")
}

func (t *tree) test(ctx context.Context, env []string, flags ...string) (string, error) {
	cmd := t.command(ctx, env, "go", append(append([]string{"test", "-timeout", "20m"}, flags...), "./...")...)
	var lines bytes.Buffer
	cmd.Stdout = io.MultiWriter(t.out, &lines)
	err := cmd.Run()
	n := 0
	for line := range strings.Lines(lines.String()) {
		if strings.HasPrefix(line, "ok  ") {
			n++
		}
	}
	if err == nil && n == 0 {
		err = errors.New("no package has tests")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return fmt.Sprintf("%d packages", n), nil
}

// fuzz runs every fuzz target for some seconds, one after the other, as the go command asks for.
func fuzz(ctx context.Context, t *tree) (string, error) {
	targets, err := t.fuzzTargets()
	if err != nil {
		return "", err
	}
	for _, f := range targets {
		if err := f.run(ctx, t); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d targets, %v each", len(targets), t.fuzzTime), nil
}

// fuzzTries is how often a target is fuzzed where only the go command's own time ran out.
const fuzzTries = 3

func (f fuzzTarget) run(ctx context.Context, t *tree) error {
	var err error
	for range fuzzTries {
		var said bytes.Buffer
		heard := *t
		heard.out = io.MultiWriter(t.out, &said)
		err = heard.runGo(ctx, nil, "test", "-run", "^$", "-fuzz", "^"+f.name+"$", "-fuzztime", t.fuzzTime.String(), "./"+f.dir)
		if err == nil || !overran(said.String()) {
			return err
		}
	}
	return err
}

// overran tells whether fuzzing failed for nothing but its own end: a worker that is busy when the time is up makes the go command
// call that a failure, without an input that fails.
func overran(said string) bool {
	return strings.Contains(said, "\n    context deadline exceeded\n") && !strings.Contains(said, "Failing input") && !strings.Contains(said, "panic")
}

type fuzzTarget struct{ dir, name string }

// fuzzTargets finds func FuzzX(f *testing.F) in the module's tests.
func (t *tree) fuzzTargets() ([]fuzzTarget, error) {
	var targets []fuzzTarget
	files := slices.DeleteFunc(t.goFiles(), func(name string) bool { return !ofModule(name) || !strings.HasSuffix(name, "_test.go") })
	err := t.parsed(files, parser.SkipObjectResolution, func(name string, _ *token.FileSet, f *ast.File) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Fuzz") && takesF(fn.Type) {
				targets = append(targets, fuzzTarget{path.Dir(name), fn.Name.Name})
			}
		}
	})
	return targets, err
}

func takesF(fn *ast.FuncType) bool {
	if len(fn.Params.List) != 1 {
		return false
	}
	star, ok := fn.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "F"
}

// bench runs every benchmark once, so that none rots.
func bench(ctx context.Context, t *tree) (string, error) {
	cmd := t.command(ctx, nil, "go", "test", "-run", "^$", "-bench", ".", "-benchtime", "1x", "./...")
	var lines bytes.Buffer
	cmd.Stdout = io.MultiWriter(t.out, &lines)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	n := 0
	for line := range strings.Lines(lines.String()) {
		if strings.HasPrefix(line, "Benchmark") {
			n++
		}
	}
	return fmt.Sprintf("%d benchmarks", n), nil
}

// generated runs the generators. That of the assembly is a module of its own and knows no check: it runs in a copy.
func generated(ctx context.Context, t *tree) (string, error) {
	if err := t.runGo(ctx, nil, "run", "./scripts/generate", "-check"); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "gonyx-kernels")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	kernels := func(name string) bool { return strings.HasPrefix(name, "onnx/kernels/") }
	if err := t.copyTo(dir, kernels); err != nil {
		return "", err
	}
	cmd := t.command(ctx, nil, "go", "run", ".")
	cmd.Dir = filepath.Join(dir, "onnx", "kernels", "_avo")
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go run . in onnx/kernels/_avo: %w", err)
	}
	if err := t.differences(dir, kernels); err != nil {
		return "", fmt.Errorf("%w\nrun go run . in onnx/kernels/_avo", err)
	}
	return "schemas and assembly are current", nil
}

func operators(ctx context.Context, t *tree) (string, error) {
	return "current", t.runGo(ctx, nil, "run", "./scripts/operators", "-check")
}
