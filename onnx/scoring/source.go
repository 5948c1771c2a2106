package scoring

import (
	"fmt"
	"io"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
)

// Source gives rows for a model, one by one.
type Source struct {
	inputs []int     // of the model, that it fills
	dims   [][]int64 // of one row of each
	// next makes a row's features in tensors [1, …] beside inputs and says of the result what is known of the row; io.EOF at the
	// end. A *badRow is one that cannot be used; any other error ends the source.
	next   func(r *Result, into []*onnx.Tensor) error
	close  func() error
	blocks bool // reading may wait for ever
	ragged bool // next puts strings of any number into the one tensor; a batch is padded with "" to its longest row
}

// badRow is a row that cannot be used, as opposed to a source that is broken.
type badRow struct{ err error }

func (e *badRow) Error() string { return e.err.Error() }
func (e *badRow) Unwrap() error { return e.err }

func nothing() error { return nil }

// rowInput gives the one input that rows fill, and its number.
func (s *Scorer) rowInput() (*onnx.ValueInfo, int, error) {
	required := s.model.Required()
	if len(required) != 1 {
		return nil, 0, fmt.Errorf("the model has %d inputs to fill, a row fills one; feed tensors by --input NAME=FILE.npy", len(required))
	}
	return s.input(required[0].Name)
}

func (s *Scorer) input(name string) (*onnx.ValueInfo, int, error) {
	at := slices.IndexFunc(s.model.Inputs(), func(v *onnx.ValueInfo) bool { return v.Name == name })
	if at < 0 {
		return nil, 0, fmt.Errorf("the model has no input %q; %s", name, Describe(s.model))
	}
	v := s.model.Inputs()[at]
	if v.Type.Kind != onnx.KindTensor || v.Type.Elem == onnx.String || v.Type.Elem == onnx.Undefined || v.Type.Elem.Bits()%8 != 0 {
		return nil, 0, fmt.Errorf("input %q is %v, rows fill tensors of numbers", v.Name, v.Type)
	}
	if v.Type.Ranked && len(v.Type.Dims) == 0 {
		return nil, 0, fmt.Errorf("input %q is %v, which has no rows", v.Name, v.Type)
	}
	return v, at, nil
}

// rowDims gives the shape of a row that an input takes of data whose rows are shaped so: the input's own where it is known and has as
// many elements, so that [28, 28] fills [784] and [1, 28, 28].
func rowDims(v *onnx.ValueInfo, row []int64) ([]int64, error) {
	want, err := onnx.Elements(row)
	if err != nil {
		return nil, err
	}
	if !v.Type.Ranked {
		return row, nil
	}
	dims := make([]int64, len(v.Type.Dims)-1)
	known := true
	for i, d := range v.Type.Dims[1:] {
		dims[i] = d.Value
		known = known && d.Known()
	}
	if !known { // symbols take what comes
		if len(dims) == 1 {
			return []int64{want}, nil
		}
		fits := len(dims) == len(row)
		for i := range dims {
			fits = fits && (!v.Type.Dims[i+1].Known() || dims[i] == row[i])
		}
		if !fits {
			return nil, fmt.Errorf("input %q is %v, a row is %v", v.Name, v.Type, row)
		}
		return row, nil
	}
	if have, err := onnx.Elements(dims); err != nil || have != want {
		return nil, fmt.Errorf("input %q is %v, a row is %v: %d elements", v.Name, v.Type, row, want)
	}
	return dims, nil
}

// Pictures reads picture files.
func (s *Scorer) Pictures(paths []string) (*Source, error) {
	m := s.Recipe.Image
	if m == nil {
		return nil, fmt.Errorf("the model's metadata does not say how pictures become its inputs; feed rows of numbers, or tensors by --input NAME=FILE.npy")
	}
	v, at, err := s.rowInput()
	if err != nil {
		return nil, err
	}
	if v.Type.Elem != onnx.Float {
		return nil, fmt.Errorf("input %q is %v, pictures are floats", v.Name, v.Type)
	}
	dims, err := rowDims(v, imageDims(m))
	if err != nil {
		return nil, err
	}
	index := 0
	return &Source{inputs: []int{at}, dims: [][]int64{dims}, close: nothing, next: func(r *Result, into []*onnx.Tensor) error {
		if index == len(paths) {
			return io.EOF
		}
		r.Name = paths[index]
		index++
		img, err := features.ReadImage(r.Name, s.limit)
		if err != nil {
			return &badRow{err}
		}
		r.Image = img
		m.Fill(into[0].Float32s(), img)
		return nil
	}}, nil
}

func imageDims(m *features.Image) []int64 {
	return []int64{int64(m.Channels.Count()), int64(m.Height), int64(m.Width)}
}
