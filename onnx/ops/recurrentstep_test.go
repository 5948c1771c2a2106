package ops

import (
	"fmt"
	"math"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// The fast ways compute what Eval does, on every set of kernels, with constant weights and without, with any outputs left out; the same
// bits with one thread and with two; and without allocating.
func TestRecurrentSteps(t *testing.T) {
	word := func(names ...string) *onnx.Attribute {
		a := &onnx.Attribute{Name: "activations", Type: onnx.AttributeStrings}
		for _, n := range names {
			a.Strs = append(a.Strs, []byte(n))
		}
		return a
	}
	before, coupled, clip := onnx.AttrInt("linear_before_reset", 1), onnx.AttrInt("input_forget", 1), onnx.AttrFloat("clip", 0.25)
	backward := onnx.AttrString("direction", "reverse")
	cases := map[string]recurrentCase{
		"lstm bounded":         newRecurrent("LSTM", 4, 2, 3, 5, 1, true, clip),
		"lstm coupled":         newRecurrent("LSTM", 4, 2, 3, 5, 1, true, coupled),
		"lstm hard":            newRecurrent("LSTM", 4, 2, 3, 5, 1, true, word("HardSigmoid", "Softsign", "LeakyRelu")),
		"lstm of others":       newRecurrent("LSTM", 4, 2, 3, 5, 1, true, word("HardSigmoid", "Elu", "Softplus"), onnx.AttrFloats("activation_alpha", 0.3, 0.7), onnx.AttrFloats("activation_beta", 0.4)),
		"gru, parted":          newRecurrent("GRU", 4, 2, 3, 5, 1, true, word("HardSigmoid", "Softsign")),
		"gru last, of others":  newRecurrent("GRU", 4, 2, 3, 5, 1, true, word("Sigmoid", "ScaledTanh"), before, onnx.AttrFloats("activation_alpha", 1.5), onnx.AttrFloats("activation_beta", 0.4)),
		"lstm plain, coupled":  newRecurrent("LSTM", 4, 2, 3, 5, 1, false, coupled),
		"gru, reset last":      newRecurrent("GRU", 7, 3, 4, 33, 2, true, before),
		"gru bounded":          newRecurrent("GRU", 4, 2, 3, 5, 1, true, clip),
		"gru last, bounded":    newRecurrent("GRU", 4, 2, 3, 5, 1, false, clip, before, backward),
		"gru last, plain":      newRecurrent("GRU", 4, 1, 3, 5, 1, false, before),
		"rnn elu":              newRecurrent("RNN", 4, 2, 3, 5, 1, true, word("Elu")),
		"several chunks":       newRecurrent("LSTM", 2*stepRows+3, 1, 2, 3, 2, true),
		"several chunks, rows": newRecurrent("GRU", stepRows, 3, 2, 3, 2, true),
		"two at once":          newRecurrent("LSTM", 40, 1, 64, 48, 2, true),
		"two at once, rows":    newRecurrent("GRU", 20, 5, 64, 48, 2, true, before).with(4, int32s(20, 3, 0, 19, 7)),
		"work for two":         newRecurrent("LSTM", 64, 2, 80, 70, 1, true),
	}
	for _, op := range []string{"RNN", "GRU", "LSTM"} {
		for _, full := range []bool{false, true} {
			c := newRecurrent(op, 5, 3, 4, 19, 2, full)
			cases[fmt.Sprint(op, full)] = c
			cases[fmt.Sprint(op, full, " lengths")] = c.with(4, int32s(2, 5, 0))
			one := newRecurrent(op, 3, 1, 17, 64, 1, full)
			cases[fmt.Sprint(op, full, " one row")] = one
			cases[fmt.Sprint(op, full, " backward")] = one.having(backward)
			first := c.having(onnx.AttrInt("layout", 1)).with(0, permuted(t, c.in[0], 1, 0, 2))
			for _, i := range []int{5, 6} {
				if i < len(c.in) {
					first = first.with(i, permuted(t, c.in[i], 1, 0, 2))
				}
			}
			cases[fmt.Sprint(op, full, " batch first")] = first
			cases[fmt.Sprint(op, full, " batch first, lengths")] = first.with(4, int32s(2, 5, 0))
		}
	}
	pool := kernels.NewPool(2)
	defer pool.Close()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			want := c.must(t)
			op, _, err := NewTable().Op(c.node())
			if err != nil {
				t.Fatal(err)
			}
			facts := make([]Fact, len(c.in))
			for i, x := range c.in {
				if x != nil {
					facts[i] = Fact{Type: onnx.TypeOf(x)}
				}
			}
			for _, set := range kernels.Supported() {
				for variant := range 3 {
					consts := make([]*onnx.Tensor, len(c.in))
					if variant > 0 {
						copy(consts[1:3], c.in[1:3])
					}
					alone := runRecurrent(t, op, Target{Set: set}, c, facts, consts, want, variant)
					both := runRecurrent(t, op, Target{Set: set, Pool: pool}, c, facts, consts, want, variant)
					for k, y := range alone {
						if y == nil {
							continue
						}
						for i, v := range y.Float32s() {
							w := want[k].Float32s()[i]
							if math.Abs(float64(v-w)) > 2e-6*(1+math.Abs(float64(w))) || v != v {
								t.Fatalf("%v, variant %d, output %d, element %d: got %v, want %v", set, variant, k, i, v, w)
							}
							if b := both[k].Float32s()[i]; math.Float32bits(b) != math.Float32bits(v) {
								t.Fatalf("%v, variant %d, output %d, element %d: %v with two threads, %v with one", set, variant, k, i, b, v)
							}
						}
					}
				}
			}
		})
	}
}

// runRecurrent runs a fast step into memory that is not zero; variant 2 wants the last output only.
func runRecurrent(t *testing.T, op Op, target Target, c recurrentCase, facts []Fact, consts, want []*onnx.Tensor, variant int) []*onnx.Tensor {
	t.Helper()
	step, ok := op.(Specializer).Specialize(target, facts, consts)
	if !ok {
		t.Fatal("there is no fast way")
	}
	f := &Frame{In: c.in, Out: make([]*onnx.Tensor, len(want)), Scratch: onnx.AlignedBytes(step.Scratch)}
	for k, y := range want {
		if variant == 2 && k < len(want)-1 {
			continue
		}
		f.Out[k] = onnx.NewTensor(y.Type, y.Dims...)
		for i := range f.Out[k].Float32s() {
			f.Out[k].Float32s()[i] = float32(math.NaN())
		}
	}
	for i := range f.Scratch {
		f.Scratch[i] = 0xff
	}
	run := func() {
		if err := step.Run(f); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if n := testing.AllocsPerRun(2, run); n > 0 && !testing.Short() {
		t.Errorf("%v: a run allocates %v times", target.Set, n)
	}
	return f.Out
}

// A length that only a run tells is refused there.
func TestRecurrentStepRefuses(t *testing.T) {
	c := newRecurrent("GRU", 5, 3, 4, 6, 1, false).with(4, int32s(1, 6, 2))
	op, _, err := NewTable().Op(c.node())
	if err != nil {
		t.Fatal(err)
	}
	facts := make([]Fact, len(c.in))
	for i, x := range c.in {
		if x != nil {
			facts[i] = Fact{Type: onnx.TypeOf(x)}
		}
	}
	step, ok := op.(Specializer).Specialize(Target{Set: kernels.Portable}, facts, make([]*onnx.Tensor, len(c.in)))
	if !ok {
		t.Fatal("there is no fast way")
	}
	f := &Frame{In: c.in, Out: []*onnx.Tensor{onnx.NewTensor(onnx.Float, 5, 1, 3, 6), nil}, Scratch: onnx.AlignedBytes(step.Scratch)}
	if err := step.Run(f); err == nil {
		t.Error("a row of 6 steps of 5 is run")
	}
}
