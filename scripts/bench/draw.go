package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// draw is who plays whom: it knows what each has been unable to do, so that nobody is asked twice.
type draw struct {
	given   map[pairing]bool    // it is not asked any more
	pace    map[pairing]float64 // seconds it took for a row
	skipped []skip              // in the order in which it was found out
}

// pairing is a contestant and what it runs, whatever the batch and the threads.
type pairing struct{ who, kind, model string }

// skip is what was not played.
type skip struct {
	Theirs, Subject, Kind, From, Why string // From is the first case that was not played
	Ours                             bool   // it was our side that could not
}

func newDraw() *draw {
	return &draw{given: make(map[pairing]bool), pace: make(map[pairing]float64)}
}

// tooLong is how long a run of a Go peer may take, in seconds: what is a hundred times slower need not be measured to the end.
const tooLong = 4

// asks says whether a contestant is asked for a duel. It is not where it was unable to run the same model, or took so long for
// fewer rows that these would take too long.
func (w *draw) asks(d duel, c corner) bool {
	key := pairing{c.name, d.Kind, d.Model}
	if w.given[key] {
		return false
	}
	if took := w.pace[key] * float64(d.Rows); took > tooLong {
		w.give(d, c, fmt.Sprintf("it would take %.0f s a run, going by fewer rows", took), false)
		return false
	}
	return true
}

// give notes that a contestant is not asked any more, from this duel on.
func (w *draw) give(d duel, c corner, why string, ours bool) {
	w.given[pairing{c.name, d.Kind, d.Model}] = true
	why, _, _ = strings.Cut(why, "\n")
	w.skipped = append(w.skipped, skip{c.name, d.Subject, d.Kind, d.Name, why, ours})
}

// played notes how a match went.
func (w *draw) played(d duel, c corner, r *result, err error) {
	if err == nil {
		w.pace[pairing{c.name, d.Kind, d.Model}] = r.TheirSeconds / float64(max(d.Rows, 1))
		return
	}
	if m := (*mistake)(nil); errors.As(err, &m) && m.who == c.name {
		w.give(d, c, m.err.Error(), false)
		return
	}
	w.give(d, c, err.Error(), true)
}

// Who there is, by the name that tables have.
const (
	onnxRuntime = "ONNX Runtime"
	pyTorch     = "PyTorch"
	gorgonia    = "Gorgonia"
)

// tuned makes glibc keep large blocks, without which PyTorch spends its time in page faults.
func tuned() []string {
	return []string{"MALLOC_MMAP_THRESHOLD_=2000000000", "MALLOC_TRIM_THRESHOLD_=20000000000", "MALLOC_TOP_PAD_=500000000"}
}

// opponent is who plays against us, and how.
type opponent struct {
	corner
	turns
}

// opponents lists who can play a duel.
func (b *bout) opponents(d duel) []opponent {
	o := b.options
	t := turns{rounds: 9, ms: 25, most: 10 * time.Second, pause: 80 * time.Millisecond, cores: &b.cores, starts: 3}
	if o.short {
		t.rounds, t.starts = 5, 1
	}
	var list []opponent
	python := func(name, interpreter, script string, env []string) {
		list = append(list, opponent{corner{name, []string{interpreter, filepath.Join(o.here, script)}, env, time.Minute}, t})
	}
	var programs []string
	patience := 15 * time.Second
	if d.Kind == "run" {
		python(onnxRuntime, o.ort, "ort.py", nil)
		programs = runners()
	} else {
		if o.torch != "" {
			python(pyTorch, o.torch, "step.py", tuned())
		}
		programs = []string{"gorgonia"}
		patience = time.Minute // every batch is seen once before anything is timed
	}
	t.rounds, t.most, t.starts = 5, 3*time.Second, 1
	for _, program := range programs {
		if o.peers != "" && !d.Alone {
			list = append(list, opponent{corner{peerName(program), []string{filepath.Join(o.peers, program)}, nil, patience}, t})
		}
	}
	return list
}

// runners are the programs of the Go peers that run models.
func runners() []string { return []string{"gorgonnx", "gonnx", "gomlx"} }

// peerName is that of a Go peer in tables.
func peerName(program string) string {
	switch program {
	case "gorgonnx":
		return "onnx-go with gorgonnx"
	case "gomlx":
		return "GoMLX"
	case "gorgonia":
		return gorgonia
	}
	return program
}
