package main

import (
	"errors"
	"fmt"

	"github.com/gonyx/gonyx/exporters"
	"github.com/gonyx/gonyx/onnx"
	"github.com/urfave/cli/v2"
)

func (c *console) convertCommand() *cli.Command {
	return &cli.Command{
		Name:      "convert",
		Usage:     "write a model at another opset, up or down, and prove that it is the same",
		ArgsUsage: "MODEL|RUN_DIR",
		Description: "The new file is held against the old one by digest and by numbers before it appears; where they differ, or where the\n" +
			"opset cannot express a node, there is none.",
		Flags: []cli.Flag{
			&cli.Int64Flag{Name: "opset", Usage: fmt.Sprintf("the version of the default domain, 1 to %d", onnx.MaxOpset)},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "OUT.onnx"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
			threadsFlag(),
			memoryFlag(),
		},
		Action: c.convert,
	}
}

func (c *console) convert(ctx *cli.Context) error {
	if ctx.NArg() != 1 {
		return misuse("convert takes one model or run directory, %d are given", ctx.NArg())
	}
	opset, out := ctx.Int64("opset"), ctx.String("output")
	switch {
	case !ctx.IsSet("opset"):
		return misuse("--opset is missing: which version shall the model be written at?")
	case opset < 1 || opset > onnx.MaxOpset:
		return misuse("--opset %d: want 1 to %d", opset, onnx.MaxOpset)
	case out == "":
		return misuse("-o OUT.onnx is missing")
	}
	o, err := loadFlags(ctx)
	if err != nil {
		return err
	}
	report, err := exporters.Convert(ctx.Context, modelPath(ctx.Args().First()), out, opset, o)
	if report != nil && (err == nil || errors.Is(err, exporters.ErrDiffers)) {
		if err := c.print(ctx, report); err != nil {
			return err
		}
	}
	if errors.Is(err, exporters.ErrDiffers) {
		return &codeError{exitDiffers, err}
	}
	return err
}
