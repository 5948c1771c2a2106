package ops_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

func TestCompare(t *testing.T) {
	f := func(v ...float32) onnx.Value { return onnx.FromFloat32s(v, int64(len(v))) }
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	tol := ops.Tolerance{Rel: 1e-3, Abs: 1e-6}
	for name, c := range map[string]struct {
		got, want onnx.Value
		text      string // part of the difference; empty: equal
	}{
		"same numbers":                   {f(1, 2), f(1, 2), ""},
		"within the relative part":       {f(1000.5), f(1000), ""},
		"within the absolute part":       {f(5e-7), f(0), ""},
		"beyond both":                    {f(1, 2.1), f(1, 2), "1 of 2 elements differ, the most at [1] got 2.09"},
		"NaN against NaN":                {f(nan), f(nan), ""},
		"NaN against a number":           {f(nan), f(1), "[0] got NaN, want 1"},
		"a number against NaN":           {f(1), f(nan), "[0] got 1, want NaN"},
		"infinity against infinity":      {f(inf), f(inf), ""},
		"a number against infinity":      {f(3e38), f(inf), "want +Inf"},
		"another sign of infinity":       {f(-inf), f(inf), "got -Inf"},
		"another length":                 {f(1), f(1, 2), "got tensor(float)[1], want float[2]"},
		"another type":                   {onnx.FromInt64s([]int64{1}), f(1), "got tensor(int64)[1]"},
		"whole numbers to the bit":       {onnx.FromInt64s([]int64{1 << 60}), onnx.FromInt64s([]int64{1<<60 + 1}), "1 of 1 elements differ"},
		"strings":                        {onnx.FromStrings([]string{"a"}, 1), onnx.FromStrings([]string{"b"}, 1), `got "a", want "b"`},
		"a sequence of another length":   {&onnx.Sequence{}, &onnx.Sequence{Values: []onnx.Value{f(1)}}, "want a sequence of 1"},
		"a sequence's element":           {&onnx.Sequence{Values: []onnx.Value{f(2)}}, &onnx.Sequence{Values: []onnx.Value{f(1)}}, "element 0 of the sequence"},
		"an optional that is not there":  {&onnx.Optional{}, &onnx.Optional{Value: f(1)}, "want"},
		"an optional that is there":      {&onnx.Optional{Value: f(1)}, &onnx.Optional{Value: f(1)}, ""},
		"nothing where something should": {nil, f(1), "got nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			d := ops.Compare(c.got, c.want, tol)
			if d.Equal() != (c.text == "") || !strings.Contains(d.String(), c.text) {
				t.Errorf("got %q, want %q in it", d, c.text)
			}
		})
	}
}

func TestCompareFindsTheWorstElement(t *testing.T) {
	got := onnx.FromFloat32s([]float32{0, 5, 1, 0, 0, 3}, 2, 3)
	want := onnx.FromFloat32s([]float32{0, 1, 1, 0, 0, 1}, 2, 3)
	d := ops.Compare(got, want, ops.Tolerance{})
	if d.Count != 2 || d.Elements != 6 || d.Largest != 4 || d.At != "[0 1] got 5, want 1" {
		t.Errorf("got %+v, want 2 of 6, largest 4 at [0 1]", d)
	}
}
