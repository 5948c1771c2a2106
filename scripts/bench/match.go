package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gonyx/gonyx/onnx"
)

// turns says how a match is played.
type turns struct {
	rounds int
	ms     float64
	most   time.Duration // after which a match ends, once it has the least rounds: some contestants take seconds for a run
	pause  time.Duration // before a turn of several threads, while the other side's still spin
	cores  *coreWait     // that a round of several threads waits for
	starts int           // processes that load a model, of which the start is the median
}

// least is how many rounds count at least.
const least = 3

// result is what a match comes to. Ratios are theirs divided by ours.
type result struct {
	Duel, Subject, Kind      string
	Threads                  int
	Theirs                   string  // who
	Ratio, Least, Greatest   float64 // of the rounds: median, least, greatest
	OurSeconds, TheirSeconds float64 // medians of the rounds
	OurStart, TheirStart     float64 // seconds from loading to the first result
	OurMemory, TheirMemory   int64   // most bytes above the process with nothing but its inputs
	OurVersion, TheirVersion string
	Steps                    []timed // of our plan, in matches against ONNX Runtime
	Apart                    float64 // largest difference of outputs, NaN where they are not compared
}

// side is a contestant in a match and what is written down of it.
type side struct {
	*contestant
	seconds, start *float64
	memory         *int64
	version        *string
	times, starts  []float64
}

// play starts both, loads the duel, holds their outputs against each other, and lets them take turns. What one of them cannot
// do is a mistake.
func play(d duel, threads int, ours, theirs corner, t turns, folder string) (*result, error) {
	r := &result{Duel: d.Name, Subject: d.Subject, Kind: d.Kind, Threads: threads, Theirs: theirs.name, Apart: math.NaN()}
	sides := []*side{
		{seconds: &r.OurSeconds, start: &r.OurStart, memory: &r.OurMemory, version: &r.OurVersion},
		{seconds: &r.TheirSeconds, start: &r.TheirStart, memory: &r.TheirMemory, version: &r.TheirVersion},
	}
	load := request{Do: "load", Kind: d.Kind, Model: d.Model, Threads: threads, Inputs: d.In, Rows: d.Rows}
	for i, c := range []corner{ours, theirs} {
		var err error
		if sides[i].contestant, err = c.start(); err != nil {
			return nil, err
		}
		defer sides[i].stop()
		if err := sides[i].load(load); err != nil {
			return nil, err
		}
	}
	if d.Kind == "run" {
		var err error
		if r.Apart, err = compareOutputs(sides, folder); err != nil {
			return nil, err
		}
	}
	ratios, err := takeTurns(sides, d, threads, t)
	if err != nil {
		return nil, err
	}
	for _, s := range sides {
		a, err := s.ask(request{Do: "memory"})
		if err != nil {
			return nil, err
		}
		*s.memory, *s.version = a.Bytes-a.Idle, a.Version
	}
	if d.Kind == "run" && theirs.name == onnxRuntime {
		a, err := sides[0].ask(request{Do: "profile"})
		if err != nil {
			return nil, err
		}
		r.Steps = a.Steps
	}
	for range t.starts - 1 {
		for _, s := range sides {
			if err := s.startAgain(load); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range sides {
		*s.seconds, *s.start = median(s.times), median(s.starts)
	}
	slices.Sort(ratios)
	r.Ratio, r.Least, r.Greatest = median(ratios), ratios[0], ratios[len(ratios)-1]
	return r, nil
}

func (s *side) load(r request) error {
	a, err := s.ask(r)
	s.starts = append(s.starts, a.Seconds)
	return err
}

// startAgain loads in a process of its own.
func (s *side) startAgain(load request) error {
	fresh, err := s.corner.start()
	if err != nil {
		return err
	}
	defer fresh.stop()
	a, err := fresh.ask(load)
	s.starts = append(s.starts, a.Seconds)
	return err
}

// takeTurns plays the rounds and gives theirs divided by ours of each.
func takeTurns(sides []*side, d duel, threads int, t turns) ([]float64, error) {
	var ratios []float64
	began, waited := time.Now(), time.Duration(0)
	for round := range t.rounds + 1 {
		if round > least && time.Since(began)-waited > t.most {
			break
		}
		if threads > 1 {
			time.Sleep(t.pause)
			waited += t.cores.await(threads)
		}
		turn := request{Do: "turn", Ms: t.ms}
		if round == 0 { // to warm up: every batch has been seen once
			turn.Least = int(d.Batches)
		}
		var seconds [2]float64
		for k := range sides {
			i := (k + round) % 2 // who begins changes from round to round
			if threads > 1 {
				time.Sleep(t.pause)
			}
			a, err := sides[i].ask(turn)
			if err != nil {
				return nil, err
			}
			seconds[i] = a.Seconds
		}
		if round == 0 {
			continue
		}
		for i, s := range sides {
			s.times = append(s.times, seconds[i])
		}
		ratios = append(ratios, seconds[1]/seconds[0])
	}
	return ratios, nil
}

// compareOutputs asks both sides for their first output and gives how far they are apart. Outputs that differ count as a mistake of
// the other side: against ONNX Runtime the short form fails by it.
func compareOutputs(sides []*side, folder string) (float64, error) {
	var outputs [2][]float32
	for i, s := range sides {
		path := filepath.Join(folder, fmt.Sprintf("output-%d.bin", i))
		if _, err := s.ask(request{Do: "output", Path: path}); err != nil {
			return 0, err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		outputs[i] = onnx.ElementsOf[float32](data)
	}
	d, err := apart(outputs[0], outputs[1])
	if err != nil {
		err = &mistake{sides[1].name, err}
	}
	return d, err
}

func median(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	return sorted[len(sorted)/2]
}

// agreement is how far outputs may be apart, of the larger of 1 and the largest of theirs.
const agreement = 1e-3

// apart gives the largest difference between outputs, and fails where they are not the same within rounding.
func apart(ours, theirs []float32) (float64, error) {
	if len(ours) != len(theirs) {
		return 0, fmt.Errorf("outputs have %d and %d elements", len(ours), len(theirs))
	}
	largest, scale := 0.0, 1.0
	for i := range ours {
		d := math.Abs(float64(ours[i]) - float64(theirs[i]))
		if d != d {
			d = math.Inf(1)
		}
		largest, scale = max(largest, d), max(scale, math.Abs(float64(theirs[i])))
	}
	if largest > agreement*scale {
		return largest, fmt.Errorf("outputs are %g apart", largest)
	}
	return largest, nil
}
