package scoring

import (
	"context"
	"fmt"
	"image"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
)

// Defaults where nothing else is asked for.
const (
	DefaultBatchSize = 32 // rows run together
	DefaultTop       = 3  // classes given of each row
)

// Scorer feeds a model raw rows by the recipe in its metadata.
type Scorer struct {
	Recipe *features.Recipe // without a task where the model says nothing of itself
	model  *backend.Model
	limit  int64
}

// Options of a run over rows.
type Options struct {
	BatchSize int // rows run together; 0: [DefaultBatchSize], or what the model has fixed
	Top       int // classes given of each row; 0: [DefaultTop]
}

// New reads the recipe of a loaded model. A model without one still takes rows of numbers. limit bounds the bytes that one row
// may take; 0 stands for the package rows' own.
func New(m *backend.Model, limit int64) (*Scorer, error) {
	if m.File == nil {
		return nil, fmt.Errorf("the model was not loaded from a file, so nothing says how it is fed")
	}
	recipe, found, err := features.Restore(m.File.Metadata)
	if err != nil {
		return nil, err
	}
	if !found {
		recipe = &features.Recipe{}
	}
	return &Scorer{Recipe: recipe, model: m, limit: limit}, nil
}

// Result is what became of one row.
type Result struct {
	Index   int               // of the row, from 0
	Name    string            // of the row: a path; empty where rows have but numbers
	Err     error             // what is wrong with the row; then nothing below counts
	Output  []*onnx.Tensor    // a row of each of the model's outputs: [1, …]
	Image   image.Image       // the picture, where rows are pictures
	Boxes   []features.Box    // found in the picture, in its own pixels, by falling score; of a detector
	Classes []features.Scored // the best ones, the best first; of a classifier
}

// Run runs the rows of a source through the model, batch by batch, and hands on a result for each in order. The next batch is
// made while one is run; memory is that of a few batches, however many rows there are. It gives the number of rows and of those that
// failed; an error ends everything. The source is closed.
func (s *Scorer) Run(ctx context.Context, from *Source, o Options, emit func(Result) error) (rows, failed int, err error) {
	defer from.close()
	b, err := s.batches(from, o)
	if err != nil {
		return 0, 0, err
	}
	if o.Top < 1 {
		o.Top = DefaultTop
	}
	ctx, cancel := context.WithCancel(ctx)
	done := b.start(ctx)
	defer func() {
		cancel()
		if !from.blocks {
			<-done // the source is read no more when it is closed
		}
	}()
	for {
		batch, ok := b.next(ctx)
		if !ok {
			return rows, failed, ctx.Err()
		}
		if err := s.fill(ctx, b, batch, o.Top); err != nil {
			return rows, failed, err
		}
		for _, r := range batch.results {
			rows++
			if r.Err != nil {
				failed++
			}
			if err := emit(r); err != nil {
				return rows, failed, err
			}
		}
		if batch.err != nil {
			return rows, failed, batch.err
		}
		if batch.last {
			return rows, failed, nil
		}
		b.free <- batch.memory
	}
}

// fill runs the good rows of a batch and puts their outputs into the results.
func (s *Scorer) fill(ctx context.Context, b *batches, batch batch, top int) error {
	if batch.good == 0 {
		return nil
	}
	run := batch.good
	if b.fixed {
		run = b.size // the rows behind the good ones are run and left
	}
	if b.from.ragged {
		batch.memory = []*onnx.Tensor{padded(batch.tokens, run)}
	}
	in := make([]onnx.Value, len(s.model.Inputs()))
	for k, at := range b.from.inputs {
		in[at] = rowsOf(batch.memory[k], 0, int64(run))
	}
	out, err := s.model.Run(ctx, in)
	if err != nil {
		return err
	}
	row := 0
	for i := range batch.results {
		r := &batch.results[i]
		if r.Err != nil {
			continue
		}
		for k, v := range out {
			t, err := rowOf(v, row, run)
			if err != nil {
				return fmt.Errorf("output %q: %w", s.model.Outputs()[k].Name, err)
			}
			r.Output = append(r.Output, t)
		}
		row++
		if err := s.read(r, top); err != nil {
			return fmt.Errorf("output %q: %w", s.model.Outputs()[0].Name, err)
		}
	}
	return nil
}

// read says what an output means.
func (s *Scorer) read(r *Result, top int) error {
	first := r.Output[0]
	switch {
	case s.Recipe.Detection != nil:
		if first.Type != onnx.Float {
			return fmt.Errorf("%v, boxes are read from floats", first)
		}
		width, height := s.Recipe.Image.Width, s.Recipe.Image.Height
		if r.Image != nil {
			width, height = r.Image.Bounds().Dx(), r.Image.Bounds().Dy()
		}
		var err error
		r.Boxes, err = s.Recipe.Detect(first.Float32s(), width, height)
		return err
	case s.classifies():
		if first.Type != onnx.Float || first.Len() != len(s.Recipe.Classes) {
			return fmt.Errorf("%v, want a score for each of %d classes", first, len(s.Recipe.Classes))
		}
		r.Classes = features.Best(first.Float32s(), top)
	}
	return nil
}

// classifies says whether outputs are scores of classes.
func (s *Scorer) classifies() bool {
	return s.Recipe.Task == features.TaskClassification && len(s.Recipe.Classes) > 0
}

// Reads says what results hold.
func (s *Scorer) Reads() Kind {
	switch {
	case s.Recipe.Detection != nil:
		return Boxes
	case s.classifies():
		return Classes
	}
	return Numbers
}

// Kind is what the results of a model hold beside its outputs.
type Kind int

// The kinds.
const (
	Numbers Kind = iota // nothing but outputs
	Boxes
	Classes
)

// Outputs gives the names of the model's outputs.
func (s *Scorer) Outputs() []string {
	var names []string
	for _, v := range s.model.Outputs() {
		names = append(names, v.Name)
	}
	return names
}

// maxOutput bounds the elements of a row that are laid out before any is seen.
const maxOutput = 1 << 22

// OutputLens gives how many elements a row of each output has, as far as the model says; -1 where it does not.
func (s *Scorer) OutputLens() []int {
	var lens []int
	for _, v := range s.model.Outputs() {
		n := int64(-1)
		if v.Type.Kind == onnx.KindTensor && v.Type.Ranked && len(v.Type.Dims) > 0 {
			dims := make([]int64, len(v.Type.Dims)-1)
			known := true
			for i, d := range v.Type.Dims[1:] {
				dims[i], known = d.Value, known && d.Known()
			}
			if count, err := onnx.Elements(dims); known && err == nil && count <= maxOutput {
				n = count
			}
		}
		lens = append(lens, int(n))
	}
	return lens
}

// rowsOf sees rows lo to hi of a tensor whose elements take whole bytes.
func rowsOf(t *onnx.Tensor, lo, hi int64) *onnx.Tensor {
	dims := slices.Clone(t.Dims)
	c := &onnx.Tensor{Name: t.Name, Type: t.Type, Dims: dims}
	if dims[0] > 0 {
		if t.Type == onnx.String {
			n := int64(len(t.Strings)) / dims[0]
			c.Strings = t.Strings[lo*n : hi*n]
		} else {
			n := int64(len(t.Data)) / dims[0]
			c.Data = t.Data[lo*n : hi*n]
		}
	}
	dims[0] = hi - lo
	return c
}

func rowOf(v onnx.Value, row, rows int) (*onnx.Tensor, error) {
	t, ok := v.(*onnx.Tensor)
	if !ok || len(t.Dims) == 0 || t.Dims[0] != int64(rows) || t.Type.Bits()%8 != 0 {
		return nil, fmt.Errorf("%v has no row for each of %d inputs", onnx.TypeOf(v), rows)
	}
	return rowsOf(t, int64(row), int64(row+1)), nil
}
