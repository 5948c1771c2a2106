// Command check holds the repository to its own rules, one named step a rule. It needs Go, git and bash, and for the
// race step a C compiler.
//
// Run it from anywhere in the repository: go run ./scripts/check runs all steps, go run ./scripts/check imports names
// runs these two. Each step ends with one line that begins with ok or FAIL; the exit code is 1 where one failed.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run does what the arguments ask and gives the exit code: 0 all passed, 1 one failed, 2 misuse.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(errs)
	list := flags.Bool("list", false, "print the names of the steps and do nothing")
	fuzz := flags.Duration("fuzztime", 5*time.Second, "how long each fuzz target runs")
	flags.Usage = func() {
		fmt.Fprintln(errs, "usage: go run ./scripts/check [-fuzztime D] [-list] [STEP...]")
		for _, s := range steps() {
			fmt.Fprintf(errs, "  %-10s %s\n", s.name, s.about)
		}
	}
	if err := flags.Parse(args); err != nil {
		return 2
	}
	chosen := steps()
	if flags.NArg() > 0 {
		chosen = nil
		for _, name := range flags.Args() {
			i := slices.IndexFunc(steps(), func(s step) bool { return s.name == name })
			if i < 0 {
				fmt.Fprintf(errs, "check: no step %q; there are %s\n", name, strings.Join(stepNames(), ", "))
				return 2
			}
			chosen = append(chosen, steps()[i])
		}
	}
	if *list {
		fmt.Fprintln(out, strings.Join(stepNames(), "\n"))
		return 0
	}
	t, err := openTree(ctx)
	if err != nil {
		fmt.Fprintln(errs, "check:", err)
		return 2
	}
	t.out, t.fuzzTime = out, *fuzz
	passed, failed := 0, 0
	for _, s := range chosen {
		start := time.Now()
		seen, err := s.run(ctx, t)
		if ctx.Err() != nil {
			fmt.Fprintln(errs, "check: interrupted in step", s.name)
			return 1
		}
		took := time.Since(start).Round(100 * time.Millisecond)
		if err != nil {
			failed++
			fmt.Fprintf(out, "%v\nFAIL %s (%v)\n", err, s.name, took)
			continue
		}
		passed++
		fmt.Fprintf(out, "ok   %s: %s (%v)\n", s.name, seen, took)
	}
	fmt.Fprintf(out, "check: %d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return 1
	}
	return 0
}
