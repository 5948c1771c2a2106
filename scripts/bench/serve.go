package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/lowering"
)

// subject is what a contestant of ours has loaded.
type subject struct {
	run    func() error
	output func() *onnx.Tensor
}

// serve answers requests until there are no more: it is our contestant.
func serve(ctx context.Context, in io.Reader, out io.Writer) error {
	requests := bufio.NewReader(in)
	answers := json.NewEncoder(out)
	forgetPeak()
	idle := peakMemory()
	var s *subject
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
		a, err := s.answer(ctx, r, &s)
		if err != nil {
			a.Error = err.Error()
		}
		if r.Do == "memory" {
			a.Idle = idle
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

func (s *subject) answer(ctx context.Context, r request, loaded **subject) (answer, error) {
	switch {
	case r.Do == "memory":
		return answer{Bytes: peakMemory(), Version: runtime.Version() + " " + kernels.Best().String()}, nil
	case r.Do == "load":
		inputs, err := readInputs(r.Inputs)
		if err != nil {
			return answer{}, err
		}
		started := time.Now()
		var made *subject
		if r.Kind == "train" {
			made, err = trainable(r, inputs)
		} else {
			made, err = runnable(ctx, r, inputs)
		}
		if err == nil {
			err = made.run()
		}
		*loaded = made
		return answer{Seconds: time.Since(started).Seconds()}, err
	case s == nil:
		return answer{}, fmt.Errorf("nothing is loaded")
	case r.Do == "turn":
		var times []float64
		for end := time.Now().Add(time.Duration(r.Ms * 1e6)); len(times) == 0 || time.Now().Before(end); {
			started := time.Now()
			if err := s.run(); err != nil {
				return answer{}, err
			}
			times = append(times, time.Since(started).Seconds())
		}
		slices.Sort(times)
		return answer{Seconds: times[len(times)/2], Runs: len(times)}, nil
	case r.Do == "output":
		return answer{}, os.WriteFile(r.Path, s.output().Data, 0o644)
	}
	return answer{}, fmt.Errorf("cannot do %q", r.Do)
}

func readInputs(list []array) (map[string]*onnx.Tensor, error) {
	inputs := make(map[string]*onnx.Tensor)
	for _, a := range list {
		data, err := os.ReadFile(a.Path)
		if err != nil {
			return nil, err
		}
		elem := onnx.Float
		if a.Elem == "int64" {
			elem = onnx.Int64
		}
		t := onnx.NewTensor(elem, a.Dims...)
		if copy(t.Data, data) != len(t.Data) || len(data) != len(t.Data) {
			return nil, fmt.Errorf("%s: %d bytes for %v", a.Path, len(data), t)
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
	return &subject{run: func() error { return m.RunInto(ctx, in, out) }, output: func() *onnx.Tensor { return first }}, nil
}

// trainable makes a network and its optimizer; a run is one step.
func trainable(r request, inputs map[string]*onnx.Tensor) (*subject, error) {
	n, err := networks.Find(r.Model)
	if err != nil {
		return nil, err
	}
	instance, err := n.Build(networks.NewSettings(n.Options, nil), n.Usual)
	if err != nil {
		return nil, err
	}
	var in []*onnx.Tensor
	rows := 2
	for _, v := range instance.Training.Graph.Inputs {
		t := inputs[v.Name]
		if t == nil {
			return nil, fmt.Errorf("input %q is not given", v.Name)
		}
		rows = int(t.Dims[0])
		in = append(in, t)
	}
	set := kernels.Best()
	var pool *kernels.Pool
	if r.Threads != 1 {
		pool = kernels.NewPool(r.Threads)
	}
	p, err := lowering.Lower(instance.Training.Graph, lowering.Options{
		Loss: networks.LossOutput, Parameters: graphs.Initialize(instance.Training.Parameters, seed), Batch: rows, Set: set, Pool: pool,
	})
	if err != nil {
		return nil, err
	}
	rule, err := trainers.ParseOptimizer("adam")
	if err != nil {
		return nil, err
	}
	solver := trainers.NewSolver(rule, set, pool)
	return &subject{run: func() error {
		if err := p.Run(in, true); err != nil {
			return err
		}
		return solver.StepAt(p.Params(), rule.LearningRate, 0)
	}, output: func() *onnx.Tensor { return p.Output(networks.PredictionOutput) }}, nil
}
