package reports

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// exported is the model file of a run, so that what is shown proves the file and not the weights it was made of.
type exported struct {
	model *backend.Model
	path  string
}

// open loads the run's model file; close it after use.
func (r *run) open() (*exported, error) {
	path := filepath.Join(r.dir, trainers.ModelFile)
	model, err := backend.Load(path, backend.Options{Kernels: r.result.KernelSet, MemoryLimit: r.job.Spec.MemoryLimit})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &exported{model, path}, nil
}

func (e *exported) close() { e.model.Close() }

// shown is a batch of rows and what the model makes of them.
type shown struct {
	fields []*onnx.Tensor // by field of the data set: [rows, …]
	output *onnx.Tensor   // the model's first output: float, [rows, …]
	first  int            // number of the batch's first row
	rows   int
}

// row gives the numbers of one row of a tensor of the batch.
func (s *shown) row(t *onnx.Tensor, i int) []float32 {
	size := t.Len() / s.rows
	return t.Float32s()[i*size : (i+1)*size]
}

// each runs all rows of an epoch, a batch at a time and in order, through the file. The batch is do's until it returns.
func (e *exported) each(ctx context.Context, data datasets.Dataset, epoch, batch int, do func(*shown) error) error {
	info := data.Info()
	at := make([]int, len(e.model.Inputs()))
	for i, v := range e.model.Inputs() {
		field, k := info.Field(v.Name)
		if k < 0 || field.Elem != v.Type.Elem {
			return fmt.Errorf("%s: input %q is %v, data %q has no such field", e.path, v.Name, v.Type, info.Name)
		}
		at[i] = k
	}
	for lo := 0; lo < info.Rows; lo += batch {
		rows := make([]int, min(batch, info.Rows-lo))
		for i := range rows {
			rows[i] = lo + i
		}
		s := &shown{fields: datasets.NewBatch(info, len(rows)), first: lo, rows: len(rows)}
		if err := data.Read(epoch, rows, s.fields); err != nil {
			return fmt.Errorf("data %q: %w", info.Name, err)
		}
		in := make([]onnx.Value, len(at))
		for i, k := range at {
			in[i] = s.fields[k]
		}
		out, err := e.model.Run(ctx, in)
		if err != nil {
			return fmt.Errorf("%s: %w", e.path, err)
		}
		t, ok := out[0].(*onnx.Tensor)
		if !ok || t.Type != onnx.Float || len(t.Dims) == 0 || t.Dims[0] != int64(len(rows)) {
			return fmt.Errorf("%s: output %q is %v for %d rows, want float numbers for each row", e.path, e.model.Outputs()[0].Name, out[0], len(rows))
		}
		s.output = t
		if err := do(s); err != nil {
			return fmt.Errorf("%s: rows from %d on: %w", e.path, lo, err)
		}
	}
	return nil
}
