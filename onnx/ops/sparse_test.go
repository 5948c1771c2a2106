package ops

import (
	"math"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// Rows of zeros but for every some-th element give what Eval gives, and infinite weights still meet the zeros.
func TestSparseRows(t *testing.T) {
	const m, k, n = 5, 700, 33
	rows := func(step int) *onnx.Tensor {
		a := onnx.NewTensor(onnx.Float, m, k)
		full := noise(1, m, k).Float32s()
		for i := 0; i < len(full); i += step {
			a.Float32s()[i] = full[i]
		}
		return a
	}
	uneven := rows(700)
	copy(uneven.Float32s()[2*k:3*k], noise(4, k).Float32s())
	infinite := noise(2, k, n)
	infinite.Float32s()[5*n] = float32(math.Inf(1))
	for phrase, c := range map[string]struct {
		a, b   *onnx.Tensor
		sparse bool
	}{
		"one in a hundred":          {rows(100), noise(2, k, n), true},
		"nothing":                   {onnx.NewTensor(onnx.Float, m, k), noise(2, k, n), true},
		"one in three":              {rows(3), noise(2, k, n), false},
		"dense":                     {noise(1, m, k), noise(2, k, n), false},
		"one dense row":             {uneven, noise(2, k, n), false},
		"sparse, infinite weights":  {rows(100), infinite, false},
		"negative zeros everywhere": {negativeZeros(m, k), noise(2, k, n), true},
	} {
		bias := noise(3, n)
		want := evalNode(t, &onnx.Node{OpType: "Gemm", Outputs: []string{"y"}}, []*onnx.Tensor{c.a, c.b, bias})
		turned := onnx.NewTensor(onnx.Float, n, k)
		kernels.Portable.Transpose(turned.Float32s(), c.b.Float32s(), k, n)
		for _, set := range kernels.Supported() {
			target := Target{Set: set}
			if s := newSparseRows(target, c.b, k, n, false); s != nil {
				if got := s.run(target, c.a.Float32s(), make([]float32, m*n), nil, kernels.Activation{}); got != c.sparse {
					t.Errorf("%s: got sparse %v, want %v", phrase, got, c.sparse)
				}
			} else if c.sparse {
				t.Errorf("%s: there is no sparse way", phrase)
			}
			for trans, b := range map[int64]*onnx.Tensor{0: c.b, 1: turned} {
				n := &onnx.Node{OpType: "Gemm", Attributes: []*onnx.Attribute{onnx.AttrInt("transB", trans)}, Outputs: []string{"y"}}
				checkFast(t, phrase, n, Target{Set: set, Weights: &Weights{}}, []*onnx.Tensor{c.a, b, bias}, want)
			}
			product := &onnx.Node{OpType: FusedPrefix + "MatMul", Domain: onnx.DomainPrivate, Outputs: []string{"y"}}
			checkFast(t, phrase+", MatMul", product, Target{Set: set}, []*onnx.Tensor{c.a, c.b, bias}, want)
		}
	}
}

func negativeZeros(m, k int64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Float, m, k)
	for i := range t.Float32s() {
		t.Float32s()[i] = float32(math.Copysign(0, -1))
	}
	return t
}

// checkFast holds a node's fast way with constant inputs after the first against what is wanted.
func checkFast(t *testing.T, phrase string, n *onnx.Node, target Target, in []*onnx.Tensor, want *onnx.Tensor) {
	t.Helper()
	op, _, err := NewTable().Op(n)
	if err != nil {
		t.Fatal(err)
	}
	facts, consts := make([]Fact, len(in)), make([]*onnx.Tensor, len(in))
	for i, v := range in {
		facts[i] = Fact{Type: onnx.TypeOf(v)}
	}
	copy(consts[1:], in[1:])
	step, ok := op.(Specializer).Specialize(target, facts, consts)
	if !ok {
		t.Fatalf("%s: there is no fast way", phrase)
	}
	y := onnx.NewTensor(want.Type, want.Dims...)
	if err := step.Run(&Frame{In: in, Out: []*onnx.Tensor{y}, Scratch: onnx.AlignedBytes(step.Scratch)}); err != nil {
		t.Fatal(err)
	}
	if d := Compare(y, want, Tolerance{Rel: 1e-4, Abs: 1e-4}); !d.Equal() {
		t.Errorf("%s, %v: %v", phrase, target.Set, d)
	}
}
