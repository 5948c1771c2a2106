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

// exported is a model file of a run, so that what is shown proves the file and not the weights it was made of.
type exported struct {
	model *backend.Model
	path  string
	field func(input string) string // of the data set, that feeds an input
	noise float64                   // standard deviation of the noise that x gets
	seed  uint64                    // of the noise
}

// open loads a model file of the run; close it after use.
func (r *run) open(file string) (*exported, error) {
	path := filepath.Join(r.dir, file)
	model, err := backend.Load(path, backend.Options{Kernels: r.result.KernelSet, MemoryLimit: r.job.Spec.MemoryLimit})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &exported{model: model, path: path, field: r.job.Network.Field, noise: r.job.Network.Noise, seed: r.job.Spec.Seed}, nil
}

func (e *exported) close() { e.model.Close() }

// shown is a batch of rows and what the model makes of them.
type shown struct {
	fields []*onnx.Tensor // by field of the data set: [rows, …]
	x      *onnx.Tensor   // what the model was given as x, with noise where it learns to take noise away; nil where it has no such input
	output *onnx.Tensor   // the model's first output: float, [rows, …]
	first  int            // number of the batch's first row
	rows   int
}

// row gives the numbers of one row of a tensor of the batch.
func (s *shown) row(t *onnx.Tensor, i int) []float32 {
	size := t.Len() / s.rows
	return t.Float32s()[i*size : (i+1)*size]
}

// each runs the first rows of an epoch, a batch at a time and in order, through the file. Inputs that the data does not have are left to
// the model's defaults. The batch is do's until it returns.
func (e *exported) each(ctx context.Context, data datasets.Dataset, epoch, rows, batch int, do func(*shown) error) error {
	info := data.Info()
	at, err := e.inputs(info)
	if err != nil {
		return err
	}
	for lo := 0; lo < min(rows, info.Rows); lo += batch {
		numbers := make([]int, min(batch, rows-lo, info.Rows-lo))
		for i := range numbers {
			numbers[i] = lo + i
		}
		s := &shown{fields: datasets.NewBatch(info, len(numbers)), first: lo, rows: len(numbers)}
		if err := data.Read(epoch, numbers, s.fields); err != nil {
			return fmt.Errorf("data %q: %w", info.Name, err)
		}
		in := make([]onnx.Value, len(at))
		for i, k := range at {
			if k < 0 {
				continue
			}
			v := e.model.Inputs()[i]
			// Rows of as many numbers in another shape are taken, as in training: a picture feeds a network that wants its pixels in a line.
			t := *s.fields[k]
			t.Dims = []int64{int64(len(numbers))}
			for _, d := range v.Type.Dims[1:] {
				t.Dims = append(t.Dims, d.Value)
			}
			if info.Fields[k].Name == datasets.FieldX {
				s.x = &t
				if e.noise > 0 {
					s.x = trainers.Noisy(&t, e.noise, e.seed, epoch, numbers)
				}
				in[i] = s.x
				continue
			}
			in[i] = &t
		}
		if s.output, err = e.run(ctx, in, len(numbers)); err != nil {
			return err
		}
		if err := do(s); err != nil {
			return fmt.Errorf("%s: rows from %d on: %w", e.path, lo, err)
		}
	}
	return nil
}

// inputs gives for each of the model's inputs the data set's field that feeds it, or -1 for one that is left to its default.
func (e *exported) inputs(info datasets.Info) ([]int, error) {
	required := make(map[string]bool)
	for _, v := range e.model.Required() {
		required[v.Name] = true
	}
	at := make([]int, len(e.model.Inputs()))
	for i, v := range e.model.Inputs() {
		field, k := info.Field(e.field(v.Name))
		if at[i] = k; k < 0 && !required[v.Name] {
			continue
		}
		if k < 0 || field.Elem != v.Type.Elem || int64(field.Len()) != rowLen(v) {
			return nil, fmt.Errorf("%s: input %q is %v, data %q has no such field", e.path, v.Name, v.Type, info.Name)
		}
	}
	return at, nil
}

// rowLen counts the numbers of one row of an input; -1 where the model does not say.
func rowLen(v *onnx.ValueInfo) int64 {
	if v.Type.Kind != onnx.KindTensor || len(v.Type.Dims) == 0 {
		return -1
	}
	n := int64(1)
	for _, d := range v.Type.Dims[1:] {
		if !d.Known() {
			return -1
		}
		n *= d.Value
	}
	return n
}

// run gives the first output for inputs of so many rows.
func (e *exported) run(ctx context.Context, in []onnx.Value, rows int) (*onnx.Tensor, error) {
	out, err := e.model.Run(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.path, err)
	}
	t, ok := out[0].(*onnx.Tensor)
	if !ok || t.Type != onnx.Float || len(t.Dims) == 0 || t.Dims[0] != int64(rows) {
		return nil, fmt.Errorf("%s: output %q is %v for %d rows, want float numbers for each row", e.path, e.model.Outputs()[0].Name, onnx.TypeOf(out[0]), rows)
	}
	return t, nil
}
