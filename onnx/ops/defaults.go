package ops

import "github.com/gonyx/gonyx/onnx"

// ProseDefault gives the value of an attribute that is left out, where the standard states it in prose only and it depends on
// nothing but the ranks of the node's inputs: strides and dilations of ones, pads and output_padding of zeros,
// kernel_shape as the weight has it, perm reversed. It is nil where there is none, or where the rank that it depends on is
// not known. Equality uses it, so that a model that states such a value equals one that leaves it out.
func ProseDefault(opType, attribute string, in []Fact) *onnx.Attribute {
	for _, d := range proseDefaults {
		if d.attribute != attribute {
			continue
		}
		for _, name := range d.ops {
			if name == opType {
				return d.value(attribute, in)
			}
		}
	}
	return nil
}

// ProseAttributes lists the attributes of an operator that ProseDefault knows.
func ProseAttributes(opType string) []string {
	var list []string
	for _, d := range proseDefaults {
		for _, name := range d.ops {
			if name == opType {
				list = append(list, d.attribute)
			}
		}
	}
	return list
}

type proseDefault struct {
	attribute string
	ops       []string
	value     func(attribute string, in []Fact) *onnx.Attribute
}

// proseDefaults is never written.
var proseDefaults = [...]proseDefault{
	{"strides", windowed(), spatial(1, 1)},
	{"dilations", windowed(), spatial(1, 1)},
	{"pads", windowed(), spatial(2, 0)},
	{"output_padding", []string{"ConvTranspose"}, spatial(1, 0)},
	{"kernel_shape", []string{"Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "DeformConv"}, weightKernel},
	{"perm", []string{"Transpose"}, reversed},
}

func windowed() []string {
	return []string{"Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "DeformConv", "MaxPool", "AveragePool", "LpPool", "MaxUnpool"}
}

// spatial repeats a value times the number of spatial axes of the first input [batch, channels, spatial…].
func spatial(times int, v int64) func(string, []Fact) *onnx.Attribute {
	return func(attribute string, in []Fact) *onnx.Attribute {
		if len(in) == 0 || !in[0].Ranked() || in[0].Rank() < 2 {
			return nil
		}
		list := make([]int64, times*(in[0].Rank()-2))
		for i := range list {
			list[i] = v
		}
		return onnx.AttrInts(attribute, list...)
	}
}

// weightKernel is the weight's shape without its first two axes.
func weightKernel(attribute string, in []Fact) *onnx.Attribute {
	weight := 1
	if len(in) >= 8 { // QLinearConv: x, scale, zero point, w, …
		weight = 3
	}
	if len(in) <= weight {
		return nil
	}
	sizes, ok := in[weight].Sizes()
	if !ok || len(sizes) < 2 {
		return nil
	}
	return onnx.AttrInts(attribute, sizes[2:]...)
}

func reversed(attribute string, in []Fact) *onnx.Attribute {
	if len(in) == 0 || !in[0].Ranked() {
		return nil
	}
	perm := make([]int64, in[0].Rank())
	for i := range perm {
		perm[i] = int64(len(perm) - 1 - i)
	}
	return onnx.AttrInts(attribute, perm...)
}
