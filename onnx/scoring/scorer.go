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

// DefaultBatchSize is how many rows are run together where nothing else is asked for.
const DefaultBatchSize = 32

// Scorer feeds a model raw rows by the recipe in its metadata.
type Scorer struct {
	Recipe *features.Recipe
	model  *backend.Model
	input  *onnx.ValueInfo
}

// New reads the recipe of a loaded model. It fails where the model has none: then only its tensors are known, see
// [Tensors].
func New(m *backend.Model) (*Scorer, error) {
	if m.File == nil {
		return nil, fmt.Errorf("the model was not loaded from a file, so nothing says how it is fed")
	}
	recipe, found, err := features.Restore(m.File.Metadata)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("the model's metadata does not say how raw rows become its inputs; feed tensors by --input NAME=FILE.npy")
	}
	required := m.Required()
	if len(required) != 1 {
		return nil, fmt.Errorf("the model has %d inputs, rows fill one", len(required))
	}
	s := &Scorer{Recipe: recipe, model: m, input: required[0]}
	if recipe.Image != nil {
		if err := s.fitsImages(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// fitsImages holds the recipe's image against the model's input.
func (s *Scorer) fitsImages() error {
	m := s.Recipe.Image
	got := imageDims(m)
	t := s.input.Type
	if t.Kind != onnx.KindTensor || t.Elem != onnx.Float || !t.Ranked || len(t.Dims) != 4 {
		return fmt.Errorf("input %q is %v, images are float[batch,channels,height,width]", s.input.Name, t)
	}
	for i, d := range t.Dims[1:] {
		if d.Known() && d.Value != got[i] {
			return fmt.Errorf("input %q is %v, the recipe makes images of %v", s.input.Name, t, got)
		}
	}
	return nil
}

func imageDims(m *features.Image) []int64 {
	return []int64{int64(m.Channels.Count()), int64(m.Height), int64(m.Width)}
}

// Result is what became of one row.
type Result struct {
	Index  int            // of the row, from 0
	Name   string         // of the row: a path
	Err    error          // what is wrong with the row; then nothing below counts
	Output []*onnx.Tensor // a row of each of the model's outputs: [1, …]
	Image  image.Image    // the picture, where rows are pictures
	Boxes  []features.Box // found in the picture, in its own pixels, by falling score; of a detector
}

// Images runs pictures through the model, batch by batch, and hands on a result for each in order. It gives the number of
// pictures that failed; an error ends everything.
func (s *Scorer) Images(ctx context.Context, paths []string, batch int, limit int64, emit func(Result) error) (failed int, err error) {
	if s.Recipe.Image == nil {
		return 0, fmt.Errorf("the model's recipe does not take pictures; its task is %s", s.Recipe.Task)
	}
	if batch < 1 {
		batch = DefaultBatchSize
	}
	size := s.Recipe.Image.Len()
	memory := onnx.NewTensor(onnx.Float, append([]int64{int64(batch)}, imageDims(s.Recipe.Image)...)...)
	for lo := 0; lo < len(paths); lo += batch {
		if err := ctx.Err(); err != nil {
			return failed, err
		}
		results := make([]Result, min(batch, len(paths)-lo))
		good := 0
		for i := range results {
			r := &results[i]
			r.Index, r.Name = lo+i, paths[lo+i]
			if r.Image, r.Err = features.ReadImage(r.Name, limit); r.Err != nil {
				failed++
				continue
			}
			s.Recipe.Image.Fill(memory.Float32s()[good*size:(good+1)*size], r.Image)
			good++
		}
		if err := s.fill(ctx, results, firstRows(memory, good), good); err != nil {
			return failed, err
		}
		for _, r := range results {
			if err := emit(r); err != nil {
				return failed, err
			}
		}
	}
	return failed, nil
}

// fill runs the good rows of a batch and puts their outputs into the results.
func (s *Scorer) fill(ctx context.Context, results []Result, x *onnx.Tensor, good int) error {
	if good == 0 {
		return nil
	}
	in := make([]onnx.Value, len(s.model.Inputs()))
	for i, v := range s.model.Inputs() {
		if v.Name == s.input.Name {
			in[i] = x
		}
	}
	out, err := s.model.Run(ctx, in)
	if err != nil {
		return err
	}
	row := 0
	for i := range results {
		r := &results[i]
		if r.Err != nil {
			continue
		}
		for k, v := range out {
			t, err := rowOf(v, row, good)
			if err != nil {
				return fmt.Errorf("output %q: %w", s.model.Outputs()[k].Name, err)
			}
			r.Output = append(r.Output, t)
		}
		row++
		if s.Recipe.Detection != nil {
			b := r.Image.Bounds()
			if r.Boxes, err = s.Recipe.Detect(r.Output[0].Float32s(), b.Dx(), b.Dy()); err != nil {
				return fmt.Errorf("output %q: %w", s.model.Outputs()[0].Name, err)
			}
		}
	}
	return nil
}

// firstRows sees the first n rows of a tensor.
func firstRows(t *onnx.Tensor, n int) *onnx.Tensor { return rowsOf(t, 0, int64(n)) }

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
