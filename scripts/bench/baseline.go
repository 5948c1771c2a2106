package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

const baselineFile = "baseline.json"

// By how much a ratio may fall behind the one that is kept: on a processor of the same kind, and on another one, where it
// says no more than that nothing is broken.
const (
	worse        = 1.5
	worseForeign = 3
)

// tries is how often a case is played before it counts as worse: a moment in which the machine serves others is no reason.
const tries = 3

// kept is the ratios that one kind of processor had. Ratios depend on it more than on anything else, so there is one for each kernel set.
type kept struct {
	Machine string             `json:"machine"` // its kind
	Ratios  map[string]float64 `json:"ratios"`
}

// key names a result in the baseline.
func (r *result) key() string { return r.Theirs + ": " + label(r.Duel, r.Threads) }

func readBaseline(path string) (map[string]kept, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all := make(map[string]kept)
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// keep writes the ratios against ONNX Runtime into the baseline, in the place of those of the same kernel set. Of the same kind of
// processor the lesser of both is kept: a lucky run would make the next ones look worse. Who wants to begin anew deletes the file.
func keep(path string, m machine, results []*result) error {
	all, err := readBaseline(path)
	if errors.Is(err, os.ErrNotExist) {
		all, err = make(map[string]kept), nil
	}
	if err != nil {
		return err
	}
	k := kept{m.Kind, make(map[string]float64)}
	for _, r := range results {
		if r.Theirs == onnxRuntime {
			ratio := math.Round(100*r.Ratio) / 100
			if before, ok := all[m.Set].Ratios[r.key()]; ok && all[m.Set].Machine == m.Kind {
				ratio = min(ratio, before)
			}
			k.Ratios[r.key()] = ratio
		}
	}
	all[m.Set] = k
	text, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// held finds what a machine is held against, and by which factor it may be worse.
func held(all map[string]kept, m machine) (k kept, factor float64, ok bool) {
	if k, ok := all[m.Set]; ok {
		if k.Machine == m.Kind {
			return k, worse, true
		}
		return k, worseForeign, true
	}
	for _, set := range []string{"avx512", "avx2", "portable"} {
		if k, ok := all[set]; ok {
			return k, worseForeign, true
		}
	}
	return kept{}, 0, false
}

// hold fails where a ratio of the short form is much worse than the one that is kept, and stays so when it is played again, and
// where a case could not be played.
func (b *bout) hold(list []duel) error {
	path := filepath.Join(b.here, baselineFile)
	all, err := readBaseline(path)
	if err != nil {
		return err
	}
	m := thisMachine()
	k, factor, ok := held(all, m)
	if !ok {
		return fmt.Errorf("%s holds nothing", path)
	}
	if factor != worse {
		fmt.Fprintf(b.out, "this is %s with %s, what is kept is of %s: a ratio may be %g times worse\n", m.Kind, m.Set, k.Machine, factor)
	}
	var errs []error
	for _, s := range b.draw.skipped {
		errs = append(errs, fmt.Errorf("%s against %s: %s", s.From, s.Theirs, s.Why))
	}
	compared := 0
	for _, r := range b.results {
		want, ok := k.Ratios[r.key()]
		if !ok {
			continue
		}
		compared++
		best := r.Ratio
		for range tries - 1 {
			if best*factor >= want {
				break
			}
			again, err := b.again(list, r)
			if err != nil {
				return err
			}
			fmt.Fprintln(b.out, "again:", again)
			best = max(best, again.Ratio)
		}
		if best*factor < want {
			errs = append(errs, fmt.Errorf("%s: ratio %.2f at best, %.2f is kept", r.key(), best, want))
		}
	}
	if compared == 0 {
		errs = append(errs, fmt.Errorf("%s holds none of the cases", path))
	}
	fmt.Fprintf(b.out, "%d of %d ratios held against %s, which is written by a run without -short\n", compared, len(b.results), path)
	return errors.Join(errs...)
}
