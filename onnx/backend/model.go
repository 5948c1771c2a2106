package backend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/wire"
)

// Options says how a graph is compiled. The zero value is the fastest kernels on all processors.
type Options struct {
	Kernels     string // name of a kernel set; the best supported one where empty
	Threads     int    // 0: as many as Go may use
	MemoryLimit int64  // bytes that any one tensor or arena may take; ops.DefaultLimit where 0
	Seed        uint64 // of random operators without a seed of their own
	Plain       bool   // compile without joining nodes, what fused plans are held against
	Opset       int64  // for graphs collected from stock onnx-go without the file's bytes: the default domain's version, 0 to work it out
}

func (o Options) limit() int64 {
	if o.MemoryLimit > 0 {
		return o.MemoryLimit
	}
	return ops.DefaultLimit
}

// Model is a compiled graph. It keeps a plan for each of the latest input shapes. It is safe for many goroutines.
type Model struct {
	File     *onnx.Model    // what was loaded; nil where only a graph was compiled
	Warnings []string       // of the check of a loaded file
	graph    *onnx.Graph    // lifted, folded and fused
	whole    *variant       // of graph, with its branches as they stand
	oracle   *ops.Evaluator // of the graph as it was lifted
	target   ops.Target
	options  Options
	packs    *packs
	defaults []*onnx.Tensor  // by input; nil where the graph has none
	zeros    map[string]bool // inputs that are zeros where they are not given

	mu    sync.Mutex
	plans []*Plan // the latest used last

	settling sync.Mutex // guards variants and what variants have next
	variants int
}

// maxPlans bounds the plans a model keeps.
const maxPlans = 16

// Load reads, checks and compiles a model file, external data included.
func Load(path string, o Options) (*Model, error) {
	file, err := wire.ReadFile(path, wire.Options{MemoryLimit: o.limit()})
	if err != nil {
		return nil, err
	}
	return CompileModel(file, o)
}

// CompileModel checks and compiles a decoded model.
func CompileModel(file *onnx.Model, o Options) (*Model, error) {
	warnings, err := ops.Check(file, o.limit())
	if err != nil {
		return nil, err
	}
	g := file.Graph
	if len(g.Opsets) == 0 {
		g = ops.WithOpset1(g)
	}
	m, err := Compile(g, o)
	if err != nil {
		return nil, err
	}
	m.File, m.Warnings = file, warnings
	if m.zeros, err = readDefaults(file); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// Compile is the only way from a graph to plans. It fails where an operator is not supported, naming every such node.
func Compile(g *onnx.Graph, o Options) (*Model, error) {
	lifted, err := ops.LiftWithin(g, o.limit())
	if err != nil {
		return nil, fmt.Errorf("backend: %w", err)
	}
	oracle, err := ops.NewEvaluator(lifted)
	if err != nil {
		return nil, fmt.Errorf("backend: %w", err)
	}
	set := kernels.Best()
	if o.Kernels != "" {
		var ok bool
		if set, ok = kernels.Parse(o.Kernels); !ok {
			return nil, fmt.Errorf("backend: kernel set %q is not one of %s, which this processor runs", o.Kernels, setNames())
		}
	}
	m := &Model{oracle: oracle, options: o, packs: newPacks()}
	m.target = ops.Target{Set: set, Weights: &ops.Weights{}}
	if o.Threads != 1 {
		m.target.Pool = kernels.NewPool(o.Threads)
	}
	if m.whole, err = m.prepare(lifted.Graph, oracle, growthOfWhole); err != nil {
		m.Close()
		return nil, fmt.Errorf("backend: %w", err)
	}
	m.graph = m.whole.graph
	for _, v := range m.graph.Inputs {
		m.defaults = append(m.defaults, m.graph.Initializer(v.Name))
	}
	return m, nil
}

func setNames() string {
	var names []string
	for _, s := range kernels.Supported() {
		names = append(names, s.String())
	}
	return strings.Join(names, ", ")
}

// Close ends the model's threads. It must not be used afterwards.
func (m *Model) Close() {
	if m.target.Pool != nil {
		m.target.Pool.Close()
	}
}

// Kernels names the kernel set in use.
func (m *Model) Kernels() string { return m.target.Set.String() }

// Inputs lists the graph's inputs, those with a default included.
func (m *Model) Inputs() []*onnx.ValueInfo { return m.graph.Inputs }

// Required lists the inputs without a default, in the graph or in the metadata.
func (m *Model) Required() []*onnx.ValueInfo {
	return slices.DeleteFunc(m.graph.RequiredInputs(), func(v *onnx.ValueInfo) bool { return m.zeros[v.Name] })
}

// Outputs lists the graph's outputs.
func (m *Model) Outputs() []*onnx.ValueInfo { return m.graph.Outputs }

// Run computes the outputs for inputs in the graph's order; nil takes an input's default. It leaves inputs alone, and what it
// gives is the caller's. A cancelled context stops it between steps.
func (m *Model) Run(ctx context.Context, in []onnx.Value) ([]onnx.Value, error) {
	in, err := m.Complete(in)
	if err != nil {
		return nil, err
	}
	p, err := m.Plan(in)
	if err != nil {
		return nil, err
	}
	return p.Run(ctx, in)
}

// RunInto is Run into outputs that the caller made, as [Plan.RunInto] does. Once the plan for these shapes is warm, it allocates
// nothing where every step is a fast one.
func (m *Model) RunInto(ctx context.Context, in, out []onnx.Value) error {
	in, err := m.Complete(in)
	if err != nil {
		return err
	}
	p, err := m.Plan(in)
	if err != nil {
		return err
	}
	return p.RunInto(ctx, in, out)
}

// Evaluate computes the outputs with the plain evaluator, the oracle of Run.
func (m *Model) Evaluate(ctx context.Context, in []onnx.Value) ([]onnx.Value, error) {
	in, err := m.Complete(in)
	if err != nil {
		return nil, err
	}
	if _, err := m.facts(in); err != nil {
		return nil, err
	}
	out, err := m.oracle.Run(ctx, in, ops.EvalOptions{Limit: m.options.limit(), Seed: m.options.Seed})
	if err != nil {
		return nil, fmt.Errorf("backend: %w", err)
	}
	return out, nil
}

// Plan gives the plan for inputs of these types and shapes, made now or kept from before.
func (m *Model) Plan(in []onnx.Value) (*Plan, error) {
	m.mu.Lock()
	p := m.kept(in)
	m.mu.Unlock()
	if p != nil {
		return p, nil
	}
	facts, err := m.facts(in)
	if err != nil {
		return nil, err
	}
	// Two goroutines may make the same plan; the first to store it wins.
	p, err = newPlan(m, facts)
	if err != nil {
		return nil, fmt.Errorf("backend: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if kept := m.kept(in); kept != nil {
		return kept, nil
	}
	if m.plans = append(m.plans, p); len(m.plans) > maxPlans {
		m.plans = slices.Delete(m.plans, 0, 1)
	}
	return p, nil
}

// kept gives the plan for inputs of these shapes where there is one, and marks it as the latest used. Inputs that a plan was made
// for are known to be what the graph declares.
func (m *Model) kept(in []onnx.Value) *Plan {
	for i := len(m.plans) - 1; i >= 0; i-- {
		p := m.plans[i]
		if !p.takes(in) {
			continue
		}
		copy(m.plans[i:], m.plans[i+1:])
		m.plans[len(m.plans)-1] = p
		return p
	}
	return nil
}

// takes says whether inputs are of the types and shapes that the plan is for.
func (p *Plan) takes(in []onnx.Value) bool {
	if len(in) != len(p.inputs) {
		return false
	}
	for i, k := range p.inputs {
		v, f := in[i], &p.values[k].fact
		if v == nil {
			d := p.model.defaults[i]
			if d == nil {
				return false
			}
			v = d
		}
		t, ok := v.(*onnx.Tensor)
		if !ok {
			if onnx.TypeOf(v).String() != f.Type.String() {
				return false
			}
			continue
		}
		if f.Type.Kind != onnx.KindTensor || f.Type.Elem != t.Type || len(t.Dims) != len(f.Type.Dims) {
			return false
		}
		for axis, n := range t.Dims {
			if f.Type.Dims[axis].Value != n {
				return false
			}
		}
	}
	return true
}

// ErrInput marks a mistake in the values a caller feeds, as opposed to one in the model.
var ErrInput = errors.New("wrong input")

// facts holds inputs against what the graph declares and gives their types. Values are not looked at, so that one plan serves all
// inputs of a shape.
func (m *Model) facts(in []onnx.Value) ([]ops.Fact, error) {
	if len(in) != len(m.graph.Inputs) {
		return nil, fmt.Errorf("backend: %w: the graph has %d inputs, %d are given", ErrInput, len(m.graph.Inputs), len(in))
	}
	symbols := make(map[string]int64)
	facts := make([]ops.Fact, len(in))
	for i, v := range m.graph.Inputs {
		if in[i] == nil {
			t := m.graph.Initializer(v.Name)
			if t == nil {
				return nil, fmt.Errorf("backend: %w: input %q (%v) has no value and no default", ErrInput, v.Name, v.Type)
			}
			facts[i] = ops.Known(t)
			facts[i].Value = nil
			continue
		}
		facts[i] = ops.Fact{Type: onnx.TypeOf(in[i])}
		if _, err := ops.Merge(v.Type, facts[i]); err != nil {
			return nil, fmt.Errorf("backend: %w: input %q is %v, the model wants %v", ErrInput, v.Name, facts[i].Type, v.Type)
		}
		for k, d := range v.Type.Dims {
			if d.Param == "" || d.Known() || !facts[i].Ranked() {
				continue
			}
			got := facts[i].Dims()[k].Value
			if first, ok := symbols[d.Param]; ok && first != got {
				return nil, fmt.Errorf("backend: %w: dimension %q is %d in one input and %d in input %q", ErrInput, d.Param, first, got, v.Name)
			}
			symbols[d.Param] = got
		}
	}
	return facts, nil
}
