package backend

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// StepProfile is what one step of a plan took, and what it had to do.
type StepProfile struct {
	Name      string        // of the node, the last one where the step does several
	Operators []string      // of the nodes, each with what is applied in its store: more than one where a region does them at once
	Fast      bool          // on the kernels, not by the plain Eval
	Time      time.Duration // median of the rounds
	Products  int64         // multiplications of its convolutions and matrix products in floats; other operators count none
	Constants int64         // bytes of weights that it reads
}

// Profile runs the plan once to warm up and then so many times, at least once, with a clock between the steps, which takes some
// tens of nanoseconds a step. It has memory of its own and may go along with other runs, which then take time from each other.
func (p *Plan) Profile(ctx context.Context, in []onnx.Value, rounds int) ([]StepProfile, error) {
	rounds = max(rounds, 1)
	list := make([]StepProfile, len(p.steps))
	times := make([][]time.Duration, len(p.steps))
	for i := range p.steps {
		list[i], times[i] = p.describe(&p.steps[i]), make([]time.Duration, 0, rounds)
	}
	r, made := newRun(p), p.makeOutputs()
	for round := range rounds + 1 {
		var last time.Time
		r.watch = func(i int) {
			now := time.Now()
			if i >= 0 && round > 0 {
				times[i] = append(times[i], now.Sub(last))
			}
			last = now
		}
		if err := r.once(ctx, p, in, slices.Clone(made)); err != nil {
			return nil, err
		}
	}
	for i := range list {
		slices.Sort(times[i])
		list[i].Time = times[i][rounds/2]
	}
	return list, nil
}

func (s StepProfile) String() string {
	way := "plain"
	if s.Fast {
		way = "fast"
	}
	return fmt.Sprintf("%v %s %s %s", s.Time, way, s.Name, strings.Join(s.Operators, ", "))
}

func (p *Plan) describe(s *step) StepProfile {
	profile := StepProfile{Name: s.node.Name, Fast: s.fast != nil}
	parts := s.joins()
	if len(parts) == 0 {
		parts = []step{*s}
	}
	seen := make(map[int]bool)
	for i := range parts {
		part := &parts[i]
		profile.Products += p.products(part)
		for _, k := range part.in {
			if k >= 0 && !seen[k] && p.values[k].place == inConstant {
				seen[k] = true
				profile.Constants += int64(len(p.values[k].constant.Data))
			}
		}
		if i == len(parts)-1 {
			part = s // with what links behind it
		}
		profile.Operators = append(profile.Operators, part.operator())
	}
	return profile
}

// products counts the multiplications of a node as planned, not as its kernel may save some.
func (p *Plan) products(s *step) int64 {
	n := s.node
	if len(s.chain) > 0 {
		n = s.chain[0].node
	}
	if len(s.in) < 2 || s.in[0] < 0 || s.in[1] < 0 || len(s.out) == 0 || s.out[0] < 0 {
		return 0
	}
	x, _ := p.values[s.in[0]].fact.Sizes() // none where only a run tells them
	w, _ := p.values[s.in[1]].fact.Sizes()
	y, _ := p.values[s.out[0]].fact.Sizes()
	if len(x) == 0 || len(w) == 0 || len(y) == 0 {
		return 0
	}
	elements := func(dims []int64) int64 {
		n, _ := onnx.Elements(dims)
		return n
	}
	switch strings.TrimPrefix(n.OpType, ops.FusedPrefix) {
	case "Conv":
		return elements(y) * elements(w[1:])
	case "ConvTranspose":
		return elements(x) * elements(w[1:])
	case "Gemm":
		return elements(y) * elements(w) / max(y[len(y)-1], 1)
	case "MatMul":
		return elements(y) * x[len(x)-1]
	}
	return 0
}
