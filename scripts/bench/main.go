package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// tuned makes glibc keep large blocks, without which PyTorch spends its time in page faults.
var tuned = []string{"MALLOC_MMAP_THRESHOLD_=2000000000", "MALLOC_TRIM_THRESHOLD_=20000000000", "MALLOC_TOP_PAD_=500000000"}

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
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ours := corner{name: "ours", command: []string{self, "-serve"}}
	t := turns{rounds: 9, ms: 25, most: 20 * time.Second, pause: 80 * time.Millisecond}
	threads := []int{1, 2}
	if o.short {
		t.rounds, threads = 5, threads[:1]
	}
	var results []*result
	var failed []string
	for _, d := range list {
		if o.short && !d.Short || !strings.Contains(d.Name+",", o.only) {
			continue
		}
		for _, theirs := range o.opponents(d) {
			for _, n := range threads {
				r, err := play(d, n, ours, theirs, t, folder)
				if err != nil {
					fmt.Fprintf(out, "%-45s %-14s failed: %v\n", d.label(n), theirs.name, err)
					failed = append(failed, d.label(n)+" against "+theirs.name)
					continue
				}
				fmt.Fprintln(out, r)
				results = append(results, r)
			}
		}
	}
	switch {
	case o.short:
		return compareBaseline(out, filepath.Join(o.here, baselineFile), results, failed)
	case o.only != "":
		return nil
	}
	if err := writeBaseline(filepath.Join(o.here, baselineFile), results); err != nil {
		return err
	}
	return os.WriteFile(o.page, []byte(page(results, failed)), 0o644)
}

// opponents lists who can play a duel.
func (o options) opponents(d duel) []corner {
	var list []corner
	peers := []string{"gorgonia"}
	switch {
	case d.Kind == "run":
		list = append(list, corner{"ONNX Runtime", []string{o.ort, filepath.Join(o.here, "ort.py")}, nil})
		peers = []string{"gorgonnx", "gonnx", "gomlx"}
	case o.torch != "":
		list = append(list, corner{"PyTorch", []string{o.torch, filepath.Join(o.here, "step.py")}, tuned})
	}
	for _, name := range peers {
		if path := filepath.Join(o.peers, name); o.peers != "" && !o.short && !d.Real {
			list = append(list, corner{name, []string{path}, nil})
		}
	}
	return list
}
