package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/datasets"
	"github.com/urfave/cli/v2"
)

// writtenData is a data set that is written to files.
type writtenData struct {
	name  string
	count int // rows where none are asked for; 0: all there are
	write func(ctx *cli.Context, c *console, dir string, count int, set map[string]string) error
}

func writtenSets() []writtenData {
	return []writtenData{
		{"yolo", 100, writeYOLO},
		{"mnist", 0, writeMNIST},
		{"digits", 1000, writeDigits},
		{"news", 1000, writeNews},
	}
}

func (c *console) dataCommand() *cli.Command {
	return &cli.Command{
		Name:      "data",
		Usage:     "write a data set to files, for looking at, trying out and testing",
		ArgsUsage: "yolo|mnist|digits|news",
		Description: "yolo: pictures of words, Images/N.PNG beside Labels/N.txt. digits: drawn digits as IDX files, a sixth as many again as the part test.\n" +
			"news: labelled texts, news.csv with a text and its label a row and no header. None of them is one that training or validation with the same seed sees.\n" +
			"mnist: the real one, fetched where it is not kept yet, as IDX files.",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "count", Usage: "rows to write (default: yolo 100, digits 1000, news 1000, mnist all)"},
			&cli.StringFlag{Name: "out", Usage: "folder to write to (default data/NAME); it must be empty or not be there yet"},
			&cli.Uint64Flag{Name: "seed", Usage: "seed of what is drawn"},
			&cli.StringSliceFlag{Name: "set", Usage: "KEY=VALUE: an option of the data set"},
		},
		Action: c.data,
	}
}

func (c *console) data(ctx *cli.Context) error {
	sets := writtenSets()
	at := slices.IndexFunc(sets, func(d writtenData) bool { return d.name == ctx.Args().First() })
	if ctx.NArg() != 1 || at < 0 {
		var names []string
		for _, d := range sets {
			names = append(names, d.name)
		}
		return misuse("write which data? There are %s", strings.Join(names, ", "))
	}
	d := sets[at]
	count := d.count
	if ctx.IsSet("count") {
		if count = ctx.Int("count"); count < 1 {
			return misuse("--count %d: want at least 1", count)
		}
	}
	set, err := keyValues(ctx, "set")
	if err != nil {
		return err
	}
	dir := ctx.String("out")
	if dir == "" {
		dir = filepath.Join("data", d.name)
	}
	path := dir
	if d.name == "news" {
		path = filepath.Join(dir, newsFile)
	}
	if err := d.write(ctx, c, dir, count, set); err != nil {
		return err
	}
	fmt.Fprintln(c.out, path)
	return nil
}

func writeYOLO(ctx *cli.Context, _ *console, dir string, count int, set map[string]string) error {
	words, err := datasets.NewWords(datasets.Config{Seed: ctx.Uint64("seed"), Set: set})
	if err != nil {
		return &codeError{exitMisuse, err}
	}
	if err := trainers.EmptyDir(dir); err != nil {
		return err
	}
	return datasets.WriteImageLabels(ctx.Context, dir, words.ForFiles(count), nil)
}

func writeDigits(ctx *cli.Context, _ *console, dir string, count int, set map[string]string) error {
	digits, err := datasets.NewDigits(datasets.Config{Seed: ctx.Uint64("seed"), Set: set})
	if err != nil {
		return &codeError{exitMisuse, err}
	}
	tests := max(1, count/6) // as many as MNIST has beside its training images
	files := digits.ForFiles(count + tests)
	return writeParts(ctx, dir, datasets.First(files, count), datasets.Rows(files, count, count+tests))
}

func writeMNIST(ctx *cli.Context, c *console, dir string, count int, set map[string]string) error {
	if len(set) > 0 || ctx.IsSet("seed") {
		return misuse("data mnist: there is nothing to set: it is what it is")
	}
	var parts []datasets.Dataset
	for _, part := range []string{"train", "test"} {
		limit := count
		if part == "test" && count > 0 {
			limit = max(1, count/6)
		}
		d, err := datasets.Open("mnist", datasets.Config{Limit: limit, Set: map[string]string{"part": part},
			Warn: func(text string) { fmt.Fprintf(c.errs, "gonyx: %s\n", text) }})
		if err != nil {
			return err
		}
		parts = append(parts, d)
	}
	return writeParts(ctx, dir, parts[0], parts[1])
}

func writeParts(ctx *cli.Context, dir string, train, test datasets.Dataset) error {
	if err := trainers.EmptyDir(dir); err != nil {
		return err
	}
	if err := datasets.WriteIDX(ctx.Context, dir, "train", train); err != nil {
		return err
	}
	return datasets.WriteIDX(ctx.Context, dir, "test", test)
}

// newsFile is the table that generated news are written to.
const newsFile = "news.csv"

func writeNews(ctx *cli.Context, _ *console, dir string, count int, set map[string]string) error {
	if len(set) > 0 {
		return misuse("data news: there is nothing to set")
	}
	if err := trainers.EmptyDir(dir); err != nil {
		return err
	}
	return datasets.WriteNews(ctx.Context, filepath.Join(dir, newsFile), ctx.Uint64("seed"), count)
}
