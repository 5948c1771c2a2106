package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/lowering"
)

// profileRounds is of how many runs a step's time is the median.
const profileRounds = 101

// subject is what a contestant of ours has loaded.
type subject struct {
	run     func() error
	output  func() *onnx.Tensor
	profile func() ([]backend.StepProfile, error) // nil of training
}

// own is our contestant between requests.
type own struct {
	*subject
	idle int64 // bytes, with the inputs and nothing else
}

// serve answers requests until there are no more: it is our contestant.
func serve(ctx context.Context, in io.Reader, out io.Writer) error {
	requests := bufio.NewReader(in)
	answers := json.NewEncoder(out)
	var o own
	for {
		line, err := requests.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		a, err := o.answer(ctx, r)
		if err != nil {
			a.Error = err.Error()
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

func (o *own) answer(ctx context.Context, r request) (answer, error) {
	switch {
	case r.Do == "memory":
		return answer{Bytes: peakMemory(), Idle: o.idle, Version: runtime.Version() + " " + kernels.Best().String()}, nil
	case r.Do == "load":
		return o.load(ctx, r)
	case o.subject == nil:
		return answer{}, fmt.Errorf("nothing is loaded")
	case r.Do == "turn":
		var times []float64
		for end := time.Now().Add(time.Duration(r.Ms * 1e6)); len(times) < max(1, r.Least) || time.Now().Before(end); {
			started := time.Now()
			if err := o.run(); err != nil {
				return answer{}, err
			}
			times = append(times, time.Since(started).Seconds())
		}
		slices.Sort(times)
		return answer{Seconds: times[len(times)/2], Runs: len(times)}, nil
	case r.Do == "profile" && o.profile != nil:
		return o.profiled()
	case r.Do == "output":
		return answer{}, os.WriteFile(r.Path, o.output().Data, 0o644)
	}
	return answer{}, fmt.Errorf("cannot do %q", r.Do)
}

// profiled times the steps.
func (o *own) profiled() (a answer, err error) {
	list, err := o.profile()
	for _, p := range list {
		a.Steps = append(a.Steps, timed{strings.TrimSpace(p.Name + " " + strings.Join(p.Operators, ", ")), p.Time.Seconds(), p.Products, p.Constants})
	}
	return a, err
}

// load reads the inputs, and then makes a subject and its first result, which is what is timed.
func (o *own) load(ctx context.Context, r request) (answer, error) {
	inputs, err := readInputs(r.Inputs)
	if err != nil {
		return answer{}, err
	}
	o.subject = nil
	debug.FreeOSMemory()
	forgetPeak()
	o.idle = peakMemory()
	started := time.Now()
	made, err := makeSubject(ctx, r, inputs)
	if err != nil {
		return answer{}, err
	}
	if r.Kind == "train" { // a model has had its first run
		if err := made.run(); err != nil {
			return answer{}, err
		}
	}
	o.subject = made
	return answer{Seconds: time.Since(started).Seconds()}, nil
}

func makeSubject(ctx context.Context, r request, inputs map[string]*onnx.Tensor) (*subject, error) {
	if r.Kind == "train" {
		return trainable(r, inputs)
	}
	return runnable(ctx, r, inputs)
}

func readInputs(list []array) (map[string]*onnx.Tensor, error) {
	inputs := make(map[string]*onnx.Tensor)
	for _, a := range list {
		elem := onnx.Float
		if a.Elem == "int64" {
			elem = onnx.Int64
		}
		t := onnx.NewTensor(elem, a.Dims...)
		f, err := os.Open(a.Path)
		if err != nil {
			return nil, err
		}
		_, err = io.ReadFull(f, t.Data)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %v: %w", a.Path, t, err)
		}
		inputs[a.Name] = t
	}
	return inputs, nil
}

// runnable loads a model file. Runs give their outputs into the same memory.
func runnable(ctx context.Context, r request, inputs map[string]*onnx.Tensor) (*subject, error) {
	m, err := backend.Load(r.Model, backend.Options{Threads: r.Threads})
	if err != nil {
		return nil, err
	}
	var in []onnx.Value
	for _, v := range m.Inputs() {
		if t := inputs[v.Name]; t != nil {
			in = append(in, t)
		} else {
			in = append(in, nil)
		}
	}
	out, err := m.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	first, ok := out[0].(*onnx.Tensor)
	if !ok {
		return nil, fmt.Errorf("the first output is %v, want a tensor", onnx.TypeOf(out[0]))
	}
	return &subject{
		run:    func() error { return m.RunInto(ctx, in, out) },
		output: func() *onnx.Tensor { return first },
		profile: func() ([]backend.StepProfile, error) {
			p, err := m.Plan(in)
			if err != nil {
				return nil, err
			}
			return p.Profile(ctx, in, profileRounds)
		},
	}, nil
}

// trainable makes a network and its optimizer; a run is one step on the next batch.
func trainable(r request, inputs map[string]*onnx.Tensor) (*subject, error) {
	n, err := networks.Find(r.Model)
	if err != nil {
		return nil, err
	}
	instance, err := n.Build(networks.NewSettings(n.Options, nil), n.Usual)
	if err != nil {
		return nil, err
	}
	var batches [][]*onnx.Tensor
	for i, v := range instance.Training.Graph.Inputs {
		t := inputs[v.Name]
		if t == nil {
			return nil, fmt.Errorf("input %q is not given", v.Name)
		}
		if r.Rows < 1 || t.Dims[0] < r.Rows {
			return nil, fmt.Errorf("input %q of %d rows is no batch of %d", v.Name, t.Dims[0], r.Rows)
		}
		if i == 0 {
			batches = make([][]*onnx.Tensor, t.Dims[0]/r.Rows)
		}
		size := int64(len(t.Data)) / t.Dims[0] * r.Rows
		for k := range batches {
			part := &onnx.Tensor{Type: t.Type, Dims: append([]int64{r.Rows}, t.Dims[1:]...), Data: t.Data[int64(k)*size:][:size]}
			batches[k] = append(batches[k], part)
		}
	}
	set := kernels.Best()
	var pool *kernels.Pool
	if r.Threads != 1 {
		pool = kernels.NewPool(r.Threads)
	}
	p, err := lowering.Lower(instance.Training.Graph, lowering.Options{
		Loss: networks.LossOutput, Parameters: graphs.Initialize(instance.Training.Parameters, seed), Batch: int(r.Rows), Set: set, Pool: pool,
	})
	if err != nil {
		return nil, err
	}
	rule, err := trainers.ParseOptimizer("adam")
	if err != nil {
		return nil, err
	}
	solver, steps := trainers.NewSolver(rule, set, pool), 0
	return &subject{run: func() error {
		in := batches[steps%len(batches)]
		steps++
		if err := p.Run(in, true); err != nil {
			return err
		}
		return solver.StepAt(p.Params(), rule.LearningRate, 0)
	}, output: func() *onnx.Tensor { return p.Output(networks.PredictionOutput) }}, nil
}
