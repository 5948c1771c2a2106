package ops_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// vals makes a float tensor of rank 1, or of the shape that dims gives.
func vals(v []float32, dims ...int64) *onnx.Tensor {
	if dims == nil {
		dims = []int64{int64(len(v))}
	}
	return onnx.FromFloat32s(v, dims...)
}

// ramp makes a float tensor of small numbers of both signs.
func ramp(dims ...int64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Float, dims...)
	for i := range t.Float32s() {
		t.Float32s()[i] = float32(i%7) - 2.5
	}
	return t
}

func bools(v ...bool) *onnx.Tensor {
	return &onnx.Tensor{Type: onnx.Bool, Dims: []int64{int64(len(v))}, Data: onnx.BytesOf(v)}
}

// one is a graph of one node: its inputs are the tensors, those after the first constant being initializers; nil is absent.
type one struct {
	op       string
	in       []*onnx.Tensor
	constant int // inputs from here on are initializers, where not 0
	attrs    []*onnx.Attribute
	outputs  int // 1 where 0
}

func (o one) graph(opset int64) *onnx.Graph {
	g := &onnx.Graph{Name: "one", Opsets: []onnx.Opset{{Version: opset}}}
	n := &onnx.Node{OpType: o.op, Name: "n", Attributes: o.attrs}
	for i, t := range o.in {
		name := fmt.Sprintf("x%d", i)
		switch {
		case t == nil:
			name = ""
		case o.constant > 0 && i >= o.constant:
			c := *t
			c.Name = name
			g.Initializers = append(g.Initializers, &c)
		default:
			g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: name, Type: onnx.TypeOf(t)})
		}
		n.Inputs = append(n.Inputs, name)
	}
	for i := range max(o.outputs, 1) {
		name := fmt.Sprintf("y%d", i)
		n.Outputs = append(n.Outputs, name)
		g.Outputs = append(g.Outputs, &onnx.ValueInfo{Name: name})
	}
	g.Nodes = []*onnx.Node{n}
	return g
}

// run lifts the graph and evaluates it on the inputs that are no initializers.
func (o one) run(g *onnx.Graph) ([]onnx.Value, error) {
	l, err := ops.Lift(g)
	if err != nil {
		return nil, err
	}
	e, err := ops.NewEvaluator(l)
	if err != nil {
		return nil, err
	}
	var in []onnx.Value
	for i, t := range o.in {
		if t != nil && (o.constant == 0 || i < o.constant) {
			in = append(in, t)
		}
	}
	return e.Run(context.Background(), in, ops.EvalOptions{})
}

// Lifting undoes lowering: a node of the newest opset, written at every older one down to the oldest given and lifted again, is the
// same node.
func TestLiftingUndoesLowering(t *testing.T) {
	axis := func(v int64) []*onnx.Attribute { return []*onnx.Attribute{onnx.AttrInt("axis", v)} }
	x, pair := ramp(2, 3, 4), []*onnx.Tensor{ramp(2, 3), ramp(3)}
	channel := []*onnx.Tensor{ramp(2, 3, 4), vals([]float32{1, 2, 3}), vals([]float32{4, 5, 6}), vals([]float32{7, 8, 9}), vals([]float32{1, 4, 9})}
	cases := map[string]struct {
		one
		from int64
	}{
		"batch normalization in inference": {one{op: "BatchNormalization", in: channel, constant: 1}, 9},
		"batch normalization in training":  {one{op: "BatchNormalization", in: channel, outputs: 3, attrs: []*onnx.Attribute{onnx.AttrInt("training_mode", 1)}}, 9},
		"clip with both bounds":            {one{op: "Clip", in: []*onnx.Tensor{x, onnx.Scalar32(-1), onnx.Scalar32(1)}, constant: 1}, 9},
		"clip with an upper bound":         {one{op: "Clip", in: []*onnx.Tensor{x, nil, onnx.Scalar32(1)}, constant: 1}, 9},
		"clip without bounds":              {one{op: "Clip", in: []*onnx.Tensor{x}}, 9},
		"cast to int64":                    {one{op: "Cast", in: []*onnx.Tensor{x}, attrs: []*onnx.Attribute{onnx.AttrInt("to", int64(onnx.Int64))}}, 7},
		"where":                            {one{op: "Where", in: []*onnx.Tensor{bools(true, false, true), ramp(2, 3), ramp(1)}}, 9},
		"matmul":                           {one{op: "MatMul", in: []*onnx.Tensor{ramp(2, 3), ramp(3, 4)}}, 7},
		"gemm with a bias": {one{op: "Gemm", in: []*onnx.Tensor{ramp(2, 3), ramp(4, 3), ramp(4)}, constant: 1,
			attrs: []*onnx.Attribute{onnx.AttrInt("transB", 1), onnx.AttrFloat("alpha", 2)}}, 7},
		"argmax":            {one{op: "ArgMax", in: []*onnx.Tensor{x}, attrs: axis(1)}, 7},
		"less":              {one{op: "Less", in: pair}, 7},
		"greater":           {one{op: "Greater", in: pair}, 7},
		"equal of integers": {one{op: "Equal", in: []*onnx.Tensor{onnx.FromInt64s([]int64{1, 2}), onnx.FromInt64s([]int64{1, 3})}}, 7},
		"power":             {one{op: "Pow", in: pair}, 7},
		"leaky relu":        {one{op: "LeakyRelu", in: []*onnx.Tensor{x}, attrs: []*onnx.Attribute{onnx.AttrFloat("alpha", 0.3)}}, 7},
		"sign":              {one{op: "Sign", in: []*onnx.Tensor{x}}, 9},
		"erf":               {one{op: "Erf", in: []*onnx.Tensor{x}}, 9},
		"prelu":             {one{op: "PRelu", in: []*onnx.Tensor{ramp(2, 3), ramp(3)}}, 7},
		"cumulative sum":    {one{op: "CumSum", in: []*onnx.Tensor{x, onnx.Scalar64(1)}, constant: 1}, 11},
		"instance norm":     {one{op: "InstanceNormalization", in: []*onnx.Tensor{x, ramp(3), ramp(3)}}, 7},
		"modulo with fmod":  {one{op: "Mod", in: pair, attrs: []*onnx.Attribute{onnx.AttrInt("fmod", 1)}}, 10},
	}
	for _, op := range []string{"Add", "Sub", "Mul", "Div"} {
		cases[op] = struct {
			one
			from int64
		}{one{op: op, in: pair}, 7}
	}
	for _, op := range []string{"Min", "Max", "Sum", "Mean"} {
		cases[op] = struct {
			one
			from int64
		}{one{op: op, in: []*onnx.Tensor{ramp(2, 3), ramp(3), ramp(1)}}, 8}
	}
	for _, op := range []string{"Relu", "Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Abs", "Neg", "Reciprocal", "Floor", "Ceil", "Elu", "Selu",
		"Softplus", "Softsign", "HardSigmoid", "Sin", "Cos"} {
		cases[op] = struct {
			one
			from int64
		}{one{op: op, in: []*onnx.Tensor{x}}, 7}
	}
	for _, op := range []string{"Softmax", "LogSoftmax", "Hardmax"} {
		cases[op+" along the last axis"] = struct {
			one
			from int64
		}{one{op: op, in: []*onnx.Tensor{x}, attrs: axis(2)}, 7}
		cases[op+" along the last axis by default"] = struct {
			one
			from int64
		}{one{op: op, in: []*onnx.Tensor{x}}, 11}
	}
	for _, op := range []string{"Sum", "Mean", "Prod", "Max", "Min", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"} {
		cases["reduce "+op+" of two axes"] = struct {
			one
			from int64
		}{one{op: "Reduce" + op, in: []*onnx.Tensor{x, onnx.FromInt64s([]int64{0, 2})}, constant: 1,
			attrs: []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}}, 7}
		cases["reduce "+op+" of all axes"] = struct {
			one
			from int64
		}{one{op: "Reduce" + op, in: []*onnx.Tensor{x}}, 7}
		cases["reduce "+op+" of the last axis"] = struct {
			one
			from int64
		}{one{op: "Reduce" + op, in: []*onnx.Tensor{x, onnx.FromInt64s([]int64{-1})}, constant: 1}, 11}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			newest := c.graph(onnx.MaxOpset)
			for opset := int64(onnx.MaxOpset - 1); opset >= c.from; opset-- {
				older, err := ops.Convert(newest, opset)
				if err != nil {
					t.Fatalf("at opset %d: %v", opset, err)
				}
				if _, err := ops.Check(&onnx.Model{IRVersion: 9, Graph: older}, 0); err != nil {
					t.Fatalf("at opset %d: %v", opset, err)
				}
				diff, err := graphs.Diff(newest, older)
				if err != nil {
					t.Fatalf("at opset %d: %v", opset, err)
				}
				if diff != "" {
					t.Fatalf("at opset %d: got %s, want no difference", opset, diff)
				}
			}
		})
	}
}

// Nodes that an older opset writes as several ones compute the same there.
func TestLoweringKeepsNumbers(t *testing.T) {
	nan := float32(0)
	nan /= nan
	flags := func(attrs ...*onnx.Attribute) []*onnx.Attribute { return attrs }
	cases := map[string]struct {
		one
		to int64
	}{
		"softmax along an inner axis":       {one{op: "Softmax", in: []*onnx.Tensor{ramp(2, 3, 4)}, attrs: flags(onnx.AttrInt("axis", 1))}, 9},
		"softmax along a negative axis":     {one{op: "Softmax", in: []*onnx.Tensor{ramp(2, 3, 4)}, attrs: flags(onnx.AttrInt("axis", -3))}, 9},
		"gemm without a bias":               {one{op: "Gemm", in: []*onnx.Tensor{ramp(2, 3), ramp(3, 4)}}, 9},
		"equal of floats, one NaN":          {one{op: "Equal", in: []*onnx.Tensor{vals([]float32{1, 2, nan, 3}), vals([]float32{1, 3, nan, nan})}}, 9},
		"greater or equal, one NaN":         {one{op: "GreaterOrEqual", in: []*onnx.Tensor{vals([]float32{1, 2, nan, 3}), vals([]float32{1, 3, nan, 1})}}, 9},
		"less or equal broadcasts":          {one{op: "LessOrEqual", in: []*onnx.Tensor{ramp(2, 3), ramp(3)}}, 9},
		"reduction over no axis":            {one{op: "ReduceSum", in: []*onnx.Tensor{ramp(2, 3)}, attrs: flags(onnx.AttrInt("noop_with_empty_axes", 1))}, 9},
		"sum of squares over no axis":       {one{op: "ReduceSumSquare", in: []*onnx.Tensor{ramp(2, 3)}, attrs: flags(onnx.AttrInt("noop_with_empty_axes", 1))}, 9},
		"reduction over a negative axis":    {one{op: "ReduceMax", in: []*onnx.Tensor{ramp(2, 3), onnx.FromInt64s([]int64{-2})}, constant: 1}, 9},
		"argmax along a negative axis":      {one{op: "ArgMax", in: []*onnx.Tensor{ramp(2, 3)}, attrs: flags(onnx.AttrInt("axis", -1))}, 9},
		"dropout in inference with a ratio": {one{op: "Dropout", in: []*onnx.Tensor{ramp(2, 3), onnx.Scalar32(0.25)}, constant: 1}, 9},
		"a column taken from every channel": {one{op: "Sub", in: []*onnx.Tensor{ramp(2, 3, 4), ramp(3, 1)}}, 6},
		"one number taken from all":         {one{op: "Sub", in: []*onnx.Tensor{ramp(2, 3, 4), ramp(1, 1)}}, 6},
		"a slope a channel":                 {one{op: "PRelu", in: []*onnx.Tensor{ramp(2, 3, 4), ramp(3, 1)}}, 6},
		"tiles along two axes":              {one{op: "Tile", in: []*onnx.Tensor{ramp(2, 3, 4), onnx.FromInt64s([]int64{2, 1, 3})}, constant: 1}, 5},
		"pads as a list":                    {one{op: "Pad", in: []*onnx.Tensor{ramp(2, 3), onnx.FromInt64s([]int64{0, 1, 2, 0})}, constant: 1}, 1},
		"a bias that is a vector":           {one{op: "Gemm", in: []*onnx.Tensor{ramp(2, 3), ramp(3, 4), ramp(4)}}, 6},
		"cast like another":                 {one{op: "CastLike", in: []*onnx.Tensor{ramp(2, 3), onnx.Scalar64(0)}}, 9},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			newest := c.graph(onnx.MaxOpset)
			want, err := c.run(newest)
			if err != nil {
				t.Fatal(err)
			}
			older, err := ops.Convert(newest, c.to)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ops.Check(&onnx.Model{IRVersion: 9, Graph: older}, 0); err != nil {
				t.Fatal(err)
			}
			got, err := c.run(older)
			if err != nil {
				t.Fatal(err)
			}
			if err := sameValue(got[0], want[0]); err != nil {
				t.Error(err)
			}
		})
	}
}

// What an older opset means is what its own words say.
func TestLiftingKeepsMeaning(t *testing.T) {
	flags := func(attrs ...*onnx.Attribute) []*onnx.Attribute { return attrs }
	cases := map[string]struct {
		one
		opset int64
		want  []float32
	}{
		"group normalization scales by the group": {one{op: "GroupNormalization", in: []*onnx.Tensor{vals([]float32{1, 3, 1, 3, 5, 9, 5, 9}, 1, 4, 2),
			vals([]float32{1, 2}), vals([]float32{0, 10})}, attrs: flags(onnx.AttrInt("num_groups", 2), onnx.AttrFloat("epsilon", 0))}, 18,
			[]float32{-1, 1, -1, 1, 8, 12, 8, 12}},
		"sub takes the second away from an axis on": {one{op: "Sub", in: []*onnx.Tensor{vals([]float32{0, 0, 0, 0}, 1, 2, 2), vals([]float32{1, 2})},
			attrs: flags(onnx.AttrInt("broadcast", 1), onnx.AttrInt("axis", 1))}, 6, []float32{-1, -1, -2, -2}},
		"add broadcasts the second from an axis": {one{op: "Add", in: []*onnx.Tensor{vals([]float32{0, 0, 0, 0}, 1, 2, 2), vals([]float32{1, 2})},
			attrs: flags(onnx.AttrInt("broadcast", 1), onnx.AttrInt("axis", 1))}, 6, []float32{1, 1, 2, 2}},
		"add broadcasts the second at the end": {one{op: "Add", in: []*onnx.Tensor{vals([]float32{0, 0, 0, 0}, 2, 2), vals([]float32{1, 2})},
			attrs: flags(onnx.AttrInt("broadcast", 1), onnx.AttrInts("consumed_inputs", 0, 0))}, 1, []float32{1, 2, 1, 2}},
		"softmax takes all axes from the first on as one": {one{op: "Softmax", in: []*onnx.Tensor{vals([]float32{5, 5, 5, 5}, 1, 2, 2)}}, 9,
			[]float32{0.25, 0.25, 0.25, 0.25}},
		"hardmax has one greatest a row of the matrix": {one{op: "Hardmax", in: []*onnx.Tensor{vals([]float32{1, 2, 4, 3, 9, 8, 7, 6}, 2, 2, 2)}}, 11,
			[]float32{0, 0, 1, 0, 1, 0, 0, 0}},
		"clip has its bounds as attributes": {one{op: "Clip", in: []*onnx.Tensor{vals([]float32{-3, 0, 3})}, attrs: flags(onnx.AttrFloat("max", 2))}, 6,
			[]float32{-3, 0, 2}},
		"prelu has a slope a channel": {one{op: "PRelu", in: []*onnx.Tensor{vals([]float32{-1, -1, -1, -1}, 1, 2, 2), vals([]float32{2, 3})}}, 6,
			[]float32{-2, -2, -3, -3}},
		"selu has other constants": {one{op: "Selu", in: []*onnx.Tensor{vals([]float32{1})}}, 1, []float32{1.0507}},
		"batch normalization of every element": {one{op: "BatchNormalization", in: []*onnx.Tensor{vals([]float32{4, 9}, 1, 1, 2),
			vals([]float32{1, 2}, 1, 2), vals([]float32{0, 1}, 1, 2), vals([]float32{2, 3}, 1, 2), vals([]float32{1, 4}, 1, 2)},
			attrs: flags(onnx.AttrInt("spatial", 0), onnx.AttrFloat("epsilon", 0))}, 7, []float32{2, 7}},
		"reduction has its axes as an attribute": {one{op: "ReduceSum", in: []*onnx.Tensor{vals([]float32{1, 2, 3, 4}, 2, 2)},
			attrs: flags(onnx.AttrInts("axes", 0))}, 1, []float32{4, 6}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := c.run(c.graph(c.opset))
			if err != nil {
				t.Fatal(err)
			}
			y := got[0].(*onnx.Tensor)
			if err := sameValue(y, vals(c.want, y.Dims...)); err != nil {
				t.Error(err)
			}
		})
	}
}

// What an older opset cannot say is refused with the place and the reason.
func TestLoweringRefuses(t *testing.T) {
	cases := map[string]struct {
		one
		to   int64
		want string
	}{
		"integers that Max did not take":        {one{op: "Max", in: []*onnx.Tensor{onnx.FromInt64s([]int64{1}), onnx.FromInt64s([]int64{2})}}, 9, "tensor(int64)"},
		"bounds that are not constant":          {one{op: "Clip", in: []*onnx.Tensor{ramp(2), onnx.Scalar32(0)}}, 9, "min must be a float constant"},
		"axes that are not constant":            {one{op: "ReduceSum", in: []*onnx.Tensor{ramp(2), onnx.FromInt64s([]int64{0})}}, 12, "axes must be a constant"},
		"dropout in training":                   {one{op: "Dropout", in: []*onnx.Tensor{ramp(2), onnx.Scalar32(0.5), bools(true)}, constant: 1}, 11, "training_mode must be"},
		"a function that was not there yet":     {one{op: "Gelu", in: []*onnx.Tensor{ramp(2)}}, 19, "Gelu does not exist before opset 20"},
		"a cast to a type that was not there":   {one{op: "Cast", in: []*onnx.Tensor{ramp(2)}, attrs: []*onnx.Attribute{onnx.AttrInt("to", int64(onnx.BFloat16))}}, 12, "bfloat16"},
		"a cast to a type of two bits":          {one{op: "Cast", in: []*onnx.Tensor{ramp(2)}, attrs: []*onnx.Attribute{onnx.AttrInt("to", int64(onnx.Int2))}}, 18, "int2"},
		"a result of a type not there yet":      {one{op: "RandomNormal", attrs: []*onnx.Attribute{onnx.AttrInts("shape", 2), onnx.AttrInt("dtype", int64(onnx.BFloat16))}}, 21, "output 0 (output) is tensor(bfloat16)"},
		"integers that Constant did not hold":   {one{op: "Constant", attrs: []*onnx.Attribute{onnx.AttrTensor("value", onnx.FromInt64s([]int64{1}))}}, 8, "output 0 (output) is tensor(int64)"},
		"a group normalization taken back":      {one{op: "GroupNormalization", in: []*onnx.Tensor{ramp(2, 4, 3), ramp(4), ramp(4)}, attrs: []*onnx.Attribute{onnx.AttrInt("num_groups", 2)}}, 20, "was taken back"},
		"floats to a power of integers":         {one{op: "Pow", in: []*onnx.Tensor{ramp(2), onnx.FromInt64s([]int64{2, 3})}}, 11, "tensor(int64)"},
		"the last of equals where the first is": {one{op: "ArgMax", in: []*onnx.Tensor{ramp(2)}, attrs: []*onnx.Attribute{onnx.AttrInt("select_last_index", 1)}}, 11, "select_last_index"},
		"modulo of floats without fmod":         {one{op: "Mod", in: []*onnx.Tensor{ramp(2), ramp(2)}}, 27, "fmod"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ops.Convert(c.graph(onnx.MaxOpset), c.to)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `node "n"`) {
				t.Errorf("got error %v, want one with %q and the node's name", err, c.want)
			}
		})
	}
}
