package ops

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// recurrentCase is a node with its inputs in order: X [t,n,i], W, R, B, sequence_lens, initial_h and, of LSTM, initial_c and P.
type recurrentCase struct {
	op    string
	attrs []*onnx.Attribute
	in    []*onnx.Tensor
}

// newRecurrent makes a node of some directions; what is optional is there where full.
func newRecurrent(op string, t, n, i, h, directions int64, full bool, attrs ...*onnx.Attribute) recurrentCase {
	gates := map[string]int64{"RNN": 1, "GRU": 3, "LSTM": 4}[op]
	small := func(seed uint32, dims ...int64) *onnx.Tensor {
		t := noise(seed, dims...)
		for i := range t.Float32s() {
			t.Float32s()[i] /= 4
		}
		return t
	}
	c := recurrentCase{op: op, attrs: attrs, in: []*onnx.Tensor{small(1, t, n, i), small(2, directions, gates*h, i), small(3, directions, gates*h, h)}}
	if directions == 2 {
		c.attrs = append(c.attrs, onnx.AttrString("direction", "bidirectional"))
	}
	if full {
		c.in = append(c.in, small(4, directions, 2*gates*h), nil, small(5, directions, n, h))
		if op == "LSTM" {
			c.in = append(c.in, small(6, directions, n, h), small(7, directions, 3*h))
		}
	}
	return c
}

// with replaces input i.
func (c recurrentCase) with(i int, t *onnx.Tensor) recurrentCase {
	c.in = slices.Clone(c.in)
	for len(c.in) <= i {
		c.in = append(c.in, nil)
	}
	c.in[i] = t
	return c
}

func (c recurrentCase) having(attrs ...*onnx.Attribute) recurrentCase {
	c.attrs = append(slices.Clone(c.attrs), attrs...)
	return c
}

func (c recurrentCase) node() *onnx.Node {
	n := &onnx.Node{OpType: c.op, Attributes: c.attrs, Outputs: []string{"Y", "Y_h"}}
	if c.op == "LSTM" {
		n.Outputs = append(n.Outputs, "Y_c")
	}
	return n
}

func (c recurrentCase) run() ([]*onnx.Tensor, error) {
	op, _, err := NewTable().Op(c.node())
	if err != nil {
		return nil, err
	}
	in := make([]onnx.Value, len(c.in))
	for i, t := range c.in {
		if t != nil {
			in[i] = t
		}
	}
	out, err := EvalOp(op, &Env{}, in)
	return tensorsOf(out), err
}

func (c recurrentCase) must(t *testing.T) []*onnx.Tensor {
	t.Helper()
	out, err := c.run()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func int32s(v ...int32) *onnx.Tensor {
	return &onnx.Tensor{Type: onnx.Int32, Dims: []int64{int64(len(v))}, Data: onnx.BytesOf(v)}
}

func permuted(t *testing.T, x *onnx.Tensor, perm ...int64) *onnx.Tensor {
	t.Helper()
	op, _, err := NewTable().Op(&onnx.Node{OpType: "Transpose", Attributes: []*onnx.Attribute{onnx.AttrInts("perm", perm...)}})
	if err != nil {
		t.Fatal(err)
	}
	y, err := EvalOp(op, &Env{}, []onnx.Value{x})
	if err != nil {
		t.Fatal(err)
	}
	return y[0].(*onnx.Tensor)
}

// rowsOf takes the rows of the first axis, in the order given.
func rowsOf(x *onnx.Tensor, rows ...int) *onnx.Tensor {
	y := onnx.NewTensor(x.Type, append([]int64{int64(len(rows))}, x.Dims[1:]...)...)
	size := len(x.Data) / int(x.Dims[0])
	for i, r := range rows {
		copy(y.Data[i*size:(i+1)*size], x.Data[r*size:])
	}
	return y
}

// column takes one row of the batch of [steps, batch, …] or [directions, batch, …].
func column(t *testing.T, x *onnx.Tensor, n int) *onnx.Tensor {
	if len(x.Dims) == 4 {
		return permuted(t, rowsOf(permuted(t, x, 2, 0, 1, 3), n), 1, 2, 0, 3)
	}
	return permuted(t, rowsOf(permuted(t, x, 1, 0, 2), n), 1, 0, 2)
}

func equalTensors(t *testing.T, what string, got, want *onnx.Tensor) {
	t.Helper()
	if !slices.Equal(got.Dims, want.Dims) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
	for i, v := range got.Float32s() {
		if w := want.Float32s()[i]; v != w {
			t.Fatalf("%s: element %d: got %v, want %v", what, i, v, w)
		}
	}
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func TestRecurrentLaws(t *testing.T) {
	for _, op := range []string{"RNN", "GRU", "LSTM"} {
		both := newRecurrent(op, 5, 3, 4, 6, 2, true)
		whole := both.must(t)
		t.Run(op+": a short row is that row alone, and zero beyond", func(t *testing.T) {
			lens := []int32{5, 2, 0}
			got := both.with(4, int32s(lens...)).must(t)
			for n, length := range lens {
				if length == 0 {
					for k, y := range got {
						for _, v := range column(t, y, n).Float32s() {
							if v != 0 {
								t.Fatalf("output %d of a row without steps: got %v, want 0", k, v)
							}
						}
					}
					continue
				}
				alone := both.with(0, rowsOf(column(t, both.in[0], n), upTo(int(length))...))
				for _, i := range []int{5, 6} {
					if i < len(both.in) {
						alone = alone.with(i, column(t, both.in[i], n))
					}
				}
				want := alone.must(t)
				y := column(t, got[0], n)
				equalTensors(t, "Y", rowsOf(y, upTo(int(length))...), want[0])
				for i := range want[1:] {
					equalTensors(t, fmt.Sprint("state ", i), column(t, got[i+1], n), want[i+1])
				}
				for _, v := range y.Float32s()[want[0].Len():] {
					if v != 0 {
						t.Fatalf("beyond the end: got %v, want 0", v)
					}
				}
			}
		})
		t.Run(op+": each direction is itself alone", func(t *testing.T) {
			for d, name := range []string{"forward", "reverse"} {
				one := recurrentCase{op: op, attrs: []*onnx.Attribute{onnx.AttrString("direction", name)}, in: []*onnx.Tensor{both.in[0]}}
				for _, x := range both.in[1:] {
					if x == nil {
						one.in = append(one.in, nil)
						continue
					}
					one.in = append(one.in, rowsOf(x, d))
				}
				got := one.must(t)
				want := permuted(t, rowsOf(permuted(t, whole[0], 1, 0, 2, 3), d), 1, 0, 2, 3)
				equalTensors(t, name, got[0], want)
				if d == 0 {
					continue
				}
				forward := one.with(0, rowsOf(both.in[0], 4, 3, 2, 1, 0))
				forward.attrs = nil
				equalTensors(t, "backward is forward through the steps turned round", rowsOf(forward.must(t)[0], 4, 3, 2, 1, 0), got[0])
			}
		})
		t.Run(op+": layout 1 has the batch first", func(t *testing.T) {
			first := both.having(onnx.AttrInt("layout", 1)).with(0, permuted(t, both.in[0], 1, 0, 2))
			for _, i := range []int{5, 6} {
				if i < len(both.in) {
					first = first.with(i, permuted(t, both.in[i], 1, 0, 2))
				}
			}
			got := first.must(t)
			equalTensors(t, "Y", got[0], permuted(t, whole[0], 2, 0, 1, 3))
			for i := range got[1:] {
				equalTensors(t, "state", got[i+1], permuted(t, whole[i+1], 1, 0, 2))
			}
		})
		t.Run(op+": two halves are the whole", func(t *testing.T) {
			c := newRecurrent(op, 6, 2, 3, 5, 1, true)
			want := c.must(t)
			half := c.with(0, rowsOf(c.in[0], 0, 1, 2)).must(t)
			rest := c.with(0, rowsOf(c.in[0], 3, 4, 5)).with(5, half[1])
			if op == "LSTM" {
				rest = rest.with(6, half[2])
			}
			got := rest.must(t)
			for i, v := range got[1].Float32s() {
				if w := want[1].Float32s()[i]; math.Abs(float64(v-w)) > 1e-6 {
					t.Fatalf("element %d: got %v, want %v", i, v, w)
				}
			}
		})
	}
}

// One unit, one input and weights of 1, so that what comes out can be written down.
func TestRecurrentByHand(t *testing.T) {
	ones := func(dims ...int64) *onnx.Tensor {
		x := onnx.NewTensor(onnx.Float, dims...)
		for i := range x.Float32s() {
			x.Float32s()[i] = 1
		}
		return x
	}
	strs := func(names ...string) *onnx.Attribute {
		a := &onnx.Attribute{Name: "activations", Type: onnx.AttributeStrings}
		for _, n := range names {
			a.Strs = append(a.Strs, []byte(n))
		}
		return a
	}
	unit := func(op string, x []float32, attrs ...*onnx.Attribute) recurrentCase {
		gates := map[string]int64{"RNN": 1, "GRU": 3, "LSTM": 4}[op]
		return recurrentCase{op: op, attrs: attrs, in: []*onnx.Tensor{
			onnx.FromFloat32s(x, int64(len(x)), 1, 1), ones(1, gates, 1), ones(1, gates, 1)}}
	}
	s := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	alpha, beta := onnx.AttrFloats("activation_alpha", 2, 3), onnx.AttrFloats("activation_beta", 0.5)
	cases := map[string]struct {
		c    recurrentCase
		want float64
	}{
		"a sum":                      {unit("RNN", []float32{1, 2, 3}, strs("Relu")), 6},
		"bounded":                    {unit("RNN", []float32{1, 2, 3}, strs("Relu"), onnx.AttrFloat("clip", 2.5)), 2.5},
		"bounded from below":         {unit("RNN", []float32{-4}, strs("LeakyRelu"), onnx.AttrFloat("clip", 2)), -0.02},
		"affine":                     {unit("RNN", []float32{3}, strs("Affine"), onnx.AttrFloats("activation_alpha", 2), beta), 6.5},
		"scaled tanh":                {unit("RNN", []float32{3}, strs("ScaledTanh"), onnx.AttrFloats("activation_alpha", 2), beta), 2 * math.Tanh(1.5)},
		"hard sigmoid":               {unit("RNN", []float32{1}, strs("HardSigmoid")), 0.7},
		"elu":                        {unit("RNN", []float32{-1}, strs("Elu")), math.Expm1(-1)},
		"softplus":                   {unit("RNN", []float32{1}, strs("Softplus")), math.Log(1 + math.E)},
		"softsign":                   {unit("RNN", []float32{-1}, strs("Softsign")), -0.5},
		"thresholded":                {unit("RNN", []float32{0.9}, strs("ThresholdedRelu")), 0},
		"any case":                   {unit("RNN", []float32{3}, strs("relu")), 3},
		"numbers are taken in order": {unit("LSTM", []float32{1}, strs("Relu", "LeakyRelu", "Elu"), alpha), 1},
		"lstm":                       {unit("LSTM", []float32{1}), s(1) * math.Tanh(s(1)*math.Tanh(1))},
		"lstm, peepholes":            {unit("LSTM", []float32{1}).with(6, ones(1, 1, 1)).with(7, ones(1, 3)), s(1+s(2)+s(2)*math.Tanh(1)) * math.Tanh(s(2)+s(2)*math.Tanh(1))},
		"lstm, coupled":              {unit("LSTM", []float32{1}, onnx.AttrInt("input_forget", 1)).with(6, ones(1, 1, 1)), s(1) * math.Tanh(1-s(1)+s(1)*math.Tanh(1))},
		"lstm, h not bounded":        {unit("LSTM", []float32{2}, strs("Relu", "Relu", "Relu"), onnx.AttrFloat("clip", 1)).with(6, ones(1, 1, 1)), 2},
		"gru":                        {unit("GRU", []float32{1}).with(5, ones(1, 1, 1)), (1-s(2))*math.Tanh(1+s(2)) + s(2)},
		"gru, biases":                {unit("GRU", []float32{1}).with(3, ones(1, 6)).with(5, ones(1, 1, 1)), (1-s(4))*math.Tanh(3+s(4)) + s(4)},
		"gru, reset afterwards":      {unit("GRU", []float32{1}, onnx.AttrInt("linear_before_reset", 1)).with(3, ones(1, 6)).with(5, ones(1, 1, 1)), (1-s(4))*math.Tanh(2+2*s(4)) + s(4)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out := c.c.must(t)
			if got := float64(out[1].Float32s()[0]); math.Abs(got-c.want) > 1e-6 {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestRecurrentRefusals(t *testing.T) {
	c := newRecurrent("LSTM", 5, 3, 4, 6, 1, true)
	word := func(name string, words ...string) *onnx.Attribute {
		a := &onnx.Attribute{Name: name, Type: onnx.AttributeStrings}
		for _, w := range words {
			a.Strs = append(a.Strs, []byte(w))
		}
		return a
	}
	cases := map[string]struct {
		c    recurrentCase
		want string
	}{
		"a direction that is none":    {c.having(onnx.AttrString("direction", "up")), `"direction" is "up"`},
		"a layout that is none":       {c.having(onnx.AttrInt("layout", 2)), `"layout" is 2`},
		"a hidden size of 0":          {c.having(onnx.AttrInt("hidden_size", 0)), "want at least 1"},
		"another hidden size":         {c.having(onnx.AttrInt("hidden_size", 5)), "hidden size"},
		"a negative bound":            {c.having(onnx.AttrFloat("clip", -1)), "want a number above 0"},
		"too few activations":         {c.having(word("activations", "Tanh")), "names 1 functions, want 3"},
		"an unknown activation":       {c.having(word("activations", "Sigmoid", "Tanh", "Swoosh")), `"Swoosh"`},
		"an activation without alpha": {c.having(word("activations", "Affine", "Tanh", "Tanh")), "needs an alpha and a beta"},
		"numbers left over":           {c.having(word("activations", "Elu", "Tanh", "Tanh"), onnx.AttrFloats("activation_alpha", 1, 2)), "no function takes"},
		"two directions' weights":     {newRecurrent("LSTM", 5, 3, 4, 6, 1, false).with(1, noise(1, 2, 24, 4)), "W: axis 0"},
		"weights of other inputs":     {c.with(1, noise(1, 1, 24, 5)), "W: axis 2"},
		"weights of odd gates":        {c.with(1, noise(1, 1, 23, 4)), "does not divide"},
		"a bias of another size":      {c.with(3, noise(1, 1, 24)), "B: the hidden size"},
		"peepholes of another size":   {c.with(7, noise(1, 1, 24)), "P: the hidden size"},
		"a state of another batch":    {c.with(5, noise(1, 1, 4, 6)), "initial_h: axis 1"},
		"lengths of another batch":    {c.with(4, int32s(1, 2)), "sequence_lens: axis 0"},
		"a length beyond the steps":   {c.with(4, int32s(1, 6, 2)), "row 1 has 6 steps, want 0 to 5"},
		"a negative length":           {c.with(4, int32s(1, 2, -1)), "row 2 has -1 steps"},
		"a matrix for X":              {c.with(0, noise(1, 5, 4)), "X has 2 axes, want 3"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := c.c.run()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}
