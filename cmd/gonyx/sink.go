package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/onnx/scoring"
)

// sink takes results one by one; a file appears under its name when it is closed, whole or not at all.
type sink interface {
	add(scoring.Result) error
	close() error
	drop()
}

func newSink(path string, out io.Writer, m *backend.Model, s *scoring.Scorer) (sink, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npz", ".npy":
		if len(m.Outputs()) != 1 && strings.EqualFold(filepath.Ext(path), ".npy") {
			return nil, misuse("-o %s: the model has %d outputs, a .npy file holds one; take .npz", path, len(m.Outputs()))
		}
		return &arraySink{path: path, model: m}, nil
	case ".jsonl", ".csv":
		// Beside the final name, so that renaming it stays on one file system.
		file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
		if err != nil {
			return nil, fmt.Errorf("-o: %w", err)
		}
		f := &fileSink{path: path, file: file}
		if strings.EqualFold(filepath.Ext(path), ".csv") {
			t := &tableSink{csv.NewWriter(file), s}
			f.lines = t
			return f, t.csv.Write([]string{"input", "boxes", "error"})
		}
		f.lines = &jsonSink{json.NewEncoder(file), s}
		return f, nil
	}
	return &textSink{out, s}, nil
}

// foundBox is a box as results show it: centre and size in pixels of the picture.
type foundBox struct {
	Class  string  `json:"class"`
	Score  float64 `json:"score"`
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

func foundBoxes(s *scoring.Scorer, r scoring.Result) []foundBox {
	found := make([]foundBox, 0, len(r.Boxes))
	for _, b := range r.Boxes {
		found = append(found, foundBox{s.Recipe.Classes[b.Class], rounded(b.Score, 4), rounded(b.CX, 2), rounded(b.CY, 2), rounded(b.W, 2), rounded(b.H, 2)})
	}
	return found
}

func rounded(v float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(v*scale) / scale
}

func (b foundBox) String() string {
	return fmt.Sprintf("%s %g at %g,%g size %g×%g", b.Class, b.Score, b.X, b.Y, b.Width, b.Height)
}

// textSink prints a line a picture.
type textSink struct {
	out     io.Writer
	scoring *scoring.Scorer
}

func (t *textSink) add(r scoring.Result) error {
	if r.Err != nil {
		return nil
	}
	parts := make([]string, 0, len(r.Boxes))
	for _, b := range foundBoxes(t.scoring, r) {
		parts = append(parts, b.String())
	}
	if len(parts) == 0 {
		parts = []string{"nothing"}
	}
	_, err := fmt.Fprintf(t.out, "%s: %s\n", r.Name, strings.Join(parts, "; "))
	return err
}

func (t *textSink) close() error { return nil }
func (t *textSink) drop()        {}

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

type jsonSink struct {
	out     *json.Encoder
	scoring *scoring.Scorer
}

func (j *jsonSink) add(r scoring.Result) error {
	line := struct {
		Input string     `json:"input"`
		Boxes []foundBox `json:"boxes"`
		Error string     `json:"error,omitempty"`
	}{Input: r.Name}
	if r.Err != nil {
		line.Error = r.Err.Error()
	} else {
		line.Boxes = foundBoxes(j.scoring, r)
	}
	return j.out.Encode(line)
}

func (j *jsonSink) flush() error { return nil }

type tableSink struct {
	csv     *csv.Writer
	scoring *scoring.Scorer
}

func (t *tableSink) add(r scoring.Result) error {
	if r.Err != nil {
		return t.csv.Write([]string{r.Name, "", r.Err.Error()})
	}
	parts := make([]string, 0, len(r.Boxes))
	for _, b := range foundBoxes(t.scoring, r) {
		parts = append(parts, fmt.Sprintf("%s %g %g %g %g %g", b.Class, b.Score, b.X, b.Y, b.Width, b.Height))
	}
	return t.csv.Write([]string{r.Name, strings.Join(parts, "; "), ""})
}

func (t *tableSink) flush() error {
	t.csv.Flush()
	return t.csv.Error()
}

// arraySink gathers raw outputs, a row a picture; a picture that failed has a row of NaN, or of zeros where numbers are whole.
type arraySink struct {
	path   string
	model  *backend.Model
	joined []*onnx.Tensor
	empty  int // rows that failed before the shape was known
}

func (a *arraySink) add(r scoring.Result) error {
	if r.Err != nil {
		if a.joined == nil {
			a.empty++
			return nil
		}
		for _, t := range a.joined {
			appendEmpty(t)
		}
		return nil
	}
	if a.joined == nil {
		for i, t := range r.Output {
			dims := append([]int64{0}, t.Dims[1:]...)
			a.joined = append(a.joined, &onnx.Tensor{Name: a.model.Outputs()[i].Name, Type: t.Type, Dims: dims})
			for range a.empty {
				appendEmpty(a.joined[i])
			}
		}
	}
	for i, t := range r.Output {
		a.joined[i].Data = append(a.joined[i].Data, t.Data...)
		a.joined[i].Dims[0]++
	}
	return nil
}

func appendEmpty(t *onnx.Tensor) {
	row := onnx.NewTensor(t.Type, append([]int64{1}, t.Dims[1:]...)...)
	switch t.Type {
	case onnx.Float:
		for i := range row.Float32s() {
			row.Float32s()[i] = float32(math.NaN())
		}
	case onnx.Double:
		for i := range row.Float64s() {
			row.Float64s()[i] = math.NaN()
		}
	}
	t.Data = append(t.Data, row.Data...)
	t.Dims[0]++
}

func (a *arraySink) close() error {
	if a.joined == nil {
		return fmt.Errorf("-o %s: no picture could be used, so there is nothing to write", a.path)
	}
	if strings.EqualFold(filepath.Ext(a.path), ".npy") {
		return rows.WriteNPYFile(a.path, a.joined[0])
	}
	return rows.WriteNPZFile(a.path, a.joined)
}

func (a *arraySink) drop() {}
