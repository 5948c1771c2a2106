package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gonyx/gonyx/exporters"
	"github.com/urfave/cli/v2"
)

// console is where a command reads and writes: results to out, talk to errs.
type console struct {
	in        io.Reader
	out, errs io.Writer
}

// run is the whole program: it carries out one command line and gives the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	c := &console{in: in, out: out, errs: errs}
	app := &cli.App{
		Name:                      "gonyx",
		Usage:                     "train networks in Go, export them to ONNX, prove the export, and run ONNX models",
		Version:                   exporters.Version,
		Reader:                    in,
		Writer:                    out,
		ErrWriter:                 errs,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		Commands: []*cli.Command{
			c.trainCommand(),
			c.evaluateCommand(),
			c.exportCommand(),
			c.verifyCommand(),
			c.runCommand(),
			c.compareCommand(),
			c.inspectCommand(),
			c.convertCommand(),
			c.dataCommand(),
		},
		CommandNotFound: func(ctx *cli.Context, name string) {},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return misuse("%w", err)
		},
		ExitErrHandler: func(*cli.Context, error) {}, // codes are decided below
	}
	app.Action = func(ctx *cli.Context) error {
		if ctx.Args().Present() {
			return misuse("there is no command %q; gonyx --help lists them", ctx.Args().First())
		}
		return cli.ShowAppHelp(ctx)
	}
	for _, cmd := range app.Commands {
		cmd.OnUsageError = app.OnUsageError
		cmd.HideHelpCommand = true
	}
	err := app.RunContext(ctx, flagsFirst(app, args))
	code := exitCode(err)
	var quiet *silentError
	if err != nil && !errors.As(err, &quiet) {
		fmt.Fprintf(errs, "gonyx: %v\n", err)
	}
	return code
}
