package main

import (
	"fmt"

	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/datasets"
	"github.com/urfave/cli/v2"
)

func (c *console) dataCommand() *cli.Command {
	return &cli.Command{
		Name:      "data",
		Usage:     "write a generated data set to files, for looking at, trying out and testing",
		ArgsUsage: "yolo",
		Description: "yolo: pictures of words, Images/N.PNG beside Labels/N.txt; none of them is one that training or validation with the\n" +
			"same seed sees.",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "count", Value: 100, Usage: "rows to write"},
			&cli.StringFlag{Name: "out", Usage: "folder to write to (default data/NAME); it must be empty or not be there yet"},
			&cli.Uint64Flag{Name: "seed", Usage: "seed of what is drawn"},
			&cli.StringSliceFlag{Name: "set", Usage: "KEY=VALUE: an option of the data set"},
		},
		Action: c.data,
	}
}

func (c *console) data(ctx *cli.Context) error {
	if ctx.NArg() != 1 || ctx.Args().First() != "yolo" {
		return misuse("write which data? There is yolo")
	}
	if ctx.Int("count") < 1 {
		return misuse("--count %d: want at least 1", ctx.Int("count"))
	}
	set, err := keyValues(ctx, "set")
	if err != nil {
		return err
	}
	words, err := datasets.NewWords(datasets.Config{Seed: ctx.Uint64("seed"), Set: set})
	if err != nil {
		return &codeError{exitMisuse, err}
	}
	dir := ctx.String("out")
	if dir == "" {
		dir = "data/yolo"
	}
	if err := trainers.EmptyDir(dir); err != nil {
		return err
	}
	if err := datasets.WriteImageLabels(ctx.Context, dir, words.ForFiles(ctx.Int("count")), nil); err != nil {
		return err
	}
	fmt.Fprintln(c.out, dir)
	return nil
}
