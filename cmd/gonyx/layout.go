package main

import (
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/urfave/cli/v2"
)

// layoutFlags say how a table of rows is laid out; every command that reads tables has them.
func layoutFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "text-column", Usage: "header name or number from 0 of a table's texts (default 0; of JSON objects the key text)"},
		&cli.StringFlag{Name: "label-column", Usage: "header name or number from 0 of a table's labels (default 1; of JSON objects the key label)"},
		&cli.BoolFlag{Name: "header", Usage: "a table's first row names its columns"},
		&cli.StringFlag{Name: "delimiter", Usage: "character between a table's fields (default: a comma; a tab in .tsv files)"},
		&cli.StringFlag{Name: "escape", Usage: "character that takes the meaning of the one behind it in a table, such as \\"},
	}
}

// layoutOf reads the flags over what is known already.
func layoutOf(ctx *cli.Context, known features.Layout) (features.Layout, error) {
	for _, f := range []struct {
		name string
		into *string
	}{
		{"text-column", &known.TextColumn}, {"label-column", &known.LabelColumn},
		{"delimiter", &known.Delimiter}, {"escape", &known.Escape},
	} {
		if ctx.IsSet(f.name) {
			*f.into = ctx.String(f.name)
		}
	}
	if ctx.IsSet("header") {
		known.Header = ctx.Bool("header")
	}
	if err := known.Check(); err != nil {
		return known, misuse("%w", err)
	}
	return known, nil
}
