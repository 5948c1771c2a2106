package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/onnx/wire"
	"github.com/urfave/cli/v2"
)

func (c *console) inspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "say what a model is: inputs, outputs, opsets, operators, parameters, metadata, digest, what is unsupported",
		ArgsUsage: "MODEL",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
			&cli.StringFlag{Name: "dot", Usage: "FILE for a drawing of the graph in Graphviz's language"},
			memoryFlag(),
		},
		Action: c.inspect,
	}
}

func (c *console) inspect(ctx *cli.Context) error {
	if ctx.NArg() != 1 {
		return misuse("inspect takes one model, %d are given", ctx.NArg())
	}
	limit, err := memoryLimit(ctx)
	if err != nil {
		return err
	}
	m, err := wire.ReadFile(modelPath(ctx.Args().First()), wire.Options{MemoryLimit: limit})
	if err != nil {
		return err
	}
	in := graphs.Inspect(m, limit)
	if path := ctx.String("dot"); path != "" {
		if err := rows.WriteFile(path, func(w io.Writer) error {
			_, err := io.WriteString(w, graphs.Dot(m.Graph))
			return err
		}); err != nil {
			return fmt.Errorf("--dot: %w", err)
		}
	}
	if err := c.print(ctx, in); err != nil {
		return err
	}
	if in.Problem != "" {
		return silently(exitUnusable)
	}
	return nil
}

// print writes a result: one JSON object with --json, else as it prints itself.
func (c *console) print(ctx *cli.Context, result fmt.Stringer) error {
	if !ctx.Bool("json") {
		_, err := fmt.Fprintln(c.out, result)
		return err
	}
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(result)
}
