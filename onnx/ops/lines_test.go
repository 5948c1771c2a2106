package ops

import (
	"bytes"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// Fast ways of operators that choose and compare give what Eval does, to the bit.
func TestFastWaysLineByLine(t *testing.T) {
	bools := func(seed uint32, dims ...int64) *onnx.Tensor {
		x, b := noise(seed, dims...), onnx.NewTensor(onnx.Bool, dims...)
		for i, v := range x.Float32s() {
			b.Bools()[i] = v > 0
		}
		return b
	}
	whole := func(seed uint32, dims ...int64) *onnx.Tensor {
		x, n := noise(seed, dims...), onnx.NewTensor(onnx.Int64, dims...)
		for i, v := range x.Float32s() {
			n.Int64s()[i] = int64(v)
		}
		return n
	}
	in := func(t ...*onnx.Tensor) []*onnx.Tensor { return t }
	for phrase, c := range map[string]fastNode{
		"choose":               {"Where", nil, in(bools(1, 2, 3, 4), noise(2, 2, 3, 4), noise(3, 2, 3, 4))},
		"choose by rows":       {"Where", nil, in(bools(1, 3, 1), noise(2, 2, 3, 4), noise(3))},
		"choose whole numbers": {"Where", nil, in(bools(1, 5, 1, 4), whole(2, 3, 1), whole(3, 4))},
		"choose one":           {"Where", nil, in(bools(1), noise(2, 1, 1), noise(3))},
		"greater":              {"Greater", nil, in(noise(1, 2, 3, 4), noise(2, 3, 1))},
		"equal whole numbers":  {"Equal", nil, in(whole(1, 2, 3, 4), whole(2, 4))},
		"at most":              {"LessOrEqual", nil, in(whole(1, 2, 1, 4), whole(2, 5, 1))},
		"both":                 {"And", nil, in(bools(1, 2, 3, 4), bools(2, 3, 1))},
		"not":                  {"Not", nil, in(bools(1, 2, 3, 4))},
	} {
		op, facts, out := c.read(t)
		want := out[0].(*onnx.Tensor)
		step, ok := op.(Specializer).Specialize(Target{}, facts, make([]*onnx.Tensor, len(c.in)))
		if !ok {
			t.Errorf("%s: there is no fast way", phrase)
			continue
		}
		got := onnx.NewTensor(want.Type, want.Dims...)
		f := &Frame{In: c.in, Out: []*onnx.Tensor{got}, Scratch: onnx.AlignedBytes(step.Scratch)}
		if err := step.Run(f); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%s: got %v, want %v", phrase, got.Data, want.Data)
		}
		if n := testing.AllocsPerRun(2, func() { _ = step.Run(f) }); n > 0 && !testing.Short() {
			t.Errorf("%s: a run allocates %v times", phrase, n)
		}
	}
}
