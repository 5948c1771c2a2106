package ops

import (
	"fmt"
	"sync"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// The fast way of RNN, GRU and LSTM in float: the products with W of many steps in one, those with R step by step, all rows of the batch
// together; constant weights packed once.

// stepRows is how many rows of X (steps of all rows of the batch) are multiplied at once: enough for the kernels, few enough that the
// results stay in the second cache until their steps read them.
const stepRows = 256

// recurrentStep is a node for one shape, the same for all its runs.
type recurrentStep struct {
	recurrent
	t                                     Target
	kind                                  byte // 'R', 'G', 'L'
	batch, steps, inputs, hidden, columns int  // columns of all gates
	chunk                                 int  // steps that are multiplied at once
	gathers                               bool // the rows of a step do not lie together in X
	usual                                 bool // Sigmoid, Tanh and no bounds, for which there are kernels
	dirs                                  []stepWeights
	works                                 sync.Pool // of *recurrentWork
}

// stepWeights are the constant weights of one direction; nil where they are not constant.
type stepWeights struct {
	w, r, last *kernels.PackedB // last: of GRU's last gate where it is multiplied by itself
}

func (r rnn) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	return r.specialize('R', t, in, consts)
}

func (g gru) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	return g.specialize('G', t, in, consts)
}

func (l lstm) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	return l.specialize('L', t, in, consts)
}

// resetFirst says whether GRU's last gate multiplies what the reset gate left of the state, and so is a product of its own.
func (s *recurrentStep) resetFirst() bool { return s.kind == 'G' && !s.fused }

// resetLast says whether GRU's products with R have to be kept apart from those with W.
func (s *recurrentStep) resetLast() bool { return s.kind == 'G' && s.fused }

type packedPart struct {
	direction, first, n, k int
}

// packPart packs rows first to first+n of a direction of weights [directions, rows, k] as columns.
func packPart(t Target, w *onnx.Tensor, direction, first, n, k int) *kernels.PackedB {
	if w == nil {
		return nil
	}
	rows := int(w.Dims[1])
	return shared(t, w, packedPart{direction, first, n, k}, func() *kernels.PackedB {
		return kernels.PackB(k, n, w.Float32s()[(direction*rows+first)*k:], 0, true)
	})
}

func (r recurrent) specialize(kind byte, t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	facts := make([]Fact, len(in))
	for i, f := range in {
		if facts[i] = f; f.Absent() {
			continue
		}
		if _, ok := f.Sizes(); !ok || i != 4 && f.Elem() != onnx.Float {
			return Step{}, false
		}
	}
	q, err := r.sizes(facts)
	if err != nil {
		return Step{}, false
	}
	s := &recurrentStep{recurrent: r, t: t, kind: kind, batch: int(q.n.Value), steps: int(q.t.Value), inputs: int(q.i.Value), hidden: int(q.h.Value)}
	if s.batch == 0 || s.steps == 0 || s.inputs == 0 || s.hidden == 0 {
		return Step{}, false
	}
	s.columns = r.gates * s.hidden
	s.chunk = min(s.steps, max(1, stepRows/s.batch))
	s.gathers = len(in) > 4 && !in[4].Absent() || r.batchFirst && s.batch > 1
	s.usual = s.unbounded() && !(kind == 'L' && (r.fused || len(in) > 7 && !in[7].Absent()))
	for _, functions := range r.functions {
		for k, f := range functions {
			want := kernels.Activation{Function: kernels.Tanh}
			if k == 0 && kind != 'R' {
				want.Function = kernels.Sigmoid
			}
			s.usual = s.usual && f.kernel == want
		}
	}
	for d := range r.backward {
		w := stepWeights{w: packPart(t, consts[1], d, 0, s.columns, s.inputs)}
		if s.resetFirst() {
			w.r = packPart(t, consts[2], d, 0, 2*s.hidden, s.hidden)
			w.last = packPart(t, consts[2], d, 2*s.hidden, s.hidden, s.hidden)
		} else {
			w.r = packPart(t, consts[2], d, 0, s.columns, s.hidden)
		}
		s.dirs = append(s.dirs, w)
	}
	var m memory
	for range s.runs() {
		s.carve(&m, new(recurrentRun))
	}
	return Step{Scratch: 4 * m.used, Run: s.run}, true
}

// memory hands out parts of scratch memory, each at the start of a vector register; without any it only counts.
type memory struct {
	floats []float32
	used   int
}

func (m *memory) take(n int) []float32 {
	first := m.used
	m.used += (n + 15) / 16 * 16
	if m.floats == nil {
		return nil
	}
	return m.floats[first : first+n : first+n]
}

// recurrentRun is one direction of a node at work.
type recurrentRun struct {
	x    []float32 // X in the order of the steps, where it does not lie so: a chunk
	xw   []float32 // products with W: a chunk, [steps, batch, columns]
	rh   []float32 // products with R, where they are kept apart, [batch, columns]
	h, c []float32 // states, [batch, hidden]
	bias []float32 // of the products with W [columns], then of those with R, where they are kept apart
	a    []float32 // [batch, hidden]: the state as GRU's reset gate left it
	lens []int32
	p    []float32
	acts []gateFunction
}

// carve takes the memory of a run.
func (s *recurrentStep) carve(m *memory, r *recurrentRun) {
	r.xw, r.bias = m.take(s.chunk*s.batch*s.columns), m.take(2*s.columns)
	r.h, r.c = m.take(s.batch*s.hidden), m.take(s.batch*s.hidden)
	if s.gathers {
		r.x = m.take(s.chunk * s.batch * s.inputs)
	}
	if s.resetFirst() {
		r.a = m.take(s.batch * s.hidden)
	}
	if s.resetLast() {
		r.rh = m.take(s.batch * s.columns)
	}
}

func input(f *Frame, i int) []float32 {
	if i >= len(f.In) || f.In[i] == nil {
		return nil
	}
	return f.In[i].Float32s()
}

func output(f *Frame, i int) []float32 {
	if i >= len(f.Out) || f.Out[i] == nil {
		return nil
	}
	return f.Out[i].Float32s()
}

func (s *recurrentStep) run(f *Frame) error {
	w, _ := s.works.Get().(*recurrentWork)
	if w == nil {
		w = &recurrentWork{step: s}
		w.some = w.directions
	}
	defer s.works.Put(w)
	var lens []int32
	if len(f.In) > 4 && f.In[4] != nil {
		lens = f.In[4].Int32s()
		for n, l := range lens {
			if l < 0 || int(l) > s.steps {
				return fmt.Errorf("sequence_lens: row %d has %d steps, want 0 to %d", n, l, s.steps)
			}
		}
		clear(output(f, 0))
	}
	m := memory{floats: f.ScratchFloats()}
	for d := range s.runs() {
		s.carve(&m, &w.runs[d])
		w.runs[d].lens = lens
	}
	w.frame = f
	if s.runs() > 1 {
		s.t.Pool.Run(len(s.dirs), s.work(), w.some)
	} else {
		w.directions(0, len(s.dirs))
	}
	w.frame, w.runs = nil, [2]recurrentRun{}
	return nil
}

// recurrentWork is a run of a node, kept for the next one.
type recurrentWork struct {
	step  *recurrentStep
	frame *Frame
	runs  [2]recurrentRun
	some  func(lo, hi int) // directions, made once
}

// directions runs some of the directions, with memory of their own where they run at the same time.
func (w *recurrentWork) directions(lo, hi int) {
	s := w.step
	g := geometry{batchFirst: s.batchFirst, batch: s.batch, steps: s.steps, directions: len(s.dirs)}
	for d := lo; d < hi; d++ {
		s.direction(w.frame, &w.runs[min(d, s.runs()-1)], g, d, output(w.frame, 0))
	}
}

// work is that of all directions in multiplications and additions.
func (s *recurrentStep) work() int {
	return 2 * len(s.dirs) * s.steps * s.batch * s.columns * (s.inputs + s.hidden)
}

// runs is how many directions have memory of their own.
func (s *recurrentStep) runs() int {
	if s.t.Pool.Threads() > 1 {
		return len(s.dirs)
	}
	return 1
}

// direction runs all steps of one direction.
func (s *recurrentStep) direction(f *Frame, r *recurrentRun, g geometry, d int, y []float32) {
	h := s.hidden
	r.acts = s.functions[d]
	if p := input(f, 7); p != nil {
		r.p = p[d*3*h:][:3*h]
	}
	s.biases(r, input(f, 3), d)
	s.loadState(r.h, input(f, 5), g, d)
	s.loadState(r.c, input(f, 6), g, d)
	for first := 0; first < s.steps; first += s.chunk {
		n := min(s.chunk, s.steps-first)
		s.project(f, r, g, d, first, n)
		for i := range n {
			step, at := first+i, i
			if s.backward[d] && !s.gathers {
				at = n - 1 - i // the chunk lies as X does
			}
			s.step(f, r, d, r.xw[at*s.batch*s.columns:][:s.batch*s.columns], step)
			if y == nil {
				continue
			}
			for b := range s.batch {
				if time, ok := s.time(r, d, step, b); ok {
					copy(y[g.output(time, d, b)*h:][:h], r.h[b*h:])
				}
			}
		}
	}
	s.storeState(output(f, 1), r, r.h, g, d)
	s.storeState(output(f, 2), r, r.c, g, d)
}

// time is which step of X row b is at in a step of the run, and whether it has that step.
func (s *recurrentStep) time(r *recurrentRun, d, step, b int) (int, bool) {
	length := s.steps
	if r.lens != nil {
		if length = int(r.lens[b]); step >= length {
			return 0, false
		}
	}
	if s.backward[d] {
		return length - 1 - step, true
	}
	return step, true
}

func (s *recurrentStep) biases(r *recurrentRun, b []float32, d int) {
	clear(r.bias)
	if b == nil {
		return
	}
	n := s.columns
	b = b[d*2*n:][:2*n]
	copy(r.bias, b[:n])
	if s.resetLast() {
		// Of the first two gates the sum is taken at once; of the last the second part stays apart.
		copy(r.bias[n+2*s.hidden:], b[n+2*s.hidden:])
		n = 2 * s.hidden
	}
	for i, v := range b[s.columns:][:n] {
		r.bias[i] += v
	}
}

func (s *recurrentStep) loadState(to, from []float32, g geometry, d int) {
	if from == nil {
		clear(to)
		return
	}
	for b := range s.batch {
		copy(to[b*s.hidden:][:s.hidden], from[g.state(d, b)*s.hidden:])
	}
}

func (s *recurrentStep) storeState(to []float32, r *recurrentRun, from []float32, g geometry, d int) {
	if to == nil {
		return
	}
	for b := range s.batch {
		row := to[g.state(d, b)*s.hidden:][:s.hidden]
		if r.lens != nil && r.lens[b] == 0 {
			clear(row)
			continue
		}
		copy(row, from[b*s.hidden:])
	}
}

// project multiplies the inputs of n steps with W: in the order in which X lies, or in that of the steps where the rows of a step do not
// lie together.
func (s *recurrentStep) project(f *Frame, r *recurrentRun, g geometry, d, first, n int) {
	x := input(f, 0)
	switch {
	case s.gathers:
		for i := range n {
			for b := range s.batch {
				row := r.x[(i*s.batch+b)*s.inputs:][:s.inputs]
				if time, ok := s.time(r, d, first+i, b); ok {
					copy(row, x[g.input(time, b)*s.inputs:])
				} else {
					clear(row)
				}
			}
		}
		x = r.x
	case s.backward[d]:
		x = x[(s.steps-first-n)*s.batch*s.inputs:]
	default:
		x = x[first*s.batch*s.inputs:]
	}
	product := kernels.Gemm{M: n * s.batch, N: s.columns, K: s.inputs, A: x, C: r.xw, ColumnBias: r.bias[:s.columns], Packed: s.dirs[d].w}
	if product.Packed == nil {
		product.B, product.TransB = f.In[1].Float32s()[d*s.columns*s.inputs:], true
	}
	s.t.Set.Gemm(s.t.Pool, product)
}

// recur adds to c [batch, n], whose rows are columns apart, the product of a state with rows first to first+n of R.
func (s *recurrentStep) recur(f *Frame, d int, packed *kernels.PackedB, first, n int, state, c, bias []float32) {
	product := kernels.Gemm{M: s.batch, N: n, K: s.hidden, A: state, C: c, LDC: s.columns, Packed: packed, ColumnBias: bias, Accumulate: bias == nil}
	if packed == nil {
		product.B, product.TransB = f.In[2].Float32s()[(d*s.columns+first)*s.hidden:], true
	}
	s.t.Set.Gemm(s.t.Pool, product)
}
