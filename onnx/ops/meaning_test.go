package ops_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

func inf(sign int) float32 { return float32(math.Inf(sign)) }

func ints[T int8 | int16 | int32 | uint8 | uint32 | uint64](elem onnx.ElemType, v ...T) *onnx.Tensor {
	return &onnx.Tensor{Type: elem, Dims: []int64{int64(len(v))}, Data: onnx.BytesOf(v)}
}

func int64s(v ...int64) *onnx.Tensor { return onnx.FromInt64s(v) }

func texts(v ...string) *onnx.Tensor { return onnx.FromStrings(v, int64(len(v))) }

func attrs(a ...*onnx.Attribute) []*onnx.Attribute { return a }

// Values that can be derived by eye, at the corners that the official suite leaves out.
func TestMeaning(t *testing.T) {
	nan := float32(math.NaN())
	negZero := float32(math.Copysign(0, -1))
	f := func(v ...float32) *onnx.Tensor { return vals(v, int64(len(v))) }
	cases := map[string]struct {
		one
		want []*onnx.Tensor
	}{
		"integers wrap":                     {one{op: "Add", in: []*onnx.Tensor{ints[int8](onnx.Int8, 127), ints[int8](onnx.Int8, 1)}}, []*onnx.Tensor{ints[int8](onnx.Int8, -128)}},
		"unsigned subtraction wraps":        {one{op: "Sub", in: []*onnx.Tensor{ints[uint8](onnx.Uint8, 1), ints[uint8](onnx.Uint8, 2)}}, []*onnx.Tensor{ints[uint8](onnx.Uint8, 255)}},
		"integer division truncates":        {one{op: "Div", in: []*onnx.Tensor{int64s(-7, 7), int64s(2, -2)}}, []*onnx.Tensor{int64s(-3, -3)}},
		"the least integer over -1 wraps":   {one{op: "Div", in: []*onnx.Tensor{int64s(math.MinInt64), int64s(-1)}}, []*onnx.Tensor{int64s(math.MinInt64)}},
		"float division by zero":            {one{op: "Div", in: []*onnx.Tensor{f(1, -1, 0), f(0, 0, 0)}}, []*onnx.Tensor{f(inf(1), inf(-1), nan)}},
		"nothing to divide by zero":         {one{op: "Div", in: []*onnx.Tensor{onnx.FromInt64s(nil, 0), int64s(0)}}, []*onnx.Tensor{onnx.FromInt64s(nil, 0)}},
		"modulo takes the divisor's sign":   {one{op: "Mod", in: []*onnx.Tensor{int64s(-7, 7, -7), int64s(3, -3, -3)}}, []*onnx.Tensor{int64s(2, -2, -1)}},
		"fmod takes the dividend's sign":    {one{op: "Mod", in: []*onnx.Tensor{int64s(-7, 7), int64s(3, -3)}, attrs: attrs(onnx.AttrInt("fmod", 1))}, []*onnx.Tensor{int64s(-1, 1)}},
		"modulo of floats":                  {one{op: "Mod", in: []*onnx.Tensor{f(-1, 1), f(3, -3)}}, []*onnx.Tensor{f(2, -2)}},
		"maximum with NaN":                  {one{op: "Max", in: []*onnx.Tensor{f(nan, 1, 3), f(inf(1), nan, 2)}}, []*onnx.Tensor{f(nan, nan, 3)}},
		"maximum of one":                    {one{op: "Max", in: []*onnx.Tensor{f(1, 2)}}, []*onnx.Tensor{f(1, 2)}},
		"mean of three broadcasts":          {one{op: "Mean", in: []*onnx.Tensor{f(1, 2), f(3), f(5, 7)}}, []*onnx.Tensor{f(3, 4)}},
		"greatest unsigned of 64 bits":      {one{op: "Max", in: []*onnx.Tensor{ints[uint64](onnx.Uint64, math.MaxUint64), ints[uint64](onnx.Uint64, 1)}}, []*onnx.Tensor{ints[uint64](onnx.Uint64, math.MaxUint64)}},
		"shift to the right keeps the sign": {one{op: "BitShift", in: []*onnx.Tensor{ints[int8](onnx.Int8, -8, -8), ints[int8](onnx.Int8, 1, 100)}, attrs: attrs(onnx.AttrString("direction", "RIGHT"))}, []*onnx.Tensor{ints[int8](onnx.Int8, -4, -1)}},
		"integer power":                     {one{op: "Pow", in: []*onnx.Tensor{int64s(2, -1, 3), int64s(10, -3, 0)}}, []*onnx.Tensor{int64s(1024, -1, 1)}},
		"integer to a float power":          {one{op: "Pow", in: []*onnx.Tensor{int64s(9, 8), f(0.5, -1)}}, []*onnx.Tensor{int64s(3, 0)}},
		"nothing equals NaN":                {one{op: "Equal", in: []*onnx.Tensor{f(nan, 1), f(nan, 1)}}, []*onnx.Tensor{bools(false, true)}},
		"zeros of both signs are equal":     {one{op: "LessOrEqual", in: []*onnx.Tensor{f(0), f(negZero)}}, []*onnx.Tensor{bools(true)}},
		"strings are equal":                 {one{op: "Equal", in: []*onnx.Tensor{texts("a", "b"), texts("a", "c")}}, []*onnx.Tensor{bools(true, false)}},
		"large integers compare exactly":    {one{op: "Less", in: []*onnx.Tensor{int64s(1 << 53), int64s(1<<53 + 1)}}, []*onnx.Tensor{bools(true)}},
		"relu keeps NaN":                    {one{op: "Relu", in: []*onnx.Tensor{f(nan, -1, inf(1))}}, []*onnx.Tensor{f(nan, 0, inf(1))}},
		"sigmoid of the extremes":           {one{op: "Sigmoid", in: []*onnx.Tensor{f(inf(-1), -1000, 0, 1000)}}, []*onnx.Tensor{f(0, 0, 0.5, 1)}},
		"softplus does not overflow":        {one{op: "Softplus", in: []*onnx.Tensor{f(1000, 0)}}, []*onnx.Tensor{f(1000, math.Ln2)}},
		"halves round to even":              {one{op: "Round", in: []*onnx.Tensor{f(0.5, 1.5, 2.5, -0.5)}}, []*onnx.Tensor{f(0, 2, 2, negZero)}},
		"clip where min is above max":       {one{op: "Clip", in: []*onnx.Tensor{f(0, 5), onnx.Scalar32(3), onnx.Scalar32(1)}}, []*onnx.Tensor{f(1, 1)}},
		"clip keeps NaN":                    {one{op: "Clip", in: []*onnx.Tensor{f(nan, 5), onnx.Scalar32(0), onnx.Scalar32(1)}}, []*onnx.Tensor{f(nan, 1)}},
		"clip to the finite numbers":        {one{op: "Clip", in: []*onnx.Tensor{f(inf(1), 5)}}, []*onnx.Tensor{f(math.MaxFloat32, 5)}},
		"softmax of large numbers":          {one{op: "Softmax", in: []*onnx.Tensor{f(1000, 1000)}}, []*onnx.Tensor{f(0.5, 0.5)}},
		"softmax with one infinite":         {one{op: "Softmax", in: []*onnx.Tensor{f(inf(-1), 0)}}, []*onnx.Tensor{f(0, 1)}},
		"hardmax takes the first":           {one{op: "Hardmax", in: []*onnx.Tensor{f(1, 3, 3)}}, []*onnx.Tensor{f(0, 1, 0)}},
		"where of strings":                  {one{op: "Where", in: []*onnx.Tensor{bools(true, false), texts("a", "b"), texts("c")}}, []*onnx.Tensor{texts("a", "c")}},
		"cast truncates":                    {one{op: "Cast", in: []*onnx.Tensor{f(-1.9, 1.9, 300)}, attrs: attrs(onnx.AttrInt("to", int64(onnx.Int8)))}, []*onnx.Tensor{ints[int8](onnx.Int8, -1, 1, 127)}},
		"cast of integers drops high bits":  {one{op: "Cast", in: []*onnx.Tensor{int64s(200, -1)}, attrs: attrs(onnx.AttrInt("to", int64(onnx.Int8)))}, []*onnx.Tensor{ints[int8](onnx.Int8, -56, -1)}},
		"cast to bool":                      {one{op: "Cast", in: []*onnx.Tensor{f(0, negZero, 0.1, nan)}, attrs: attrs(onnx.AttrInt("to", int64(onnx.Bool)))}, []*onnx.Tensor{bools(false, false, true, true)}},
		"cast reads text":                   {one{op: "Cast", in: []*onnx.Tensor{texts("1.5", "-1e3", "INF", "NaN")}, attrs: attrs(onnx.AttrInt("to", int64(onnx.Float)))}, []*onnx.Tensor{f(1.5, -1000, inf(1), nan)}},
		"cast writes text":                  {one{op: "Cast", in: []*onnx.Tensor{f(0.1, 3, 1e20)}, attrs: attrs(onnx.AttrInt("to", int64(onnx.String)))}, []*onnx.Tensor{texts("0.1", "3.0", "1e+20")}},
		"cast rounds large integers once":   {one{op: "Cast", in: []*onnx.Tensor{int64s(1<<54 + 1<<30 + 1)}, attrs: attrs(onnx.AttrInt("to", int64(onnx.Float)))}, []*onnx.Tensor{f(1<<54 + 1<<31)}},
		"product of vectors":                {one{op: "MatMul", in: []*onnx.Tensor{f(1, 2), f(3, 4)}}, []*onnx.Tensor{vals([]float32{11}, []int64{}...)}},
		"product over nothing is zero":      {one{op: "MatMul", in: []*onnx.Tensor{vals(nil, 2, 0), vals(nil, 0, 1)}}, []*onnx.Tensor{vals([]float32{0, 0}, 2, 1)}},
		"gemm scales":                       {one{op: "Gemm", in: []*onnx.Tensor{vals([]float32{1, 2}, 1, 2), vals([]float32{3, 4}, 2, 1), f(10)}, attrs: attrs(onnx.AttrFloat("alpha", 2), onnx.AttrFloat("beta", 0.5))}, []*onnx.Tensor{vals([]float32{27}, 1, 1)}},
		"the sum of nothing":                {one{op: "ReduceSum", in: []*onnx.Tensor{f()}}, []*onnx.Tensor{f(0)}},
		"the greatest of nothing":           {one{op: "ReduceMax", in: []*onnx.Tensor{f()}}, []*onnx.Tensor{f(inf(-1))}},
		"the least of no integers":          {one{op: "ReduceMin", in: []*onnx.Tensor{onnx.FromInt64s(nil, 0)}}, []*onnx.Tensor{int64s(math.MaxInt64)}},
		"sum of small and large":            {one{op: "ReduceSum", in: []*onnx.Tensor{f(1e8, 1, -1e8)}}, []*onnx.Tensor{f(1)}},
		"log-sum-exp does not overflow":     {one{op: "ReduceLogSumExp", in: []*onnx.Tensor{f(1000, 1000)}}, []*onnx.Tensor{f(1000 + math.Ln2)}},
		"log-sum-exp of minus infinity":     {one{op: "ReduceLogSumExp", in: []*onnx.Tensor{f(inf(-1), inf(-1))}}, []*onnx.Tensor{f(inf(-1))}},
		"squares over no axis":              {one{op: "ReduceSumSquare", in: []*onnx.Tensor{f(2, 3)}, attrs: attrs(onnx.AttrInt("noop_with_empty_axes", 1))}, []*onnx.Tensor{f(4, 9)}},
		"argmax finds NaN":                  {one{op: "ArgMax", in: []*onnx.Tensor{f(1, nan, 5)}}, []*onnx.Tensor{int64s(1)}},
		"argmin takes the last of equals":   {one{op: "ArgMin", in: []*onnx.Tensor{f(1, 1, 5)}, attrs: attrs(onnx.AttrInt("select_last_index", 1))}, []*onnx.Tensor{int64s(1)}},
		"cumulative sum from the end":       {one{op: "CumSum", in: []*onnx.Tensor{f(1, 2, 3), onnx.Scalar64(0)}, attrs: attrs(onnx.AttrInt("reverse", 1), onnx.AttrInt("exclusive", 1))}, []*onnx.Tensor{f(5, 3, 0)}},
		"batch normalization in training": {one{op: "BatchNormalization", outputs: 3, attrs: attrs(onnx.AttrInt("training_mode", 1), onnx.AttrFloat("momentum", 0.75), onnx.AttrFloat("epsilon", 0)),
			in: []*onnx.Tensor{vals([]float32{1, 3}, 2, 1), f(2), f(5), f(0), f(0)}},
			[]*onnx.Tensor{vals([]float32{3, 7}, 2, 1), f(0.5), f(0.25)}},
		"diagonal of a matrix":     {one{op: "Einsum", in: []*onnx.Tensor{vals([]float32{1, 2, 3, 4}, 2, 2)}, attrs: attrs(onnx.AttrString("equation", "ii->i"))}, []*onnx.Tensor{f(1, 4)}},
		"sum without a result":     {one{op: "Einsum", in: []*onnx.Tensor{f(1, 2), f(3, 4)}, attrs: attrs(onnx.AttrString("equation", "i,i"))}, []*onnx.Tensor{vals([]float32{11}, []int64{}...)}},
		"result in letters' order": {one{op: "Einsum", in: []*onnx.Tensor{vals([]float32{1, 2, 3, 4}, 2, 2)}, attrs: attrs(onnx.AttrString("equation", "ba"))}, []*onnx.Tensor{vals([]float32{1, 3, 2, 4}, 2, 2)}},
		"dropout in inference":     {one{op: "Dropout", outputs: 2, in: []*onnx.Tensor{f(1, 2), onnx.Scalar32(0.9)}}, []*onnx.Tensor{f(1, 2), bools(true, true)}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := c.run(c.graph(onnx.MaxOpset))
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range c.want {
				if err := sameValue(got[i], want); err != nil {
					t.Errorf("output %d: %v", i, err)
				}
			}
		})
	}
}

// Dropout in training keeps about as many elements as it says, scales them, and repeats with the same seed.
func TestDropoutInTraining(t *testing.T) {
	x := vals(make([]float32, 10000))
	for i := range x.Float32s() {
		x.Float32s()[i] = 1
	}
	c := one{op: "Dropout", outputs: 2, attrs: attrs(onnx.AttrInt("seed", 7)), in: []*onnx.Tensor{x, onnx.Scalar32(0.25), bools(true)}}
	first, err := c.run(c.graph(onnx.MaxOpset))
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.run(c.graph(onnx.MaxOpset))
	if err != nil {
		t.Fatal(err)
	}
	if err := sameValue(again[0], first[0]); err != nil {
		t.Errorf("with the same seed: %v", err)
	}
	kept := 0
	for i, keep := range first[1].(*onnx.Tensor).Bools() {
		want := float32(0)
		if keep {
			kept++
			want = float32(1 / 0.75)
		}
		if got := first[0].(*onnx.Tensor).Float32s()[i]; got != want {
			t.Fatalf("element %d: got %v, want %v", i, got, want)
		}
	}
	// Five standard deviations of a binomial of 10000 draws at 0.75.
	if math.Abs(float64(kept)-7500) > 5*math.Sqrt(10000*0.75*0.25) {
		t.Errorf("got %d of 10000 kept, want about 7500", kept)
	}
}

// What cannot be is refused when the graph is lifted, from types and shapes alone.
func TestShapesAreRefused(t *testing.T) {
	m := func(dims ...int64) *onnx.Tensor { return onnx.NewTensor(onnx.Float, dims...) }
	cases := map[string]struct {
		one
		want string
	}{
		"shapes that do not broadcast":       {one{op: "Add", in: []*onnx.Tensor{m(2, 3), m(2, 4)}}, "do not broadcast"},
		"two element types":                  {one{op: "Mul", in: []*onnx.Tensor{m(2), int64s(1)}}, "tensor(int64)"},
		"a condition that is no bool":        {one{op: "Where", in: []*onnx.Tensor{m(2), m(2), m(2)}}, "tensor(bool)"},
		"bounds of more than one element":    {one{op: "Clip", in: []*onnx.Tensor{m(2), m(2)}}, "want one element"},
		"softmax along an axis out of range": {one{op: "Softmax", in: []*onnx.Tensor{m(2)}, attrs: attrs(onnx.AttrInt("axis", 1))}, "axis 1 is outside"},
		"matrices that do not go together":   {one{op: "MatMul", in: []*onnx.Tensor{m(2, 3), m(4, 5)}}, "do not go with"},
		"a scalar in a product":              {one{op: "MatMul", in: []*onnx.Tensor{m([]int64{}...), m(4, 5)}}, "scalar"},
		"gemm of a vector":                   {one{op: "Gemm", in: []*onnx.Tensor{m(2), m(2, 5)}}, "want a matrix"},
		"a bias that does not fit":           {one{op: "Gemm", in: []*onnx.Tensor{m(2, 3), m(3, 5), m(4)}}, "does not broadcast"},
		"a reduction axis out of range":      {one{op: "ReduceSum", in: []*onnx.Tensor{m(2, 3), int64s(2)}, constant: 1}, "axis 2 is outside"},
		"a reduction axis named twice":       {one{op: "ReduceSum", in: []*onnx.Tensor{m(2, 3), int64s(1, -1)}, constant: 1}, "twice"},
		"the greatest of an empty axis":      {one{op: "ArgMax", in: []*onnx.Tensor{m(0, 3)}}, "no elements"},
		"statistics of other channels":       {one{op: "BatchNormalization", in: []*onnx.Tensor{m(1, 3, 2), m(3), m(3), m(4), m(3)}}, "input_mean"},
		"statistics wanted in inference":     {one{op: "BatchNormalization", outputs: 3, in: []*onnx.Tensor{m(1, 3, 2), m(3), m(3), m(3), m(3)}}, "training mode only"},
		"a slope larger than the input":      {one{op: "PRelu", in: []*onnx.Tensor{m(3, 1), m(3, 4)}}, "does not broadcast"},
		"a dropout ratio of one":             {one{op: "Dropout", in: []*onnx.Tensor{m(2), onnx.Scalar32(1)}, constant: 1}, "ratio is 1"},
		"channels that groups do not divide": {one{op: "GroupNormalization", in: []*onnx.Tensor{m(1, 3, 2), m(3), m(3)}, attrs: attrs(onnx.AttrInt("num_groups", 2))}, "do not divide"},
		"an attribute nobody knows":          {one{op: "Relu", in: []*onnx.Tensor{m(2)}, attrs: attrs(onnx.AttrInt("leak", 2))}, `"leak"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ops.Check(&onnx.Model{IRVersion: 9, Graph: c.graph(onnx.MaxOpset)}, 0)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

// What only values tell is refused when they are there.
func TestValuesAreRefused(t *testing.T) {
	cases := map[string]struct {
		one
		want string
	}{
		"integer division by zero": {one{op: "Div", in: []*onnx.Tensor{int64s(1, 2), int64s(1, 0)}}, "division by zero: element 1"},
		"integer modulo zero":      {one{op: "Mod", in: []*onnx.Tensor{int64s(1), int64s(0)}}, "division by zero"},
		"zero to a negative power": {one{op: "Pow", in: []*onnx.Tensor{int64s(0), int64s(-1)}}, "zero to the power of -1"},
		"text that is no number":   {one{op: "Cast", in: []*onnx.Tensor{texts("1", "one")}, attrs: attrs(onnx.AttrInt("to", int64(onnx.Float)))}, `element 1: "one"`},
		"the mean of no integers":  {one{op: "ReduceMean", in: []*onnx.Tensor{onnx.FromInt64s(nil, 0)}}, "mean of no integers"},
		"an axis out of range":     {one{op: "CumSum", in: []*onnx.Tensor{vals([]float32{1}), onnx.Scalar64(1)}}, "axis 1 is outside"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := c.run(c.graph(onnx.MaxOpset))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

// A dimension keeps its name through what does not change it, and through arithmetic on shapes.
func TestSymbolsAreKept(t *testing.T) {
	batch := onnx.Symbol("batch")
	known := func(v ...int64) ops.Fact { return ops.Known(int64s(v...)) }
	elems := func(d ...onnx.Dim) ops.Fact {
		f := ops.Tensor(onnx.Int64, onnx.Fixed(int64(len(d))))
		f.Elems = d
		return f
	}
	float := func(d ...onnx.Dim) ops.Fact { return ops.Tensor(onnx.Float, d...) }
	n := onnx.Fixed
	cases := map[string]struct {
		op    string
		attrs []*onnx.Attribute
		in    []ops.Fact
		want  string
	}{
		"a sum that broadcasts":             {"Add", nil, []ops.Fact{float(batch, n(3)), float(n(3))}, "tensor(float)[batch,3]"},
		"a product of matrices":             {"MatMul", nil, []ops.Fact{float(batch, n(2), n(3)), float(n(3), n(4))}, "tensor(float)[batch,2,4]"},
		"a dense layer":                     {"Gemm", nil, []ops.Fact{float(batch, n(3)), float(n(3), n(4)), float(n(4))}, "tensor(float)[batch,4]"},
		"a reduction of other axes":         {"ReduceSum", attrs(onnx.AttrInt("keepdims", 0)), []ops.Fact{float(batch, n(2), n(3)), known(-1)}, "tensor(float)[batch,2]"},
		"a reduction over axes not known":   {"ReduceSum", nil, []ops.Fact{float(batch, n(2)), ops.Tensor(onnx.Int64, n(1))}, "tensor(float)[?,?]"},
		"a comparison":                      {"Less", nil, []ops.Fact{float(batch), float(n(1))}, "tensor(bool)[batch]"},
		"two names":                         {"Add", nil, []ops.Fact{float(batch), float(onnx.Symbol("other"))}, "tensor(float)[?]"},
		"a shape times one":                 {"Mul", nil, []ops.Fact{elems(batch, n(2)), known(1, 3)}, "tensor(int64)[2] = [batch,6]"},
		"a shape over a scalar":             {"Div", nil, []ops.Fact{elems(batch, n(6)), known(2)}, "tensor(int64)[2] = [?,3]"},
		"a shape less what makes it less 0": {"Sub", nil, []ops.Fact{elems(batch, n(2)), known(0, 3)}, "tensor(int64)[2] = [batch,?]"},
		"a shape chosen from two":           {"Where", nil, []ops.Fact{ops.Known(bools(true, false)), elems(batch, n(2)), known(7, 8)}, "tensor(int64)[2] = [batch,8]"},
		"a shape cast to int32":             {"Cast", attrs(onnx.AttrInt("to", int64(onnx.Int32))), []ops.Fact{elems(batch, n(2))}, "tensor(int32)[2] = [batch,2]"},
		"indices along an axis":             {"ArgMax", attrs(onnx.AttrInt("axis", 1)), []ops.Fact{float(batch, n(9))}, "tensor(int64)[batch,1]"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			op, _, err := ops.NewTable().Op(&onnx.Node{OpType: c.op, Attributes: c.attrs, Outputs: []string{"y"}})
			if err != nil {
				t.Fatal(err)
			}
			out, err := op.Infer(&ops.Env{}, c.in)
			if err != nil {
				t.Fatal(err)
			}
			got := out[0].Type.String()
			if out[0].Elems != nil {
				got += " = " + onnx.ShapeString(out[0].Elems)
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// A few small inputs that ask for endless work are an error when they run, and do not hold up the check.
func TestEinsumIsBounded(t *testing.T) {
	long := onnx.NewTensor(onnx.Float, 1000)
	c := one{op: "Einsum", in: []*onnx.Tensor{long, long, long, long, long}, constant: 1, attrs: attrs(onnx.AttrString("equation", "a,b,c,d,e->"))}
	g := c.graph(onnx.MaxOpset)
	g.Nodes[0].Inputs[0] = "x1"
	g.Inputs = nil
	if _, err := ops.Check(&onnx.Model{IRVersion: 9, Graph: g}, 0); err != nil {
		t.Fatal(err)
	}
	c.in = nil
	if _, err := c.run(g); err == nil || !strings.Contains(err.Error(), "2^36") {
		t.Errorf("got error %v, want one about the number of products", err)
	}
}
