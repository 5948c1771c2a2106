package gradients_test

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/gonyx/gonyx/graphs/gradients"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/schema"
	"github.com/gonyx/gonyx/trainers/lowering"
)

// families lists the trials.
func families() map[string]map[string]trial {
	return map[string]map[string]trial{
		"Conv": convGradients(), "windows": windowGradients(), "scatter": scatterGradients(), "ConvTranspose": convTransposeGradients(), "Gemm": gemmGradients(), "arithmetic": arithmeticGradients(),
		"unary": unaryGradients(), "reduce": reduceGradients(), "view": viewGradients(), "move": moveGradients(), "index": indexGradients(),
		"pool": poolGradients(), "softmax": softmaxGradients(), "normalization": normalizationGradients(), "resize": resizeGradients(),
	}
}

// TestGradientGraphs: of every operator, the gradient graph gives Gorgonia's gradients and the slopes of finite differences, whatever
// is known of the shapes.
func TestGradientGraphs(t *testing.T) {
	for name, trials := range families() {
		t.Run(name, func(t *testing.T) { runTrials(t, trials) })
	}
}

// TestEveryTrainableOperatorHasAGradient: what trains has a gradient as nodes, the other way round, and each is tried.
func TestEveryTrainableOperatorHasAGradient(t *testing.T) {
	tried := make(map[string]bool)
	for _, trials := range families() {
		for tr := range maps.Values(trials) {
			tried[tr.op] = true
		}
	}
	n := 0
	for op := range schema.All() {
		got, want := gradients.Trainable(op.Domain, op.Name), lowering.Trainable(op.Domain, op.Name)
		if got != want {
			t.Errorf("%s: got gradient %v, want %v as in training", op.Name, got, want)
		}
		if got && !tried[op.Name] {
			t.Errorf("%s has a gradient that no trial tries", op.Name)
		}
		if got {
			n++
		}
	}
	if n == 0 {
		t.Error("no operator has a gradient")
	}
}

func indexGradients() map[string]trial {
	rng := rand.New(rand.NewPCG(1, 12))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	i := func(v []int64, dims ...int64) *onnx.Tensor { return onnx.FromInt64s(v, dims...) }
	at := func(name string, v int64) []*onnx.Attribute { return []*onnx.Attribute{onnx.AttrInt(name, v)} }
	return map[string]trial{
		"Gather in the middle":      {op: "Gather", in: []*onnx.Tensor{f(2, 3, 4), i([]int64{2, 0, 2, -3}, 2, 2)}, attrs: at("axis", 1)},
		"Gather of the last axis":   {op: "Gather", in: []*onnx.Tensor{f(2, 3), i([]int64{1, 1, 0})}, attrs: at("axis", -1)},
		"GatherElements":            {op: "GatherElements", in: []*onnx.Tensor{f(3, 3), i([]int64{1, 1, 0, -1}, 2, 2)}, attrs: at("axis", 0)},
		"GatherElements of columns": {op: "GatherElements", in: []*onnx.Tensor{f(2, 3), i([]int64{1, 1, 0, 2, 2, 2, 2, 0}, 2, 4)}, attrs: at("axis", 1)},
		"GatherND of elements":      {op: "GatherND", in: []*onnx.Tensor{f(2, 3), i([]int64{0, 0, 1, -1, 0, 0}, 3, 2)}},
		"GatherND of rows":          {op: "GatherND", in: []*onnx.Tensor{f(3, 2), i([]int64{2, 2}, 2, 1)}},
		"GatherND in batches":       {op: "GatherND", in: []*onnx.Tensor{f(2, 3, 2), i([]int64{1, 0}, 2, 1)}, attrs: at("batch_dims", 1)},
		"Tile":                      {op: "Tile", in: []*onnx.Tensor{f(2, 3), i([]int64{2, 3})}},
		"Tile by one axis":          {op: "Tile", in: []*onnx.Tensor{f(2, 1, 3), i([]int64{1, 4, 1})}},
		"DepthToSpace":              {op: "DepthToSpace", in: []*onnx.Tensor{f(2, 4, 2, 3)}, attrs: at("blocksize", 2)},
		"DepthToSpace by columns":   {op: "DepthToSpace", in: []*onnx.Tensor{f(1, 8, 2, 1)}, attrs: append(at("blocksize", 2), onnx.AttrString("mode", "CRD"))},
		"SpaceToDepth":              {op: "SpaceToDepth", in: []*onnx.Tensor{f(2, 2, 4, 2)}, attrs: at("blocksize", 2)},
		"Trilu":                     {op: "Trilu", in: []*onnx.Tensor{f(2, 3, 4)}},
		"Trilu below":               {op: "Trilu", in: []*onnx.Tensor{f(3, 3), onnx.Scalar64(-1)}, attrs: at("upper", 0)},
		"Slice to the end":          {op: "Slice", in: []*onnx.Tensor{f(4, 3), ints(0, -2), ints(1<<62, 1<<62)}},
		"CastLike":                  {op: "CastLike", in: []*onnx.Tensor{f(2, 3), constant(onnx.Scalar32(0))}},
		"Slice of nothing":          {op: "Slice", in: []*onnx.Tensor{f(4, 3), ints(3), ints(1)}},
		"Pad of some axes":          {op: "Pad", in: []*onnx.Tensor{f(2, 3), ints(1, 2), f(), ints(-1)}},
	}
}

func resizeGradients() map[string]trial {
	rng := rand.New(rand.NewPCG(1, 13))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	scales := func(v ...float32) *onnx.Tensor { return constant(onnx.FromFloat32s(v, int64(len(v)))) }
	how := func(place, nearest string, more ...*onnx.Attribute) []*onnx.Attribute {
		return append(more, onnx.AttrString("mode", "nearest"), onnx.AttrString("coordinate_transformation_mode", place), onnx.AttrString("nearest_mode", nearest))
	}
	return map[string]trial{
		"twice":          {op: "Resize", in: []*onnx.Tensor{f(2, 1, 2, 3), nil, scales(1, 1, 2, 3)}, attrs: how("asymmetric", "floor")},
		"to a size":      {op: "Resize", in: []*onnx.Tensor{f(1, 2, 3, 3), nil, nil, ints(1, 2, 5, 4)}, attrs: how("half_pixel", "round_prefer_floor")},
		"smaller":        {op: "Resize", in: []*onnx.Tensor{f(1, 1, 4, 5), nil, scales(1, 1, 0.5, 0.6)}, attrs: how("half_pixel", "round_prefer_ceil")},
		"one axis of it": {op: "Resize", in: []*onnx.Tensor{f(2, 3), nil, scales(2)}, attrs: how("asymmetric", "floor", onnx.AttrInts("axes", 1))},
	}
}

func scatterGradients() map[string]trial {
	rng := rand.New(rand.NewPCG(1, 14))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	i := func(v []int64, dims ...int64) *onnx.Tensor { return onnx.FromInt64s(v, dims...) }
	add := []*onnx.Attribute{onnx.AttrString("reduction", "add")}
	return map[string]trial{
		"ScatterElements":              {op: "ScatterElements", in: []*onnx.Tensor{f(3, 3), i([]int64{1, 0, 2, 0, 2, 1}, 2, 3), f(2, 3)}},
		"ScatterElements to one place": {op: "ScatterElements", in: []*onnx.Tensor{f(2, 3), i([]int64{1, 1, -2, 0}, 2, 2), f(2, 2)}, attrs: []*onnx.Attribute{onnx.AttrInt("axis", 1)}},
		"ScatterElements, added":       {op: "ScatterElements", in: []*onnx.Tensor{f(2, 3), i([]int64{1, 1, -2, 0}, 2, 2), f(2, 2)}, attrs: append([]*onnx.Attribute{onnx.AttrInt("axis", 1)}, add...), alone: true},
		"ScatterND of rows":            {op: "ScatterND", in: []*onnx.Tensor{f(3, 2), i([]int64{2, 0}, 2, 1), f(2, 2)}},
		"ScatterND to one place":       {op: "ScatterND", in: []*onnx.Tensor{f(3, 2), i([]int64{2, 1, 2, 1}, 2, 2), f(2)}},
		"ScatterND, added":             {op: "ScatterND", in: []*onnx.Tensor{f(3, 2), i([]int64{2, 2}, 2, 1), f(2, 2)}, attrs: add, alone: true},
	}
}

// windowGradients are forms that training, over two axes, has not, and corners of those that it has.
func windowGradients() map[string]trial {
	rng := rand.New(rand.NewPCG(1, 15))
	f := func(dims ...int64) *onnx.Tensor { return floats(rng, -1, 1, dims...) }
	a := func(list ...*onnx.Attribute) []*onnx.Attribute { return list }
	ints := onnx.AttrInts
	return map[string]trial{
		"Conv of a line":          {op: "Conv", in: []*onnx.Tensor{f(2, 2, 7), f(3, 2, 2), f(3)}, attrs: a(ints("strides", 3), ints("pads", 1, 0)), alone: true},
		"Conv of a space":         {op: "Conv", in: []*onnx.Tensor{f(1, 2, 3, 4, 3), f(2, 1, 2, 2, 1)}, attrs: a(onnx.AttrInt("group", 2), ints("strides", 1, 2, 2)), alone: true},
		"Conv leaves a rest":      {op: "Conv", in: []*onnx.Tensor{f(2, 2, 8, 7), f(4, 1, 3, 2)}, attrs: a(onnx.AttrInt("group", 2), ints("strides", 4, 3), ints("dilations", 1, 2), ints("pads", 1, 1, 0, 0))},
		"Conv, same, by strides":  {op: "Conv", in: []*onnx.Tensor{f(1, 1, 7, 6), f(2, 1, 3, 3)}, attrs: a(onnx.AttrString("auto_pad", "SAME_UPPER"), ints("strides", 2, 3)), needs: noBatch},
		"ConvTranspose, line":     {op: "ConvTranspose", in: []*onnx.Tensor{f(2, 2, 3), f(2, 3, 2), f(3)}, attrs: a(ints("strides", 2), ints("output_padding", 1)), alone: true},
		"ConvTranspose, rest":     {op: "ConvTranspose", in: []*onnx.Tensor{f(1, 2, 2, 3), f(2, 1, 2, 2)}, attrs: a(ints("dilations", 3, 1), ints("output_padding", 2, 0)), alone: true, needs: noBatch},
		"ConvTranspose, same":     {op: "ConvTranspose", in: []*onnx.Tensor{f(1, 1, 3, 3), f(1, 2, 3, 3)}, attrs: a(onnx.AttrString("auto_pad", "SAME_UPPER"), ints("strides", 2, 2)), needs: noBatch},
		"MaxPool of a line":       {op: "MaxPool", in: []*onnx.Tensor{f(2, 2, 7)}, attrs: a(ints("kernel_shape", 3), ints("strides", 2)), alone: true},
		"MaxPool by columns":      {op: "MaxPool", in: []*onnx.Tensor{f(1, 2, 4, 4)}, attrs: a(ints("kernel_shape", 2, 2), onnx.AttrInt("storage_order", 1))},
		"AveragePool of a line":   {op: "AveragePool", in: []*onnx.Tensor{f(2, 2, 7)}, attrs: a(ints("kernel_shape", 3), ints("strides", 2), ints("pads", 1, 1)), alone: true, needs: noBatch},
		"AveragePool, pads count": {op: "AveragePool", in: []*onnx.Tensor{f(1, 2, 4, 5)}, attrs: a(ints("kernel_shape", 2, 3), ints("pads", 1, 1, 0, 1), onnx.AttrInt("count_include_pad", 1)), needs: noBatch},
		"AveragePool, dilated, rounding up": {op: "AveragePool", in: []*onnx.Tensor{f(1, 1, 7, 6)},
			attrs: a(ints("kernel_shape", 2, 2), ints("strides", 2, 3), ints("dilations", 2, 1), onnx.AttrInt("ceil_mode", 1)), needs: noBatch},
	}
}
