package main

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// topLevel is that of the programs: they may import everything, and nothing imports them.
const topLevel = 7

// row is a package's line in the import table.
type row struct {
	level   int
	names   []string // of our packages, as the row names them; "all": every package of a lower level
	foreign []foreign
	imports map[string]bool // our packages that it may import, those behind them included
}

// foreign is an outside library that may live in a package: every import path that is or begins with path.
type foreign struct {
	path string
	file string // the one file that may import it; "" for any
}

// table is the import table by package, seen from the module's root; "scripts" stands for all below it.
type table map[string]*row

// readTable finds the table in the text of ARCHITECTURE.md and checks that it hangs together: every name is that of a
// row, and of a lower level.
func readTable(text string) (table, error) {
	t := table{}
	inside := false
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) == 5 && cells[0] == "level" && cells[1] == "package":
			if inside || len(t) > 0 {
				return nil, errors.New("ARCHITECTURE.md: two tables begin with level and package")
			}
			inside = true
		case !inside:
		case !strings.HasPrefix(line, "|"):
			inside = false
		case strings.Trim(cells[0], "-: ") == "":
		default:
			if err := t.add(cells); err != nil {
				return nil, fmt.Errorf("ARCHITECTURE.md: row %s: %w", cells[min(1, len(cells)-1)], err)
			}
		}
	}
	if len(t) == 0 {
		return nil, errors.New("ARCHITECTURE.md: no table whose first cells are level and package")
	}
	return t, t.close()
}

func (t table) add(cells []string) error {
	if len(cells) != 5 {
		return fmt.Errorf("%d cells, want level, package, owns, may import, foreign libraries", len(cells))
	}
	name := strings.Trim(cells[1], "`")
	if t[name] != nil {
		return errors.New("stands in the table twice")
	}
	level, err := strconv.Atoi(cells[0])
	if err != nil || level < 0 || level > topLevel {
		return fmt.Errorf("level %q is not a number from 0 to %d", cells[0], topLevel)
	}
	r := &row{level: level, names: quoted(cells[3])}
	if cells[3] == "all" {
		r.names = []string{"all"}
	} else if len(r.names) == 0 && cells[3] != "–" {
		return fmt.Errorf("may import %q: name packages in backticks, or write all or –", cells[3])
	}
	for entry := range strings.SplitSeq(cells[4], ",") {
		switch parts := quoted(entry); {
		case len(parts) == 0 && strings.TrimSpace(entry) == "–":
		case len(parts) == 1:
			r.foreign = append(r.foreign, foreign{path: parts[0]})
		case len(parts) == 2 && strings.Contains(entry, "` in `"):
			r.foreign = append(r.foreign, foreign{path: parts[0], file: parts[1]})
		default:
			return fmt.Errorf("foreign library %q: write `path`, `path` in `file.go`, or –", strings.TrimSpace(entry))
		}
	}
	t[name] = r
	return nil
}

// quoted gives what stands in backticks.
func quoted(text string) []string {
	var found []string
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			found = append(found, part)
		}
	}
	return found
}

// close fills in what each package may import: the packages named and all that those may.
func (t table) close() error {
	byLevel := slices.SortedFunc(maps.Keys(t), func(a, b string) int { return t[a].level - t[b].level })
	var wrong []error
	for _, name := range byLevel {
		r := t[name]
		r.imports = map[string]bool{}
		if slices.Equal(r.names, []string{"all"}) {
			for other, o := range t {
				if o.level < r.level {
					r.imports[other] = true
				}
			}
			continue
		}
		for _, other := range r.names {
			o := t[other]
			if o == nil {
				wrong = append(wrong, fmt.Errorf("ARCHITECTURE.md: row `%s` names `%s`, which has no row", name, other))
				continue
			}
			if o.level >= r.level {
				wrong = append(wrong, fmt.Errorf("ARCHITECTURE.md: row `%s` of level %d names `%s` of level %d: imports point down", name, r.level, other, o.level))
				continue
			}
			r.imports[other] = true
			maps.Copy(r.imports, o.imports)
		}
	}
	return errors.Join(wrong...)
}

// find gives the row of a package; a row also stands for the packages below it that have none of their own where it is
// of the top level.
func (t table) find(pkg string) (string, *row) {
	if r := t[pkg]; r != nil {
		return pkg, r
	}
	for dir := path.Dir(pkg); dir != "."; dir = path.Dir(dir) {
		if r := t[dir]; r != nil && r.level == topLevel {
			return dir, r
		}
	}
	return pkg, nil
}

// allows says what is wrong with an import of a file, or nil. What is neither ours nor has a dot in its first part is
// the standard library.
func (t table) allows(module, file, imported string) error {
	from, r := t.find(path.Dir(file))
	if r == nil {
		return fmt.Errorf("package %s has no row in the table of ARCHITECTURE.md", from)
	}
	test := strings.HasSuffix(file, "_test.go")
	if pkg, ours := strings.CutPrefix(imported, module+"/"); ours {
		to, target := t.find(pkg)
		switch {
		case target == nil:
			return fmt.Errorf("imports %s, which has no row in the table of ARCHITECTURE.md", to)
		case to == from, r.imports[to], test && target.level < topLevel:
			return nil
		}
		return fmt.Errorf("imports %s: %s may not, by the table of ARCHITECTURE.md", to, from)
	}
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case imported == "C":
		return errors.New("imports C: there is no C in this module")
	case !strings.Contains(first, "."), test:
		return nil
	}
	for _, f := range r.foreign {
		if (imported == f.path || strings.HasPrefix(imported, f.path+"/")) && (f.file == "" || f.file == path.Base(file)) {
			return nil
		}
	}
	return fmt.Errorf("imports %s, which does not live in %s by the table of ARCHITECTURE.md", imported, from)
}

// imports holds every import of the module's files, for whatever system they are, against the table.
func imports(_ context.Context, t *tree) (string, error) {
	text, err := os.ReadFile(t.path("ARCHITECTURE.md"))
	if err != nil {
		return "", err
	}
	rows, err := readTable(string(text))
	if err != nil {
		return "", err
	}
	var wrong []error
	used := map[string]bool{}
	n := 0
	files := slices.DeleteFunc(t.goFiles(), func(name string) bool { return !ofModule(name) })
	err = t.parsed(files, parser.ImportsOnly, func(name string, fset *token.FileSet, f *ast.File) {
		pkg, _ := rows.find(path.Dir(name))
		used[pkg] = true
		for _, spec := range f.Imports {
			n++
			imported, err := strconv.Unquote(spec.Path.Value)
			if err == nil {
				err = rows.allows(t.module, name, imported)
			}
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%v: %w", fset.Position(spec.Pos()), err))
			}
		}
	})
	seen := fmt.Sprintf("%d imports of %d packages", n, len(used))
	if idle := slices.DeleteFunc(slices.Sorted(maps.Keys(rows)), func(name string) bool { return used[name] }); len(idle) > 0 {
		seen += "; rows without a package: " + strings.Join(idle, ", ")
	}
	return seen, errors.Join(append(wrong, err)...)
}
