package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

const baselineFile = "baseline.json"

// worse is by how much a ratio may fall behind the baseline.
const worse = 1.5

// String is the line of a result in the terminal.
func (r *result) String() string {
	return fmt.Sprintf("%-45s %-14s %7.2f (%.2f to %.2f)  ours %s, theirs %s, start %s against %s, memory %d MB against %d, apart %.1e",
		duel{Name: r.Duel}.label(r.Threads), r.Theirs, r.Ratio, r.Least, r.Greatest, spell(r.OurSeconds), spell(r.TheirSeconds),
		spell(r.OurStart), spell(r.TheirStart), r.OurMemory>>20, r.TheirMemory>>20, r.Apart)
}

func spell(seconds float64) string {
	return time.Duration(seconds * 1e9).Round(100 * time.Nanosecond).String()
}

// key names a result in the baseline.
func (r *result) key() string { return r.Theirs + ": " + duel{Name: r.Duel}.label(r.Threads) }

func writeBaseline(path string, results []*result) error {
	ratios := make(map[string]float64)
	for _, r := range results {
		ratios[r.key()] = math.Round(100*r.Ratio) / 100
	}
	text, err := json.MarshalIndent(ratios, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// compareBaseline fails where a ratio is much worse than the one that is kept, and where a case that is kept could not be played.
func compareBaseline(out io.Writer, path string, results []*result, failed []string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var kept map[string]float64
	if err := json.Unmarshal(text, &kept); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var errs []error
	for _, name := range failed {
		errs = append(errs, fmt.Errorf("%s: failed", name))
	}
	compared := 0
	for _, r := range results {
		want, ok := kept[r.key()]
		if !ok {
			continue
		}
		compared++
		if r.Ratio*worse < want {
			errs = append(errs, fmt.Errorf("%s: ratio %.2f, %.2f is kept", r.key(), r.Ratio, want))
		}
	}
	if compared == 0 {
		errs = append(errs, fmt.Errorf("%s holds none of the cases", path))
	}
	fmt.Fprintf(out, "%d ratios held against %s\n", compared, path)
	return errors.Join(errs...)
}

// page writes BENCHMARKS.md.
func page(results []*result, failed []string) string {
	var s strings.Builder
	s.WriteString("# Benchmarks\n\nMade by `scripts/bench/run`. Do not edit.\n\n")
	s.WriteString("A ratio is theirs divided by ours, side by side in turns of some milliseconds on the same number of threads: the median of the\n")
	s.WriteString("rounds, with the least and the greatest. Above 1 this suite is faster. Start is from loading the file to the first result; memory is\n")
	s.WriteString("the most that was in use above the idle process. Training is one step: forward, backward and Adam; PyTorch has its allocator tuned.\n\n")
	fmt.Fprintf(&s, "Machine: %s, %d processors, %s.\n", processor(), runtime.NumCPU(), runtime.GOOS+"/"+runtime.GOARCH)
	versions := make(map[string]bool)
	for _, r := range results {
		versions["ours: "+r.OurVersion], versions[r.TheirVersion] = true, true
	}
	fmt.Fprintf(&s, "Versions: %s.\n", strings.Join(slices.Sorted(maps.Keys(versions)), "; "))
	var names []string
	for _, r := range results {
		if !slices.Contains(names, r.Theirs) {
			names = append(names, r.Theirs)
		}
	}
	for _, name := range names {
		fmt.Fprintf(&s, "\n## Against %s\n\n", name)
		s.WriteString("| case | threads | ratio | least to greatest | ours | theirs | start, ours / theirs | memory MB, ours / theirs |\n|---|---|---|---|---|---|---|---|\n")
		for _, r := range results {
			if r.Theirs == name {
				fmt.Fprintf(&s, "| %s | %d | **%.2f** | %.2f to %.2f | %s | %s | %s / %s | %d / %d |\n", r.Duel, r.Threads, r.Ratio, r.Least, r.Greatest,
					spell(r.OurSeconds), spell(r.TheirSeconds), spell(r.OurStart), spell(r.TheirStart), r.OurMemory>>20, r.TheirMemory>>20)
			}
		}
	}
	if failed != nil {
		s.WriteString("\n## Not played\n\n")
		for _, name := range failed {
			fmt.Fprintf(&s, "- %s\n", name)
		}
	}
	return s.String()
}

// processor is the name that the system gives it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
