package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run does what the flags ask and gives the exit code: 0 done, 1 failed or slower than it was, 2 misuse.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(errs)
	var o options
	flags.BoolVar(&o.serve, "serve", false, "be our contestant: answer requests from standard input")
	flags.BoolVar(&o.short, "short", false, "a few cases; fail where a ratio is 1.5 times worse than in the baseline")
	flags.StringVar(&o.only, "only", "", "cases whose name contains this; writes nothing")
	flags.StringVar(&o.ort, "ort", "", "Python that has onnxruntime")
	flags.StringVar(&o.torch, "torch", "", "Python that has torch")
	flags.StringVar(&o.peers, "peers", "", "folder of the programs of the Go peers")
	flags.StringVar(&o.models, "models", "", "folder of further models, each FILE.onnx with FILE.json beside it")
	flags.StringVar(&o.here, "here", filepath.Join("scripts", "bench"), "folder of this program's scripts and baseline")
	flags.StringVar(&o.page, "page", "BENCHMARKS.md", "page to write")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return 2
	}
	var err error
	switch {
	case o.serve:
		err = serve(ctx, in, out)
	case o.ort == "":
		fmt.Fprintln(errs, "bench: -ort is needed; scripts/bench/run knows it")
		return 2
	default:
		err = o.bench(out)
	}
	if err != nil {
		fmt.Fprintln(errs, "bench:", err)
		return 1
	}
	return 0
}

type options struct {
	serve, short                                bool
	only, ort, torch, peers, models, here, page string
}

func (o options) bench(out io.Writer) error {
	folder, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	list, err := duels(folder)
	if err != nil {
		return err
	}
	if o.models != "" {
		more, err := realDuels(folder, o.models)
		if err != nil {
			return err
		}
		list = append(list, more...)
	}
	list = slices.DeleteFunc(list, func(d duel) bool { return o.short && !d.Short || !strings.Contains(d.Name+",", o.only) })
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b := &bout{options: o, out: out, folder: folder, ours: corner{"ours", []string{self, "-serve"}, nil, time.Minute}, draw: newDraw(), cores: coreWait{mostWaiting}}
	began := time.Now()
	for _, d := range list {
		b.all(d)
	}
	if o.short {
		return b.hold(list)
	}
	var shares []share
	if strings.Contains(shareName, o.only) {
		shares = measureShares()
	}
	for _, s := range shares {
		fmt.Fprintln(out, s)
	}
	if o.only != "" {
		return nil
	}
	if err := keep(filepath.Join(o.here, baselineFile), thisMachine(), b.results); err != nil {
		return err
	}
	p := page{Results: b.results, Skipped: b.draw.skipped, Shares: shares, Machine: thisMachine(), Began: began, Took: time.Since(began)}
	if err := os.WriteFile(o.page, []byte(p.String()), 0o644); err != nil {
		return err
	}
	var errs []error
	for _, s := range b.draw.skipped {
		if s.Ours {
			errs = append(errs, fmt.Errorf("%s against %s: %s", s.From, s.Theirs, s.Why))
		}
	}
	return errors.Join(errs...)
}

// bout is a run of the benchmark.
type bout struct {
	options
	out     io.Writer
	folder  string
	ours    corner
	draw    *draw
	cores   coreWait
	results []*result
}

// all plays a duel against everybody, on one thread and on two.
func (b *bout) all(d duel) {
	threads := []int{1, 2}
	if b.short {
		threads = threads[:1]
	}
	for _, theirs := range b.opponents(d) {
		for _, n := range threads {
			if !b.draw.asks(d, theirs.corner) {
				continue
			}
			r, err := play(d, n, b.ours, theirs.corner, theirs.turns, b.folder)
			if err != nil {
				fmt.Fprintf(b.out, "%-45s %-22s failed: %v\n", d.label(n), theirs.name, err)
			} else {
				fmt.Fprintln(b.out, r)
				b.results = append(b.results, r)
			}
			b.draw.played(d, theirs.corner, r, err)
		}
	}
}

// again plays a match of the short form once more.
func (b *bout) again(list []duel, r *result) (*result, error) {
	for _, d := range list {
		if d.Name != r.Duel {
			continue
		}
		for _, theirs := range b.opponents(d) {
			if theirs.name == r.Theirs {
				return play(d, r.Threads, b.ours, theirs.corner, theirs.turns, b.folder)
			}
		}
	}
	return nil, fmt.Errorf("%s: nobody plays it", r.Duel)
}
