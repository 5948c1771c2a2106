package main

import (
	"errors"
	"fmt"

	"github.com/gonyx/gonyx/exporters"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/onnx/scoring"
	"github.com/gonyx/gonyx/onnx/wire"
	"github.com/urfave/cli/v2"
)

func (c *console) compareCommand() *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "say whether two models are the same network, and where they differ first",
		ArgsUsage: "A.onnx B.onnx | A.onnx --reference OUT.npz",
		Description: "By structure: names, order, storage, opset and the like do not count, weights do, to the bit. Where the inputs agree both are\n" +
			"run and their numbers reported. With --numeric the numbers decide; with --reference they are held against stored outputs.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "reference", Usage: "OUT.npz: stored tensors by name in place of a second model"},
			&cli.StringSliceFlag{Name: "input", Usage: "NAME=FILE.npy: a tensor for the input NAME (default: drawn from a seed)"},
			&cli.BoolFlag{Name: "numeric", Usage: "let the numbers decide, not the structure"},
			&cli.BoolFlag{Name: "layers", Usage: "find the first tensor on the path whose numbers differ"},
			&cli.Float64Flag{Name: "rtol", Value: exporters.DefaultTolerance().Rel, Usage: "relative part of |a-b| <= atol + rtol*|b|"},
			&cli.Float64Flag{Name: "atol", Value: exporters.DefaultTolerance().Abs, Usage: "absolute part"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
			threadsFlag(),
			memoryFlag(),
		},
		Action: c.compare,
	}
}

func (c *console) compare(ctx *cli.Context) error {
	reference := ctx.String("reference")
	switch {
	case reference != "" && ctx.NArg() != 1:
		return misuse("with --reference compare takes one model, %d are given", ctx.NArg())
	case reference == "" && ctx.NArg() != 2:
		return misuse("compare takes two models, or one and --reference OUT.npz; %d are given", ctx.NArg())
	}
	tol := ops.Tolerance{Rel: ctx.Float64("rtol"), Abs: ctx.Float64("atol")}
	if !(tol.Rel >= 0 && tol.Abs >= 0) {
		return misuse("--rtol %g --atol %g: want numbers that are not negative", tol.Rel, tol.Abs)
	}
	o, err := loadFlags(ctx)
	if err != nil {
		return err
	}
	inputs, err := keyValues(ctx, "input")
	if err != nil {
		return err
	}
	first, second := ctx.Args().First(), ctx.Args().Get(1)
	numbers := len(inputs) > 0 || reference != "" || ctx.Bool("numeric") || ctx.Bool("layers")
	a, err := c.load(first, o)
	if err != nil && errors.Is(err, ops.ErrUnsupported) && !numbers {
		return c.compareStructure(ctx, first, second, o, err)
	}
	if err != nil {
		return err
	}
	defer a.Close()
	how := exporters.CompareOptions{Tolerance: tol, Layers: ctx.Bool("layers"), Limit: o.MemoryLimit}
	if len(inputs) > 0 {
		named, err := readInputs(a, inputs, o.MemoryLimit)
		if err != nil {
			return err
		}
		if how.Inputs, err = scoring.Arrange(a, named, func(text string) { fmt.Fprintf(c.errs, "gonyx: %s\n", text) }); err != nil {
			return inputMistake(err)
		}
	}
	var found *exporters.Comparison
	if reference != "" {
		stored, err := rows.ReadNPZFile(reference, o.MemoryLimit)
		if err != nil {
			return err
		}
		if found, err = exporters.CompareReference(ctx.Context, a, stored, how); err != nil {
			return fmt.Errorf("compare: %w", err)
		}
	} else {
		b, err := c.load(second, o)
		if err != nil && errors.Is(err, ops.ErrUnsupported) && !numbers {
			return c.compareStructure(ctx, first, second, o, err)
		}
		if err != nil {
			return err
		}
		defer b.Close()
		if found, err = exporters.Compare(ctx.Context, a, b, how); err != nil {
			return fmt.Errorf("compare: %w", err)
		}
	}
	if err := c.print(ctx, found); err != nil {
		return err
	}
	same := found.Equal
	if ctx.Bool("numeric") || reference != "" {
		same = found.NumbersOK
	}
	if !same {
		return silently(exitDiffers)
	}
	return nil
}

// compareStructure compares models of which one cannot be run, for the reason given: structure knows every operator.
func (c *console) compareStructure(ctx *cli.Context, first, second string, o backend.Options, reason error) error {
	var files [2]*onnx.Model
	for i, path := range []string{first, second} {
		m, err := wire.ReadFile(modelPath(path), wire.Options{MemoryLimit: o.MemoryLimit})
		if err != nil {
			return err
		}
		warnings, err := ops.Check(m, o.MemoryLimit)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		c.warn(path, warnings)
		files[i] = m
	}
	found, err := exporters.CompareStructure(files[0], files[1])
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	found.Reason = reason.Error()
	if err := c.print(ctx, found); err != nil {
		return err
	}
	if !found.Equal {
		return silently(exitDiffers)
	}
	return nil
}

// inputMistake tells a wrong input name from other errors.
func inputMistake(err error) error {
	var wrong *scoring.InputError
	if errors.As(err, &wrong) {
		return misuse("%w", err)
	}
	return err
}
