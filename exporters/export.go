package exporters

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/wire"
)

// Producer and Version are what a file says of who wrote it.
const (
	Producer = "gonyx"
	Version  = "0.1.0"
)

// DigestKey is the metadata key under which a file carries the digest of its graph, see [graphs.Digest].
const DigestKey = "gonyx.digest"

// The opsets that networks are exported at. The default is the oldest that has every operator that networks use by its own name.
const (
	OldestOpset  = 9
	NewestOpset  = onnx.MaxOpset
	DefaultOpset = 17
)

// Spec says what to export. Graph alone is enough where all its initializers have data.
type Spec struct {
	Graph    *onnx.Graph
	Weights  map[string]*onnx.Tensor // by parameter name; exactly those that the graph has no data for
	Opset    int64                   // of the default domain, OldestOpset to NewestOpset; DefaultOpset where 0
	Features *features.Recipe        // how raw rows become inputs and outputs become answers; nil: the file does not say
	Metadata []onnx.Entry            // what else the file says: settings, seed, data digest, kernel set, …
	// ExternalData keeps large weights in a second file beside the first, named after it with ".data" added.
	ExternalData bool
	Batches      []int64 // batch sizes to verify at besides 1, 2 and 3, such as the training batch
	// Reference computes the outputs by other means, the trainer's own, from inputs in the graph's order. Nil: not held against.
	Reference     func(inputs []*onnx.Tensor) ([]*onnx.Tensor, error)
	ReferenceName string          // what Reference is, for the report: "trainer" where empty
	Backend       backend.Options // how the file is run while it is verified
}

// Export writes a model file that holds what the spec says, and nothing that depends on time, place or number of threads. Before the file
// appears under its name it is reloaded, by our own decode and by stock onnx-go, and both must give the graph that went in and its
// numbers: the plan's, the plain evaluator's and the reference's, at several batch sizes. Where they do not the error is an
// [ErrDiffers], the report says what failed, and there is no new file; one that was there stays as it is.
func Export(ctx context.Context, path string, s Spec) (*Report, error) {
	report, err := export(ctx, path, s)
	if err != nil {
		return report, fmt.Errorf("export: %s: %w", path, err)
	}
	return report, nil
}

func export(ctx context.Context, path string, s Spec) (*Report, error) {
	if s.Opset == 0 {
		s.Opset = DefaultOpset
	}
	if s.Opset < OldestOpset || s.Opset > NewestOpset {
		return nil, fmt.Errorf("opset %d is not one of %d to %d", s.Opset, OldestOpset, NewestOpset)
	}
	b, err := build(s)
	if err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return nil, errors.New("it is a folder")
	}
	// A folder of its own beside the file, so that external data has its final name in it.
	folder, err := os.MkdirTemp(filepath.Dir(path), ".gonyx-*.tmp")
	if err != nil {
		return nil, bare(err)
	}
	defer os.RemoveAll(folder)
	temp := filepath.Join(folder, filepath.Base(path))
	if err := wire.WriteFile(temp, b.model, wire.WriteOptions{ExternalData: s.ExternalData}); err != nil {
		return nil, errors.Unwrap(err) // without the temporary name
	}
	report := &Report{Path: path, Digest: b.form.Digest(), Opset: s.Opset}
	if err := prove(ctx, temp, b, s, report); err != nil {
		return report, err
	}
	if err := report.Err(); err != nil {
		return report, err
	}
	return report, publish(folder, path)
}

// prove reloads a written file by both roads and holds it against what it was made of.
func prove(ctx context.Context, path string, b *built, s Spec, report *Report) error {
	limit := s.Backend.MemoryLimit
	if limit <= 0 {
		limit = ops.DefaultLimit
	}
	file, err := wire.ReadFile(path, wire.Options{MemoryLimit: limit})
	if err != nil {
		report.add("reload", Failed, "%v", err)
		return nil
	}
	m, err := backend.CompileModel(file, s.Backend)
	if err != nil {
		report.add("reload", Failed, "%v", err)
		return nil
	}
	defer m.Close()
	report.add("reload", OK, "%d nodes, %d weights at opset %d", len(file.Graph.Nodes), len(file.Graph.Initializers), s.Opset)
	diff, err := differs(b.form, file.Graph)
	report.same("graph as decoded", diff, err, "equal to the one built")
	stamp, _ := file.Meta(DigestKey)
	report.stamp(stamp, file.Graph)

	var stock *backend.Poured
	if external(file.Graph) {
		report.add("graph as stock onnx-go delivers it", Skipped, "it does not read external data")
	} else if hasStrings(file.Graph) {
		report.add("graph as stock onnx-go delivers it", Skipped, "it reads no strings")
	} else if stock = pour(path, s.Backend, report); stock != nil {
		defer stock.Close()
		diff, err := differs(b.form, stock.Graph())
		report.same("graph as stock onnx-go delivers it", diff, err, "equal to the one built")
	}
	roads := &roads{model: m, stock: stock, reference: s.Reference, referenceName: s.ReferenceName, limit: limit}
	if roads.referenceName == "" {
		roads.referenceName = "trainer"
	}
	batches := append([]int64{1, 2, 3}, s.Batches...)
	slices.Sort(batches)
	for _, batch := range slices.Compact(batches) {
		if batch < 1 {
			return fmt.Errorf("batch size %d cannot be verified at", batch)
		}
		in, err := invent(file.Graph, batch, numbersSeed, limit)
		if err != nil {
			report.add(fmt.Sprintf("numbers at batch %d", batch), Failed, "%v", err)
			continue
		}
		if err := roads.compare(ctx, fmt.Sprintf(" at batch %d", batch), in, report); err != nil {
			return err
		}
	}
	if s.Reference == nil {
		report.add("numbers of the trainer", Skipped, "none are given")
	}
	return nil
}

// pour has stock onnx-go decode a file, or records that it cannot.
func pour(path string, o backend.Options, report *Report) *backend.Poured {
	data, err := os.ReadFile(path)
	if err == nil {
		var stock *backend.Poured
		if stock, err = backend.PourModel(data, backend.WithOptions(o)); err == nil {
			return stock
		}
	}
	report.add("graph as stock onnx-go delivers it", Failed, "%v", err)
	return nil
}

func differs(want *graphs.Form, g *onnx.Graph) (string, error) {
	form, err := graphs.Canonical(g)
	if err != nil {
		return "", err
	}
	return want.Diff(form), nil
}

func external(g *onnx.Graph) bool {
	return slices.ContainsFunc(g.Initializers, func(t *onnx.Tensor) bool { return t.Storage == onnx.StorageExternal })
}

// publish moves the files of a folder to their names beside it: the data first, then the model. Where the model cannot be moved the
// old data is put back.
func publish(folder, path string) error {
	temp, data, old := filepath.Join(folder, filepath.Base(path)), path+".data", filepath.Join(folder, "old")
	moved, kept := false, false
	if _, err := os.Lstat(temp + ".data"); err == nil {
		if _, err := os.Lstat(data); err == nil {
			if err := os.Rename(data, old); err != nil {
				return bare(err)
			}
			kept = true
		}
		if err := os.Rename(temp+".data", data); err != nil {
			if kept {
				err = errors.Join(bare(err), os.Rename(old, data))
			}
			return bare(err)
		}
		moved = true
	}
	if err := os.Rename(temp, path); err != nil {
		err = bare(err)
		if moved {
			err = errors.Join(err, os.Remove(data))
		}
		if kept {
			err = errors.Join(err, os.Rename(old, data))
		}
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		dir.Sync() // not every system can; the files are whole either way
		dir.Close()
	}
	return nil
}

// bare takes the temporary path out of an error, which nobody knows.
func bare(err error) error {
	var p *os.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}
