package main

import (
	"fmt"
	"strings"
)

// miss is a match in which less was reached than is required.
type miss struct {
	*result
	least float64
}

// small is the share of a run below which a step is not shown by itself.
const small = 0.04

// misses writes where the time goes where too little was reached.
func (p page) misses(s *strings.Builder, list []miss) {
	if len(list) == 0 {
		return
	}
	peak := 0.0
	for _, c := range p.Shares {
		peak = max(peak, c.Peak)
	}
	s.WriteString(`
### Where the time goes where less was reached

Ours, step by step, with a clock between the steps, which takes some tens of nanoseconds each. At the peak is what the multiplications
and additions of convolutions and matrix products would take at what a core can do, times the threads; it is the least time for them but where
a convolution saves some of them, as regions may. A product of one row is bound by reading its weights instead: what it reads of them a second
stands beside it.

`)
	done := make(map[string]bool)
	var rows strings.Builder
	for _, m := range list {
		name := label(m.Duel, m.Threads)
		fmt.Fprintf(s, "- %s, against %s: %s, %s required", name, m.Theirs, spell(m.OurSeconds), spell(m.TheirSeconds/m.least))
		steps := p.steps(name)
		if steps == nil {
			s.WriteString(".\n")
			continue
		}
		var products int64
		for _, t := range steps {
			products += t.Products
		}
		if peak > 0 {
			fmt.Fprintf(s, ", %s at the peak", spell(2*float64(products)/(peak*float64(m.Threads))))
		}
		s.WriteString(".\n")
		if !done[name] {
			profile(&rows, name, steps, peak*float64(m.Threads))
			done[name] = true
		}
	}
	if rows.Len() > 0 {
		s.WriteString("\n| case | step | time | share | of the peak | weights GB/s |\n|---|---|---|---|---|---|\n" + rows.String())
	}
}

// steps is our profile of a case, which is made in the match against ONNX Runtime.
func (p page) steps(name string) []timed {
	for _, r := range p.Results {
		if r.Theirs == onnxRuntime && label(r.Duel, r.Threads) == name {
			return r.Steps
		}
	}
	return nil
}

func profile(s *strings.Builder, name string, steps []timed, peak float64) {
	all := 0.0
	for _, t := range steps {
		all += t.Seconds
	}
	rest := 0.0
	line := func(what string, seconds float64, more string) {
		fmt.Fprintf(s, "| %s | %s | %s | %.0f %% | %s |\n", name, what, spell(seconds), 100*seconds/all, more)
	}
	for _, t := range steps {
		if t.Seconds < small*all {
			rest += t.Seconds
			continue
		}
		more := "– | –"
		if t.Products > 0 && peak > 0 {
			more = fmt.Sprintf("%.0f %% | %.1f", 100*2*float64(t.Products)/t.Seconds/peak, float64(t.Weights)/t.Seconds/1e9)
		}
		line(t.What, t.Seconds, more)
	}
	if rest > 0 {
		line("the rest", rest, "– | –")
	}
}
