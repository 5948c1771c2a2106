package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gonyx/gonyx/exporters"
	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/trainers"
	"github.com/urfave/cli/v2"
)

func (c *console) exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write the best weights of a run to another model file, and prove it",
		ArgsUsage: "RUN_DIR",
		Description: "The graph and what it says of itself are those of the run's model.onnx, the weights those of weights/best.npz. The file is proven as\n" +
			"training proves its own, and held against the run's model; neither the data nor training is needed.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "MODEL.onnx"},
			&cli.Int64Flag{Name: "opset", Usage: "opset of the file, 9 to 28 (default: that of the run's model)"},
			&cli.BoolFlag{Name: "external-data", Usage: "keep large weights in a second file, MODEL.onnx.data"},
			&cli.BoolFlag{Name: "with-features", Usage: "put the text features into the graph: its input are then tokens, string [batch, tokens] padded with \"\""},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
			threadsFlag(),
			memoryFlag(),
		},
		Action: c.export,
	}
}

func (c *console) export(ctx *cli.Context) error {
	opset, out := ctx.Int64("opset"), ctx.String("output")
	switch {
	case ctx.NArg() != 1:
		return misuse("export takes one run directory, %d are given", ctx.NArg())
	case out == "":
		return misuse("-o MODEL.onnx is missing")
	case ctx.IsSet("opset") && (opset < exporters.OldestOpset || opset > exporters.NewestOpset):
		return misuse("--opset %d: want %d to %d", opset, exporters.OldestOpset, exporters.NewestOpset)
	}
	o, err := loadFlags(ctx)
	if err != nil {
		return err
	}
	dir := ctx.Args().First()
	model, err := c.runOf(dir, o)
	if err != nil {
		return err
	}
	defer model.Close()
	spec, err := exportSpecOf(dir, model, o)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	spec.ExternalData = ctx.Bool("external-data")
	if ctx.IsSet("opset") {
		spec.Opset = opset
	}
	if ctx.Bool("with-features") {
		if err := putFeaturesIn(ctx.Context, &spec, model); err != nil {
			return fmt.Errorf("%s: --with-features: %w", dir, err)
		}
	}
	report, err := exporters.Export(ctx.Context, out, spec)
	if report != nil {
		if err := c.print(ctx, report); err != nil {
			return err
		}
	}
	if errors.Is(err, exporters.ErrDiffers) {
		return &codeError{exitDiffers, err}
	}
	return err
}

// runOf loads the model of a finished run.
func (c *console) runOf(dir string, o backend.Options) (*backend.Model, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("%q is no run directory: %w", dir, err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%q is no run directory; gonyx convert writes a model file at another opset", dir)
	}
	_, err = os.Stat(filepath.Join(dir, trainers.ModelFile))
	if _, state := os.Stat(filepath.Join(dir, filepath.FromSlash(trainers.StateFile))); errors.Is(err, fs.ErrNotExist) && state == nil {
		return nil, fmt.Errorf("the run in %q is not finished, so it has no %s yet; go on with: gonyx train --resume %s", dir, trainers.ModelFile, dir)
	}
	return c.load(dir, o)
}

// exportSpecOf says what a finished run exports: its model with the weights of its best epoch, held against the model itself.
func exportSpecOf(dir string, model *backend.Model, o backend.Options) (exporters.Spec, error) {
	file := model.File
	s := exporters.Spec{Graph: file.Graph.Clone(), Opset: file.Graph.Opset(onnx.DomainDefault), Backend: o}
	stamp, own := file.Meta(exporters.DigestKey)
	digest, err := graphs.Digest(file.Graph)
	if err != nil {
		return s, err
	}
	if !own || stamp != digest {
		return s, fmt.Errorf("%s is not as it was written: it carries the digest %q, its graph has %s", trainers.ModelFile, stamp, digest)
	}
	recipe, known, err := features.Restore(file.Metadata)
	if err != nil {
		return s, err
	}
	if known {
		s.Features = recipe
	}
	for _, e := range file.Metadata {
		if e.Key != exporters.DigestKey && !strings.HasPrefix(e.Key, features.Prefix) {
			s.Metadata = append(s.Metadata, e)
		}
	}
	best, err := rows.ReadNPZFile(filepath.Join(dir, filepath.FromSlash(trainers.BestFile)), o.MemoryLimit)
	if err != nil {
		return s, err
	}
	s.Weights = make(map[string]*onnx.Tensor, len(best))
	for _, w := range best {
		t := s.Graph.Initializer(w.Name)
		if t == nil {
			return s, fmt.Errorf("%s: array %q is no weight of %s", trainers.BestFile, w.Name, trainers.ModelFile)
		}
		t.Data, t.External, t.Storage = nil, nil, onnx.StorageRaw
		s.Weights[w.Name] = w
	}
	s.ReferenceName = "the run's model"
	s.Reference = func(inputs []*onnx.Tensor) ([]*onnx.Tensor, error) {
		return runTensorsOf(context.Background(), model, inputs)
	}
	return s, nil
}

func runTensorsOf(ctx context.Context, model *backend.Model, inputs []*onnx.Tensor) ([]*onnx.Tensor, error) {
	in := make([]onnx.Value, len(inputs))
	for i, t := range inputs {
		in[i] = t
	}
	out, err := model.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	tensors := make([]*onnx.Tensor, len(out))
	for i, v := range out {
		t, ok := v.(*onnx.Tensor)
		if !ok {
			return nil, fmt.Errorf("output %q is %v, want a tensor", model.Outputs()[i].Name, onnx.TypeOf(v))
		}
		tensors[i] = t
	}
	return tensors, nil
}

// putFeaturesIn makes a text model's features a part of its graph. It is held against the run's model fed with features from outside.
func putFeaturesIn(ctx context.Context, s *exporters.Spec, model *backend.Model) error {
	if s.Features == nil || s.Features.Text == nil {
		return misuse("the model takes no texts")
	}
	text := s.Features.Text
	bound, err := graphs.Bind(s.Graph, s.Weights)
	if err != nil {
		return err
	}
	if s.Graph, err = exporters.WithTextFeatures(bound, text); err != nil {
		return err
	}
	s.Weights = nil
	s.Features = &features.Recipe{Task: s.Features.Task, Classes: s.Features.Classes, Tokens: text.Tokenizer, Layout: s.Features.Layout}
	var kept []onnx.Entry // the graph is another than the network's
	for _, e := range s.Metadata {
		if e.Key != trainers.NetworkKey && e.Key != trainers.LossKey && !strings.HasPrefix(e.Key, trainers.SettingPrefix) {
			kept = append(kept, e)
		}
	}
	s.Metadata = kept
	s.ReferenceName = "the run's model with features from outside"
	s.Reference = func(inputs []*onnx.Tensor) ([]*onnx.Tensor, error) {
		return runTensorsOf(ctx, model, []*onnx.Tensor{rowsOfTokens(text, inputs[0])})
	}
	return nil
}

// rowsOfTokens makes the features of tokens [batch, tokens].
func rowsOfTokens(text *features.Text, tokens *onnx.Tensor) *onnx.Tensor {
	x := onnx.NewTensor(onnx.Float, tokens.Dims[0], int64(text.Columns))
	width := int(tokens.Dims[1])
	for i := range int(tokens.Dims[0]) {
		row := text.Row(strings.Join(tokens.Strings[i*width:(i+1)*width], " "))
		row.Fill(x.Float32s()[i*text.Columns : (i+1)*text.Columns])
	}
	return x
}
