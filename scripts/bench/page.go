package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// page is BENCHMARKS.md: nothing in it that this run has not measured.
type page struct {
	Results []*result
	Skipped []skip
	Shares  []share
	Machine machine
	Began   time.Time
	Took    time.Duration
}

// String is the line of a result in the terminal.
func (r *result) String() string {
	return fmt.Sprintf("%-45s %-22s %7.2f (%.2f to %.2f)  ours %s, theirs %s, start %s against %s, memory %s MB against %s, apart %.1e",
		label(r.Duel, r.Threads), r.Theirs, r.Ratio, r.Least, r.Greatest, spell(r.OurSeconds), spell(r.TheirSeconds),
		spell(r.OurStart), spell(r.TheirStart), megabytes(r.OurMemory), megabytes(r.TheirMemory), r.Apart)
}

func spell(seconds float64) string {
	d := time.Duration(seconds * 1e9)
	for unit := 10 * time.Nanosecond; unit < time.Second; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit / 10).String()
		}
	}
	return d.Round(time.Millisecond).String()
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/(1<<20)) }

func (p page) String() string {
	var s strings.Builder
	s.WriteString(`# Benchmarks

Made by ` + "`scripts/bench/run`" + `; do not edit.

A ratio is theirs divided by ours on the same number of threads: above 1 this suite is faster. Two processes take turns of some
milliseconds in one run; a ratio is the median of the rounds, with the least and the greatest beside it. Start is from loading the file
to the first result in a fresh process, against ONNX Runtime and PyTorch the median of three; memory is the most that was in use beyond
the process with its inputs. Every output is held against theirs before anything is timed. Training is one step, forward, backward and Adam, on batches that take turns.

`)
	fmt.Fprintf(&s, "Machine: %v.\n\n", p.Machine)
	versions := make(map[string]bool)
	for _, r := range p.Results {
		versions["ours: "+r.OurVersion], versions[r.TheirVersion] = true, true
	}
	fmt.Fprintf(&s, "Versions: %s. Measured on %s in %v.\n", strings.Join(slices.Sorted(maps.Keys(versions)), "; "), p.Began.UTC().Format(time.DateOnly), p.Took.Round(time.Second))
	p.targets(&s)
	p.tables(&s)
	p.limits(&s)
	return s.String()
}

// targets writes what is required and what was reached.
func (p page) targets(s *strings.Builder) {
	s.WriteString("\n## Required and reached\n")
	for _, c := range sections() {
		fmt.Fprintf(s, "\n### %s\n\n| case | required | reached | least to greatest | |\n|---|---|---|---|---|\n", c.title)
		for _, t := range c.targets {
			got, ok := t.reached(p.Results)
			if !ok {
				fmt.Fprintf(s, "| %s | %g | not measured | | |\n", t.what, t.least)
				continue
			}
			spread := ""
			if got.greatest > 0 {
				spread = fmt.Sprintf("%.2f to %.2f", got.least, got.greatest)
			}
			fmt.Fprintf(s, "| %s | %g | **%.2f** %s | %s | %s |\n", t.what, t.least, got.ratio, verdict(got.ratio >= t.least), spread, got.note)
		}
	}
	s.WriteString("\n### Share of what a core can do, GEMM 1024³, ours alone\n\n| kernels | required | reached | |\n|---|---|---|---|\n")
	for _, c := range p.Shares {
		fmt.Fprintf(s, "| %s | 85 %% | **%.0f %%** %s | %.1f of %.1f GFLOP/s |\n", c.Set, c.Percentage, verdict(c.Percentage >= 85), c.Reached/1e9, c.Peak/1e9)
	}
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}

// tables writes every match.
func (p page) tables(s *strings.Builder) {
	var names []string
	for _, r := range p.Results {
		if !slices.Contains(names, r.Theirs) {
			names = append(names, r.Theirs)
		}
	}
	for _, name := range names {
		fmt.Fprintf(s, "\n## Against %s\n\n%s", name, about(name))
		s.WriteString("| case | threads | ratio | least to greatest | ours | theirs | start, ours | theirs | memory MB, ours | theirs |\n|---|---|---|---|---|---|---|---|---|---|\n")
		for _, r := range p.Results {
			if r.Theirs == name {
				fmt.Fprintf(s, "| %s | %d | **%.2f** | %.2f to %.2f | %s | %s | %s | %s | %s | %s |\n", r.Duel, r.Threads, r.Ratio, r.Least, r.Greatest,
					spell(r.OurSeconds), spell(r.TheirSeconds), spell(r.OurStart), spell(r.TheirStart), megabytes(r.OurMemory), megabytes(r.TheirMemory))
			}
		}
	}
}

// about says what a reader has to know of a contestant.
func about(name string) string {
	switch name {
	case onnxRuntime:
		return "From Python, with inputs and outputs bound once, so that a run is nothing but the run.\n\n"
	case pyTorch:
		return "Debian's, with OpenBLAS and glibc told to keep large blocks, which it gains much by. The same networks, losses and Adam; the\nnews' rows are dense there.\n\n"
	case gorgonia:
		return "Stock Gorgonia as its user would write the networks, with Adam. YOLO's loss is the squared error there, which is less work than\nthe real one; the pooling that rounds up has a padding of one in its place.\n\n"
	}
	return "Models are the same file for both sides, with the attributes spelled out that a file may leave out.\n\n"
}

// limits writes what was not played and why.
func (p page) limits(s *strings.Builder) {
	if len(p.Skipped) == 0 {
		return
	}
	s.WriteString("\n## Not played\n\nWhoever is unable to run a model is not asked for it again.\n\n| who | from | why |\n|---|---|---|\n")
	for _, c := range p.Skipped {
		who := c.Theirs
		if c.Ours {
			who = "ours (against " + c.Theirs + ")"
		}
		fmt.Fprintf(s, "| %s | %s | %s |\n", who, c.From, strings.ReplaceAll(c.Why, "|", "\\|"))
	}
}
