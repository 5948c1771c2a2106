package ops

import "github.com/gonyx/gonyx/onnx"

type convolution struct {
	x, w  []int64
	bias  bool
	attrs []*onnx.Attribute
}

// convolutions are those over one axis, and those of few pixels.
func convolutions() map[string]convolution {
	ints := onnx.AttrInts
	attrs := func(a ...*onnx.Attribute) []*onnx.Attribute { return a }
	return map[string]convolution{
		"one axis":                {[]int64{2, 3, 40}, []int64{5, 3, 3}, true, nil},
		"one axis, padded":        {[]int64{2, 3, 40}, []int64{5, 3, 4}, false, attrs(ints("pads", 2, 1), ints("strides", 3))},
		"one axis, dilated":       {[]int64{1, 2, 40}, []int64{18, 2, 3}, true, attrs(ints("dilations", 5))},
		"one axis, in groups":     {[]int64{2, 4, 12}, []int64{20, 2, 3}, true, attrs(onnx.AttrInt("group", 2))},
		"one axis, depthwise":     {[]int64{2, 4, 12}, []int64{4, 1, 3}, true, attrs(onnx.AttrInt("group", 4), ints("pads", 1, 1))},
		"frames":                  {[]int64{1, 1, 100}, []int64{17, 1, 20}, false, attrs(ints("strides", 10))},
		"frames of a batch":       {[]int64{3, 1, 100}, []int64{17, 1, 20}, false, attrs(ints("strides", 10))},
		"frames that do not meet": {[]int64{1, 1, 100}, []int64{17, 1, 5}, true, attrs(ints("strides", 20))},
		"three pixels of a row":   {[]int64{2, 5, 3}, []int64{33, 5, 3}, true, attrs(ints("pads", 1, 1))},
		"a pixel between borders": {[]int64{2, 5, 1}, []int64{33, 5, 3}, true, attrs(ints("pads", 1, 1))},
		"borders and one more":    {[]int64{2, 5, 2}, []int64{33, 5, 3}, true, attrs(ints("pads", 1, 1), ints("strides", 2))},
		"a pixel":                 {[]int64{3, 21, 1, 1}, []int64{16, 21, 1, 1}, true, nil},
		"a pixel in a corner":     {[]int64{3, 5, 2, 2}, []int64{16, 5, 2, 2}, true, attrs(ints("pads", 1, 1, 0, 0), ints("strides", 2, 2))},
		"a small plane":           {[]int64{3, 5, 4, 4}, []int64{40, 5, 3, 3}, false, attrs(ints("pads", 1, 1, 1, 1))},
		"a small plane, dilated":  {[]int64{2, 3, 5, 6}, []int64{16, 3, 2, 2}, true, attrs(ints("dilations", 2, 3))},
		"a column":                {[]int64{2, 3, 7, 1}, []int64{16, 3, 3, 1}, true, nil},
		"many small planes":       {[]int64{300, 2, 2, 2}, []int64{16, 2, 2, 2}, true, attrs(ints("pads", 1, 0, 0, 1))},
	}
}
