package trainers

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"unsafe"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/trainers/lowering"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Solver steps parameters by their gradients, which it never writes. It is a gorgonia.Solver.
type Solver struct {
	rule  Optimizer
	set   kernels.Set
	pool  *kernels.Pool
	step  int
	slots map[string]*onnx.Tensor // by parameter and slot

	names []string             // of the rule's slots
	list  []weights            // of the current step
	held  map[string]*ofWeight // by parameter
	whole wholeStep
	thin  thinStep
}

// ofWeight is what a solver keeps of one parameter.
type ofWeight struct {
	slots [2][]float32 // nil where the rule has fewer
	// rows says which rows, along the first axis, have had a gradient; nil: any may have.
	rows []bool
}

// NewSolver makes a solver that has not stepped yet. pool may be nil: one thread.
func NewSolver(rule Optimizer, set kernels.Set, pool *kernels.Pool) *Solver {
	return &Solver{rule: rule, set: set, pool: pool, slots: make(map[string]*onnx.Tensor), names: rule.slotNames(), held: make(map[string]*ofWeight)}
}

// LearningRate is the optimizer's.
func (s *Solver) LearningRate() float64 { return s.rule.LearningRate }

// weights is one parameter as a solver sees it.
type weights struct {
	name  string
	dims  []int64
	value []float32
	grad  []float32
	rows  []int // rows that the gradient has something in, where thin
	thin  bool
}

// Step updates at the optimizer's own rate, without clipping. The values must be float32 and have names of their own, as
// lowering's parameters and Gorgonia's nodes do.
func (s *Solver) Step(params []gorgonia.ValueGrad) error {
	list := make([]weights, len(params))
	for i, p := range params {
		named, ok := p.(gorgonia.Namer)
		if !ok {
			return fmt.Errorf("trainers: solver: parameter %d has no name", i)
		}
		w := weights{name: named.Name()}
		if slices.ContainsFunc(list[:i], func(o weights) bool { return o.name == w.name }) {
			return fmt.Errorf("trainers: solver: two parameters are named %q", w.name)
		}
		g, err := p.Grad()
		if err != nil {
			return fmt.Errorf("trainers: solver: parameter %q: %w", w.name, err)
		}
		if w.value, w.dims, err = elements(p.Value()); err == nil {
			w.grad, _, err = elements(g)
		}
		if err != nil {
			return fmt.Errorf("trainers: solver: parameter %q: %w", w.name, err)
		}
		if len(w.grad) != len(w.value) {
			return fmt.Errorf("trainers: solver: parameter %q: %d elements with a gradient of %d", w.name, len(w.value), len(w.grad))
		}
		list[i] = w
	}
	s.update(list, s.rule.LearningRate, 1)
	return nil
}

// StepAt updates at a learning rate, with gradients scaled so that their global norm is at most clipNorm (0: as they are).
func (s *Solver) StepAt(params []*lowering.Param, rate, clipNorm float64) error {
	s.list = s.list[:0]
	for _, p := range params {
		w := weights{name: p.Name(), dims: p.Tensor().Dims, value: p.Tensor().Float32s(), grad: p.Gradient().Float32s()}
		w.rows, w.thin = p.Rows()
		s.list = append(s.list, w)
	}
	scale := 1.0
	if clipNorm > 0 {
		scale = clipScale(s.set, s.list, clipNorm)
	}
	s.update(s.list, rate, scale)
	return nil
}

// elements gives the elements and the shape of a float32 value without copying them.
func elements(v gorgonia.Value) ([]float32, []int64, error) {
	switch v := v.(type) {
	case *gorgonia.F32:
		return unsafe.Slice((*float32)(v), 1), []int64{}, nil
	case *tensor.Dense:
		if v.Dtype() == tensor.Float32 && !v.RequiresIterator() {
			dims := make([]int64, len(v.Shape()))
			for i, d := range v.Shape() {
				dims[i] = int64(d)
			}
			return v.Float32s(), dims, nil
		}
	}
	return nil, nil, fmt.Errorf("a value of type %T is not contiguous float32", v)
}

// slotNames are what the rule keeps of each parameter.
func (o Optimizer) slotNames() []string {
	switch o.Name {
	case "sgd":
		if o.Momentum == 0 {
			return nil
		}
		return []string{"momentum"}
	case "rmsprop":
		if o.Momentum == 0 {
			return []string{"square"}
		}
		return []string{"square", "momentum"}
	case "adam", "adamw":
		return []string{"moment1", "moment2"}
	case "adagrad":
		return []string{"sum"}
	}
	return []string{"square", "delta"}
}

// of gives what is kept of a parameter, zeros at first.
func (s *Solver) of(w weights) *ofWeight {
	h := s.held[w.name]
	if h != nil {
		return h
	}
	h = &ofWeight{}
	for i, name := range s.names {
		key := w.name + "/" + name
		t := s.slots[key]
		if t == nil {
			t = onnx.NewTensor(onnx.Float, slices.Clone(w.dims)...)
			s.slots[key] = t
		}
		h.slots[i] = t.Float32s()
	}
	if len(w.dims) > 0 && len(w.value) > 0 {
		h.rows = make([]bool, w.dims[0])
		for i := range h.rows {
			for _, slot := range h.slots {
				h.rows[i] = h.rows[i] || slot != nil && anything(rowAt(slot, i, len(h.rows)))
			}
		}
	}
	s.held[w.name] = h
	return h
}

// rowAt gives row i of so many.
func rowAt(v []float32, i, rows int) []float32 {
	n := len(v) / rows
	return v[i*n : (i+1)*n]
}

func anything(v []float32) bool {
	return slices.ContainsFunc(v, func(x float32) bool { return x != 0 })
}

func (s *Solver) update(list []weights, rate, scale float64) {
	s.step++
	base := kernels.Step{LearningRate: rate, WeightDecay: s.rule.WeightDecay, Scale: scale}
	t := &s.whole
	t.base, t.list, t.held, t.total = base, t.list[:0], t.held[:0], 0
	for _, w := range list {
		h := s.of(w)
		switch {
		case !w.thin:
			h.rows = nil
		case h.rows != nil && s.rule.rests() && !math.IsNaN(scale):
			s.updateRows(base, w, h)
			continue
		}
		t.list, t.held = append(t.list, w), append(t.held, h)
		t.total += len(w.value)
	}
	if t.part == nil {
		t.part = s.updateWhole
	}
	s.pool.Run(t.total, 16*t.total, t.part)
	clear(t.list)
	clear(t.held)
}

// wholeStep is the update of all parameters of which every element has a gradient, as if they lay one behind the other.
type wholeStep struct {
	base  kernels.Step
	list  []weights
	held  []*ofWeight
	total int              // elements
	part  func(lo, hi int) // of these
}

// updateWhole steps elements lo..hi.
func (s *Solver) updateWhole(lo, hi int) {
	for i, w := range s.whole.list {
		n := len(w.value)
		if from, to := max(0, lo), min(n, hi); from < to {
			cut := func(v []float32) []float32 {
				if v == nil {
					return nil
				}
				return v[from:to]
			}
			slots := &s.whole.held[i].slots
			s.apply(s.whole.base, w.value[from:to], w.grad[from:to], cut(slots[0]), cut(slots[1]))
		}
		lo, hi = lo-n, hi-n
	}
}

// rests says whether a gradient of 0 changes nothing where there has been no other.
func (o Optimizer) rests() bool { return o.WeightDecay == 0 && (o.Name == "sgd" || o.Epsilon > 0) }

// thinStep is the update of the rows of one parameter that have had a gradient.
type thinStep struct {
	base kernels.Step
	w    weights
	h    *ofWeight
	part func(lo, hi int) // rows, of the above
}

// updateRows leaves alone the rows that never had a gradient: of words, say, that no text has had yet.
func (s *Solver) updateRows(base kernels.Step, w weights, h *ofWeight) {
	for _, row := range w.rows {
		h.rows[row] = true
	}
	t := &s.thin
	if t.part == nil {
		t.part = func(lo, hi int) {
			for lo < hi {
				if !t.h.rows[lo] {
					lo++
					continue
				}
				end := lo
				for end < hi && t.h.rows[end] {
					end++
				}
				run := func(v []float32) []float32 {
					if v == nil {
						return nil
					}
					n := len(v) / len(t.h.rows)
					return v[lo*n : end*n]
				}
				s.apply(t.base, run(t.w.value), run(t.w.grad), run(t.h.slots[0]), run(t.h.slots[1]))
				lo = end
			}
		}
	}
	t.base, t.w, t.h = base, w, h
	s.pool.Run(len(h.rows), 16*len(w.value), t.part)
	t.w, t.h = weights{}, nil
}

// apply steps elements by the rule, on the calling goroutine.
func (s *Solver) apply(base kernels.Step, value, grad, a, b []float32) {
	switch o := s.rule; o.Name {
	case "sgd":
		s.set.UpdateSGD(nil, kernels.SGD{Step: base, Momentum: o.Momentum, Nesterov: o.Nesterov}, value, grad, a)
	case "rmsprop":
		s.set.UpdateRMSprop(nil, kernels.RMSprop{Step: base, Rho: o.Rho, Epsilon: o.Epsilon, Momentum: o.Momentum}, value, grad, a, b)
	case "adam", "adamw":
		s.set.UpdateAdam(nil, kernels.Adam{Step: base, Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, T: s.step,
			Decoupled: o.Name == "adamw"}, value, grad, a, b)
	case "adagrad":
		s.set.UpdateAdagrad(nil, kernels.Adagrad{Step: base, Decay: o.Decay, Epsilon: o.Epsilon, T: s.step}, value, grad, a)
	case "adadelta":
		s.set.UpdateAdadelta(nil, kernels.Adadelta{Step: base, Rho: o.Rho, Epsilon: o.Epsilon}, value, grad, a, b)
	default:
		panic("trainers: solver of an optimizer without a name")
	}
}

// State gives what the solver keeps, named <parameter>/<slot>, and the number of steps taken. The tensors are the solver's
// own and change with its next step.
func (s *Solver) State() (slots map[string]*onnx.Tensor, step int) {
	return maps.Clone(s.slots), s.step
}

// SetState goes on from a state of the same rule for the same parameters, which it copies. Nothing is changed where the state
// does not fit.
func (s *Solver) SetState(slots map[string]*onnx.Tensor, step int, params []*lowering.Param) error {
	if step < 0 {
		return fmt.Errorf("trainers: solver state: %d steps", step)
	}
	fresh := make(map[string]*onnx.Tensor)
	for _, p := range params {
		for _, name := range s.rule.slotNames() {
			key := p.Name() + "/" + name
			t := slots[key]
			switch {
			case t == nil && step == 0:
				continue
			case t == nil:
				return fmt.Errorf("trainers: solver state: %q is missing; %s keeps it after a step", key, s.rule.Name)
			case t.Type != onnx.Float || !slices.Equal(t.Dims, p.Tensor().Dims) || !t.Bound():
				return fmt.Errorf("trainers: solver state: %q is %v, its parameter %v", key, t, p.Tensor())
			}
			c := onnx.NewTensor(onnx.Float, slices.Clone(t.Dims)...)
			copy(c.Data, t.Data)
			fresh[key] = c
		}
	}
	for _, key := range slices.Sorted(maps.Keys(slots)) {
		if fresh[key] == nil {
			return fmt.Errorf("trainers: solver state: %q is nothing that %s keeps of these parameters", key, s.rule.Name)
		}
	}
	s.slots, s.step = fresh, step
	clear(s.held)
	return nil
}
