package graphs

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// Layer is a function from value to value that may own parameters: graphs.Dense("dense1", 128, graphs.Relu)(x). Applied twice
// it uses the same parameters twice.
type Layer func(Value) Value

// Activation is a function applied to a layer's result.
type Activation func(Value) Value

// The activations without a setting of their own; nil is none.
var (
	Relu    = Activation(Value.Relu)
	Sigmoid = Activation(Value.Sigmoid)
	Tanh    = Activation(Value.Tanh)
	Softmax = Activation(Value.Softmax)
)

// LeakyRelu is the activation with a slope for negative values.
func LeakyRelu(alpha float32) Activation {
	return func(v Value) Value { return v.LeakyRelu(alpha) }
}

// Sequential stacks layers: each works on the result of the one before.
func Sequential(layers ...Layer) Layer {
	return func(x Value) Value {
		for _, l := range layers {
			x = l(x)
		}
		return x
	}
}

// Named makes a layer of a model: what it owns is called "name.…".
func Named(name string, model Layer) Layer {
	return func(x Value) Value {
		var y Value
		x.b.In(name, func() { y = model(x) })
		return y
	}
}

// layer records a layer's main node under its name, with its activation and whatever follows as "name/…".
func layer(x Value, name string, n onnx.Node, act Activation, inputs ...Value) Value {
	y := x.b.Node(name, n, 1, inputs...)[0]
	return activate(y, name, act)
}

func activate(y Value, name string, act Activation) Value {
	if act == nil {
		return y
	}
	b := y.b
	outer := b.under
	b.under = name + "/"
	defer func() { b.under = outer }()
	return act(y)
}

// Dense is act(x · weight + bias): x [rows, in], weight [in, units], bias [units].
func Dense(name string, units int64, act Activation) Layer {
	return func(x Value) Value {
		in := x.Size(-1)
		w := x.b.Parameter(name+".weight", GlorotUniform, in, units)
		bias := x.b.Parameter(name+".bias", Zeros, units)
		n := onnx.Node{OpType: "Gemm", Doc: fmt.Sprintf("dense, %d to %d", in, units)}
		return layer(x, name, n, act, x, w, bias)
	}
}

// Padding says what a convolution does at the border.
type Padding uint8

// The paddings.
const (
	Valid Padding = iota // whole windows only
	Same                 // zeros around, so that the size stays; a surplus row or column is at the end
)

// Conv2D is act(x * weight + bias): x [batch, channels, height, width], weight [filters, channels, size, size].
func Conv2D(name string, filters, size int64, pad Padding, act Activation) Layer {
	return func(x Value) Value {
		channels := x.Size(1)
		w := x.b.Parameter(name+".weight", GlorotUniform, filters, channels, size, size)
		bias := x.b.Parameter(name+".bias", Zeros, filters)
		attrs := []*onnx.Attribute{onnx.AttrInts("kernel_shape", size, size)}
		word := "valid"
		if pad == Same {
			word = "same"
			lo, hi := (size-1)/2, size-1-(size-1)/2
			attrs = append(attrs, onnx.AttrInts("pads", lo, lo, hi, hi))
		}
		n := onnx.Node{OpType: "Conv", Attributes: attrs,
			Doc: fmt.Sprintf("convolution %d×%d %s, %d to %d", size, size, word, channels, filters)}
		return layer(x, name, n, act, x, w, bias)
	}
}

// MaxPool2D takes the largest of each size × size square, side by side. pads, where given, are top, left, bottom, right.
func MaxPool2D(name string, size int64, pads ...int64) Layer {
	return func(x Value) Value {
		attrs := []*onnx.Attribute{onnx.AttrInts("kernel_shape", size, size), onnx.AttrInts("strides", size, size)}
		if len(pads) > 0 {
			attrs = append(attrs, onnx.AttrInts("pads", pads...))
		}
		return layer(x, name, onnx.Node{OpType: "MaxPool", Attributes: attrs}, nil, x)
	}
}

// Activate is an activation as a layer of its own.
func Activate(name string, act Activation) Layer {
	return func(x Value) Value { return activate(x, name, act) }
}

// FlattenLayer joins all axes but the batch.
func FlattenLayer(name string) Layer {
	return func(x Value) Value {
		return layer(x, name, onnx.Node{OpType: "Flatten", Attributes: []*onnx.Attribute{onnx.AttrInt("axis", 1)}}, nil, x)
	}
}

// ReshapeLayer gives each row of the batch a shape.
func ReshapeLayer(name string, dims ...int64) Layer {
	return func(x Value) Value {
		shape := x.b.Ints(name+".shape", append([]int64{-1}, dims...)...)
		return layer(x, name, onnx.Node{OpType: "Reshape"}, nil, x, shape)
	}
}

// UpSampling2D repeats each pixel in a square of factor × factor: Resize, nearest, with asymmetric coordinates rounded down.
func UpSampling2D(name string, factor int64) Layer {
	return func(x Value) Value {
		scales := x.b.Const(name+".scales", onnx.FromFloat32s([]float32{1, 1, float32(factor), float32(factor)}, 4))
		n := onnx.Node{OpType: "Resize", Attributes: []*onnx.Attribute{
			onnx.AttrString("mode", "nearest"), onnx.AttrString("nearest_mode", "floor"),
			onnx.AttrString("coordinate_transformation_mode", "asymmetric"),
		}}
		return layer(x, name, n, nil, x, Value{}, scales)
	}
}
