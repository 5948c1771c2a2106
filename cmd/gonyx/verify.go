package main

import (
	"fmt"

	"github.com/gonyx/gonyx/exporters"
	"github.com/urfave/cli/v2"
)

func (c *console) verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "prove a model file: structure, digest, numbers",
		ArgsUsage: "MODEL|RUN_DIR",
		Description: "Decodes the file and encodes it again, checks it, recomputes the digest it carries, and holds the plan against the plain\n" +
			"evaluator on seeded inputs at batch 1, 2 and 3; a file of our own also against what stock onnx-go delivers.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
			threadsFlag(),
			memoryFlag(),
		},
		Action: c.verify,
	}
}

func (c *console) verify(ctx *cli.Context) error {
	if ctx.NArg() != 1 {
		return misuse("verify takes one model or run directory, %d are given", ctx.NArg())
	}
	o, err := loadFlags(ctx)
	if err != nil {
		return err
	}
	report, err := exporters.Verify(ctx.Context, modelPath(ctx.Args().First()), o)
	if err != nil {
		return err
	}
	if err := c.print(ctx, report); err != nil {
		return err
	}
	if !report.OK() {
		return &codeError{exitDiffers, fmt.Errorf("%s: %w", ctx.Args().First(), report.Err())}
	}
	return nil
}
