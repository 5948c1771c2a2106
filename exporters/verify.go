package exporters

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/wire"
)

// Verify holds a model file against itself: it goes through our codec and back, is sound, has the digest that it is stamped with,
// and its plan gives the plain evaluator's numbers on invented inputs at batch sizes 1, 2 and 3. A file that carries a digest is one
// of ours: then stock onnx-go must deliver the same graph and numbers. What does not apply is skipped and says why. The error is
// that of a file that cannot be read or is not sound; what differs is in the report alone, see [Report.Err].
func Verify(ctx context.Context, path string, o backend.Options) (*Report, error) {
	report := &Report{Path: path}
	limit := o.MemoryLimit
	if limit <= 0 {
		limit = ops.DefaultLimit
	}
	file, err := wire.ReadFile(path, wire.Options{MemoryLimit: limit})
	if err != nil {
		return nil, err
	}
	if err := roundTrip(path, file, limit, report); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	warnings, err := ops.Check(file, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	report.Opset = file.Graph.Opset(onnx.DomainDefault)
	sound := "sound"
	if len(warnings) > 0 {
		sound = fmt.Sprintf("sound, with %d warnings, first: %s", len(warnings), warnings[0])
	}
	report.add("check", OK, "%s", sound)
	g := file.Graph
	if len(g.Opsets) == 0 {
		g = ops.WithOpset1(g)
	}
	stamp, own := file.Meta(DigestKey)
	if report.Digest, err = graphs.Digest(g); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if own {
		report.stamp(stamp, g)
	} else {
		report.add("digest", Skipped, "none is stamped: the file is not one of ours")
	}
	m, err := backend.CompileModel(file, o)
	if errors.Is(err, ops.ErrUnsupported) {
		report.add("numbers", Skipped, "%v", err)
		return report, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer m.Close()
	roads := &roads{model: m, limit: limit, quanta: quantaOf(g)}
	switch {
	case own && external(g):
		report.add("graph as stock onnx-go delivers it", Skipped, "it does not read external data")
	case own && hasStrings(g):
		report.add("graph as stock onnx-go delivers it", Skipped, "it reads no strings")
	case own:
		if roads.stock = pour(path, o, report); roads.stock != nil {
			defer roads.stock.Close()
			diff, err := graphs.Diff(g, roads.stock.Graph())
			report.same("graph as stock onnx-go delivers it", diff, err, "equal to the one decoded")
		}
	}
	return report, roads.batches(ctx, g, own, report)
}

// batches compares numbers at batch sizes 1, 2 and 3, once where the inputs' sizes are fixed.
func (r *roads) batches(ctx context.Context, g *onnx.Graph, own bool, report *Report) error {
	var before []onnx.Value
	for batch := int64(1); batch <= 3; batch++ {
		at := fmt.Sprintf(" at batch %d", batch)
		in, unfit, err := inventFor(g, batch, r.limit, func(in []onnx.Value) error {
			if own || before != nil && sameShapes(before, in) {
				return ctx.Err()
			}
			return r.unfit(ctx, in)
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			report.add("numbers", Skipped, "%v", err)
			return nil
		}
		if before != nil && sameShapes(before, in) {
			return nil
		}
		before = in
		// A foreign model may want more of its inputs than their types say, such as an index within a range.
		if unfit != nil {
			report.add("numbers"+at, Skipped, "the model cannot run with invented inputs: %v", unfit)
			continue
		}
		if err := r.compare(ctx, at, in, report); err != nil {
			return err
		}
	}
	return nil
}

// unfit says why the model cannot run with the inputs: the plain evaluator refuses them, or makes what the model does not declare.
func (r *roads) unfit(ctx context.Context, in []onnx.Value) error {
	out, err := r.model.Evaluate(ctx, in)
	if err != nil {
		return err
	}
	for i, v := range r.model.Outputs() {
		if _, err := ops.Merge(v.Type, ops.Fact{Type: onnx.TypeOf(out[i])}); err != nil {
			return fmt.Errorf("output %q: %w", v.Name, err)
		}
	}
	return nil
}

func sameShapes(a, b []onnx.Value) bool {
	return slices.EqualFunc(a, b, func(v, w onnx.Value) bool {
		if v == nil || w == nil {
			return v == w
		}
		return slices.Equal(v.(*onnx.Tensor).Dims, w.(*onnx.Tensor).Dims)
	})
}

// stamp records whether the digest that a file carries is that of its graph.
func (r *Report) stamp(stamp string, g *onnx.Graph) {
	digest, err := graphs.Digest(g)
	difference := ""
	if err == nil && digest != stamp {
		difference = fmt.Sprintf("the graph has %s, the file is stamped %s", digest, stamp)
	}
	r.same("digest", difference, err, digest)
}

// roundTrip records whether the file survives our codec.
func roundTrip(path string, file *onnx.Model, limit int64, report *Report) error {
	original, err := os.ReadFile(path)
	if err != nil {
		return bare(err)
	}
	const name = "decode and encode"
	first, err := wire.Encode(file)
	if err != nil {
		report.add(name, Failed, "%v", err)
		return nil
	}
	if bytes.Equal(first, original) {
		report.add(name, OK, "the same %d bytes", len(first))
		return nil
	}
	again, err := wire.Decode(first, wire.Options{MemoryLimit: limit, Dir: filepath.Dir(path)})
	if err != nil {
		report.add(name, Failed, "%v", err)
		return nil
	}
	second, err := wire.Encode(again)
	switch {
	case err != nil:
		report.add(name, Failed, "%v", err)
	case !bytes.Equal(first, second):
		report.add(name, Failed, "the second time gives other bytes")
	default:
		report.add(name, OK, "the same again; the file spells it otherwise")
	}
	return nil
}
