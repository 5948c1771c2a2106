package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/onnx/scoring"
)

// sink takes results one by one; a file appears under its name when it is closed, whole or not at all.
type sink interface {
	add(scoring.Result) error
	close() error
	drop()
}

// newSink makes the sink that a path's ending asks for; without a path results are printed.
func newSink(path string, out io.Writer, p presenter) (sink, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".npz", ".npy":
		if n := len(p.outputs()); n != 1 && ext == ".npy" {
			return nil, misuse("-o %s: the model has %d outputs, a .npy file holds one; take .npz", path, n)
		}
		return &arraySink{path: path, names: p.outputs()}, nil
	case ".jsonl", ".csv":
		// Beside the final name, so that renaming it stays on one file system.
		file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
		if err != nil {
			return nil, fmt.Errorf("-o: %w", err)
		}
		f := &fileSink{path: path, file: file}
		if ext == ".csv" {
			f.lines = &tableSink{out: csv.NewWriter(file), show: p}
		} else {
			f.lines = &jsonSink{json.NewEncoder(file), p}
		}
		return f, nil
	}
	return &textSink{out, p}, nil
}

// textSink prints a line a row.
type textSink struct {
	out  io.Writer
	show presenter
}

func (t *textSink) add(r scoring.Result) error {
	text := ""
	if r.Err == nil {
		text = " " + t.show.text(r)
	}
	_, err := fmt.Fprintf(t.out, "%s:%s\n", rowName(r), text)
	return err
}

func (t *textSink) close() error { return nil }
func (t *textSink) drop()        {}

// rowName is a picture's path, or a row's number.
func rowName(r scoring.Result) string {
	if r.Name == "" {
		return fmt.Sprintf("row %d", r.Index)
	}
	return r.Name
}

// fileSink brings lines into a file.
type fileSink struct {
	path  string
	file  *os.File
	lines interface {
		add(scoring.Result) error
		flush() error
	}
}

func (f *fileSink) add(r scoring.Result) error { return f.lines.add(r) }

func (f *fileSink) close() error {
	err := f.lines.flush()
	if err == nil {
		err = f.file.Chmod(0o644)
	}
	if closed := f.file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.file.Name(), f.path)
	}
	if err != nil {
		os.Remove(f.file.Name())
		return fmt.Errorf("-o: %w", err)
	}
	return nil
}

func (f *fileSink) drop() {
	f.file.Close()
	os.Remove(f.file.Name())
}

// jsonSink writes an object a row.
type jsonSink struct {
	out  *json.Encoder
	show presenter
}

func (j *jsonSink) add(r scoring.Result) error { return j.out.Encode(j.show.object(r)) }
func (j *jsonSink) flush() error               { return nil }

// tableSink writes a line a row below a header, which the first good row decides where the model leaves sizes open.
type tableSink struct {
	out     *csv.Writer
	show    presenter
	columns int // of results; -1: not known yet
	started bool
	empty   []scoring.Result // rows that failed before the header was known
}

func (t *tableSink) add(r scoring.Result) error {
	if !t.started {
		if r.Err != nil && !t.show.knowsColumns() {
			t.empty = append(t.empty, scoring.Result{Index: r.Index, Name: r.Name, Err: r.Err})
			return nil
		}
		if err := t.start(t.show.columns(r), r.Name != ""); err != nil {
			return err
		}
	}
	return t.line(r)
}

func (t *tableSink) start(columns []string, named bool) error {
	t.started, t.columns = true, len(columns)
	first := "row"
	if named {
		first = "input"
	}
	if err := t.out.Write(append(append([]string{first}, columns...), "error")); err != nil {
		return err
	}
	for _, r := range t.empty {
		if err := t.line(r); err != nil {
			return err
		}
	}
	t.empty = nil
	return nil
}

func (t *tableSink) line(r scoring.Result) error {
	line := make([]string, t.columns+2)
	if line[0] = r.Name; r.Name == "" {
		line[0] = fmt.Sprint(r.Index)
	}
	if r.Err != nil {
		line[len(line)-1] = r.Err.Error()
	} else {
		copy(line[1:], t.show.fields(r))
	}
	return t.out.Write(line)
}

func (t *tableSink) flush() error {
	if !t.started {
		named := len(t.empty) > 0 && t.empty[0].Name != ""
		if err := t.start(nil, named); err != nil {
			return err
		}
	}
	t.out.Flush()
	return t.out.Error()
}

// arraySink gathers raw outputs, a row a row; one that failed is NaN, or zeros where numbers are whole.
type arraySink struct {
	path   string
	names  []string
	spools []*rows.Spool
	empty  int // rows that failed before the shape was known
}

func (a *arraySink) add(r scoring.Result) error {
	if r.Err != nil {
		if a.spools == nil {
			a.empty++
			return nil
		}
		return a.addEmpty(1)
	}
	if a.spools == nil {
		if err := a.start(r.Output); err != nil {
			return err
		}
	}
	for i, t := range r.Output {
		if err := a.spools[i].Add(t); err != nil {
			return fmt.Errorf("-o: %w", err)
		}
	}
	return nil
}

func (a *arraySink) start(first []*onnx.Tensor) error {
	for i, t := range first {
		s, err := rows.NewSpool(a.names[i], t.Type, t.Dims[1:])
		if err != nil {
			return fmt.Errorf("-o: %w", err)
		}
		a.spools = append(a.spools, s)
	}
	return a.addEmpty(a.empty)
}

func (a *arraySink) addEmpty(n int) error {
	for range n {
		for _, s := range a.spools {
			if err := s.AddEmpty(); err != nil {
				return fmt.Errorf("-o: %w", err)
			}
		}
	}
	return nil
}

func (a *arraySink) close() error {
	defer a.drop()
	if a.spools == nil {
		return fmt.Errorf("-o %s: no row could be used, so there is nothing to write", a.path)
	}
	if strings.EqualFold(filepath.Ext(a.path), ".npy") {
		return rows.WriteSpooledNPY(a.path, a.spools[0])
	}
	return rows.WriteSpooledNPZ(a.path, a.spools)
}

func (a *arraySink) drop() {
	for _, s := range a.spools {
		s.Close()
	}
	a.spools = nil
}
