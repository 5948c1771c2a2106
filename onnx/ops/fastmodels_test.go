package ops

import (
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// Fast ways of operators that networks of other kinds are made of.
func TestFastWaysOfOtherNetworks(t *testing.T) {
	attrs := func(a ...*onnx.Attribute) []*onnx.Attribute { return a }
	in := func(t ...*onnx.Tensor) []*onnx.Tensor { return t }
	for phrase, c := range map[string]fastNode{
		"sums of columns":                  {"ReduceSum", nil, in(noise(1, 3, 70, 33), onnx.FromInt64s([]int64{1}))},
		"sums of squares of columns":       {"ReduceSumSquare", attrs(onnx.AttrInt("keepdims", 0)), in(noise(1, 3, 2, 33, 70), onnx.FromInt64s([]int64{1}))},
		"sums of squares of rows and more": {"ReduceSumSquare", nil, in(noise(1, 3, 5, 2, 71), onnx.FromInt64s([]int64{-1, 1}))},
		"means of every second axis":       {"ReduceMean", attrs(onnx.AttrInt("keepdims", 0)), in(noise(1, 3, 4, 5, 6, 7), onnx.FromInt64s([]int64{0, 2, 4}))},
		"greatest of rows":                 {"ReduceMax", nil, in(noise(1, 3, 7, 33), onnx.FromInt64s([]int64{-1}))},
		"greatest of columns and more":     {"ReduceMax", nil, in(noise(1, 3, 7, 33, 2), onnx.FromInt64s([]int64{0, 2}))},
		"a mean of an axis of one":         {"ReduceMean", nil, in(noise(1, 3, 1, 5), onnx.FromInt64s([]int64{1}))},
		"small planes, each pixel alone":   {"Conv", nil, in(noise(1, 2, 70, 7, 7), noise(2, 70, 70, 1, 1), noise(3, 70))},
		"small planes and what is around":  {"Conv", attrs(onnx.AttrInts("pads", 1, 0, 1, 2)), in(noise(1, 2, 9, 7, 7), noise(2, 130, 9, 3, 3))},
		"small planes, every second pixel": {"Conv", attrs(onnx.AttrInts("pads", 1, 1, 1, 1), onnx.AttrInts("strides", 2, 2), onnx.AttrInts("dilations", 1, 2)), in(noise(1, 2, 9, 14, 15), noise(2, 130, 9, 3, 3))},
		"softmax of columns":               {"Softmax", attrs(onnx.AttrInt("axis", 1)), in(noise(1, 3, 7, 33))},
		"softmax of columns of one":        {"Softmax", attrs(onnx.AttrInt("axis", 1)), in(noise(1, 3, 7, 1))},
		"a column and a row":               {"Sub", nil, in(noise(1, 3, 7, 1), noise(2, 3, 1, 5))},
		"a row and a column":               {"Div", nil, in(noise(1, 5), positive(noise(2, 4, 2, 1)))},
		"layer norm":                       {"LayerNormalization", nil, in(noise(1, 7, 133), noise(2, 133), noise(3, 133))},
		"layer norm without bias":          {"LayerNormalization", attrs(onnx.AttrInt("axis", 1)), in(noise(1, 7, 4, 1033), noise(2, 4, 1033))},
		"root mean square norm":            {"RMSNormalization", nil, in(noise(1, 7, 133), noise(2, 133))},
		"instance norm":                    {"InstanceNormalization", nil, in(noise(1, 2, 3, 7, 900), noise(2, 3), noise(3, 3))},
		"group norm":                       {"GroupNormalization", attrs(onnx.AttrInt("num_groups", 2)), in(noise(1, 2, 6, 7, 133), noise(2, 6), noise(3, 6))},
		"conv transpose over one axis":     {"ConvTranspose", attrs(onnx.AttrInts("strides", 4), onnx.AttrInts("pads", 6, 5)), in(noise(1, 2, 4, 30), noise(2, 4, 3, 16), noise(3, 3))},
		"linear resize":                    {"Resize", attrs(onnx.AttrString("mode", "linear")), in(noise(1, 2, 3, 5, 7), nil, onnx.FromFloat32s([]float32{1, 1, 2, 2.5}, 4))},
		"cubic resize of three axes": {"Resize", attrs(onnx.AttrString("mode", "cubic"), onnx.AttrString("coordinate_transformation_mode", "align_corners"), onnx.AttrInt("exclude_outside", 1)),
			in(noise(1, 2, 3, 5, 7), nil, nil, onnx.FromInt64s([]int64{3, 3, 9, 4}))},
		"linear resize of one axis": {"Resize", attrs(onnx.AttrString("mode", "linear"), onnx.AttrInt("antialias", 1)), in(noise(1, 2, 3, 50), nil, onnx.FromFloat32s([]float32{1, 1, 0.3}, 3))},
	} {
		t.Run(phrase, func(t *testing.T) { holdFastWay(t, c) })
	}
}
