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
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// tree is the repository: its files as git sees them, those not yet added included, those ignored not.
type tree struct {
	root     string // absolute
	module   string // of go.mod
	files    []string
	out      io.Writer
	fuzzTime time.Duration
}

// openTree finds the repository that the working directory is in.
func openTree(ctx context.Context) (*tree, error) {
	root, err := exec.CommandContext(ctx, "git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		return nil, fmt.Errorf("no git repository here, or no git: %w", err)
	}
	t := &tree{root: strings.TrimSpace(string(root)), out: io.Discard}
	mod, err := os.ReadFile(t.path("go.mod"))
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(string(mod), "\n")
	t.module = strings.TrimSpace(strings.TrimPrefix(first, "module "))
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	list.Dir = t.root
	names, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(string(names), "\x00") {
		if name == "" {
			continue
		}
		if _, err := os.Lstat(t.path(name)); errors.Is(err, fs.ErrNotExist) {
			continue // deleted and not yet committed
		}
		t.files = append(t.files, name)
	}
	return t, nil
}

// path is where a file of the repository stands on this machine.
func (t *tree) path(name string) string { return filepath.Join(t.root, filepath.FromSlash(name)) }

// goFiles lists the Go files, whatever system they are for; those of nested modules too.
func (t *tree) goFiles() []string {
	var files []string
	for _, name := range t.files {
		if path.Ext(name) == ".go" && !strings.Contains(name, "testdata/") {
			files = append(files, name)
		}
	}
	return files
}

// ofModule says whether a file belongs to the module itself: the go command leaves out folders with a leading
// underscore.
func ofModule(name string) bool {
	return !strings.HasPrefix(name, "_") && !strings.Contains(name, "/_")
}

// parsed gives each file with its syntax.
func (t *tree) parsed(files []string, mode parser.Mode, each func(name string, fset *token.FileSet, f *ast.File)) error {
	var wrong []error
	for _, name := range files {
		fset := token.NewFileSet()
		text, err := os.ReadFile(t.path(name))
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, name, text, mode)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		each(name, fset, f)
	}
	return errors.Join(wrong...)
}

// command is a program run at the root, without cgo, its output shown as it comes.
func (t *tree) command(ctx context.Context, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = t.root
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	cmd.Stdout, cmd.Stderr = t.out, t.out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// runGo runs the go command.
func (t *tree) runGo(ctx context.Context, env []string, args ...string) error {
	if err := t.command(ctx, env, "go", args...).Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(append(env, append([]string{"go"}, args...)...), " "), err)
	}
	return nil
}

// copyTo copies those files of the repository that keep says to.
func (t *tree) copyTo(dir string, keep func(name string) bool) error {
	for _, name := range t.files {
		if !keep(name) {
			continue
		}
		info, err := os.Stat(t.path(name))
		if err != nil {
			return err
		}
		text, err := os.ReadFile(t.path(name))
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, text, info.Mode().Perm()|0o200); err != nil {
			return err
		}
	}
	return nil
}

// differences lists the files under dir, a changed copy, that are not those of the repository.
func (t *tree) differences(dir string, keep func(name string) bool) error {
	var wrong []error
	seen := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		seen[name] = true
		made, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch have, err := os.ReadFile(t.path(name)); {
		case errors.Is(err, fs.ErrNotExist):
			wrong = append(wrong, fmt.Errorf("%s is missing", name))
		case err != nil:
			return err
		case !bytes.Equal(have, made):
			wrong = append(wrong, fmt.Errorf("%s is not current", name))
		}
		return nil
	})
	for _, name := range t.files {
		if keep(name) && !seen[name] {
			wrong = append(wrong, fmt.Errorf("%s is no longer made", name))
		}
	}
	return errors.Join(append(wrong, err)...)
}
