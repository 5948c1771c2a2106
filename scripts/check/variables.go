package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// variables refuses package-level variables that a function writes: by assignment, to themselves or to what they hold,
// or by delete, clear and copy; and those whose type is there to be written: locks, pools, atomics, channels. A write
// through a pointer or a slice that was first put elsewhere is not seen. Tests are free. The module is read as each
// system builds it, so that no file is left out.
func variables(ctx context.Context, t *tree) (string, error) {
	seen := map[string]bool{}
	var wrong []error
	n := 0
	for _, env := range [][]string{nil, {"GOFLAGS=" + os.Getenv("GOFLAGS") + " -tags=noasm"}, {"GOARCH=arm64"}, {"GOOS=windows"}, {"GOOS=js", "GOARCH=wasm"}} {
		packages, err := listPackages(ctx, t, env)
		if err != nil {
			return "", err
		}
		for _, p := range packages {
			if !p.ours(t.module) {
				continue
			}
			found, vars, err := p.writes(packages)
			if err != nil {
				return "", err
			}
			if env == nil {
				n += vars
			}
			for _, f := range found {
				rel, err := filepath.Rel(t.root, f)
				if err != nil {
					rel = f
				}
				if !seen[rel] {
					seen[rel] = true
					wrong = append(wrong, errors.New(rel))
				}
			}
		}
	}
	return fmt.Sprintf("%d package-level variables", n), errors.Join(wrong...)
}

// listed is what go list says of a package.
type listed struct {
	Dir        string
	ImportPath string
	Export     string // file with the types of what it exports
	GoFiles    []string
}

func (p *listed) ours(module string) bool {
	return p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/")
}

// listPackages gives the module's packages and all that they import, compiled as far as their types are known.
func listPackages(ctx context.Context, t *tree, env []string) (map[string]*listed, error) {
	cmd := t.command(ctx, env, "go", "list", "-export", "-deps", "-json=Dir,ImportPath,Export,GoFiles", "./...")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	packages := map[string]*listed{}
	for d := json.NewDecoder(&out); ; {
		p := &listed{}
		switch err := d.Decode(p); {
		case err == io.EOF:
			return packages, nil
		case err != nil:
			return nil, fmt.Errorf("go list: %w", err)
		}
		packages[p.ImportPath] = p
	}
}

// writes type-checks a package and lists its writes to package-level variables, and counts these variables.
func (p *listed) writes(packages map[string]*listed) (found []string, vars int, err error) {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, 0, err
		}
		files = append(files, f)
	}
	exports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if q := packages[path]; q != nil {
			return os.Open(q.Export)
		}
		return nil, fmt.Errorf("no package %s", path)
	})
	w, err := newWriteFinder(fset, files, exports, p.ImportPath)
	if err != nil {
		return nil, 0, err
	}
	return w.find(), w.vars, nil
}

// writeFinder looks for writes to package-level variables in one package.
type writeFinder struct {
	fset  *token.FileSet
	files []*ast.File
	info  *types.Info
	pkg   *types.Package
	vars  int
	found []string
}

func newWriteFinder(fset *token.FileSet, files []*ast.File, from types.Importer, path string) (*writeFinder, error) {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
	conf := types.Config{Importer: from}
	pkg, err := conf.Check(path, fset, files, info)
	return &writeFinder{fset: fset, files: files, info: info, pkg: pkg}, err
}

func (w *writeFinder) find() []string {
	for _, name := range w.pkg.Scope().Names() {
		v, ok := w.pkg.Scope().Lookup(name).(*types.Var)
		if !ok {
			continue
		}
		w.vars++
		if part := writable(v.Type(), nil); part != "" {
			w.say(v.Pos(), "variable %s holds a %s, which is there to be written", name, part)
		}
	}
	for _, f := range w.files {
		ast.Inspect(f, w.node)
	}
	slices.Sort(w.found)
	return w.found
}

func (w *writeFinder) say(at token.Pos, format string, args ...any) {
	w.found = append(w.found, fmt.Sprintf("%v: ", w.fset.Position(at))+fmt.Sprintf(format, args...))
}

// node looks at statements; outside functions there are none, so what initialises a variable is not a write.
func (w *writeFinder) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, to := range n.Lhs {
			w.write(to)
		}
	case *ast.IncDecStmt:
		w.write(n.X)
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			w.write(n.Key)
			w.write(n.Value)
		}
	case *ast.SendStmt:
		w.write(n.Chan)
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 {
			if b, ok := w.info.Uses[id].(*types.Builtin); ok && slices.Contains([]string{"delete", "clear", "copy", "close"}, b.Name()) {
				w.write(n.Args[0])
			}
		}
	}
	return true
}

// write reports the place written to where its root is a package-level variable, of this package or another.
func (w *writeFinder) write(to ast.Expr) {
	if v := w.root(to); v != nil && v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
		name := v.Name()
		if v.Pkg() != w.pkg {
			name = v.Pkg().Name() + "." + name
		}
		w.say(to.Pos(), "package-level variable %s is written", name)
	}
}

// root gives the variable that x[i].f stands in, or nil.
func (w *writeFinder) root(e ast.Expr) *types.Var {
	switch e := e.(type) {
	case *ast.Ident:
		v, _ := w.info.Uses[e].(*types.Var)
		return v
	case *ast.SelectorExpr:
		if v, ok := w.info.Uses[e.Sel].(*types.Var); ok && !v.IsField() {
			return v // of another package
		}
		return w.root(e.X)
	case *ast.IndexExpr:
		return w.root(e.X)
	case *ast.SliceExpr:
		return w.root(e.X)
	case *ast.StarExpr:
		return w.root(e.X)
	case *ast.ParenExpr:
		return w.root(e.X)
	}
	return nil
}

// writable names the part of a type that makes no sense in a variable that is never written, or gives "".
func writable(t types.Type, inside []types.Type) string {
	if slices.Contains(inside, t) {
		return ""
	}
	inside = append(inside, t)
	if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Pkg() != nil {
		if path := n.Obj().Pkg().Path(); path == "sync" || path == "sync/atomic" {
			return n.Obj().Pkg().Name() + "." + n.Obj().Name()
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Chan:
		return "channel"
	case *types.Pointer:
		return writable(u.Elem(), inside)
	case *types.Array:
		return writable(u.Elem(), inside)
	case *types.Struct:
		for f := range u.Fields() {
			if part := writable(f.Type(), inside); part != "" {
				return part
			}
		}
	}
	return ""
}
