package lowering

import (
	"math/rand/v2"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

func TestConvGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	runTrials(t, map[string]trial{
		"one by one":      {op: "Conv", in: []*onnx.Tensor{f(2, 3, 4, 5), f(4, 3, 1, 1), f(4)}},
		"same":            {op: "Conv", in: []*onnx.Tensor{f(2, 2, 5, 4), f(3, 2, 3, 3), f(3)}, attrs: []*onnx.Attribute{onnx.AttrInts("pads", 1, 1, 1, 1)}},
		"asymmetric pads": {op: "Conv", in: []*onnx.Tensor{f(1, 2, 4, 5), f(2, 2, 2, 3), f(2)}, attrs: []*onnx.Attribute{onnx.AttrInts("pads", 0, 2, 1, 0)}},
		"stride and dilation": {op: "Conv", in: []*onnx.Tensor{f(2, 1, 7, 8), f(2, 1, 2, 2), nil},
			attrs: []*onnx.Attribute{onnx.AttrInts("strides", 2, 3), onnx.AttrInts("dilations", 2, 1)}},
		"one axis": {op: "Conv", in: []*onnx.Tensor{f(2, 2, 7), f(3, 2, 3), f(3)},
			attrs: []*onnx.Attribute{onnx.AttrInts("strides", 2), onnx.AttrInts("pads", 1, 0)}},
		"groups":    {op: "Conv", in: []*onnx.Tensor{f(2, 4, 3, 3), f(6, 2, 2, 2), f(6)}, attrs: []*onnx.Attribute{onnx.AttrInt("group", 2)}},
		"depthwise": {op: "Conv", in: []*onnx.Tensor{f(1, 3, 4, 4), f(3, 1, 3, 3)}, attrs: []*onnx.Attribute{onnx.AttrInt("group", 3), onnx.AttrString("auto_pad", "SAME_LOWER")}},
	})
}

func TestConvTransposeGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 11))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	a := func(list ...*onnx.Attribute) []*onnx.Attribute { return list }
	runTrials(t, map[string]trial{
		"plain":  {op: "ConvTranspose", in: []*onnx.Tensor{f(2, 3, 3, 2), f(3, 2, 2, 3), f(2)}},
		"groups": {op: "ConvTranspose", in: []*onnx.Tensor{f(1, 4, 2, 3), f(4, 3, 2, 2), f(6)}, attrs: a(onnx.AttrInt("group", 2))},
		"strides, pads and output padding": {op: "ConvTranspose", in: []*onnx.Tensor{f(2, 2, 3, 3), f(2, 2, 3, 3)},
			attrs: a(onnx.AttrInts("strides", 2, 2), onnx.AttrInts("pads", 1, 1, 1, 1), onnx.AttrInts("output_padding", 1, 0))},
		"output shape": {op: "ConvTranspose", in: []*onnx.Tensor{f(1, 1, 3, 3), f(1, 1, 3, 3)},
			attrs: a(onnx.AttrInts("strides", 2, 2), onnx.AttrInts("output_shape", 6, 5))},
		"dilations": {op: "ConvTranspose", in: []*onnx.Tensor{f(1, 2, 3, 3), f(2, 1, 2, 2)}, attrs: a(onnx.AttrInts("dilations", 2, 1))},
	})
}

func TestGemmGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	a := func(ta, tb int64, alpha, beta float32) []*onnx.Attribute {
		return []*onnx.Attribute{onnx.AttrInt("transA", ta), onnx.AttrInt("transB", tb), onnx.AttrFloat("alpha", alpha), onnx.AttrFloat("beta", beta)}
	}
	runTrials(t, map[string]trial{
		"plain":               {op: "Gemm", in: []*onnx.Tensor{f(3, 4), f(4, 5), f(5)}},
		"A transposed":        {op: "Gemm", in: []*onnx.Tensor{f(4, 3), f(4, 5), f(3, 5)}, attrs: a(1, 0, 0.5, 2)},
		"B transposed":        {op: "Gemm", in: []*onnx.Tensor{f(3, 4), f(5, 4), f(3, 1)}, attrs: a(0, 1, 2, 0.25)},
		"both transposed":     {op: "Gemm", in: []*onnx.Tensor{f(4, 3), f(5, 4), f()}, attrs: a(1, 1, -1, 3)},
		"without C":           {op: "Gemm", in: []*onnx.Tensor{f(2, 3), f(3, 2)}},
		"matrices":            {op: "MatMul", in: []*onnx.Tensor{f(3, 4), f(4, 2)}},
		"batch by one matrix": {op: "MatMul", in: []*onnx.Tensor{f(2, 3, 4), f(4, 2)}},
		"one matrix by batch": {op: "MatMul", in: []*onnx.Tensor{f(3, 4), f(2, 4, 2)}},
		"broadcast batches":   {op: "MatMul", in: []*onnx.Tensor{f(2, 1, 3, 2), f(3, 2, 4)}},
		"equal batches":       {op: "MatMul", in: []*onnx.Tensor{f(2, 3, 2), f(2, 2, 4)}},
		"row by matrix":       {op: "MatMul", in: []*onnx.Tensor{f(3), f(3, 2)}},
		"row by batch":        {op: "MatMul", in: []*onnx.Tensor{f(3), f(2, 3, 2)}},
		"matrix by column":    {op: "MatMul", in: []*onnx.Tensor{f(2, 3), f(3)}},
		"batch by column":     {op: "MatMul", in: []*onnx.Tensor{f(2, 2, 3), f(3)}},
		"row by column":       {op: "MatMul", in: []*onnx.Tensor{f(3), f(3)}},
	})
}

func TestArithmeticGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	pos := func(dims ...int64) *onnx.Tensor { return floats(rng, 0.3, 2, dims...) }
	trials := map[string]trial{
		"Pow by a vector":         {op: "Pow", in: []*onnx.Tensor{pos(2, 3), f(3)}},
		"Pow by a constant 2":     {op: "Pow", in: []*onnx.Tensor{f(2, 3), constant(onnx.Scalar32(2))}},
		"Pow by an integer":       {op: "Pow", in: []*onnx.Tensor{f(2, 3), onnx.Scalar64(3)}},
		"Pow of a vector":         {op: "Pow", in: []*onnx.Tensor{pos(3), f(4, 3)}},
		"Max of three":            {op: "Max", in: []*onnx.Tensor{f(2, 3), f(3), f(2, 1)}},
		"Min of one":              {op: "Min", in: []*onnx.Tensor{f(4)}},
		"Sum of three":            {op: "Sum", in: []*onnx.Tensor{f(2, 3), f(3), f()}},
		"Mean of two":             {op: "Mean", in: []*onnx.Tensor{f(2, 3), f(3)}},
		"Clip by constants":       {op: "Clip", in: []*onnx.Tensor{f(3, 4), constant(onnx.Scalar32(-0.41)), constant(onnx.Scalar32(0.33))}},
		"Clip by parameters":      {op: "Clip", in: []*onnx.Tensor{f(3, 4), floats(rng, -0.41, -0.4), floats(rng, 0.33, 0.34)}},
		"Clip below only":         {op: "Clip", in: []*onnx.Tensor{f(3, 4), constant(onnx.Scalar32(0.11))}},
		"Clip above only":         {op: "Clip", in: []*onnx.Tensor{f(3, 4), nil, floats(rng, 0.1, 0.11)}},
		"Where":                   {op: "Where", in: []*onnx.Tensor{bools([]bool{true, false, true}, 3), f(2, 3), f(2, 1)}},
		"Where condition is wide": {op: "Where", in: []*onnx.Tensor{bools([]bool{true, false, false, true, true, false}, 2, 3), f(3), f()}},
	}
	for name, shapes := range map[string][2][]int64{
		"same": {{2, 3}, {2, 3}}, "row": {{2, 3, 2}, {3, 2}}, "column": {{2, 3, 4}, {3, 1}}, "scalar": {{2, 3}, {}}, "from scalar": {{}, {4}},
		"outer": {{3, 1}, {1, 4}}, "both": {{2, 1, 3, 1}, {4, 1, 2}}, "ends": {{1, 3, 1}, {2, 1, 4}},
	} {
		for _, op := range []string{"Add", "Sub", "Mul", "Max", "Min"} {
			trials[op+" "+name] = trial{op: op, in: []*onnx.Tensor{f(shapes[0]...), f(shapes[1]...)}}
		}
		trials["Div "+name] = trial{op: "Div", in: []*onnx.Tensor{f(shapes[0]...), pos(shapes[1]...)}}
	}
	runTrials(t, trials)
}

func bools(v []bool, dims ...int64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Bool, dims...)
	copy(t.Bools(), v)
	return t
}

func TestUnaryGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	trials := make(map[string]trial)
	for _, op := range []string{"Relu", "LeakyRelu", "Neg", "Abs", "Sigmoid", "Tanh", "Exp", "Softplus", "Softsign", "Erf", "Sin", "Cos", "Elu", "Gelu", "HardSigmoid", "HardSwish", "Mish", "Selu",
		"Celu", "Swish", "ThresholdedRelu", "Atan", "Sinh", "Cosh", "Asinh"} {
		trials[op] = trial{op: op, in: []*onnx.Tensor{floats(rng, -2, 2, 3, 5)}}
	}
	for _, op := range []string{"Log", "Sqrt", "Reciprocal"} {
		trials[op] = trial{op: op, in: []*onnx.Tensor{floats(rng, 0.3, 2, 3, 5)}}
	}
	for _, op := range []string{"Asin", "Acos", "Atanh", "Tan"} {
		trials[op] = trial{op: op, in: []*onnx.Tensor{floats(rng, -0.9, 0.9, 11)}}
	}
	trials["Acosh"] = trial{op: "Acosh", in: []*onnx.Tensor{floats(rng, 1.2, 3, 11)}}
	trials["LeakyRelu rising to the left"] = trial{op: "LeakyRelu", in: []*onnx.Tensor{floats(rng, -2, 2, 7)}, attrs: []*onnx.Attribute{onnx.AttrFloat("alpha", -0.5)}}
	trials["Gelu by tanh"] = trial{op: "Gelu", in: []*onnx.Tensor{floats(rng, -2, 2, 7)}, attrs: []*onnx.Attribute{onnx.AttrString("approximate", "tanh")}}
	runTrials(t, trials)
}

func TestReduceGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	trials := make(map[string]trial)
	for _, op := range []string{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceLogSum"} {
		x := func() *onnx.Tensor {
			if op == "ReduceLogSum" {
				return floats(rng, 0.3, 2, 2, 3, 4)
			}
			return floats(rng, -1, 1, 2, 3, 4)
		}
		drop := []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}
		trials[op+" all"] = trial{op: op, in: []*onnx.Tensor{x()}}
		trials[op+" first"] = trial{op: op, in: []*onnx.Tensor{x(), ints(0)}, attrs: drop}
		trials[op+" last"] = trial{op: op, in: []*onnx.Tensor{x(), ints(-1)}}
		trials[op+" middle"] = trial{op: op, in: []*onnx.Tensor{x(), ints(1)}, attrs: drop}
		trials[op+" ends"] = trial{op: op, in: []*onnx.Tensor{x(), ints(2, 0)}, attrs: drop}
		trials[op+" nothing"] = trial{op: op, in: []*onnx.Tensor{x()}, attrs: []*onnx.Attribute{onnx.AttrInt("noop_with_empty_axes", 1)}}
	}
	runTrials(t, trials)
}

func TestViewGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 6))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	runTrials(t, map[string]trial{
		"Reshape":         {op: "Reshape", in: []*onnx.Tensor{f(2, 6), ints(3, -1)}},
		"Flatten":         {op: "Flatten", in: []*onnx.Tensor{f(2, 3, 2)}},
		"Squeeze":         {op: "Squeeze", in: []*onnx.Tensor{f(2, 1, 3)}},
		"Unsqueeze":       {op: "Unsqueeze", in: []*onnx.Tensor{f(2, 3), ints(0, -1)}},
		"Identity":        {op: "Identity", in: []*onnx.Tensor{f(2, 3)}},
		"to a scalar":     {op: "Reshape", in: []*onnx.Tensor{f(1, 1), onnx.FromInt64s([]int64{}, 0)}},
		"keeps two sizes": {op: "Reshape", in: []*onnx.Tensor{f(2, 3, 2), ints(0, 0, 2, 1)}},
	})
}

func TestMoveGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	at := func(name string, v int64) []*onnx.Attribute { return []*onnx.Attribute{onnx.AttrInt(name, v)} }
	mode := func(s string) []*onnx.Attribute { return []*onnx.Attribute{onnx.AttrString("mode", s)} }
	runTrials(t, map[string]trial{
		"Transpose":                {op: "Transpose", in: []*onnx.Tensor{f(2, 3, 4)}, attrs: []*onnx.Attribute{onnx.AttrInts("perm", 2, 0, 1)}},
		"Transpose reversed":       {op: "Transpose", in: []*onnx.Tensor{f(2, 3)}},
		"Concat":                   {op: "Concat", in: []*onnx.Tensor{f(2, 1, 2), f(2, 3, 2), f(2, 2, 2)}, attrs: at("axis", 1)},
		"Split":                    {op: "Split", in: []*onnx.Tensor{f(2, 6), ints(1, 3, 2)}, attrs: at("axis", -1), outs: 3},
		"Split, one part used":     {op: "Split", in: []*onnx.Tensor{f(5, 2)}, attrs: at("num_outputs", 2), outs: 2},
		"Slice":                    {op: "Slice", in: []*onnx.Tensor{f(4, 5), ints(1, 0), ints(4, 5), ints(0, 1), ints(2, 3)}},
		"Slice backwards":          {op: "Slice", in: []*onnx.Tensor{f(4, 3), ints(-1), ints(-9), ints(0), ints(-2)}},
		"Gather":                   {op: "Gather", in: []*onnx.Tensor{f(4, 3), onnx.FromInt64s([]int64{2, 0, 2, -1}, 2, 2)}},
		"Gather one":               {op: "Gather", in: []*onnx.Tensor{f(2, 4), onnx.Scalar64(1)}, attrs: at("axis", 1)},
		"Pad by a parameter":       {op: "Pad", in: []*onnx.Tensor{f(2, 3), ints(1, 0, 0, 2), f()}},
		"Pad, cut":                 {op: "Pad", in: []*onnx.Tensor{f(4, 3), ints(-1, 1, -1, 0)}},
		"Pad by edge":              {op: "Pad", in: []*onnx.Tensor{f(2, 3), ints(1, 2, 1, 0)}, attrs: mode("edge")},
		"Pad by reflection":        {op: "Pad", in: []*onnx.Tensor{f(3, 3), ints(1, 2, 0, 1)}, attrs: mode("reflect")},
		"Pad around":               {op: "Pad", in: []*onnx.Tensor{f(3, 2), ints(2, 1, 0, 1)}, attrs: mode("wrap")},
		"Expand":                   {op: "Expand", in: []*onnx.Tensor{f(3, 1), ints(2, 1, 4)}},
		"Expand by nothing":        {op: "Expand", in: []*onnx.Tensor{f(3, 2), ints(1)}},
		"Cast to the same":         {op: "Cast", in: []*onnx.Tensor{f(3)}, attrs: at("to", int64(onnx.Float))},
		"Dropout outside training": {op: "Dropout", in: []*onnx.Tensor{f(3, 2), constant(onnx.Scalar32(0.4))}},
	})
}

func TestPoolGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 8))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	a := func(list ...*onnx.Attribute) []*onnx.Attribute { return list }
	k, s := onnx.AttrInts("kernel_shape", 2, 3), onnx.AttrInts("strides", 2, 1)
	pads, ceil, include := onnx.AttrInts("pads", 1, 0, 0, 2), onnx.AttrInt("ceil_mode", 1), onnx.AttrInt("count_include_pad", 1)
	trials := map[string]trial{
		"GlobalAveragePool":       {op: "GlobalAveragePool", in: []*onnx.Tensor{f(2, 3, 2, 4)}},
		"GlobalAveragePool, line": {op: "GlobalAveragePool", in: []*onnx.Tensor{f(2, 3, 5)}},
		"GlobalMaxPool":           {op: "GlobalMaxPool", in: []*onnx.Tensor{f(2, 3, 2, 4)}},
		"AveragePool with pads":   {op: "AveragePool", in: []*onnx.Tensor{f(2, 2, 5, 4)}, attrs: a(k, s, pads, ceil, include)},
	}
	for _, op := range []string{"MaxPool", "AveragePool"} {
		trials[op] = trial{op: op, in: []*onnx.Tensor{f(2, 2, 4, 6)}, attrs: a(k)}
		trials[op+" overlapping"] = trial{op: op, in: []*onnx.Tensor{f(2, 2, 5, 5)}, attrs: a(k, pads)}
		trials[op+" rounding up"] = trial{op: op, in: []*onnx.Tensor{f(2, 1, 7, 7)}, attrs: a(onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2), ceil)}
		trials[op+" dilated"] = trial{op: op, in: []*onnx.Tensor{f(1, 2, 5, 7)}, attrs: a(k, onnx.AttrInts("dilations", 2, 2))}
		trials[op+" same"] = trial{op: op, in: []*onnx.Tensor{f(1, 2, 5, 4)}, attrs: a(k, s, onnx.AttrString("auto_pad", "SAME_UPPER"))}
	}
	runTrials(t, trials)
}

func TestSoftmaxGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	trials := make(map[string]trial)
	for _, op := range []string{"Softmax", "LogSoftmax"} {
		trials[op+" rows"] = trial{op: op, in: []*onnx.Tensor{floats(rng, -2, 2, 3, 4)}}
		trials[op+" middle"] = trial{op: op, in: []*onnx.Tensor{floats(rng, -2, 2, 2, 3, 4)}, attrs: []*onnx.Attribute{onnx.AttrInt("axis", 1)}}
		trials[op+" first"] = trial{op: op, in: []*onnx.Tensor{floats(rng, -2, 2, 3, 2)}, attrs: []*onnx.Attribute{onnx.AttrInt("axis", -2)}}
	}
	runTrials(t, trials)
}

func TestNormalizationGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 10))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	v := func(dims ...int64) *onnx.Tensor { return floats(rng, 0.5, 2, dims...) }
	runTrials(t, map[string]trial{
		"BatchNormalization of planes":         {op: "BatchNormalization", in: []*onnx.Tensor{f(2, 3, 2, 2), f(3), f(3), f(3), v(3)}},
		"BatchNormalization of rows":           {op: "BatchNormalization", in: []*onnx.Tensor{f(4, 3), f(3), f(3), f(3), v(3)}},
		"LayerNormalization":                   {op: "LayerNormalization", in: []*onnx.Tensor{f(2, 3, 4), f(4), f(4)}},
		"LayerNormalization of two axes":       {op: "LayerNormalization", in: []*onnx.Tensor{f(2, 3, 4), f(3, 4), f(3, 4)}, attrs: []*onnx.Attribute{onnx.AttrInt("axis", 1)}},
		"LayerNormalization, scale is smaller": {op: "LayerNormalization", in: []*onnx.Tensor{f(2, 3, 4), f(4)}, attrs: []*onnx.Attribute{onnx.AttrInt("axis", -2)}},
		"RMSNormalization":                     {op: "RMSNormalization", in: []*onnx.Tensor{f(2, 3, 4), f(4)}},
		"InstanceNormalization":                {op: "InstanceNormalization", in: []*onnx.Tensor{f(2, 3, 2, 4), f(3), f(3)}},
		"InstanceNormalization of lines":       {op: "InstanceNormalization", in: []*onnx.Tensor{f(2, 3, 5), f(3), f(3)}},
		"GroupNormalization":                   {op: "GroupNormalization", in: []*onnx.Tensor{f(2, 4, 3, 2), f(4), f(4)}, attrs: []*onnx.Attribute{onnx.AttrInt("num_groups", 2)}},
		"PRelu":                                {op: "PRelu", in: []*onnx.Tensor{f(2, 3, 4), f(3, 1)}},
	})
}
