package main

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/graphs/losses"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/datasets"
	"github.com/urfave/cli/v2"
)

func (c *console) evaluateCommand() *cli.Command {
	return &cli.Command{
		Name:      "evaluate",
		Usage:     "measure a model file on held-out data: losses, and what its task is judged by",
		ArgsUsage: "MODEL|RUN_DIR",
		Description: "The file is run on every row of the data; of a generated set these are rows that its training did not see.\n" +
			"A detector is judged by average precision, a classifier by accuracy, precision, recall, F1 and confusion. Losses are those of the\n" +
			"network or the loss that the file names.",
		Flags: append(layoutFlags(),
			&cli.StringFlag{Name: "data", Usage: "data set: a name or a path"},
			&cli.IntFlag{Name: "limit", Usage: "use the first N rows, or generate N rows (default: all, or 500)"},
			&cli.StringSliceFlag{Name: "set", Usage: "KEY=VALUE: an option of the data set"},
			&cli.IntFlag{Name: "batch-size", Value: 64, Usage: "rows run together"},
			&cli.Uint64Flag{Name: "seed", Usage: "seed of generated rows and of noise (default: the one of the model's training)"},
			&cli.StringFlag{Name: "loss", Usage: "of a model that names none: " + strings.Join(losses.Names(), ", ")},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
			threadsFlag(),
			memoryFlag(),
		),
		Action: c.evaluate,
	}
}

// evaluationRows is how many rows of a generated set are measured where nothing else is asked for.
const evaluationRows = 500

func (c *console) evaluate(ctx *cli.Context) error {
	switch {
	case ctx.NArg() != 1:
		return misuse("evaluate takes one model or run directory, %d are given", ctx.NArg())
	case ctx.String("data") == "":
		return misuse("--data is missing: on which rows shall the model be measured?")
	case ctx.IsSet("limit") && ctx.Int("limit") < 1:
		return misuse("--limit %d: want at least 1", ctx.Int("limit"))
	case ctx.Int("batch-size") < 1:
		return misuse("--batch-size %d: want at least 1", ctx.Int("batch-size"))
	}
	if loss := ctx.String("loss"); loss != "" {
		if _, err := losses.Named(loss, losses.YOLOShape{}); err != nil {
			return misuse("--loss %s: %w", loss, err)
		}
	}
	o, err := loadFlags(ctx)
	if err != nil {
		return err
	}
	set, err := keyValues(ctx, "set")
	if err != nil {
		return err
	}
	path := modelPath(ctx.Args().First())
	m, err := c.load(path, o)
	if err != nil {
		return err
	}
	defer m.Close()
	recipe, known, err := features.Restore(m.File.Metadata)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	seed := ctx.Uint64("seed")
	if text, ok := m.File.Meta("gonyx.seed"); ok && !ctx.IsSet("seed") {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			return fmt.Errorf("%s: metadata %q: %q is not a whole number", path, "gonyx.seed", text)
		}
	}
	var layout features.Layout
	if known && recipe.Layout != nil {
		layout = *recipe.Layout
	}
	if layout, err = layoutOf(ctx, layout); err != nil {
		return err
	}
	data, err := c.evaluationData(ctx, datasets.Config{Limit: ctx.Int("limit"), Seed: seed, Set: set, MemoryLimit: o.MemoryLimit, Layout: layout,
		Features: recipe, Warn: func(text string) { fmt.Fprintf(c.errs, "gonyx: %s\n", text) }}, m.File)
	if err != nil {
		return err
	}
	e, err := trainers.Evaluate(ctx.Context, m, data,
		trainers.EvaluateOptions{BatchSize: ctx.Int("batch-size"), Seed: seed, Loss: ctx.String("loss"), Backend: o})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	e.Path, e.Data = path, ctx.String("data")
	return c.print(ctx, e)
}

// evaluationData opens the rows to measure on. A generated set gets the options that the model was trained with, and gives rows that
// training did not see.
func (c *console) evaluationData(ctx *cli.Context, config datasets.Config, file *onnx.Model) (datasets.Dataset, error) {
	name := ctx.String("data")
	source, err := datasets.Find(name)
	if err != nil {
		return nil, err
	}
	if source.Generated {
		given := config.Set
		config.Set = make(map[string]string)
		for _, option := range source.Options {
			// The noise of a filter is its network's own, which adds it to rows that are clean.
			if v, ok := file.Meta(trainers.SettingPrefix + option.Name); ok && option.Name != "noise" {
				config.Set[option.Name] = v
			}
		}
		maps.Copy(config.Set, given)
		if config.Limit == 0 {
			config.Limit = evaluationRows
		}
	}
	data, err := openData(name, config)
	if err != nil || !source.Generated {
		return data, err
	}
	held, ok := datasets.HeldOut(data, data.Info().Rows)
	if !ok {
		return nil, fmt.Errorf("data %q: there are no rows of it that training did not see", name)
	}
	return held, nil
}

func openData(name string, config datasets.Config) (datasets.Dataset, error) {
	data, err := datasets.Open(name, config)
	var option *datasets.OptionError
	if errors.As(err, &option) {
		return nil, misuse("%w", err)
	}
	return data, err
}
