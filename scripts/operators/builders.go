package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// makers are the types by whose name a function of package graphs shows that it records nodes.
var makers = []string{"Value", "Layer", "Activation"}

// readBuilders gives, by operator, the exported function or method of package graphs that records it: one that returns a
// value, a layer or an activation, and names the operator as the OpType of a node or in a call. Where there are several, the
// one called as the operator, else the first by name.
func readBuilders(folder string) (map[string]string, error) {
	fset := token.NewFileSet()
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for _, e := range entries {
		if !isSource(e) {
			continue
		}
		f, err := parser.ParseFile(fset, filepath.Join(folder, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil || !fn.Name.IsExported() || !makes(fn.Type) {
				continue
			}
			name := builderName(fn)
			for _, op := range recorded(fn.Body) {
				all[op] = append(all[op], name)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no function there records an operator", folder)
	}
	best := map[string]string{}
	for op, names := range all {
		slices.Sort(names)
		best[op] = names[0]
		for _, name := range names {
			if name == op || strings.HasSuffix(name, "."+op) {
				best[op] = name
				break
			}
		}
	}
	return best, nil
}

func isSource(e fs.DirEntry) bool {
	return !e.IsDir() && strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go")
}

// makes says whether the first result is one of the makers, or a list of them.
func makes(fn *ast.FuncType) bool {
	if fn.Results == nil {
		return false
	}
	t := fn.Results.List[0].Type
	if list, ok := t.(*ast.ArrayType); ok {
		t = list.Elt
	}
	id, ok := t.(*ast.Ident)
	return ok && slices.Contains(makers, id.Name)
}

// builderName is Concat of a function and Value.Add of a method.
func builderName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}

// recorded lists the operators that a body names: the first argument of a call, or OpType in a literal.
func recorded(body *ast.BlockStmt) []string {
	var found []string
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				found = append(found, s)
			}
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if len(n.Args) > 0 {
				add(n.Args[0])
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "OpType" {
				add(n.Value)
			}
		}
		return true
	})
	return found
}
