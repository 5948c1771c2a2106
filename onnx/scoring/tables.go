package scoring

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

// TableOptions says how a table is read: as the model's training data was, but for what is set here.
type TableOptions struct {
	Layout  features.Layout
	Chosen  bool // Layout.TextColumn was chosen for this table, so it is what counts
	Headers bool // Layout.Header was
}

// Table reads rows of a table: texts where the model takes texts or their tokens, else numbers, each row all of the input's. Of pictures the numbers are
// pixels from 0 to 255. name says by its ending how the table is written. A table of one column holds nothing but texts,
// whatever column they had in training.
func (s *Scorer) Table(r io.Reader, name string, o TableOptions) (*Source, error) {
	find := s.floatInput
	if s.Recipe.Tokens != "" {
		find = s.tokensInput
	}
	v, at, err := find()
	if err != nil {
		return nil, err
	}
	options, err := o.Layout.Options(name)
	if err != nil {
		return nil, err
	}
	options.Header = false // looked at below
	table, err := rows.NewTable(r, options)
	if err != nil {
		return nil, err
	}
	src := &Source{inputs: []int{at}, close: nothing}
	if s.Recipe.Text != nil || s.Recipe.Tokens != "" {
		text, err := s.texts(table, options, o)
		if err != nil {
			return nil, err
		}
		if s.Recipe.Tokens != "" {
			src.tokens(text)
			return src, nil
		}
		src.next = func(_ *Result, into []*onnx.Tensor) error {
			line, err := text()
			if err != nil {
				return err
			}
			s.Recipe.Text.Row(line).Fill(into[0].Float32s())
			return nil
		}
		src.dims, err = dimsOf(v, []int64{int64(s.Recipe.Text.Columns)})
		return src, err
	}
	if o.Layout.Header && !options.JSON {
		if err := table.TakeHeader(); err != nil {
			return nil, err
		}
	}
	src.dims, err = s.numberDims(v, table)
	src.next = func(r *Result, into []*onnx.Tensor) error {
		record, err := table.Next()
		if err != nil {
			return rowError(err)
		}
		numbers, err := record.Numbers(v.Name)
		if err != nil {
			return rowError(err)
		}
		dst := into[0].Float32s()
		if len(numbers) != len(dst) {
			return rowError(&rows.RowError{Line: record.Line, Fact: fmt.Sprintf("%d numbers, input %q takes %d a row", len(numbers), v.Name, len(dst))})
		}
		if m := s.Recipe.Image; m != nil {
			m.ScaledNumbers(dst, numbers)
			return nil
		}
		copy(dst, numbers)
		return nil
	}
	return src, err
}

func (s *Scorer) floatInput() (*onnx.ValueInfo, int, error) {
	v, at, err := s.rowInput()
	if err == nil && v.Type.Elem != onnx.Float {
		err = fmt.Errorf("input %q is %v, a table's rows are floats", v.Name, v.Type)
	}
	return v, at, err
}

func dimsOf(v *onnx.ValueInfo, row []int64) ([][]int64, error) {
	dims, err := rowDims(v, row)
	return [][]int64{dims}, err
}

// rowError tells a bad row from a broken table.
func rowError(err error) error {
	var bad *rows.RowError
	if errors.As(err, &bad) {
		return &badRow{err}
	}
	return err
}

// numberDims gives the shape of a row of numbers; where the model leaves it open, the first row decides.
func (s *Scorer) numberDims(v *onnx.ValueInfo, table *rows.Table) ([][]int64, error) {
	if m := s.Recipe.Image; m != nil {
		return dimsOf(v, imageDims(m))
	}
	if !v.Type.Ranked {
		return nil, fmt.Errorf("input %q is %v: nothing says how a row of numbers is shaped; feed tensors by --input %s=FILE.npy", v.Name, v.Type, v.Name)
	}
	dims := make([]int64, len(v.Type.Dims)-1)
	open := -1
	for i, d := range v.Type.Dims[1:] {
		switch {
		case d.Known():
			dims[i] = d.Value
		case open >= 0:
			return nil, fmt.Errorf("input %q is %v: nothing says how a row of numbers is shaped; feed tensors by --input %s=FILE.npy", v.Name, v.Type, v.Name)
		default:
			open, dims[i] = i, 1
		}
	}
	if open >= 0 {
		rest, err := onnx.Elements(dims)
		if err != nil {
			return nil, err
		}
		record, err := table.Peek()
		if err != nil && err != io.EOF {
			return nil, err
		}
		if err == nil {
			numbers, err := record.Numbers(v.Name)
			if err != nil {
				return nil, err
			}
			if n := int64(len(numbers)); rest == 0 || n == 0 || n%rest != 0 {
				return nil, fmt.Errorf("line %d: %d numbers do not fill a row of input %q, %v", record.Line, n, v.Name, v.Type)
			}
			dims[open] = int64(len(numbers)) / rest
		}
	}
	return [][]int64{dims}, nil
}

// texts prepares the reading of texts, one at each call.
func (s *Scorer) texts(table *rows.Table, options rows.TableOptions, o TableOptions) (func() (string, error), error) {
	spec := o.Layout.Text(options)
	first, err := table.Peek()
	var bad *rows.RowError
	if err != nil && err != io.EOF && !errors.As(err, &bad) {
		return nil, err
	}
	single := err == nil && !options.JSON && len(first.Fields) == 1 && !o.Chosen
	if o.Layout.Header && !options.JSON && err != io.EOF {
		// The training data had a header; of a table of texts alone one is known by its name.
		if _, notName := strconv.Atoi(spec); !single || o.Headers || notName != nil && first.Fields[0] == spec {
			if err := table.TakeHeader(); err != nil {
				return nil, err
			}
		}
	}
	if single {
		spec = "0"
		if h := table.Header(); h != nil {
			spec = h[0]
		}
	} else if h := table.Header(); h == nil && !options.JSON && !o.Chosen {
		if _, err := strconv.Atoi(spec); err != nil {
			return nil, fmt.Errorf("the model's training data had its texts under %q in a table with a header; say where they are by --text-column, and --header", spec)
		}
	}
	column, err := table.Column(spec)
	if err != nil {
		return nil, fmt.Errorf("--text-column: %w", err)
	}
	// The number of a column in the training data says nothing of JSON objects: theirs is the usual key.
	key, err := table.Column(features.Layout{}.Text(options))
	if err != nil {
		return nil, err
	}
	_, noNumber := strconv.Atoi(spec)
	byNumber := options.JSON && !o.Chosen && noNumber == nil
	return func() (string, error) {
		record, err := table.Next()
		if err != nil {
			return "", rowError(err)
		}
		if options.JSON && !o.Chosen && len(record.Fields) == 1 {
			return record.Fields[0], nil
		}
		text, err := record.Get(column)
		if err != nil && byNumber && len(record.Fields) == 0 {
			text, err = record.Get(key)
		}
		if err != nil {
			return "", rowError(err)
		}
		return text, nil
	}, nil
}
