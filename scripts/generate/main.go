// Command generate writes the generated Go files of the repository, from the inputs beside it.
//
// Run it from the repository's root: go run ./scripts/generate. With -check it writes nothing and exits 1 where a file
// is missing, different or no longer generated. The output depends on nothing but the inputs.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// schemaDir is where the generated files go, seen from the repository's root.
const schemaDir = "onnx/schema"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run does what the flags ask and gives the exit code: 0 done or current, 1 not current or failed, 2 misuse.
func run(args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	flags.SetOutput(errs)
	check := flags.Bool("check", false, "write nothing; fail where a generated file is not current")
	root := flags.String("root", ".", "the repository's root")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(errs, "generate: unknown argument %q\n", flags.Arg(0))
		return 2
	}
	if _, err := os.Stat(filepath.Join(*root, "go.mod")); err != nil {
		fmt.Fprintf(errs, "generate: %s holds no go.mod: run it from the repository's root or give -root\n", *root)
		return 2
	}
	files, err := schemaFiles()
	if err != nil {
		fmt.Fprintln(errs, "generate:", err)
		return 1
	}
	dir := filepath.Join(*root, filepath.FromSlash(schemaDir))
	act, verb := write, "wrote"
	if *check {
		act, verb = compare, "current"
	}
	if err := act(dir, files); err != nil {
		fmt.Fprintln(errs, "generate:", err)
		return 1
	}
	fmt.Fprintf(out, "generate: %s: %d files in %s\n", verb, len(files), schemaDir)
	return 0
}

// file is one generated file, gofmt'ed.
type file struct {
	name string
	text []byte
}

// write puts the files into dir and removes generated ones that are no longer made.
func write(dir string, files []file) error {
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.text, 0o644); err != nil {
			return err
		}
	}
	old, err := leftOver(dir, files)
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// compare says which files in dir are not what was generated.
func compare(dir string, files []file) error {
	var wrong []error
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		switch text, err := os.ReadFile(path); {
		case errors.Is(err, fs.ErrNotExist):
			wrong = append(wrong, fmt.Errorf("%s is missing: run go run ./scripts/generate", path))
		case err != nil:
			wrong = append(wrong, err)
		case !bytes.Equal(text, f.text):
			wrong = append(wrong, fmt.Errorf("%s is not current: run go run ./scripts/generate", path))
		}
	}
	old, err := leftOver(dir, files)
	if err != nil {
		return err
	}
	for _, path := range old {
		wrong = append(wrong, fmt.Errorf("%s is no longer generated: delete it", path))
	}
	return errors.Join(wrong...)
}

// leftOver lists the generated files in dir that are not among files.
func leftOver(dir string, files []file) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*_gen.go"))
	return slices.DeleteFunc(paths, func(path string) bool {
		return slices.ContainsFunc(files, func(f file) bool { return f.name == filepath.Base(path) })
	}), err
}
