package ops

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// RNN, GRU, LSTM: X [steps, batch, inputs], W [directions, gates·hidden, inputs], R [directions, gates·hidden, hidden], B [directions,
// 2·gates·hidden] (of the products with W, then of those with R), sequence_lens [batch], initial_h [directions, batch, hidden] (LSTM:
// initial_c likewise, P [directions, 3·hidden]) → Y [steps, directions, batch, hidden], Y_h [directions, batch, hidden] (LSTM: Y_c
// likewise). With layout 1 the batch comes first in all but weights. What is absent is zero. A row of the batch that is shorter than
// the others ends with its own last step: Y is zero beyond it, and Y_h and Y_c are what it ended with, zero where it has no steps;
// backward it starts there. clip bounds the sums that gates are made of, not the input of LSTM's h: the standard does not say of which
// activations it speaks, and of a row without steps nothing, so both are read as runtimes do.
// 1: output_sequence says whether Y is wanted; GRU's direction is misspelt "foward" by default · GRU 3: linear_before_reset, forward ·
// 7: without output_sequence · 14: layout · 22: types.
// https://onnx.ai/onnx/operators/onnx__LSTM.html

func recurrentFamily() []Meaning {
	one := func(name string, f func(*Attrs) Op) Meaning {
		return Meaning{Name: name, Class: Rounds, New: f, Upgrade: recurrentUpgrades(), Downgrade: recurrentDowngrades()}
	}
	rnn, gru, lstm := one("RNN", newRNN), one("GRU", newGRU), one("LSTM", newLSTM)
	gru.Upgrade[3], gru.Downgrade[3] = gruUp3, gruDown3
	return []Meaning{rnn, gru, lstm}
}

// recurrent is what the three have in common.
type recurrent struct {
	name       string
	gates      int
	cells      bool  // there is a second state: initial_c, Y_c and P
	hidden     int64 // 0 where the weights tell
	backward   []bool
	batchFirst bool
	clip       float64 // +Inf where there is none
	functions  [][]gateFunction
	fused      bool // GRU: linear_before_reset, LSTM: input_forget
}

// readRecurrent reads the attributes of an operator whose directions each have the activations def where none are named.
func readRecurrent(a *Attrs, gates int, def ...string) recurrent {
	r := recurrent{name: a.Node().OpType, gates: gates, hidden: a.IntOr("hidden_size", 0), clip: math.Inf(1)}
	if a.Has("hidden_size") && r.hidden < 1 {
		a.Fail("attribute \"hidden_size\" is %d, want at least 1", r.hidden)
	}
	switch a.OneOf("direction", "forward", "reverse", "bidirectional") {
	case "reverse":
		r.backward = []bool{true}
	case "bidirectional":
		r.backward = []bool{false, true}
	default:
		r.backward = []bool{false}
	}
	switch layout := a.Int("layout"); layout {
	case 0, 1:
		r.batchFirst = layout == 1
	default:
		a.Fail("attribute \"layout\" is %d, want 0 or 1", layout)
	}
	if a.Has("clip") {
		if r.clip = float64(a.FloatOr("clip", 0)); !(r.clip > 0) {
			a.Fail("attribute \"clip\" is %v, want a number above 0", r.clip)
		}
	}
	r.functions = readGates(a, len(r.backward), def...)
	return r
}

// sequence holds the sizes of one node: N batch, T steps, D directions, I inputs, H hidden.
type sequence struct{ n, t, d, i, h onnx.Dim }

// sizes holds the inputs against each other.
func (r recurrent) sizes(in []Fact) (s sequence, err error) {
	s = sequence{n: onnx.UnknownDim(), t: onnx.UnknownDim(), d: onnx.Fixed(int64(len(r.backward))), i: onnx.UnknownDim(), h: onnx.UnknownDim()}
	if r.hidden > 0 {
		s.h = onnx.Fixed(r.hidden)
	}
	// parts takes a dimension that is a multiple of the hidden size.
	parts := func(name string, d onnx.Dim, times int64) error {
		if !d.Known() {
			return nil
		}
		if d.Value%times != 0 {
			return fmt.Errorf("%s: %d does not divide into %d parts of the hidden size", name, d.Value, times)
		}
		var err error
		if s.h, err = sameDim(s.h, onnx.Fixed(d.Value/times)); err != nil {
			return fmt.Errorf("%s: the hidden size: %w", name, err)
		}
		return nil
	}
	take := func(i int, name string, dims ...*onnx.Dim) ([]onnx.Dim, error) {
		if i >= len(in) || in[i].Absent() || !in[i].Ranked() {
			return nil, nil
		}
		have := in[i].Dims()
		if len(have) != len(dims) {
			return nil, fmt.Errorf("%s has %d axes, want %d", name, len(have), len(dims))
		}
		for axis, d := range dims {
			if d == nil {
				continue
			}
			var err error
			if *d, err = sameDim(*d, have[axis]); err != nil {
				return nil, fmt.Errorf("%s: axis %d: %w", name, axis, err)
			}
		}
		return have, nil
	}
	first, second := &s.t, &s.n
	if r.batchFirst {
		first, second = second, first
	}
	if _, err = take(0, "X", first, second, &s.i); err != nil {
		return s, err
	}
	gates := int64(r.gates)
	for _, w := range []struct {
		at    int
		name  string
		times int64
		dims  []*onnx.Dim
	}{
		{1, "W", gates, []*onnx.Dim{&s.d, nil, &s.i}}, {2, "R", gates, []*onnx.Dim{&s.d, nil, &s.h}},
		{3, "B", 2 * gates, []*onnx.Dim{&s.d, nil}}, {7, "P", 3, []*onnx.Dim{&s.d, nil}},
	} {
		have, err := take(w.at, w.name, w.dims...)
		if err != nil {
			return s, err
		}
		if have != nil {
			if err := parts(w.name, have[1], w.times); err != nil {
				return s, err
			}
		}
	}
	if _, err = take(4, "sequence_lens", &s.n); err != nil {
		return s, err
	}
	first, second = &s.d, &s.n
	if r.batchFirst {
		first, second = second, first
	}
	for i, name := range []string{5: "initial_h", 6: "initial_c"} {
		if name == "" {
			continue
		}
		if _, err = take(i, name, first, second, &s.h); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (r recurrent) Infer(_ *Env, in []Fact) ([]Fact, error) {
	s, err := r.sizes(in)
	if err != nil {
		return nil, err
	}
	if len(in) > 4 && !in[4].Absent() && s.t.Known() {
		if lens, ok := in[4].KnownInts(); ok {
			for n, l := range lens {
				if l < 0 || l > s.t.Value {
					return nil, fmt.Errorf("sequence_lens: row %d has %d steps, want 0 to %d", n, l, s.t.Value)
				}
			}
		}
	}
	elem := in[0].Elem()
	y, last := Tensor(elem, s.t, s.d, s.n, s.h), Tensor(elem, s.d, s.n, s.h)
	if r.batchFirst {
		y, last = Tensor(elem, s.n, s.t, s.d, s.h), Tensor(elem, s.n, s.d, s.h)
	}
	if r.cells {
		return []Fact{y, last, last}, nil
	}
	return []Fact{y, last}, nil
}

// direction is one direction of a node at work, all in float64.
type direction struct {
	recurrent
	functions      []gateFunction
	hidden, inputs int
	w, r, b, p     func(i int) float64
	x, h, c        []float64   // the input of a step, the states before and after it
	at             [][]float64 // a vector for each gate and one more
}

// weigh adds the products of a vector with the weights of a gate.
func weigh(y []float64, w func(int) float64, gate int, x []float64) {
	for j := range y {
		row := (gate*len(y) + j) * len(x)
		for k, v := range x {
			y[j] += w(row+k) * v
		}
	}
}

// input adds W·x and its bias to y.
func (d *direction) input(y []float64, gate int) {
	weigh(y, d.w, gate, d.x)
	for j := range y {
		y[j] += d.b(gate*len(y) + j)
	}
}

// recur adds R·h and its bias to y.
func (d *direction) recur(y []float64, gate int, h []float64) {
	weigh(y, d.r, gate, h)
	for j := range y {
		y[j] += d.b((d.gates+gate)*len(y) + j)
	}
}

// act is activation k of a sum, which is bounded.
func (d *direction) act(k int, x float64) float64 {
	return d.functions[k].of(max(-d.clip, min(d.clip, x)))
}

// eval runs a step function over rows, steps and directions.
func (r recurrent) eval(env *Env, in []onnx.Value, step func(*direction)) ([]onnx.Value, error) {
	t := tensorsOf(in)
	for len(t) < 8 {
		t = append(t, nil)
	}
	if t[0].Type != onnx.Float && t[0].Type != onnx.Double {
		return nil, unsupported(t[0].Type)
	}
	facts := factsOf(in)
	s, err := r.sizes(facts)
	if err != nil {
		return nil, err
	}
	batch, steps, hidden, inputs := int(s.n.Value), int(s.t.Value), int(s.h.Value), int(s.i.Value)
	out, err := r.Infer(env, facts)
	if err != nil {
		return nil, err
	}
	results := make([]*onnx.Tensor, len(out))
	values := make([]onnx.Value, len(out))
	for i, f := range out {
		dims, _ := f.Sizes()
		if results[i], err = env.New(f.Elem(), dims...); err != nil {
			return nil, err
		}
		values[i] = results[i]
	}
	if batch == 0 || hidden == 0 {
		return values, nil
	}
	var lens []int64
	if t[4] != nil {
		if lens, err = IntsOf(t[4]); err != nil {
			return nil, err
		}
	}
	x := floatReader(t[0])
	put := make([]func(int, float64), len(results))
	for i, y := range results {
		put[i] = floatWriter(y)
	}
	g := geometry{batchFirst: r.batchFirst, batch: batch, steps: steps, directions: len(r.backward)}
	for k, backward := range r.backward {
		d := &direction{recurrent: r, functions: r.functions[k], hidden: hidden, inputs: inputs, x: make([]float64, inputs),
			w: part(t[1], k, r.gates*hidden*inputs), r: part(t[2], k, r.gates*hidden*hidden),
			b: part(t[3], k, 2*r.gates*hidden), p: part(t[7], k, 3*hidden)}
		for range r.gates + 1 {
			d.at = append(d.at, make([]float64, hidden))
		}
		d.h, d.c = make([]float64, hidden), make([]float64, hidden)
		for n := range batch {
			state := g.state(k, n) * hidden
			h, c := part(t[5], 0, 0), part(t[6], 0, 0)
			for j := range hidden {
				d.h[j], d.c[j] = h(state+j), c(state+j)
			}
			length := steps
			if lens != nil {
				length = int(lens[n])
			}
			for i := range length {
				if err := env.Context().Err(); err != nil {
					return nil, err
				}
				at := i
				if backward {
					at = length - 1 - i
				}
				for j := range d.x {
					d.x[j] = x(g.input(at, n)*inputs + j)
				}
				for _, v := range d.at {
					clear(v)
				}
				step(d)
				for j, v := range d.h {
					put[0](g.output(at, k, n)*hidden+j, v)
				}
			}
			if length == 0 {
				continue
			}
			for j := range hidden {
				put[1](state+j, d.h[j])
				if r.cells {
					put[2](state+j, d.c[j])
				}
			}
		}
	}
	return values, nil
}

// part reads a tensor from a direction on; one that is absent is zero.
func part(t *onnx.Tensor, direction, size int) func(int) float64 {
	if t == nil {
		return func(int) float64 { return 0 }
	}
	read, first := floatReader(t), direction*size
	return func(i int) float64 { return read(first + i) }
}

// geometry says which row of its tensor a row of the batch is at a step and in a direction.
type geometry struct {
	batchFirst               bool
	batch, steps, directions int
}

func (g geometry) input(t, n int) int {
	if g.batchFirst {
		return n*g.steps + t
	}
	return t*g.batch + n
}

func (g geometry) output(t, d, n int) int {
	if g.batchFirst {
		return (n*g.steps+t)*g.directions + d
	}
	return (t*g.directions+d)*g.batch + n
}

func (g geometry) state(d, n int) int {
	if g.batchFirst {
		return n*g.directions + d
	}
	return d*g.batch + n
}
