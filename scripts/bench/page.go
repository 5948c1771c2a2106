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
the process with its inputs. Every output is held against theirs before anything is timed. Training is one step, forward, backward and
Adam, on batches that take turns. A host may give two cores of a virtual machine the time of one for some seconds: a round of two threads
begins once two cores do at once what one does alone, for which all rounds together wait up to ` + mostWaiting.String() + `.

`)
	fmt.Fprintf(&s, "Machine: %v.\n\n", p.Machine)
	versions := make(map[string]bool)
	for _, r := range p.Results {
		versions["ours: "+r.OurVersion], versions[r.TheirVersion] = true, true
	}
	fmt.Fprintf(&s, "Versions: %s. Measured on %s in %v.\n", strings.Join(slices.Sorted(maps.Keys(versions)), "; "), p.Began.UTC().Format(time.DateOnly), p.Took.Round(time.Second))
	p.misses(&s, p.targets(&s))
	p.tables(&s)
	p.limits(&s)
	return s.String()
}

// targets writes what is required and what was reached, and gives what was missed.
func (p page) targets(s *strings.Builder) (missed []miss) {
	s.WriteString("\n## Required and reached\n\nA cell is the ratio that was reached and the one that is required; bold is missed, and a dash was not played.\n")
	var notes []string
	met, all := 0, 0
	for _, g := range grids() {
		fmt.Fprintf(s, "\n### %s\n\n| %s | %s |\n|%s\n", g.title, g.corner, strings.Join(g.columns, " | "), strings.Repeat("---|", len(g.columns)+1))
		for _, r := range g.rows {
			fmt.Fprintf(s, "| %s |", r.name)
			for _, c := range r.cells {
				got, ok := c.reached(p.Results)
				if !ok {
					s.WriteString(" – |")
					continue
				}
				all++
				note := ""
				if got.note != "" {
					note = ", " + got.note
				}
				if got.ratio >= c.least {
					met++
					fmt.Fprintf(s, " %.2f ≥ %g%s |", got.ratio, c.least, note)
				} else {
					fmt.Fprintf(s, " **%.2f < %g**%s |", got.ratio, c.least, note)
					if got.match != nil {
						missed = append(missed, miss{got.match, c.least})
					}
				}
			}
			s.WriteString("\n")
		}
	}
	fmt.Fprintf(s, "\n%d of %d required ratios were reached.\n", met, all)
	for _, f := range frugalities() {
		ratios, more := f.weigh(p.Results)
		if ratios == nil {
			continue
		}
		line := fmt.Sprintf("%s, against ONNX Runtime: no more in %d of %d cases; theirs divided by ours is %.2f at the median, %.2f to %.2f.",
			strings.ToUpper(f.what[:1])+f.what[1:], len(ratios)-len(more), len(ratios), median(ratios), ratios[0], ratios[len(ratios)-1])
		if more != nil {
			line += " More: " + strings.Join(more, "; ") + "."
		}
		notes = append(notes, line)
	}
	if notes != nil {
		fmt.Fprintf(s, "\n### Start and memory\n\n%s\n", strings.Join(notes, "\n\n"))
	}
	fmt.Fprintf(s, "\n### GEMM 1024³ and what a core can do\n\nOurs alone, on one thread; AVX2 must reach %d %%.\n\n| kernels | reached | GFLOP/s | on registers alone |\n|---|---|---|---|\n", leastShare)
	for _, c := range p.Shares {
		bold := ""
		if c.Set == "avx2" && c.Percentage < leastShare {
			bold = "**"
		}
		fmt.Fprintf(s, "| %s | %s%.0f %%%s | %.1f | %.1f |\n", c.Set, bold, c.Percentage, bold, c.Reached/1e9, c.Peak/1e9)
	}
	return missed
}

// leastShare is which share of the peak the AVX2 kernels must reach, in percent.
const leastShare = 85

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
	s.WriteString("\n## Not played\n\nGo peers are asked neither for models of others nor for 1,000 news at once.")
	if len(p.Skipped) == 0 {
		s.WriteString("\n")
		return
	}
	s.WriteString(" Whoever is unable to run a model is not asked for it again,\nwhatever the batch and the threads.\n\n| who | from | why |\n|---|---|---|\n")
	for _, c := range p.Skipped {
		who := c.Theirs
		if c.Ours {
			who = "ours (against " + c.Theirs + ")"
		}
		fmt.Fprintf(s, "| %s | %s | %s |\n", who, c.From, strings.ReplaceAll(c.Why, "|", "\\|"))
	}
}
