package ops_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Lifting undoes lowering for the operators that move elements and windows.
func TestLiftingUndoesLoweringOfMovement(t *testing.T) {
	num := func(name string, v int64) []*onnx.Attribute { return []*onnx.Attribute{onnx.AttrInt(name, v)} }
	list := func(name string, v ...int64) *onnx.Attribute { return onnx.AttrInts(name, v...) }
	x, image := ramp(2, 3, 4), ramp(1, 2, 6, 6)
	i64 := func(v ...int64) *onnx.Tensor { return onnx.FromInt64s(v) }
	asymmetric := onnx.AttrString("coordinate_transformation_mode", "asymmetric")
	cases := map[string]struct {
		one
		from int64
	}{
		"identity":                      {one{op: "Identity", in: []*onnx.Tensor{x}}, 7},
		"constant of shape":             {one{op: "ConstantOfShape", in: []*onnx.Tensor{i64(2, 3)}, attrs: []*onnx.Attribute{onnx.AttrTensor("value", i64(1))}}, 9},
		"shape":                         {one{op: "Shape", in: []*onnx.Tensor{x}}, 7},
		"part of a shape":               {one{op: "Shape", in: []*onnx.Tensor{x}, attrs: num("start", 1)}, 15},
		"size":                          {one{op: "Size", in: []*onnx.Tensor{x}}, 7},
		"flatten":                       {one{op: "Flatten", in: []*onnx.Tensor{x}, attrs: num("axis", 2)}, 7},
		"flatten from the end":          {one{op: "Flatten", in: []*onnx.Tensor{x}, attrs: num("axis", -1)}, 11},
		"transpose":                     {one{op: "Transpose", in: []*onnx.Tensor{x}, attrs: []*onnx.Attribute{list("perm", 2, 0, 1)}}, 7},
		"squeeze":                       {one{op: "Squeeze", in: []*onnx.Tensor{ramp(1, 3, 1), i64(0)}, constant: 1}, 7},
		"squeeze from the end":          {one{op: "Squeeze", in: []*onnx.Tensor{ramp(1, 3, 1), i64(-1)}, constant: 1}, 11},
		"squeeze all":                   {one{op: "Squeeze", in: []*onnx.Tensor{ramp(1, 3, 1)}}, 7},
		"unsqueeze":                     {one{op: "Unsqueeze", in: []*onnx.Tensor{x, i64(0, 4)}, constant: 1}, 7},
		"concatenate":                   {one{op: "Concat", in: []*onnx.Tensor{x, x}, attrs: num("axis", 1)}, 7},
		"split in equal parts":          {one{op: "Split", in: []*onnx.Tensor{x}, attrs: append(num("num_outputs", 2), num("axis", 2)...), outputs: 2}, 7},
		"split by sizes":                {one{op: "Split", in: []*onnx.Tensor{x, i64(1, 3)}, constant: 1, attrs: num("axis", 2), outputs: 2}, 7},
		"slice":                         {one{op: "Slice", in: []*onnx.Tensor{x, i64(0, -2), i64(1, 9), i64(0, 2)}, constant: 1}, 7},
		"slice without axes":            {one{op: "Slice", in: []*onnx.Tensor{x, i64(0, 1), i64(1, 2)}, constant: 1}, 7},
		"slice in steps":                {one{op: "Slice", in: []*onnx.Tensor{x, i64(-1), i64(-9), i64(2), i64(-1)}, constant: 1}, 10},
		"gather":                        {one{op: "Gather", in: []*onnx.Tensor{x, i64(0, 1, 1)}, constant: 1, attrs: num("axis", 1)}, 7},
		"gather from the end":           {one{op: "Gather", in: []*onnx.Tensor{x, i64(-1)}, constant: 1}, 11},
		"pad":                           {one{op: "Pad", in: []*onnx.Tensor{x, i64(0, 0, 1, 0, 0, 2)}, constant: 1}, 7},
		"pad by reflection":             {one{op: "Pad", in: []*onnx.Tensor{x, i64(0, 0, 1, 0, 0, 2)}, constant: 1, attrs: []*onnx.Attribute{onnx.AttrString("mode", "reflect")}}, 7},
		"pad with a value":              {one{op: "Pad", in: []*onnx.Tensor{x, i64(0, 0, 1, 0, 0, 2), onnx.Scalar32(4)}, constant: 1}, 7},
		"pad one axis":                  {one{op: "Pad", in: []*onnx.Tensor{x, i64(1, 1), nil, i64(1)}, constant: 1}, 18},
		"expand":                        {one{op: "Expand", in: []*onnx.Tensor{x, i64(5, 1, 1, 1)}, constant: 1}, 8},
		"max pool":                      {one{op: "MaxPool", in: []*onnx.Tensor{image}, attrs: []*onnx.Attribute{list("kernel_shape", 2, 2), list("strides", 2, 2), list("pads", 0, 1, 1, 0)}}, 7},
		"max pool, rounded up":          {one{op: "MaxPool", in: []*onnx.Tensor{image}, attrs: []*onnx.Attribute{list("kernel_shape", 3, 3), list("strides", 2, 2), onnx.AttrInt("ceil_mode", 1)}}, 10},
		"max pool with indices":         {one{op: "MaxPool", in: []*onnx.Tensor{image}, attrs: []*onnx.Attribute{list("kernel_shape", 2, 2)}, outputs: 2}, 8},
		"average pool":                  {one{op: "AveragePool", in: []*onnx.Tensor{image}, attrs: []*onnx.Attribute{list("kernel_shape", 2, 2), list("pads", 1, 1, 1, 1), onnx.AttrInt("count_include_pad", 1)}}, 7},
		"average pool with plain holes": {one{op: "AveragePool", in: []*onnx.Tensor{image}, attrs: []*onnx.Attribute{list("kernel_shape", 2, 2), list("dilations", 1, 1)}}, 7},
		"average pool with holes":       {one{op: "AveragePool", in: []*onnx.Tensor{image}, attrs: []*onnx.Attribute{list("kernel_shape", 2, 2), list("dilations", 2, 1)}}, 19},
		"norm pool":                     {one{op: "LpPool", in: []*onnx.Tensor{image}, attrs: []*onnx.Attribute{list("kernel_shape", 2, 2), onnx.AttrInt("p", 3)}}, 7},
		"global average pool":           {one{op: "GlobalAveragePool", in: []*onnx.Tensor{image}}, 7},
		"global norm pool":              {one{op: "GlobalLpPool", in: []*onnx.Tensor{image}, attrs: num("p", 1)}, 7},
		"convolution":                   {one{op: "Conv", in: []*onnx.Tensor{image, ramp(4, 1, 3, 3), ramp(4)}, constant: 1, attrs: []*onnx.Attribute{onnx.AttrInt("group", 2), list("pads", 1, 0, 1, 2)}}, 7},
		"transposed convolution":        {one{op: "ConvTranspose", in: []*onnx.Tensor{image, ramp(2, 3, 2, 2)}, constant: 1, attrs: []*onnx.Attribute{list("strides", 2, 2), list("output_padding", 1, 0)}}, 7},
		"reshape":                       {one{op: "Reshape", in: []*onnx.Tensor{x, i64(0, -1)}, constant: 1}, 7},
		"tile":                          {one{op: "Tile", in: []*onnx.Tensor{x, i64(1, 2, 1)}, constant: 1}, 7},
		"resize, nearest, larger":       {one{op: "Resize", in: []*onnx.Tensor{image, nil, vals([]float32{1, 1, 2, 2})}, constant: 1, attrs: []*onnx.Attribute{asymmetric, onnx.AttrString("nearest_mode", "floor")}}, 7},
		"resize, nearest, smaller":      {one{op: "Resize", in: []*onnx.Tensor{image, nil, vals([]float32{1, 1, 0.5, 0.5})}, constant: 1, attrs: []*onnx.Attribute{asymmetric, onnx.AttrString("nearest_mode", "ceil")}}, 10},
		"resize, linear, larger":        {one{op: "Resize", in: []*onnx.Tensor{image, nil, vals([]float32{1, 1, 2, 2})}, constant: 1, attrs: []*onnx.Attribute{asymmetric, onnx.AttrString("mode", "linear")}}, 7},
		"resize to sizes":               {one{op: "Resize", in: []*onnx.Tensor{image, nil, nil, i64(1, 2, 9, 4)}, constant: 1, attrs: []*onnx.Attribute{onnx.AttrString("mode", "cubic")}}, 11},
		"gather elements":               {one{op: "GatherElements", in: []*onnx.Tensor{ramp(3), i64(1, 0)}}, 11},
		"gather positions":              {one{op: "GatherND", in: []*onnx.Tensor{ramp(3, 2), onnx.FromInt64s([]int64{1, 0}, 2, 1)}}, 11},
		"scatter elements":              {one{op: "ScatterElements", in: []*onnx.Tensor{ramp(3), i64(1, 0), ramp(2)}}, 9},
		"scatter and add":               {one{op: "ScatterElements", in: []*onnx.Tensor{ramp(3), i64(1, 0), ramp(2)}, attrs: []*onnx.Attribute{onnx.AttrString("reduction", "add")}}, 16},
		"scatter positions":             {one{op: "ScatterND", in: []*onnx.Tensor{ramp(3), onnx.FromInt64s([]int64{1}, 1, 1), ramp(1)}}, 11},
		"the greatest":                  {one{op: "TopK", in: []*onnx.Tensor{ramp(3), i64(2)}, constant: 1, outputs: 2}, 7},
		"the smallest":                  {one{op: "TopK", in: []*onnx.Tensor{ramp(3), i64(2)}, constant: 1, outputs: 2, attrs: num("largest", 0)}, 11},
		"one of several":                {one{op: "OneHot", in: []*onnx.Tensor{i64(1, 0), onnx.Scalar64(3), vals([]float32{0, 1})}, constant: 1}, 9},
		"range":                         {one{op: "Range", in: []*onnx.Tensor{onnx.Scalar64(0), onnx.Scalar64(3), onnx.Scalar64(1)}}, 11},
		"compress":                      {one{op: "Compress", in: []*onnx.Tensor{ramp(3), bools(true, false, true)}}, 9},
		"triangle":                      {one{op: "Trilu", in: []*onnx.Tensor{ramp(3, 3)}}, 14},
		"diagonal":                      {one{op: "EyeLike", in: []*onnx.Tensor{ramp(3, 3)}, attrs: num("k", 1)}, 9},
		"depth to space":                {one{op: "DepthToSpace", in: []*onnx.Tensor{ramp(1, 8, 2, 2)}, attrs: num("blocksize", 2)}, 7},
		"depth to space, columns first": {one{op: "DepthToSpace", in: []*onnx.Tensor{ramp(1, 8, 2, 2)}, attrs: append(num("blocksize", 2), onnx.AttrString("mode", "CRD"))}, 11},
		"space to depth":                {one{op: "SpaceToDepth", in: []*onnx.Tensor{ramp(1, 2, 2, 2)}, attrs: num("blocksize", 2)}, 7},
		"indices of what is not zero":   {one{op: "NonZero", in: []*onnx.Tensor{ramp(3)}}, 9},
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

// Where the older words are others, the numbers stay.
func TestLoweringMovementKeepsNumbers(t *testing.T) {
	x := ramp(2, 3, 4)
	cases := map[string]struct {
		one
		to []int64
	}{
		"part of a shape":          {one{op: "Shape", in: []*onnx.Tensor{x}, attrs: []*onnx.Attribute{onnx.AttrInt("start", 1), onnx.AttrInt("end", -1)}}, []int64{14, 9}},
		"flatten from the end":     {one{op: "Flatten", in: []*onnx.Tensor{x}, attrs: []*onnx.Attribute{onnx.AttrInt("axis", -1)}}, []int64{9}},
		"unsqueeze from the end":   {one{op: "Unsqueeze", in: []*onnx.Tensor{x, onnx.FromInt64s([]int64{-1, 0})}, constant: 1}, []int64{12, 9}},
		"concatenate from the end": {one{op: "Concat", in: []*onnx.Tensor{x, x}, attrs: []*onnx.Attribute{onnx.AttrInt("axis", -2)}}, []int64{9}},
		"gather from the end":      {one{op: "Gather", in: []*onnx.Tensor{x, onnx.FromInt64s([]int64{-1, 0})}, constant: 1, attrs: []*onnx.Attribute{onnx.AttrInt("axis", 1)}}, []int64{9}},
		"slice from the end":       {one{op: "Slice", in: []*onnx.Tensor{x, onnx.FromInt64s([]int64{-1}), onnx.FromInt64s([]int64{9}), onnx.FromInt64s([]int64{-1})}, constant: 1}, []int64{10, 9}},
		"uneven parts":             {one{op: "Split", in: []*onnx.Tensor{x}, attrs: []*onnx.Attribute{onnx.AttrInt("num_outputs", 2), onnx.AttrInt("axis", 1)}, outputs: 2}, []int64{17, 12, 9}},
		"pad one axis":             {one{op: "Pad", in: []*onnx.Tensor{x, onnx.FromInt64s([]int64{1, 2}), onnx.Scalar32(3), onnx.FromInt64s([]int64{-1})}, constant: 1}, []int64{17, 9}},
		"resize one axis":          {one{op: "Resize", in: []*onnx.Tensor{x, nil, vals([]float32{2})}, constant: 1, attrs: []*onnx.Attribute{onnx.AttrInts("axes", 1)}}, []int64{17, 12}},
	}
	for name, c := range cases {
		newest := c.graph(onnx.MaxOpset)
		want, err := c.run(newest)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, opset := range c.to {
			older, err := ops.Convert(newest, opset)
			if err != nil {
				t.Errorf("%s at opset %d: %v", name, opset, err)
				continue
			}
			got, err := c.run(older)
			if err != nil {
				t.Errorf("%s at opset %d: %v", name, opset, err)
				continue
			}
			for i := range want {
				a, b := got[i].(*onnx.Tensor), want[i].(*onnx.Tensor)
				if a.Type != b.Type || fmt.Sprint(a.Dims) != fmt.Sprint(b.Dims) || string(a.Data) != string(b.Data) {
					t.Errorf("%s at opset %d: got %v, want %v", name, opset, a, b)
				}
			}
		}
	}
}

// What an older opset has no words for is refused.
func TestLoweringMovementRefuses(t *testing.T) {
	x, image := ramp(4), ramp(1, 1, 4)
	i64 := func(v ...int64) *onnx.Tensor { return onnx.FromInt64s(v) }
	cases := map[string]struct {
		one
		to   int64
		want string
	}{
		"slice in steps":         {one{op: "Slice", in: []*onnx.Tensor{x, i64(0), i64(4), i64(0), i64(2)}, constant: 1}, 9, "steps"},
		"slice by what comes in": {one{op: "Slice", in: []*onnx.Tensor{x, i64(0), i64(4)}}, 9, "must be a constant"},
		"pad by what comes in":   {one{op: "Pad", in: []*onnx.Tensor{x, i64(0, 1)}}, 10, "must be a constant"},
		"pad integers":           {one{op: "Pad", in: []*onnx.Tensor{i64(1), i64(0, 1)}, constant: 1}, 10, "int64"},
		"pad by wrapping":        {one{op: "Pad", in: []*onnx.Tensor{x, i64(0, 1)}, attrs: []*onnx.Attribute{onnx.AttrString("mode", "wrap")}}, 18, "wrap"},
		"pool with holes":        {one{op: "MaxPool", in: []*onnx.Tensor{image}, attrs: []*onnx.Attribute{onnx.AttrInts("kernel_shape", 2), onnx.AttrInts("dilations", 2)}}, 9, "dilations"},
		"pool rounded up":        {one{op: "AveragePool", in: []*onnx.Tensor{image}, attrs: []*onnx.Attribute{onnx.AttrInts("kernel_shape", 2), onnx.AttrInt("ceil_mode", 1)}}, 9, "ceil_mode"},
		"half pixels":            {one{op: "Resize", in: []*onnx.Tensor{x, nil, vals([]float32{2})}, constant: 1}, 10, "asymmetric"},
	}
	for name, c := range cases {
		_, err := ops.Convert(c.graph(onnx.MaxOpset), c.to)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}
