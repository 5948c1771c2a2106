package ops

import (
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// A node that is said to keep its input's elements gives just these, and what is like it but does not keep them is not said to.
func TestKeeps(t *testing.T) {
	x := noise(1, 2, 1, 3)
	perm := func(axes ...int64) []*onnx.Attribute { return []*onnx.Attribute{onnx.AttrInts("perm", axes...)} }
	vector := func(v ...int64) *onnx.Tensor { return onnx.FromInt64s(v) }
	cases := map[string]struct {
		op    string
		attrs []*onnx.Attribute
		in    []*onnx.Tensor
		want  bool
	}{
		"a cast to the same type":     {"Cast", []*onnx.Attribute{onnx.AttrInt("to", int64(onnx.Float))}, []*onnx.Tensor{x}, true},
		"a cast to another":           {"Cast", []*onnx.Attribute{onnx.AttrInt("to", int64(onnx.Double))}, []*onnx.Tensor{x}, false},
		"a slice of all":              {"Slice", nil, []*onnx.Tensor{x, vector(0), vector(1 << 40), vector(0)}, true},
		"a slice of all, step by one": {"Slice", nil, []*onnx.Tensor{x, vector(0), vector(3), vector(2), vector(1)}, true},
		"a slice backward":            {"Slice", nil, []*onnx.Tensor{x, vector(-1), vector(-9), vector(2), vector(-1)}, false},
		"a slice of a part":           {"Slice", nil, []*onnx.Tensor{x, vector(1), vector(3), vector(2)}, false},
		"an axis of one moved":        {"Transpose", perm(1, 0, 2), []*onnx.Tensor{x}, true},
		"an axis of one to the end":   {"Transpose", perm(0, 2, 1), []*onnx.Tensor{x}, true},
		"axes exchanged":              {"Transpose", perm(2, 1, 0), []*onnx.Tensor{x}, false},
		"expanded to itself":          {"Expand", nil, []*onnx.Tensor{x, vector(2, 1, 1)}, true},
		"expanded":                    {"Expand", nil, []*onnx.Tensor{x, vector(2, 4, 3)}, false},
		"another operator":            {"Neg", nil, []*onnx.Tensor{x}, false},
	}
	for phrase, c := range cases {
		t.Run(phrase, func(t *testing.T) {
			n := &onnx.Node{OpType: c.op, Attributes: c.attrs, Outputs: []string{"y"}}
			op, _, err := NewTable().Op(n)
			if err != nil {
				t.Fatal(err)
			}
			values, facts := make([]onnx.Value, len(c.in)), make([]Fact, len(c.in))
			for i, v := range c.in {
				values[i], facts[i] = v, Known(v)
			}
			out, err := EvalOp(op, &Env{}, values)
			if err != nil {
				t.Fatal(err)
			}
			y := out[0].(*onnx.Tensor)
			if got := Keeps(n, facts, Fact{Type: onnx.TypeOf(y)}); got != c.want {
				t.Fatalf("got %v, want %v", got, c.want)
			}
			if same := y.Type == x.Type && string(y.Data) == string(x.Data); same != c.want {
				t.Errorf("the elements are the same: %v, want %v", same, c.want)
			}
		})
	}
}
