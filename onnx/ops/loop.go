package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Loop: a subgraph run again and again, at most M times (no bound where absent) and while its condition is true (cond is the first one,
// true where absent). The body takes the iteration's number, the condition and the carried values, and gives the next condition, the
// next carried values and, behind them, values to be stacked: one tensor a step, along a new first axis.
// M int64, cond bool, both of one element or absent, v_initial any → v_final any, scan outputs [steps, …].
// 1: first · 11: cond may be absent where M is · 13, 16, 19, 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__Loop.html

func loopFamily() []Meaning {
	return []Meaning{{Name: "Loop", Class: Exact, New: newLoop}}
}

type loop struct {
	body    *onnx.Graph
	outputs int
}

func newLoop(a *Attrs) Op {
	l := loop{body: a.Graph("body"), outputs: a.Outputs()}
	if len(l.body.Inputs) < 2 || len(l.body.Outputs) < len(l.body.Inputs)-1 {
		a.Fail("the body has %d inputs and %d outputs, want a number, a condition and the carried values, and the condition, the carried values and what is stacked",
			len(l.body.Inputs), len(l.body.Outputs))
		return l
	}
	if l.outputs > len(l.body.Outputs)-1 {
		a.Fail("%d outputs are named, the body gives %d", l.outputs, len(l.body.Outputs)-1)
	}
	return l
}

// carried is how many values go from step to step.
func (l loop) carried() int { return len(l.body.Inputs) - 2 }

func (l loop) Infer(env *Env, in []Fact) ([]Fact, error) {
	n := l.carried()
	if len(in) != n+2 && !(n == 0 && len(in) < 2) {
		return nil, fmt.Errorf("%d values are carried, the body takes %d", len(in)-2, n)
	}
	for i, what := range []string{"M", "cond"} {
		if i < len(in) && !in[i].Absent() {
			if err := wantOne(in[i], what); err != nil {
				return nil, err
			}
		}
	}
	state := make([]Fact, n)
	for i := range state {
		state[i] = typeOnly(in[i+2])
	}
	facts, err := settle(l.body, state, func(state []Fact) ([]Fact, []Fact, error) {
		out, err := env.InferGraph(l.body, append([]Fact{scalarFor(l.body.Inputs[0], onnx.Int64), scalarFor(l.body.Inputs[1], onnx.Bool)}, state...))
		if err != nil {
			return nil, nil, fmt.Errorf("body: %w", err)
		}
		return out, out[1 : n+1], nil
	})
	if err != nil {
		return nil, err
	}
	steps := onnx.UnknownDim()
	if always := len(in) < 2 || in[1].Absent() || isTrue(in[1]); always && isTrue(facts[0]) && len(in) > 0 && !in[0].Absent() {
		if d, ok := elemsOf(in[0]); ok && len(d) == 1 && (d[0].Known() || d[0].Param != "") {
			steps = d[0]
		}
	}
	out := make([]Fact, len(l.body.Outputs)-1)
	for i := range out {
		f := facts[i+1]
		if i < n {
			out[i] = typeOnly(f)
			if i < len(in)-2 {
				out[i] = common(out[i], in[i+2]) // no step may be made
			}
			continue
		}
		out[i] = stacked(f, 0, steps)
	}
	return out, nil
}

// settle infers a body until what it carries from step to step no longer gets vaguer. once gives all of the body's outputs and, of
// them, the carried ones.
func settle(body *onnx.Graph, state []Fact, once func([]Fact) (all, next []Fact, err error)) ([]Fact, error) {
	const most = 8 // a dimension and a rank can be lost once each, and that may ripple through a few values
	for round := 0; ; round++ {
		all, next, err := once(state)
		if err != nil {
			return nil, err
		}
		same := true
		for i, f := range state {
			merged := common(f, next[i])
			if merged.Type.Kind == onnx.KindTensor && f.Elem() != onnx.Undefined && next[i].Elem() != onnx.Undefined && merged.Elem() == onnx.Undefined {
				return nil, fmt.Errorf("carried value %d is %v before a step and %v after it", i, f.Type, next[i].Type)
			}
			if round == most && merged.Type.Kind == onnx.KindTensor {
				merged = Unranked(merged.Elem())
			}
			same = same && merged.Type.String() == f.Type.String()
			state[i] = merged
		}
		if same || round > most {
			return all, nil
		}
	}
}

// typeOnly forgets a value.
func typeOnly(f Fact) Fact { return Fact{Type: f.Type} }

func isTrue(f Fact) bool {
	return f.Value != nil && f.Value.Type == onnx.Bool && f.Value.Len() == 1 && f.Value.Bools()[0]
}

// scalarFor is the fact of one number that a body takes as an input, with the rank of 0 or 1 that the input declares.
func scalarFor(v *onnx.ValueInfo, elem onnx.ElemType) Fact {
	if v.Type.Ranked && len(v.Type.Dims) == 1 {
		return Tensor(elem, onnx.Fixed(1))
	}
	return Tensor(elem)
}

func scalarDims(v *onnx.ValueInfo) []int64 {
	if v.Type.Ranked && len(v.Type.Dims) == 1 {
		return []int64{1}
	}
	return []int64{}
}

// stacked is the fact of tensors one after the other along a new axis, which counts in the result.
func stacked(f Fact, axis int, steps onnx.Dim) Fact {
	if !f.Ranked() || f.Type.Kind != onnx.KindTensor {
		return Unranked(f.Elem())
	}
	return Tensor(f.Elem(), slices.Insert(slices.Clone(f.Dims()), min(axis, f.Rank()), steps)...)
}

func (l loop) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	n := l.carried()
	most, cond := int64(-1), true
	if len(in) > 0 && in[0] != nil {
		most = max(in[0].(*onnx.Tensor).Int64s()[0], 0)
	}
	if len(in) > 1 && in[1] != nil {
		cond = in[1].(*onnx.Tensor).Bools()[0]
	}
	state := make([]onnx.Value, n)
	if n > 0 {
		copy(state, in[2:])
	}
	if cond && (most < 0 || most == math.MaxInt64) && l.endless() {
		return nil, fmt.Errorf("the loop never ends: M sets no bound, and the body gives the condition that it is given, or true")
	}
	scans := make([]scan, len(l.body.Outputs)-1-n)
	for step := int64(0); cond && (most < 0 || step < most); step++ {
		number := onnx.FromInt64s([]int64{step}, scalarDims(l.body.Inputs[0])...)
		truth := onnx.NewTensor(onnx.Bool, scalarDims(l.body.Inputs[1])...)
		truth.Bools()[0] = true
		values := []onnx.Value{number, truth}
		for i, v := range state {
			values = append(values, present(v, l.body.Inputs[i+2].Type))
		}
		out, err := env.RunGraph(l.body, values)
		if err != nil {
			return nil, fmt.Errorf("body, step %d: %w", step, err)
		}
		c, ok := out[0].(*onnx.Tensor)
		if !ok || c.Type != onnx.Bool || c.Len() != 1 {
			return nil, fmt.Errorf("body, step %d: the condition must be a bool of one element", step)
		}
		cond = c.Bools()[0]
		copy(state, out[1:n+1])
		for i := range scans {
			if err := scans[i].add(env, out[n+1+i]); err != nil {
				return nil, fmt.Errorf("body, step %d: output %d: %w", step, n+1+i, err)
			}
		}
	}
	for i := range scans {
		y, err := scans[i].stack(env, 0, false, l.body.Outputs[n+1+i].Type)
		if err != nil {
			return nil, err
		}
		state = append(state, y)
	}
	return state, nil
}

// endless says whether the body's next condition is the one it is given, or a constant true.
func (l loop) endless() bool {
	made := make(map[string]*onnx.Node)
	for _, n := range l.body.Nodes {
		for _, out := range n.Outputs {
			made[out] = n
		}
	}
	name := l.body.Outputs[0].Name
	for range len(l.body.Nodes) { // nodes stand in running order, so this many at most lie behind one another
		if n := made[name]; n != nil && n.OpType == "Identity" && n.Domain == onnx.DomainDefault {
			name = n.Inputs[0]
		}
	}
	if t := l.body.Initializer(name); t != nil {
		return t.Type == onnx.Bool && t.Len() == 1 && t.Bools()[0]
	}
	if n := made[name]; n != nil {
		value := n.Attribute("value")
		return n.OpType == "Constant" && value != nil && value.Tensor != nil && isTrue(Known(value.Tensor))
	}
	return name == l.body.Inputs[1].Name
}

// present wraps a value where an optional one is declared: a step may hand on what it found to be there.
func present(v onnx.Value, declared onnx.Type) onnx.Value {
	if _, is := v.(*onnx.Optional); declared.Kind == onnx.KindOptional && !is {
		return &onnx.Optional{Elem: onnx.TypeOf(v), Value: v}
	}
	return v
}

// scan collects tensors that are to be stacked.
type scan struct {
	parts []*onnx.Tensor
	bytes int64
}

func (s *scan) add(env *Env, v onnx.Value) error {
	t, ok := v.(*onnx.Tensor)
	if !ok {
		return fmt.Errorf("%v cannot be stacked", onnx.TypeOf(v))
	}
	if len(s.parts) > 0 && (t.Type != s.parts[0].Type || !slices.Equal(t.Dims, s.parts[0].Dims)) {
		return fmt.Errorf("%v cannot be stacked on %v", t, s.parts[0])
	}
	size, err := onnx.ByteSize(t.Type, t.Dims)
	if err != nil {
		return err
	}
	s.bytes += max(size, 1)
	if err := env.Fits(onnx.Uint8, []int64{s.bytes}); err != nil {
		return err
	}
	s.parts = append(s.parts, t)
	return nil
}

// stack puts the tensors one after the other, or in backward order, along a new axis. Without any, declared gives the shape.
func (s *scan) stack(env *Env, axis int64, backward bool, declared onnx.Type) (onnx.Value, error) {
	if len(s.parts) == 0 {
		dims := make([]int64, len(declared.Dims))
		for i, d := range declared.Dims {
			dims[i] = max(d.Value, 0)
		}
		at, err := Axis(axis, len(dims)+1)
		if err != nil {
			return nil, err
		}
		return env.New(declared.Elem, slices.Insert(dims, at, 0)...)
	}
	parts := slices.Clone(s.parts)
	if backward {
		slices.Reverse(parts)
	}
	at, err := Axis(axis, len(parts[0].Dims)+1)
	if err != nil {
		return nil, err
	}
	in := make([]onnx.Value, len(parts))
	for i, t := range parts {
		in[i] = withDims(t, slices.Insert(slices.Clone(t.Dims), at, 1))
	}
	out, err := concat{axis: int64(at)}.Eval(env, in)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}
