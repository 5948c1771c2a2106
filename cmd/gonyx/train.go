package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/exporters"
	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/losses"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/reports"
	"github.com/urfave/cli/v2"
)

func (c *console) trainCommand() *cli.Command {
	return &cli.Command{
		Name:        "train",
		Usage:       "train a network, export the best weights to ONNX, verify the file, draw pictures",
		ArgsUsage:   "NETWORK|MODEL.onnx",
		Description: catalogueHelp(),
		Flags: append(layoutFlags(),
			&cli.StringFlag{Name: "data", Usage: "data set: a name or a path (default: the network's own)"},
			&cli.IntFlag{Name: "limit", Usage: "use the first N rows, or generate N rows an epoch"},
			&cli.IntFlag{Name: "epochs", Usage: "times to go over the data (default: the network's recipe)"},
			&cli.IntFlag{Name: "batch-size", Usage: "rows a step (default: the network's recipe)"},
			&cli.StringFlag{Name: "optimizer", Usage: "NAME[:key=value,...]: sgd, rmsprop, adam, adamw, adagrad, adadelta; replaces the recipe's rate, schedule and clipping"},
			&cli.Float64Flag{Name: "learning-rate", Usage: "step size (default: the optimizer's)"},
			&cli.StringFlag{Name: "schedule", Usage: "constant | step:every=N,gamma=F | cosine:warmup=N | plateau:patience=N,factor=F"},
			&cli.Float64Flag{Name: "clip-norm", Usage: "largest global norm of the gradients; 0: no clipping"},
			&cli.Uint64Flag{Name: "seed", Usage: "seed of weights, data, order and noise"},
			&cli.StringSliceFlag{Name: "set", Usage: "KEY=VALUE: an option of the network or the data set"},
			&cli.Float64Flag{Name: "validation-split", Value: trainers.DefaultValidationSplit, Usage: "part of the rows held out; 0: none"},
			&cli.IntFlag{Name: "early-stopping", Usage: "end after N epochs without a lower validation loss; the model has the best weights either way"},
			&cli.IntFlag{Name: "overfit", Usage: "train on the first N rows alone until the loss above its floor has fallen to 5 % (default 1000 epochs); exit 1 where it does not"},
			&cli.BoolFlag{Name: "no-shuffle", Usage: "take rows in their order"},
			&cli.StringFlag{Name: "init", Usage: "WEIGHTS.npz or MODEL.onnx whose weights to start from"},
			&cli.StringFlag{Name: "loss", Usage: "of a MODEL.onnx that is trained on: " + strings.Join(losses.Names(), ", ")},
			&cli.StringSliceFlag{Name: "freeze", Usage: "PATTERN of weights of a MODEL.onnx that stay as they are, as in 'conv*'"},
			&cli.StringFlag{Name: "resume", Usage: "go on with the run in DIR"},
			&cli.StringFlag{Name: "out", Usage: "run directory (default runs/NETWORK, runs/NETWORK-2, ...)"},
			&cli.Int64Flag{Name: "opset", Usage: fmt.Sprintf("opset of the exported model, 9 to 28 (default: %d, or the file's own)", trainers.DefaultOpset)},
			threadsFlag(),
			&cli.StringSliceFlag{Name: "watch", Usage: "VALUE of the training graph whose shape, mean and extremes are printed"},
			&cli.BoolFlag{Name: "quiet", Usage: "print nothing but errors and the result"},
			memoryFlag(),
		),
		Action: c.train,
	}
}

func catalogueHelp() string {
	var s strings.Builder
	for _, n := range networks.All() {
		fmt.Fprintf(&s, "%s: %s (data: %s)\n", n.Name, n.Summary, n.Dataset)
		for _, o := range n.Options {
			fmt.Fprintf(&s, "  --set %s=%s  %s\n", o.Name, o.Default, o.Help)
		}
	}
	return strings.TrimRight(s.String(), "\n")
}

func (c *console) train(ctx *cli.Context) error {
	if ctx.NArg() > 1 {
		return misuse("train takes one network, %q is one too many", ctx.Args().Get(1))
	}
	if _, err := loadFlags(ctx); err != nil {
		return err
	}
	spec, dir, err := c.trainSpec(ctx)
	if err != nil {
		return err
	}
	job, err := spec.Prepare()
	if err != nil {
		return err
	}
	o := job.Options()
	o.Threads, o.Watch = ctx.Int("threads"), ctx.StringSlice("watch")
	resumed := dir != ""
	if o.Resume = job.Spec.Begun; resumed && !o.Resume {
		fmt.Fprintf(c.errs, "gonyx: the run in %s ended before anything was saved: it begins again\n", dir)
	}
	if !resumed {
		if dir, err = trainers.NewRunDir(ctx.String("out"), job.Network.Name); err != nil {
			return err
		}
		if err := trainers.WriteSpec(dir, job.Spec); err != nil {
			return err
		}
	}
	o.Dir = dir
	quiet := ctx.Bool("quiet")
	if !quiet {
		summary, err := graphs.Summarize(job.Network.Model.Graph)
		if err != nil {
			return err
		}
		fmt.Fprintln(c.errs, summary)
	}
	bar := newProgress(c.errs, job.Network, quiet)
	o.Progress = bar.event
	result, err := trainers.Fit(ctx.Context, job.Network, job.Data, o)
	bar.close()
	if errors.Is(err, trainers.ErrInterrupted) {
		fmt.Fprintf(c.errs, "interrupted; go on with: gonyx train %s --resume %s\n", job.Spec.Network, dir)
		return err
	}
	if err != nil {
		if !resumed {
			trainers.DropRunDir(dir) // where nothing was saved in it
		}
		return err
	}
	defer result.Close()
	return c.finish(ctx.Context, job, result, dir, quiet)
}

// finish exports the best weights, draws the pictures and says where things are.
func (c *console) finish(ctx context.Context, job *trainers.Job, result *trainers.Result, dir string, quiet bool) error {
	report, err := exporters.Export(ctx, filepath.Join(dir, trainers.ModelFile), exportSpec(job, result))
	if report != nil && (!quiet || err != nil) {
		fmt.Fprintln(c.errs, report)
	}
	if err != nil {
		return err
	}
	var files []string
	for _, p := range job.Network.Parts {
		name := p.Name + ".onnx"
		s := exportSpec(job, result)
		s.Graph, s.Weights, s.Reference = p.Model.Graph, partWeights(p, result.Best), nil
		s.Features = nil // only the whole takes rows
		s.Metadata = slices.DeleteFunc(s.Metadata, func(e onnx.Entry) bool {
			input, isDefault := strings.CutPrefix(e.Key, backend.DefaultPrefix)
			return isDefault && !slices.ContainsFunc(s.Graph.Inputs, func(v *onnx.ValueInfo) bool { return v.Name == input })
		})
		if _, err := exporters.Export(ctx, filepath.Join(dir, name), s); err != nil {
			return err
		}
		files = append(files, name)
	}
	written, err := reports.Write(ctx, dir, job, result, report.String())
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, filepath.Join(dir, trainers.ModelFile))
	if o := result.Overfit; o != nil && !o.Reached {
		return &codeError{exitDiffers, errors.New(o.String())}
	} else if o != nil && !quiet {
		fmt.Fprintln(c.errs, o)
	}
	if !quiet {
		for _, f := range append(files, written...) {
			fmt.Fprintln(c.errs, filepath.Join(dir, f))
		}
	}
	return nil
}

func partWeights(p networks.Part, all map[string]*onnx.Tensor) map[string]*onnx.Tensor {
	weights := make(map[string]*onnx.Tensor)
	for _, q := range p.Model.Parameters {
		weights[q.Name] = all[q.Name]
	}
	return weights
}

// trainSpec reads the flags, or with --resume what the run directory says; dir is that of a resumed run.
func (c *console) trainSpec(ctx *cli.Context) (spec trainers.Spec, dir string, err error) {
	if dir = ctx.String("resume"); dir != "" {
		for _, name := range ctx.LocalFlagNames() {
			switch name {
			case "resume", "threads", "watch", "quiet", "memory-limit":
			default:
				return spec, "", misuse("--%s cannot be given with --resume: the run goes on as %s says", name, filepath.Join(dir, trainers.ArgsFile))
			}
		}
		if spec, err = trainers.ReadSpec(dir); err != nil {
			return spec, "", err
		}
		if name := ctx.Args().First(); name != "" && name != spec.Network {
			return spec, "", misuse("the run in %q is of network %q, not %q", dir, spec.Network, name)
		}
		if spec.Begun, err = trainers.HasCheckpoint(dir); err != nil {
			return spec, "", err
		}
	} else {
		if ctx.NArg() == 0 {
			return spec, "", misuse("train which network? There are %s", networkNames())
		}
		if spec, err = specOfFlags(ctx); err != nil {
			return spec, "", err
		}
	}
	if spec.MemoryLimit, err = memoryLimit(ctx); err != nil {
		return spec, "", err
	}
	spec.Warn = func(text string) { fmt.Fprintf(c.errs, "gonyx: %s\n", text) }
	return spec, dir, nil
}

func networkNames() string {
	var names []string
	for _, n := range networks.All() {
		names = append(names, n.Name)
	}
	return strings.Join(names, ", ")
}

func specOfFlags(ctx *cli.Context) (trainers.Spec, error) {
	spec := trainers.Spec{
		Network: ctx.Args().First(), Data: ctx.String("data"), Limit: ctx.Int("limit"), Epochs: ctx.Int("epochs"),
		BatchSize: ctx.Int("batch-size"), Optimizer: ctx.String("optimizer"), LearningRate: ctx.Float64("learning-rate"),
		Schedule: ctx.String("schedule"), Seed: ctx.Uint64("seed"), NoShuffle: ctx.Bool("no-shuffle"), Init: ctx.String("init"),
		Opset: ctx.Int64("opset"), Loss: ctx.String("loss"), Freeze: ctx.StringSlice("freeze"), EarlyStopping: ctx.Int("early-stopping"), Overfit: ctx.Int("overfit"),
	}
	for _, name := range []string{"limit", "epochs", "batch-size", "early-stopping", "overfit"} {
		if ctx.IsSet(name) && ctx.Int(name) < 1 {
			return spec, misuse("--%s %d: want at least 1", name, ctx.Int(name))
		}
	}
	if rate := ctx.Float64("learning-rate"); ctx.IsSet("learning-rate") && (!(rate > 0) || math.IsInf(rate, 0)) {
		return spec, misuse("--learning-rate %g: want a positive number", rate)
	}
	if ctx.IsSet("clip-norm") {
		norm := ctx.Float64("clip-norm")
		if !(norm >= 0) || math.IsInf(norm, 0) {
			return spec, misuse("--clip-norm %g: want a positive number, or 0 for none", norm)
		}
		spec.ClipNorm = &norm
	}
	if ctx.IsSet("opset") && (spec.Opset < exporters.OldestOpset || spec.Opset > onnx.MaxOpset) {
		return spec, misuse("--opset %d: want %d to %d", spec.Opset, exporters.OldestOpset, onnx.MaxOpset)
	}
	layout, err := layoutOf(ctx, features.Layout{})
	if err != nil {
		return spec, err
	}
	spec.TextColumn, spec.LabelColumn, spec.Header, spec.Delimiter, spec.Escape =
		layout.TextColumn, layout.LabelColumn, layout.Header, layout.Delimiter, layout.Escape
	if split := ctx.Float64("validation-split"); ctx.IsSet("validation-split") || spec.Overfit == 0 {
		spec.ValidationSplit = &split
	}
	if spec.Set, err = keyValues(ctx, "set"); err != nil {
		return spec, err
	}
	if spec.Init != "" {
		if _, err := os.Stat(spec.Init); err != nil {
			return spec, fmt.Errorf("--init: %w", err)
		}
	}
	return spec, nil
}
