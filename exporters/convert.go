package exporters

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/wire"
)

// Convert writes a model file at another opset of the default domain, up or down, with its functions inlined. Before the file appears
// under its name it is reloaded and held against the first one: both must have one digest, and give the same numbers where they can
// be run. An opset that writes a node as several, which lifting does not undo, gives another digest; then the numbers alone decide,
// and a file that carries a digest gets the new one. What differs is an [ErrDiffers], and there is no new file; one that was there
// stays as it is. A node that the opset cannot express is an error that names it.
func Convert(ctx context.Context, from, to string, opset int64, o backend.Options) (*Report, error) {
	limit := o.MemoryLimit
	if limit <= 0 {
		limit = ops.DefaultLimit
	}
	file, err := wire.ReadFile(from, wire.Options{MemoryLimit: limit})
	if err != nil {
		return nil, err
	}
	report, err := convert(ctx, file, to, opset, limit, o)
	if err != nil {
		return report, fmt.Errorf("convert: %s: %w", from, err)
	}
	return report, nil
}

func convert(ctx context.Context, file *onnx.Model, to string, opset, limit int64, o backend.Options) (*Report, error) {
	if _, err := ops.Check(file, limit); err != nil {
		return nil, err
	}
	original := *file
	if len(file.Graph.Opsets) == 0 {
		original.Graph = ops.WithOpset1(file.Graph)
	}
	before, err := graphs.Canonical(original.Graph)
	if err != nil {
		return nil, err
	}
	written := original
	if written.Graph, err = ops.Convert(original.Graph, opset); err != nil {
		return nil, fmt.Errorf("at opset %d: %w", opset, err)
	}
	written.IRVersion = max(IRVersion(opset), leastIR(written.Graph))
	after, err := graphs.Canonical(written.Graph)
	if err != nil {
		return nil, err
	}
	report := &Report{Path: to, Digest: after.Digest(), Opset: opset}
	if stamp, own := file.Meta(DigestKey); own {
		if stamp != before.Digest() {
			return nil, fmt.Errorf("it carries the digest %s, its graph has %s: the file was changed after it was written", stamp, before.Digest())
		}
		written.Metadata = append([]onnx.Entry(nil), file.Metadata...)
		written.SetMeta(DigestKey, after.Digest())
	}
	diff := before.Diff(after)
	if diff == "" {
		report.add("graph", OK, "equal to the one at opset %d: %s", original.Graph.Opset(onnx.DomainDefault), after.Digest())
	} else {
		report.add("graph", Skipped, "other nodes are to give the same numbers: %s", diff)
	}
	if info, err := os.Lstat(to); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder", to)
	}
	folder, err := os.MkdirTemp(filepath.Dir(to), ".gonyx-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", to, bare(err))
	}
	defer os.RemoveAll(folder)
	temp := filepath.Join(folder, filepath.Base(to))
	if err := wire.WriteFile(temp, &written, wire.WriteOptions{ExternalData: external(file.Graph)}); err != nil {
		return nil, fmt.Errorf("%s: %w", to, errors.Unwrap(err))
	}
	if err := proveConverted(ctx, &original, temp, after, diff != "", limit, o, report); err != nil {
		return report, err
	}
	if err := report.Err(); err != nil {
		return report, err
	}
	if err := publish(folder, to); err != nil {
		return report, fmt.Errorf("%s: %w", to, err)
	}
	return report, nil
}

// proveConverted reloads a converted file and runs it beside the original. Where numbers is true they must have been compared.
func proveConverted(ctx context.Context, original *onnx.Model, path string, form *graphs.Form, numbers bool, limit int64, o backend.Options, report *Report) error {
	file, err := wire.ReadFile(path, wire.Options{MemoryLimit: limit})
	if err != nil {
		report.add("reload", Failed, "%v", err)
		return nil
	}
	if _, err := ops.Check(file, limit); err != nil {
		report.add("reload", Failed, "%v", err)
		return nil
	}
	diff, err := differs(form, file.Graph)
	report.same("reload", diff, err, fmt.Sprintf("%d nodes, %d weights, IR version %d", len(file.Graph.Nodes), len(file.Graph.Initializers), file.IRVersion))
	if !report.OK() {
		return nil
	}
	ran, err := compareConverted(ctx, original, file, limit, o, report)
	if err == nil && numbers && !ran {
		report.add("proof", Failed, "the graphs differ and no numbers could be compared")
	}
	return err
}

// compareConverted runs both models on invented inputs at batch sizes 1, 2 and 3 and says whether any numbers were compared.
func compareConverted(ctx context.Context, original, converted *onnx.Model, limit int64, o backend.Options, report *Report) (ran bool, err error) {
	a, err := backend.CompileModel(original, o)
	if err != nil {
		report.add("numbers", Skipped, "the model cannot be run here: %v", err)
		return false, nil
	}
	defer a.Close()
	b, err := backend.CompileModel(converted, o)
	if err != nil {
		report.add("numbers", Failed, "the converted model cannot be run: %v", err)
		return false, nil
	}
	defer b.Close()
	r := &roads{model: a, limit: limit}
	var last []onnx.Value
	for batch := int64(1); batch <= 3; batch++ {
		at := fmt.Sprintf(" at batch %d", batch)
		var want []onnx.Value
		in, unfit, err := inventFor(original.Graph, batch, limit, func(in []onnx.Value) (err error) {
			want, err = a.Run(ctx, in)
			return err
		})
		if ctx.Err() != nil {
			return ran, ctx.Err()
		}
		if err != nil {
			report.add("numbers", Skipped, "%v", err)
			return ran, nil
		}
		if last != nil && sameShapes(last, in) {
			return ran, nil
		}
		last = in
		if unfit != nil {
			report.add("numbers"+at, Skipped, "the model cannot run with invented inputs: %v", unfit)
			continue
		}
		got, failed := b.Run(ctx, in)
		if ctx.Err() != nil {
			return ran, ctx.Err()
		}
		r.hold("numbers before and after"+at, got, want, failed, report)
		ran = true
	}
	return ran, nil
}

// leastIR is the lowest version of the format that has what a graph uses: initializers that are no inputs are of 4, the element
// types of a byte and less that came after it of later ones.
func leastIR(g *onnx.Graph) int64 {
	least := int64(3)
	inputs := make(map[string]bool)
	elem := func(t onnx.ElemType) {
		switch {
		case t >= onnx.Float6E2M3:
			least = max(least, 14)
		case t >= onnx.Uint2:
			least = max(least, 13)
		case t >= onnx.Float8E8M0:
			least = max(least, 12)
		case t >= onnx.Float4E2M1:
			least = max(least, 11)
		case t >= onnx.Uint4:
			least = max(least, 10)
		case t >= onnx.Float8E4M3FN:
			least = max(least, 9)
		}
	}
	for _, v := range g.Inputs {
		inputs[v.Name] = true
		elem(v.Type.Elem)
	}
	for _, v := range g.Outputs {
		elem(v.Type.Elem)
	}
	for _, t := range g.Initializers {
		elem(t.Type)
		if !inputs[t.Name] {
			least = max(least, 4)
		}
	}
	for _, n := range g.Nodes {
		for _, a := range n.Attributes {
			if a.Tensor != nil {
				elem(a.Tensor.Type)
			}
			for _, sub := range a.Subgraphs() {
				least = max(least, leastIR(sub))
			}
		}
	}
	return least
}
