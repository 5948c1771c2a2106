package ops

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// specialized runs the fast way of a node on inputs, or says that there is none.
func specialized(t *testing.T, n *onnx.Node, in []*onnx.Tensor, want onnx.Type) (*onnx.Tensor, bool, error) {
	t.Helper()
	op, _, err := NewTable().Op(n)
	if err != nil {
		t.Fatal(err)
	}
	facts := make([]Fact, len(in))
	for i, x := range in {
		facts[i] = Fact{Type: onnx.TypeOf(x)}
	}
	step, ok := op.(Specializer).Specialize(Target{}, facts, make([]*onnx.Tensor, len(in)))
	if !ok {
		return nil, false, nil
	}
	dims := make([]int64, len(want.Dims))
	for i, d := range want.Dims {
		dims[i] = d.Value
	}
	y := onnx.NewTensor(want.Elem, dims...)
	for i := range y.Data {
		y.Data[i] = 1
	}
	return y, true, step.Run(&Frame{In: in, Out: []*onnx.Tensor{y}, Scratch: onnx.AlignedBytes(step.Scratch)})
}

// Operations on integers are to the bit those of Eval, errors included.
func TestWholeNumbers(t *testing.T) {
	list := func(elem onnx.ElemType, v []int64, dims ...int64) *onnx.Tensor {
		x := onnx.NewTensor(elem, dims...)
		for i, n := range v {
			if elem == onnx.Int32 {
				x.Int32s()[i] = int32(n)
			} else {
				x.Int64s()[i] = n
			}
		}
		return x
	}
	for _, elem := range []onnx.ElemType{onnx.Int64, onnx.Int32} {
		a := list(elem, []int64{7, -7, math.MaxInt64, math.MinInt64, 0, 1 << 31}, 2, 3)
		b := list(elem, []int64{2, -2, 3, -1, 5, -4}, 2, 3)
		three, none := list(elem, []int64{3}, 1), list(elem, []int64{0})
		for _, op := range []string{"Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "BitwiseAnd"} {
			for name, in := range map[string][]*onnx.Tensor{"one shape": {a, b}, "a number behind": {a, three}, "a number in front": {three, b}, "by zero": {a, none}} {
				t.Run(fmt.Sprint(op, elem, name), func(t *testing.T) {
					n := &onnx.Node{OpType: op, Outputs: []string{"y"}}
					meaning, _, err := NewTable().Op(n)
					if err != nil {
						t.Fatal(err)
					}
					values, failed := EvalOp(meaning, &Env{}, []onnx.Value{in[0], in[1]})
					y, ok, err := specialized(t, n, in, onnx.TypeOf(a))
					if !ok {
						t.Fatal("there is no fast way")
					}
					if failed != nil {
						if err == nil || !strings.HasPrefix(failed.Error(), err.Error()) {
							t.Errorf("got error %v, want %v", err, failed)
						}
						return
					}
					if d := Compare(y, values[0], Tolerance{}); err != nil || !d.Equal() {
						t.Errorf("%v %v", d, err)
					}
				})
			}
		}
	}
}

// Casts are to the bit those of Eval, what is out of range included.
func TestCastsAreFast(t *testing.T) {
	wide := []float64{0, 1, -1, 0.5, -0.5, 2.5, 255, 256, -129, 3e9, -3e9, 1e19, -1e19, 1 << 53, math.Inf(1), math.Inf(-1), math.NaN()}
	types := []onnx.ElemType{onnx.Float, onnx.Double, onnx.Int32, onnx.Int64, onnx.Uint8, onnx.Bool}
	for _, from := range types {
		x := onnx.NewTensor(from, int64(len(wide)))
		put := floatWriter(x)
		for i, v := range wide {
			put(i, v)
		}
		for _, to := range types {
			n := &onnx.Node{OpType: "Cast", Attributes: []*onnx.Attribute{onnx.AttrInt("to", int64(to))}, Outputs: []string{"y"}}
			want, err := cast{to: to}.Eval(&Env{}, []onnx.Value{x})
			if err != nil {
				t.Fatal(err)
			}
			y, ok, err := specialized(t, n, []*onnx.Tensor{x}, onnx.TypeOf(want[0]))
			if d := Compare(y, want[0], Tolerance{}); !ok || err != nil || !d.Equal() {
				t.Errorf("%v to %v: %v, %v, %v", from, to, ok, err, d)
			}
		}
	}
}
