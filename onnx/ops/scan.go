package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Scan: a subgraph run once for each slice of the scan inputs, which are cut along an axis, forward or backward, all into the same
// number. The body takes the states and the slices, and gives the next states and, behind them, tensors to be stacked along an axis.
// initial states any, scan inputs [… steps …] → final states, scan outputs [… steps …].
// 8: with a batch axis and sequence lengths (which are not lifted) · 9: first in this form · 11, 16, 19, 21, 23, 24, 25: negative axes, types.
// https://onnx.ai/onnx/operators/onnx__Scan.html

func scanFamily() []Meaning {
	return []Meaning{{
		Name: "Scan", Class: Exact, New: newScan,
		Upgrade: map[int64]Rewrite{9: scanUp9}, Downgrade: map[int64]Rewrite{9: scanDown9},
	}}
}

type scanner struct {
	body             *onnx.Graph
	inputs           int // to be sliced
	inAxes, outAxes  []int64
	inBack, outBack  []int64
	states, stackeds int
}

func newScan(a *Attrs) Op {
	s := scanner{
		body: a.Graph("body"), inAxes: a.Ints("scan_input_axes"), outAxes: a.Ints("scan_output_axes"),
		inBack: a.Ints("scan_input_directions"), outBack: a.Ints("scan_output_directions"),
	}
	n := a.Int("num_scan_inputs")
	if n < 1 || n > int64(len(s.body.Inputs)) {
		a.Fail("attribute \"num_scan_inputs\" is %d, the body has %d inputs; want at least 1", n, len(s.body.Inputs))
		return s
	}
	s.inputs = int(n)
	s.states = len(s.body.Inputs) - s.inputs
	s.stackeds = len(s.body.Outputs) - s.states
	if s.stackeds < 0 || a.Outputs() > len(s.body.Outputs) {
		a.Fail("the body has %d outputs, want %d states, and the node names %d", len(s.body.Outputs), s.states, a.Outputs())
		return s
	}
	for _, l := range []struct {
		name  string
		list  *[]int64
		n     int
		flags bool
	}{
		{"scan_input_axes", &s.inAxes, s.inputs, false}, {"scan_output_axes", &s.outAxes, s.stackeds, false},
		{"scan_input_directions", &s.inBack, s.inputs, true}, {"scan_output_directions", &s.outBack, s.stackeds, true},
	} {
		if *l.list == nil {
			*l.list = make([]int64, l.n)
		}
		if len(*l.list) != l.n {
			a.Fail("attribute %q has %d numbers, want %d", l.name, len(*l.list), l.n)
			return s
		}
		for _, v := range *l.list {
			if l.flags && v != 0 && v != 1 {
				a.Fail("attribute %q: %d is not 0 or 1", l.name, v)
			}
		}
	}
	return s
}

func (s scanner) Infer(env *Env, in []Fact) ([]Fact, error) {
	if len(in) != s.states+s.inputs {
		return nil, fmt.Errorf("%d inputs are given, the body takes %d", len(in), s.states+s.inputs)
	}
	state := make([]Fact, s.states)
	for i := range state {
		state[i] = typeOnly(in[i])
	}
	steps := onnx.UnknownDim()
	parts := make([]Fact, s.inputs)
	for i := range parts {
		f := in[s.states+i]
		if !f.Ranked() {
			parts[i] = Unranked(f.Elem())
			continue
		}
		axis, err := Axis(s.inAxes[i], f.Rank())
		if err != nil {
			return nil, fmt.Errorf("scan input %d: %w", i, err)
		}
		if steps, err = sameDim(steps, f.Dims()[axis]); err != nil {
			return nil, fmt.Errorf("scan input %d: %w", i, err)
		}
		parts[i] = Tensor(f.Elem(), slices.Delete(slices.Clone(f.Dims()), axis, axis+1)...)
	}
	facts, err := settle(s.body, state, func(state []Fact) ([]Fact, []Fact, error) {
		out, err := env.InferGraph(s.body, slices.Concat(state, parts))
		if err != nil {
			return nil, nil, fmt.Errorf("body: %w", err)
		}
		return out, out[:s.states], nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]Fact, len(s.body.Outputs))
	for i := range out {
		if i < s.states {
			out[i] = common(typeOnly(facts[i]), in[i])
			continue
		}
		f, axis := facts[i], 0
		if f.Ranked() {
			if axis, err = Axis(s.outAxes[i-s.states], f.Rank()+1); err != nil {
				return nil, fmt.Errorf("scan output %d: %w", i-s.states, err)
			}
		}
		out[i] = stacked(f, axis, steps)
	}
	return out, nil
}

func (s scanner) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	state := slices.Clone(in[:s.states])
	steps := int64(0)
	whole, axes := make([]*onnx.Tensor, s.inputs), make([]int, s.inputs)
	for i := range whole {
		t, ok := in[s.states+i].(*onnx.Tensor)
		if !ok {
			return nil, fmt.Errorf("scan input %d must be a tensor", i)
		}
		axis, err := Axis(s.inAxes[i], len(t.Dims))
		if err != nil {
			return nil, err
		}
		whole[i], axes[i], steps = t, axis, t.Dims[axis]
	}
	scans := make([]scan, s.stackeds)
	for step := range steps {
		values := slices.Clone(state)
		for i, t := range whole {
			at := step
			if s.inBack[i] == 1 {
				at = steps - 1 - step
			}
			part, err := gather{axis: int64(axes[i])}.Eval(env, []onnx.Value{t, onnx.Scalar64(at)})
			if err != nil {
				return nil, err
			}
			values = append(values, part[0])
		}
		out, err := env.RunGraph(s.body, values)
		if err != nil {
			return nil, fmt.Errorf("body, step %d: %w", step, err)
		}
		copy(state, out[:s.states])
		for i := range scans {
			if err := scans[i].add(env, out[s.states+i]); err != nil {
				return nil, fmt.Errorf("body, step %d: output %d: %w", step, s.states+i, err)
			}
		}
	}
	for i := range scans {
		y, err := scans[i].stack(env, s.outAxes[i], s.outBack[i] == 1, s.body.Outputs[s.states+i].Type)
		if err != nil {
			return nil, err
		}
		state = append(state, y)
	}
	return state, nil
}
