package trainers

import (
	"fmt"
	"maps"
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
}

// NewSolver makes a solver that has not stepped yet. pool may be nil: one thread.
func NewSolver(rule Optimizer, set kernels.Set, pool *kernels.Pool) *Solver {
	return &Solver{rule: rule, set: set, pool: pool, slots: make(map[string]*onnx.Tensor)}
}

// LearningRate is the optimizer's.
func (s *Solver) LearningRate() float64 { return s.rule.LearningRate }

// weights is one parameter as a solver sees it.
type weights struct {
	name  string
	dims  []int64
	value []float32
	grad  []float32
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
	list := make([]weights, len(params))
	for i, p := range params {
		list[i] = weights{p.Name(), p.Tensor().Dims, p.Tensor().Float32s(), p.Gradient().Float32s()}
	}
	scale := 1.0
	if clipNorm > 0 {
		scale = clipScale(s.set, list, clipNorm)
	}
	s.update(list, rate, scale)
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

// slot gives what the rule keeps of a parameter, zeros at first.
func (s *Solver) slot(w weights, i int) []float32 {
	names := s.rule.slotNames()
	if i >= len(names) {
		return nil
	}
	key := w.name + "/" + names[i]
	t := s.slots[key]
	if t == nil {
		t = onnx.NewTensor(onnx.Float, slices.Clone(w.dims)...)
		s.slots[key] = t
	}
	return t.Float32s()
}

func (s *Solver) update(list []weights, rate, scale float64) {
	s.step++
	o := s.rule
	base := kernels.Step{LearningRate: rate, WeightDecay: o.WeightDecay, Scale: scale}
	for _, w := range list {
		a, b := s.slot(w, 0), s.slot(w, 1)
		switch o.Name {
		case "sgd":
			s.set.UpdateSGD(s.pool, kernels.SGD{Step: base, Momentum: o.Momentum, Nesterov: o.Nesterov}, w.value, w.grad, a)
		case "rmsprop":
			s.set.UpdateRMSprop(s.pool, kernels.RMSprop{Step: base, Rho: o.Rho, Epsilon: o.Epsilon, Momentum: o.Momentum}, w.value, w.grad, a, b)
		case "adam", "adamw":
			s.set.UpdateAdam(s.pool, kernels.Adam{Step: base, Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, T: s.step,
				Decoupled: o.Name == "adamw"}, w.value, w.grad, a, b)
		case "adagrad":
			s.set.UpdateAdagrad(s.pool, kernels.Adagrad{Step: base, Decay: o.Decay, Epsilon: o.Epsilon, T: s.step}, w.value, w.grad, a)
		case "adadelta":
			s.set.UpdateAdadelta(s.pool, kernels.Adadelta{Step: base, Rho: o.Rho, Epsilon: o.Epsilon}, w.value, w.grad, a, b)
		default:
			panic("trainers: solver of an optimizer without a name")
		}
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
	return nil
}
