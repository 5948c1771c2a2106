package trainers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/trainers/datasets"
	"github.com/gonyx/gonyx/trainers/lowering"
)

// Options says how a network is fitted. Every field but Epochs, BatchSize and Optimizer may be left out.
type Options struct {
	Epochs          int
	BatchSize       int
	Optimizer       string  // NAME[:key=value,…], see [ParseOptimizer]
	LearningRate    float64 // 0: the optimizer's default
	Schedule        string  // see [ParseSchedule]; constant where empty
	ClipNorm        float64 // largest global norm of the gradients; 0: no clipping
	Seed            uint64
	NoShuffle       bool
	ValidationSplit float64                 // part of the rows that is held out; 0: none
	EarlyStopping   int                     // epochs without a lower validation loss after which the run ends; 0: it goes on
	Overfit         int                     // above 0: the run ends as soon as the rows are learnt by heart, see [Overfit]
	Init            map[string]*onnx.Tensor // weights to start from; nil: from the seed
	Dir             string                  // the run directory, which must exist; empty: nothing is written
	Resume          bool                    // go on from what Dir holds
	Threads         int                     // 0: as many as Go may use
	Kernels         string                  // name of a kernel set; the best supported one where empty
	MemoryLimit     int64                   // bytes of any one tensor
	Watch           []string                // values whose shape, mean and extremes are reported
	Progress        func(Event)             // sees the run go; not called concurrently
}

// ErrInterrupted says that the context ended the run. With a run directory the state is saved, and Options.Resume goes on
// from there.
var ErrInterrupted = errors.New("interrupted")

// NaNError says where training stopped being finite.
type NaNError struct {
	Epoch, Step int    // both from 1
	Value       string // the first value that is not finite, in the order of the network
	InData      bool   // whether that is what the data gave
}

func (e *NaNError) Error() string {
	if e.InData {
		return fmt.Sprintf("training became NaN or infinite at epoch %d, step %d: the data has such a number in %q", e.Epoch, e.Step, e.Value)
	}
	return fmt.Sprintf("training became NaN or infinite at epoch %d, step %d, first in %q; try a lower --learning-rate or --clip-norm 1", e.Epoch, e.Step, e.Value)
}

// Result is what a run gives.
type Result struct {
	Best    map[string]*onnx.Tensor // weights of the best validation loss, or the last ones without validation
	Last    map[string]*onnx.Tensor
	History []Epoch
	// BestEpoch counts from 1; 0 where none was finished.
	BestEpoch  int
	Stopped    bool     // early: the validation loss had not become lower for long enough
	Overfit    *Overfit // nil where that was not asked for
	Train      datasets.Dataset
	Validation datasets.Dataset // nil without
	DataDigest string
	KernelSet  string
	fit        *fitting
}

// Close ends the run's threads. Predict must not be used afterwards.
func (r *Result) Close() { r.fit.close() }

// fitting is a run in progress.
type fitting struct {
	net        *networks.Instance
	o          Options
	program    *lowering.Program
	pool       *kernels.Pool
	solver     *Solver
	schedule   Schedule
	train      datasets.Dataset
	validation datasets.Dataset
	feed       *feed
	digest     string
	set        kernels.Set

	epoch, step int // next to do, from 0
	sums        []float64
	rows        int
	elapsed     float64 // seconds of the current epoch before an interruption
	floor       float64 // the lowest loss there can be, where it is to be reached
	history     []Epoch
	best        map[string]*onnx.Tensor
	bestEpoch   int
	bestLoss    float64
}

// Fit trains a network. The graph is lowered to Gorgonia, its gradients are Gorgonia's, and a solver steps after every batch.
// The same seed, options, data and kernel set give the same weights, whatever the number of threads; a run that was interrupted and resumed
// ends with the same weights as an unbroken one.
func Fit(ctx context.Context, net *networks.Instance, data datasets.Dataset, o Options) (*Result, error) {
	f, err := newFitting(net, data, o)
	if err != nil {
		return nil, err
	}
	if o.Resume {
		if err := f.restore(); err != nil {
			f.close()
			return nil, err
		}
	}
	if err := f.run(ctx); err != nil {
		f.close()
		return nil, err
	}
	return f.result(), nil
}

func newFitting(net *networks.Instance, data datasets.Dataset, o Options) (*fitting, error) {
	if o.Epochs < 1 || o.BatchSize < 1 {
		return nil, misuse("trainers: %d epochs of batches of %d rows: want at least 1 of each", o.Epochs, o.BatchSize)
	}
	f := &fitting{net: net, o: o, bestLoss: math.Inf(1), set: kernels.Best()}
	var err error
	if f.train, f.validation, err = datasets.Split(data, o.ValidationSplit, o.Seed); err != nil {
		return nil, &MisuseError{err}
	}
	if f.digest, err = data.Digest(); err != nil {
		return nil, err
	}
	if o.Kernels != "" {
		var ok bool
		if f.set, ok = kernels.Parse(o.Kernels); !ok {
			return nil, misuse("kernel set %q is not one that this processor runs", o.Kernels)
		}
	}
	if f.feed, err = newFeed(net, f.train, o, trainStream); err != nil {
		return nil, err
	}
	if f.schedule, err = ParseSchedule(o.Schedule); err != nil {
		return nil, &MisuseError{err}
	}
	switch {
	case f.validation != nil:
	case o.EarlyStopping > 0:
		return nil, misuse("early stopping needs rows that are held out, and there are none")
	case f.schedule.Validated():
		return nil, misuse("schedule %s needs rows that are held out, and there are none", f.schedule)
	}
	spec, err := ParseOptimizer(o.Optimizer)
	if err != nil {
		return nil, &MisuseError{err}
	}
	if o.LearningRate > 0 {
		spec.LearningRate = o.LearningRate
	}
	start := o.Init
	if start == nil {
		start = graphs.Initialize(net.Training.Parameters, o.Seed)
	} else if err := fitWeights(start, net, anArray); err != nil {
		return nil, fmt.Errorf("trainers: initial weights: %w", err)
	}
	if o.Threads != 1 {
		f.pool = kernels.NewPool(o.Threads)
	}
	if f.program, err = lowering.Lower(net.Training.Graph, lowering.Options{
		Loss: networks.LossOutput, Parameters: start, Batch: max(2, o.BatchSize), Set: f.set, Pool: f.pool, Limit: o.MemoryLimit,
	}); err != nil {
		f.close()
		return nil, err
	}
	if o.Overfit > 0 {
		if f.floor, err = f.lossFloor(); err != nil {
			f.close()
			return nil, err
		}
	}
	f.solver = NewSolver(spec, f.set, f.pool)
	for _, name := range o.Watch {
		if !f.program.Has(name) {
			f.close()
			return nil, misuse("--watch %s: the training graph has no value of that name; it has %s", name, listed(f.program.Names()))
		}
	}
	if err := f.program.Watch(o.Watch...); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *fitting) close() {
	if f.pool != nil {
		f.pool.Close()
		f.pool = nil
	}
}

// steps counts the batches of an epoch; the last one may be smaller.
func (f *fitting) steps() int {
	rows := f.train.Info().Rows
	return (rows + f.o.BatchSize - 1) / f.o.BatchSize
}

func (f *fitting) run(ctx context.Context) error {
	for !f.finished() {
		if err := f.runEpoch(ctx); err != nil {
			return err
		}
	}
	return nil
}

// finished says whether there is no epoch left to do. It depends on the history alone, so that a run that is resumed ends
// where an unbroken one does.
func (f *fitting) finished() bool {
	if o := f.overfitted(); o != nil && o.Reached {
		return true
	}
	return f.epoch >= f.o.Epochs || f.stale()
}

// stale says whether early stopping ends the run.
func (f *fitting) stale() bool {
	return f.o.EarlyStopping > 0 && f.epoch-f.bestEpoch >= f.o.EarlyStopping
}

// validationLosses are those of the epochs so far; without validation there are none.
func (f *fitting) validationLosses() []float64 {
	var losses []float64
	for _, e := range f.history {
		if e.Validation != nil {
			losses = append(losses, e.Validation[0])
		}
	}
	return losses
}

// outputs are what is reported of every batch: the loss and its terms.
func (f *fitting) outputs() []string {
	names := []string{networks.LossOutput}
	for _, t := range f.net.Terms {
		names = append(names, networks.TermPrefix+t)
	}
	return names
}

func (f *fitting) runEpoch(ctx context.Context) error {
	started := time.Now()
	names, steps := f.outputs(), f.steps()
	if f.step == 0 {
		f.sums, f.rows, f.elapsed = make([]float64, len(names)), 0, 0
	}
	batches := f.feed.batches(f.epoch, f.step)
	defer batches.stop()
	rate, plateau := 0.0, f.schedule.Plateau(f.validationLosses())
	for f.step < steps {
		if ctx.Err() != nil {
			f.elapsed += time.Since(started).Seconds()
			if err := f.save(); err != nil {
				return fmt.Errorf("%w, and the state could not be saved: %w", ErrInterrupted, err)
			}
			return ErrInterrupted
		}
		batch, err := batches.next()
		if err != nil {
			return err
		}
		if err := f.program.Run(batch.inputs, true); err != nil {
			return err
		}
		values := make([]float64, len(names))
		for i, name := range names {
			values[i] = float64(f.program.Output(name).Float32s()[0])
			f.sums[i] += values[i] * float64(batch.rows)
		}
		f.rows += batch.rows
		if !isFinite(values[0]) {
			bad := f.firstBad(batch.inputs)
			return &NaNError{Epoch: f.epoch + 1, Step: f.step + 1, Value: bad, InData: slices.ContainsFunc(f.net.Training.Graph.Inputs,
				func(v *onnx.ValueInfo) bool { return v.Name == bad })}
		}
		f.watch()
		rate = f.solver.LearningRate() * f.schedule.Factor(f.epoch*steps+f.step, f.o.Epochs*steps, steps) * plateau
		if err := f.solver.StepAt(f.program.Params(), rate, f.o.ClipNorm); err != nil {
			return err
		}
		f.step++
		f.report(Event{Kind: StepDone, Epoch: f.epoch + 1, Epochs: f.o.Epochs, Step: f.step, Steps: steps, Means: f.means()})
	}
	return f.endEpoch(rate, f.elapsed+time.Since(started).Seconds())
}

// means are the running means of the epoch so far, by output.
func (f *fitting) means() []float64 {
	m := make([]float64, len(f.sums))
	for i, s := range f.sums {
		m[i] = s / float64(f.rows)
	}
	return m
}

// endEpoch validates, keeps the best weights and writes the checkpoint.
func (f *fitting) endEpoch(rate, seconds float64) error {
	e := Epoch{Number: f.epoch + 1, Train: f.means(), LearningRate: rate, Seconds: seconds}
	if f.validation != nil {
		m, err := f.evaluate(f.validation)
		if err != nil {
			return err
		}
		e.Validation, e.Metrics = m.Losses, m.Metrics
		if !isFinite(m.Losses[0]) {
			return &NaNError{Epoch: f.epoch + 1, Step: f.steps(), Value: "val_" + networks.LossOutput}
		}
	}
	if bad := f.badParameter(); bad != "" {
		return &NaNError{Epoch: f.epoch + 1, Step: f.steps(), Value: bad}
	}
	loss := math.Inf(1)
	if e.Validation != nil {
		loss = e.Validation[0]
	}
	if f.validation == nil || loss < f.bestLoss || f.best == nil {
		f.best, f.bestEpoch, f.bestLoss = f.weights(), e.Number, loss
		if err := f.saveBest(); err != nil {
			return err
		}
	}
	f.history = append(f.history, e)
	f.epoch, f.step = f.epoch+1, 0
	if err := f.save(); err != nil {
		return err
	}
	f.report(Event{Kind: EpochDone, Epoch: e.Number, Epochs: f.o.Epochs, Steps: f.steps(), Means: e.Train, Row: &e})
	return nil
}

// weights copies the parameters.
func (f *fitting) weights() map[string]*onnx.Tensor {
	w := make(map[string]*onnx.Tensor)
	for _, p := range f.program.Params() {
		v := p.Tensor()
		c := onnx.NewTensor(v.Type, v.Dims...)
		c.Name = p.Name()
		copy(c.Data, v.Data)
		w[c.Name] = c
	}
	return w
}

// firstBad names the first value that is not finite when the network runs on the inputs once more: a parameter, or what a node
// makes of finite ones.
func (f *fitting) firstBad(inputs []*onnx.Tensor) string {
	if bad := f.badParameter(); bad != "" {
		return bad
	}
	names := f.program.Names()
	if err := f.program.Watch(names...); err == nil {
		if err := f.program.Run(inputs, false); err == nil {
			for _, name := range names {
				if t := f.program.Value(name); t != nil && t.Type == onnx.Float && !finite(t.Float32s()) {
					return name
				}
			}
		}
	}
	return networks.LossOutput
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (f *fitting) badParameter() string {
	for _, p := range f.program.Params() {
		if !finite(p.Tensor().Float32s()) {
			return p.Name()
		}
	}
	return ""
}

func finite(v []float32) bool {
	for _, x := range v {
		if !isFinite(float64(x)) {
			return false
		}
	}
	return true
}

func (f *fitting) result() *Result {
	return &Result{Best: f.best, Last: f.weights(), History: f.history, BestEpoch: f.bestEpoch, Train: f.train,
		Stopped: f.stale() && f.epoch < f.o.Epochs, Overfit: f.overfitted(),
		Validation: f.validation, DataDigest: f.digest, KernelSet: f.set.String(), fit: f}
}

// Predict gives the network's own output for the model's inputs in their order, as Gorgonia computes it with the weights given
// (the last ones where nil). It is what an exported file is held against.
func (r *Result) Predict(weights map[string]*onnx.Tensor, inputs []*onnx.Tensor) (*onnx.Tensor, error) {
	f := r.fit
	if weights != nil {
		last := f.weights()
		f.load(weights)
		defer f.load(last)
	}
	return f.predict(inputs)
}

func (f *fitting) load(weights map[string]*onnx.Tensor) {
	for _, p := range f.program.Params() {
		copy(p.Tensor().Data, weights[p.Name()].Data)
	}
}

// predict runs the training graph forward; inputs that only the loss needs are zeros.
func (f *fitting) predict(inputs []*onnx.Tensor) (*onnx.Tensor, error) {
	byName := make(map[string]*onnx.Tensor)
	rows := int64(1)
	for i, v := range f.net.Model.Graph.Inputs {
		byName[v.Name] = inputs[i]
		rows = inputs[i].Dims[0]
	}
	full := make([]*onnx.Tensor, len(f.net.Training.Graph.Inputs))
	for i, v := range f.net.Training.Graph.Inputs {
		if full[i] = byName[v.Name]; full[i] == nil {
			dims := []int64{rows}
			for _, d := range v.Type.Dims[1:] {
				dims = append(dims, d.Value)
			}
			full[i] = onnx.NewTensor(v.Type.Elem, dims...)
		}
	}
	if err := f.program.Run(full, false); err != nil {
		return nil, err
	}
	out := f.program.Output(networks.PredictionOutput)
	c := onnx.NewTensor(out.Type, out.Dims...)
	copy(c.Data, out.Data)
	return c, nil
}
