package trainers

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
)

// Files of a run directory that a checkpoint consists of.
const (
	WeightsDir = "weights"
	BestFile   = "weights/best.npz"   // parameters of the best epoch
	LastFile   = "weights/last.npz"   // parameters after the latest step saved
	StateFile  = "weights/last.state" // all that is needed to go on from there
)

// The state is a NumPy archive: the parameters (parameter/…), those of the best epoch (best/…), the solver's slots (solver/…), and "progress",
// the rest as JSON in bytes. It holds the parameters itself so that it is whole whenever it is there.
const (
	stateParameter = "parameter/"
	stateBest      = "best/"
	stateSolver    = "solver/"
	stateProgress  = "progress"
)

// progress is where a run stands.
type progress struct {
	Epoch      int       `json:"epoch"` // next to do, from 0
	Step       int       `json:"step"`
	Sums       []float64 `json:"sums"`
	Rows       int       `json:"rows"`
	Elapsed    float64   `json:"elapsed"`
	History    []Epoch   `json:"history"`
	BestEpoch  int       `json:"best_epoch"`
	BestLoss   *float64  `json:"best_loss"` // nil: infinite
	SolverStep int       `json:"solver_step"`
	Data       string    `json:"data"` // digest
	Plan       string    `json:"plan"` // what must not change from one part of a run to the next
	Kernels    string    `json:"kernels"`
}

// plan says what a run's bytes depend on, besides data and kernels.
func (f *fitting) plan() string {
	o, origin := f.o, ""
	if f.net.Origin != "" {
		origin = " of " + f.net.Origin
	}
	return fmt.Sprintf("network %s%s %v, %d epochs of batches of %d, optimizer %s, learning rate %g, schedule %s, clip norm %g, seed %d, shuffle %t, validation split %g, early stopping %d, overfit %d",
		f.net.Name, origin, f.net.Settings, o.Epochs, o.BatchSize, o.Optimizer, o.LearningRate, o.Schedule, o.ClipNorm, o.Seed, !o.NoShuffle, o.ValidationSplit, o.EarlyStopping, o.Overfit)
}

// saveBest writes the weights of the best epoch.
func (f *fitting) saveBest() error {
	if f.o.Dir == "" {
		return nil
	}
	return f.saveWeights(BestFile, f.best)
}

func (f *fitting) saveWeights(name string, weights map[string]*onnx.Tensor) error {
	path := filepath.Join(f.o.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := rows.WriteNPZFile(path, f.ordered("", weights)); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// ordered lists weights in the order of the network, their names behind a prefix.
func (f *fitting) ordered(prefix string, weights map[string]*onnx.Tensor) []*onnx.Tensor {
	var list []*onnx.Tensor
	for _, p := range f.net.Training.Parameters {
		if t := weights[p.Name]; t != nil {
			c := *t
			c.Name = prefix + p.Name
			list = append(list, &c)
		}
	}
	return list
}

// save writes the checkpoint of where the run stands.
func (f *fitting) save() error {
	if f.o.Dir == "" {
		return nil
	}
	now := f.weights()
	if err := f.saveWeights(LastFile, now); err != nil {
		return err
	}
	slots, step := f.solver.State()
	list := append(f.ordered(stateParameter, now), f.ordered(stateBest, f.best)...)
	for _, name := range slices.Sorted(maps.Keys(slots)) {
		c := *slots[name]
		c.Name = stateSolver + name
		list = append(list, &c)
	}
	p := progress{Epoch: f.epoch, Step: f.step, Sums: f.sums, Rows: f.rows, Elapsed: f.elapsed, History: f.history,
		BestEpoch: f.bestEpoch, SolverStep: step, Data: f.digest, Plan: f.plan(), Kernels: f.set.String()}
	if !math.IsInf(f.bestLoss, 1) {
		p.BestLoss = &f.bestLoss
	}
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	list = append(list, &onnx.Tensor{Name: stateProgress, Type: onnx.Uint8, Dims: []int64{int64(len(text))}, Data: text})
	if err := rows.WriteNPZFile(filepath.Join(f.o.Dir, filepath.FromSlash(StateFile)), list); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return f.writeResults()
}

// restore puts the run where the run directory's state says.
func (f *fitting) restore() error {
	path := filepath.Join(f.o.Dir, filepath.FromSlash(StateFile))
	arrays, err := rows.ReadNPZFile(path, f.o.MemoryLimit)
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	if err := f.restoreFrom(arrays); err != nil {
		return fmt.Errorf("resume: %s: %w", path, err)
	}
	return nil
}

func (f *fitting) restoreFrom(arrays []*onnx.Tensor) error {
	now, best, slots := make(map[string]*onnx.Tensor), make(map[string]*onnx.Tensor), make(map[string]*onnx.Tensor)
	var p progress
	found := false
	for _, t := range arrays {
		switch {
		case t.Name == stateProgress && t.Type == onnx.Uint8:
			if err := json.Unmarshal(t.Data, &p); err != nil {
				return fmt.Errorf("progress: %w", err)
			}
			found = true
		case strings.HasPrefix(t.Name, stateParameter):
			now[strings.TrimPrefix(t.Name, stateParameter)] = t
		case strings.HasPrefix(t.Name, stateBest):
			best[strings.TrimPrefix(t.Name, stateBest)] = t
		case strings.HasPrefix(t.Name, stateSolver):
			slots[strings.TrimPrefix(t.Name, stateSolver)] = t
		default:
			return fmt.Errorf("array %q does not belong to a training state", t.Name)
		}
	}
	if !found {
		return fmt.Errorf("it holds no progress")
	}
	if p.Data != f.digest {
		return fmt.Errorf("the data has changed since the run was interrupted (SHA-256 %s, it was %s)", f.digest, p.Data)
	}
	if plan := f.plan(); p.Plan != plan {
		return misuse("the run was started as %s; it cannot go on as %s", p.Plan, plan)
	}
	if p.Kernels != f.set.String() {
		return misuse("the run was started with the kernel set %s, this one has %s: its bytes would differ", p.Kernels, f.set)
	}
	if p.Epoch < 0 || p.Epoch > f.o.Epochs || p.Step < 0 || p.Step > f.steps() || p.Step > 0 && len(p.Sums) != 1+len(f.net.Terms) || len(p.History) != p.Epoch {
		return fmt.Errorf("it stands at epoch %d, step %d, which this run does not have", p.Epoch, p.Step)
	}
	if err := fitWeights(now, f.net, anArray); err != nil {
		return err
	}
	if len(best) > 0 || p.BestEpoch > 0 {
		if err := fitWeights(best, f.net, anArray); err != nil {
			return fmt.Errorf("best epoch: %w", err)
		}
		for name, t := range best {
			t.Name = name
		}
		f.best = best
	}
	f.load(now)
	if err := f.solver.SetState(slots, p.SolverStep, f.program.Params()); err != nil {
		return err
	}
	f.epoch, f.step, f.sums, f.rows, f.elapsed, f.history = p.Epoch, p.Step, p.Sums, p.Rows, p.Elapsed, p.History
	f.bestEpoch = p.BestEpoch
	if p.BestLoss != nil {
		f.bestLoss = *p.BestLoss
	}
	return nil
}
