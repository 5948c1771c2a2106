package ops_test

import (
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/schema"
)

// What the nodes of versions_test.go are made of, where any value will not do.

// shapeOf gives the shape of an input that is not constant: [2,3,4] where nothing else is needed.
func shapeOf(op *schema.Op, p *schema.Param) []int64 {
	if op.Name == "GroupNormalization" && op.Since < 21 && p.Name != "X" {
		return []int64{2} // one a group
	}
	if dims, ok := shapes()[op.Name+"."+p.Name]; ok {
		return dims
	}
	if dims, ok := shapes()[op.Name]; ok {
		return dims
	}
	return []int64{2, 3, 4}
}

func shapes() map[string][]int64 {
	image := []int64{2, 4, 6, 6}
	return map[string][]int64{
		"MatMul": {3, 3}, "Gemm": {3, 3}, "Gemm.C": {3}, "Squeeze": {1, 3, 4}, "Det": {3, 3},
		"Conv": image, "Conv.W": {4, 4, 3, 3}, "Conv.B": {4},
		"ConvTranspose": image, "ConvTranspose.W": {4, 4, 3, 3}, "ConvTranspose.B": {4},
		"AveragePool": image, "MaxPool": image, "LpPool": image, "GlobalAveragePool": image, "GlobalMaxPool": image,
		"GlobalLpPool": image, "Resize": image, "Upsample": image, "DepthToSpace": image, "SpaceToDepth": image, "LRN": image,
		"GridSample": image, "GridSample.grid": {2, 5, 5, 2}, "AffineGrid.theta": {2, 2, 3},
		"BatchNormalization.scale": {3}, "BatchNormalization.B": {3}, "BatchNormalization.bias": {3},
		"BatchNormalization.mean": {3}, "BatchNormalization.var": {3},
		"BatchNormalization.input_mean": {3}, "BatchNormalization.input_var": {3},
		"InstanceNormalization.scale": {3}, "InstanceNormalization.B": {3},
		"GroupNormalization": {2, 4, 5}, "GroupNormalization.scale": {4}, "GroupNormalization.bias": {4},
		"PRelu.slope": {3, 1}, "OneHot.depth": {}, "EyeLike": {3, 3}, "Multinomial": {2, 3}, "Compress.condition": {3},
		"RNN": {5, 2, 3}, "RNN.W": {1, 4, 3}, "RNN.R": {1, 4, 4}, "RNN.B": {1, 8}, "RNN.sequence_lens": {2}, "RNN.initial_h": {1, 2, 4},
		"GRU": {5, 2, 3}, "GRU.W": {1, 12, 3}, "GRU.R": {1, 12, 4}, "GRU.B": {1, 24}, "GRU.sequence_lens": {2}, "GRU.initial_h": {1, 2, 4},
		"LSTM": {5, 2, 3}, "LSTM.W": {1, 16, 3}, "LSTM.R": {1, 16, 4}, "LSTM.B": {1, 32}, "LSTM.sequence_lens": {2},
		"LSTM.initial_h": {1, 2, 4}, "LSTM.initial_c": {1, 2, 4}, "LSTM.P": {1, 12},
		"If.cond": {}, "Loop.M": {}, "Loop.cond": {}, "Range": {}, "RoiAlign": image, "RoiAlign.rois": {2, 4}, "RoiAlign.batch_indices": {2},
		"Dropout.ratio": {}, "Dropout.training_mode": {}, "Clip.min": {}, "Clip.max": {}, "Pad.constant_value": {},
		"QuantizeLinear.y_scale": {}, "QuantizeLinear.y_zero_point": {}, "DequantizeLinear.x_scale": {}, "DequantizeLinear.x_zero_point": {},
		"SequenceAt.position": {}, "SequenceErase.position": {}, "SequenceInsert.position": {}, "LayerNormalization.Scale": {4},
	}
}

// constant gives the inputs that must be constants for a node to be lowered or inferred; nil for others.
func constant(op *schema.Op, p *schema.Param, elem onnx.ElemType) *onnx.Tensor {
	ints := func(v ...int64) *onnx.Tensor { return onnx.FromInt64s(v) }
	scalar := func(v float64) *onnx.Tensor {
		return numbers(elem, func(int) float64 { return v }, []int64{}...)
	}
	switch op.Name + "." + p.Name {
	case "Reshape.shape":
		return ints(4, -1)
	case "Pad.pads":
		return ints(0, 1, 0, 0, 0, 2)
	case "Pad.constant_value", "Clip.min":
		return scalar(1)
	case "Clip.max":
		return scalar(2)
	case "Slice.starts":
		return ints(1)
	case "Slice.ends":
		return ints(3)
	case "Slice.axes", "ReduceSum.axes", "ReduceMean.axes", "ReduceMax.axes", "ReduceMin.axes", "ReduceProd.axes", "ReduceL1.axes",
		"ReduceL2.axes", "ReduceLogSum.axes", "ReduceLogSumExp.axes", "ReduceSumSquare.axes", "TopK.K":
		return ints(1)
	case "Slice.steps":
		return ints(1)
	case "Squeeze.axes", "Unsqueeze.axes":
		return ints(0)
	case "Expand.shape":
		return ints(2, 3, 4)
	case "Tile.repeats":
		return ints(1, 2, 1)
	case "Tile.tiles":
		return scalar(2)
	case "Tile.axis":
		return scalar(1)
	case "Split.split":
		return ints(3)
	case "CumSum.axis", "DFT.axis":
		return onnx.Scalar64(1)
	case "OneHot.depth":
		return onnx.Scalar64(3)
	case "Resize.roi":
		return onnx.FromFloat32s([]float32{0, 0, 0, 0, 1, 1, 1, 1}, 8)
	case "Resize.scales", "Upsample.scales":
		return onnx.FromFloat32s([]float32{1, 1, 2, 2}, 4)
	case "Dropout.ratio":
		return onnx.Scalar32(0.25)
	case "Dropout.training_mode":
		return &onnx.Tensor{Type: onnx.Bool, Dims: []int64{}, Data: onnx.BytesOf([]bool{false})}
	case "ConstantOfShape.input":
		return ints(2, 3)
	}
	return nil
}

// wanted names attributes that a node is given though they may be left out ("Op.attribute"), and inputs likewise ("Op/input").
func wanted(name string) bool {
	switch name {
	case "BatchNormalization.is_test", "Dropout.is_test", "Constant.value", "Reshape.shape", "Cast.to", "Gemm/C", "Resize/roi", "Resize/scales", "Split.num_outputs", "Pad.pads",
		"Resize.coordinate_transformation_mode", "Resize.nearest_mode",
		"AveragePool.kernel_shape", "RNN.hidden_size", "GRU.hidden_size", "LSTM.hidden_size", "LpPool.kernel_shape":
		return true
	}
	return false
}

// value gives an attribute that a node cannot do without.
func value(op *schema.Op, a *schema.Attribute) *onnx.Attribute {
	floatBody := func(name string, inputs ...string) *onnx.Graph {
		g := &onnx.Graph{Name: name}
		for _, in := range inputs {
			g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: in, Type: onnx.UnrankedTensorType(onnx.Float)})
		}
		return g
	}
	switch op.Name + "." + a.Name {
	case "BatchNormalization.is_test", "Dropout.is_test":
		return onnx.AttrInt(a.Name, 1)
	case "Constant.value":
		return onnx.AttrTensor(a.Name, onnx.FromFloat32s([]float32{1, 2}, 2))
	case "If.then_branch", "If.else_branch":
		g := floatBody(a.Name)
		g.Nodes = []*onnx.Node{{OpType: "Constant", Outputs: []string{"branch_" + a.Name},
			Attributes: []*onnx.Attribute{onnx.AttrTensor("value", onnx.FromFloat32s([]float32{1}, 1))}}}
		g.Outputs = []*onnx.ValueInfo{{Name: "branch_" + a.Name}}
		return onnx.AttrGraph(a.Name, g)
	case "Loop.body":
		g := &onnx.Graph{Name: "body", Inputs: []*onnx.ValueInfo{{Name: "i", Type: onnx.TensorType(onnx.Int64)},
			{Name: "go", Type: onnx.TensorType(onnx.Bool)}, {Name: "state", Type: onnx.UnrankedTensorType(onnx.Float)}}}
		g.Nodes = []*onnx.Node{{OpType: "Identity", Inputs: []string{"go"}, Outputs: []string{"on"}},
			{OpType: "Tanh", Inputs: []string{"state"}, Outputs: []string{"next"}}}
		g.Outputs = []*onnx.ValueInfo{{Name: "on", Type: onnx.TensorType(onnx.Bool)}, {Name: "next", Type: onnx.UnrankedTensorType(onnx.Float)}}
		return onnx.AttrGraph(a.Name, g)
	case "Scan.body":
		g := floatBody("body", "part")
		g.Nodes = []*onnx.Node{{OpType: "Tanh", Inputs: []string{"part"}, Outputs: []string{"piece"}}}
		g.Outputs = []*onnx.ValueInfo{{Name: "piece", Type: onnx.UnrankedTensorType(onnx.Float)}}
		return onnx.AttrGraph(a.Name, g)
	case "Cast.to":
		if a.Type == schema.String {
			return onnx.AttrString(a.Name, "DOUBLE")
		}
		return onnx.AttrInt(a.Name, int64(onnx.Double))
	case "BitCast.to":
		return onnx.AttrInt(a.Name, int64(onnx.Int32))
	case "Split.num_outputs", "DepthToSpace.blocksize", "SpaceToDepth.blocksize", "TopK.k", "GroupNormalization.num_groups",
		"Upsample.height_scale", "Upsample.width_scale":
		switch {
		case op.Name == "Split":
			return onnx.AttrInt(a.Name, 1)
		case a.Type == schema.Float:
			return onnx.AttrFloat(a.Name, 2)
		case a.Name == "k":
			return onnx.AttrInt(a.Name, 1)
		}
		return onnx.AttrInt(a.Name, 2)
	case "BatchNormalization.consumed_inputs":
		return onnx.AttrInts(a.Name, 0, 0, 0, 1, 1)
	case "Pad.pads", "Pad.paddings":
		return onnx.AttrInts(a.Name, 0, 1, 0, 0, 0, 2)
	case "Upsample.scales":
		return onnx.AttrFloats(a.Name, 1, 1, 2, 2)
	case "Slice.starts":
		return onnx.AttrInts(a.Name, 1)
	case "Slice.ends":
		return onnx.AttrInts(a.Name, 3)
	case "Reshape.shape":
		return onnx.AttrInts(a.Name, 4, -1)
	case "AveragePool.kernel_shape", "MaxPool.kernel_shape", "LpPool.kernel_shape":
		return onnx.AttrInts(a.Name, 3, 3)
	case "RNN.hidden_size", "GRU.hidden_size", "LSTM.hidden_size":
		return onnx.AttrInt(a.Name, 4)
	case "Einsum.equation":
		return onnx.AttrString(a.Name, "abc->acb")
	case "Resize.coordinate_transformation_mode":
		return onnx.AttrString(a.Name, "asymmetric")
	case "Resize.nearest_mode":
		return onnx.AttrString(a.Name, "floor")
	case "BitShift.direction":
		return onnx.AttrString(a.Name, "LEFT")
	case "TfIdfVectorizer.mode":
		return onnx.AttrString(a.Name, "TF")
	case "Squeeze.axes", "Unsqueeze.axes":
		return onnx.AttrInts(a.Name, 0)
	case "RandomNormal.shape", "RandomUniform.shape":
		return onnx.AttrInts(a.Name, 2, 3)
	}
	switch a.Type {
	case schema.Int:
		return onnx.AttrInt(a.Name, 1)
	case schema.Float:
		return onnx.AttrFloat(a.Name, 0.5)
	case schema.Ints:
		return onnx.AttrInts(a.Name, 1)
	case schema.Floats:
		return onnx.AttrFloats(a.Name, 1)
	case schema.String:
		return onnx.AttrString(a.Name, "word")
	case schema.Strings:
		return &onnx.Attribute{Name: a.Name, Type: onnx.AttributeStrings, Strs: [][]byte{[]byte("word")}}
	}
	return &onnx.Attribute{Name: a.Name, Type: onnx.AttributeType(a.Type)}
}

// otherValues gives values of an attribute that is left out in the plainest node: those it may have, as far as a word or a number
// can be made up. What the operator does not take is refused when the node is checked.
func otherValues(op *schema.Op, a *schema.Attribute) []*onnx.Attribute {
	words := map[string][]string{
		"mode": {"nearest", "linear", "bilinear", "cubic", "bicubic", "edge", "reflect", "CRD", "max", "avg"}, "auto_pad": {"SAME_UPPER", "VALID"},
		"direction": {"reverse", "forward"}, "padding_mode": {"border"}, "reduction": {"add", "max"},
		"coordinate_transformation_mode": {"asymmetric", "align_corners", "half_pixel", "output_half_pixel"}, "nearest_mode": {"floor", "ceil"},
		"approximate": {"tanh"}, "round_mode": {"up"},
	}
	switch a.Type {
	case schema.Int:
		v := []*onnx.Attribute{onnx.AttrInt(a.Name, 0), onnx.AttrInt(a.Name, 1)}
		if a.Name == "axis" {
			v = append(v, onnx.AttrInt(a.Name, -1))
		}
		return v
	case schema.Float:
		return []*onnx.Attribute{onnx.AttrFloat(a.Name, 0.25), onnx.AttrFloat(a.Name, 2)}
	case schema.String:
		var v []*onnx.Attribute
		for _, w := range words[a.Name] {
			if op.Name == "GridSample" && a.Name == "mode" && strings.HasPrefix(w, "bi") != (op.Since < 20) && w != "nearest" {
				continue // the words of the other version
			}
			v = append(v, onnx.AttrString(a.Name, w))
		}
		return v
	case schema.Ints:
		return []*onnx.Attribute{value(op, a), onnx.AttrInts(a.Name, 2, 2), onnx.AttrInts(a.Name, 1, 1, 1, 1), onnx.AttrInts(a.Name, -1)}
	}
	return nil
}
