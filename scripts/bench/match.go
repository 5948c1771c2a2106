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
}

// least is how many rounds count at least.
const least = 3

// corner is how a contestant is started.
type corner struct {
	name    string
	command []string
	env     []string
}

// result is what a match comes to. Ratios are theirs divided by ours.
type result struct {
	Duel                     string
	Threads                  int
	Theirs                   string  // who
	Ratio, Least, Greatest   float64 // of the rounds: median, least, greatest
	OurSeconds, TheirSeconds float64 // medians of the rounds
	OurStart, TheirStart     float64 // seconds from loading to the first result
	OurMemory, TheirMemory   int64   // most bytes above the idle process
	OurVersion, TheirVersion string
	Apart                    float64 // largest difference of outputs, NaN where they are not compared
}

// play starts both, loads the duel, holds their outputs against each other, and lets them take turns.
func play(d duel, threads int, ours, theirs corner, t turns, folder string) (*result, error) {
	r := &result{Duel: d.Name, Threads: threads, Theirs: theirs.name, Apart: math.NaN()}
	both := []struct {
		corner  corner
		start   *float64
		memory  *int64
		version *string
		c       *contestant
		times   []float64
	}{{corner: ours, start: &r.OurStart, memory: &r.OurMemory, version: &r.OurVersion}, {corner: theirs, start: &r.TheirStart, memory: &r.TheirMemory, version: &r.TheirVersion}}
	for i := range both {
		b := &both[i]
		var err error
		if b.c, err = start(b.corner.name, b.corner.command, b.corner.env...); err != nil {
			return nil, err
		}
		defer b.c.stop()
		a, err := b.c.ask(request{Do: "load", Kind: d.Kind, Model: d.Model, Threads: threads, Inputs: d.In})
		if err != nil {
			return nil, err
		}
		*b.start = a.Seconds
	}
	if d.Kind == "run" {
		var outputs [2][]float32
		for i, b := range both {
			path := filepath.Join(folder, fmt.Sprintf("output-%d.bin", i))
			if _, err := b.c.ask(request{Do: "output", Path: path}); err != nil {
				return nil, err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			outputs[i] = onnx.ElementsOf[float32](data)
		}
		var err error
		if r.Apart, err = apart(outputs[0], outputs[1]); err != nil {
			return nil, err
		}
	}
	var ratios []float64
	began := time.Now()
	for round := range t.rounds + 1 {
		if round > least && time.Since(began) > t.most {
			break
		}
		var seconds [2]float64
		for k := range both {
			i := (k + round) % 2 // who begins changes from round to round
			if threads > 1 {
				time.Sleep(t.pause)
			}
			a, err := both[i].c.ask(request{Do: "turn", Ms: t.ms})
			if err != nil {
				return nil, err
			}
			seconds[i] = a.Seconds
		}
		if round == 0 {
			continue // to warm up
		}
		for i := range both {
			both[i].times = append(both[i].times, seconds[i])
		}
		ratios = append(ratios, seconds[1]/seconds[0])
	}
	for i := range both {
		a, err := both[i].c.ask(request{Do: "memory"})
		if err != nil {
			return nil, err
		}
		*both[i].memory, *both[i].version = a.Bytes-a.Idle, a.Version
	}
	slices.Sort(ratios)
	r.Ratio, r.Least, r.Greatest = median(ratios), ratios[0], ratios[len(ratios)-1]
	r.OurSeconds, r.TheirSeconds = median(both[0].times), median(both[1].times)
	return r, nil
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
