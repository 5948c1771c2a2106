package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// ConvInteger: Conv of x - x_zero_point and w - w_zero_point in int32, which wraps; padding adds nothing.
// QLinearConv: y = saturate(round((that + B) · (x_scale · w_scale / y_scale)) + y_zero_point), half to even, in float; the quantum of the
// bias is x_scale · w_scale, its zero point 0.
// What belongs to w has one element or one for each map, all else one. Zero points that are left out are 0. Both 10: first.
// https://onnx.ai/onnx/operators/onnx__QLinearConv.html

func integerConvFamily() []Meaning {
	return []Meaning{
		{Name: "ConvInteger", Class: Exact, New: func(a *Attrs) Op { return integerConv{newConv(a).(conv)} }},
		{Name: "QLinearConv", Class: Rounds, New: func(a *Attrs) Op { return qlinearConv{newConv(a).(conv)} }},
	}
}

type integerConv struct{ conv }

func (c integerConv) Infer(env *Env, in []Fact) ([]Fact, error) {
	return inferIntegerConv(env, c.conv, onnx.Int32, in[0], in[1], Absent, []Fact{optionalFact(in, 2)}, []Fact{optionalFact(in, 3)})
}

func (c integerConv) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	y, err := integerConvolution(env, c.conv, in[0].(*onnx.Tensor), in[1].(*onnx.Tensor), tensorAt(in, 2), tensorAt(in, 3), nil)
	if err != nil {
		return nil, err
	}
	return []onnx.Value{y}, nil
}

type qlinearConv struct{ conv }

func (c qlinearConv) Infer(env *Env, in []Fact) ([]Fact, error) {
	return inferIntegerConv(env, c.conv, in[qZeroY].Elem(), in[qA], in[qB], optionalFact(in, qBias),
		[]Fact{in[qScaleA], in[qZeroA], in[qScaleY], in[qZeroY]}, []Fact{in[qScaleB], in[qZeroB]})
}

func (c qlinearConv) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := make([]*onnx.Tensor, qBias+1)
	for i := range in {
		t[i] = tensorAt(in, i)
	}
	sums, err := integerConvolution(env, c.conv, t[qA], t[qB], t[qZeroA], t[qZeroB], t[qBias])
	if err != nil {
		return nil, err
	}
	y, err := env.New(t[qZeroY].Type, sums.Dims...)
	if err != nil {
		return nil, err
	}
	perMap := make([]int, len(y.Dims))
	perMap[1] = 1
	if t[qScaleB].Len() == 1 {
		perMap[1] = 0
	}
	one := make([]int, len(y.Dims))
	out := &scaled{
		y: y, zeros: t[qZeroY], strides: [4][]int{one, perMap, one, one},
		scales: [3]func(int) float64{scaleReader(t[qScaleA]), scaleReader(t[qScaleB]), scaleReader(t[qScaleY])},
	}
	return []onnx.Value{y}, out.write(sums)
}

// inferIntegerConv gives the fact of a convolution of integers; what has to have one element and what one or one for each map is
// checked.
func inferIntegerConv(env *Env, c conv, elem onnx.ElemType, x, w, bias Fact, one, perMap []Fact) ([]Fact, error) {
	for _, f := range one {
		if !f.Absent() {
			if err := wantOne(f, "a scale or zero point of the input or the result"); err != nil {
				return nil, err
			}
		}
	}
	for _, f := range perMap {
		sizes, ok := f.Sizes()
		if f.Absent() || !ok || count(sizes) == 1 {
			continue
		}
		if len(sizes) != 1 || w.Ranked() && w.Rank() > 0 && w.Dims()[0].Known() && w.Dims()[0].Value != sizes[0] {
			return nil, fmt.Errorf("a scale or zero point of the weight has shape %v, want one element or one for each map of %v", sizes, w.Type)
		}
	}
	plainX, plainW := x, w
	plainX.Type.Elem, plainW.Type.Elem = onnx.Int32, onnx.Int32
	out, err := c.Infer(env, []Fact{plainX, plainW, bias})
	if err != nil {
		return nil, err
	}
	out[0].Type.Elem = elem
	return out, nil
}

// integerConvolution convolves with the zero points taken off. Sums of products of 9 bits are exact in float64.
func integerConvolution(env *Env, c conv, x, w, zeroX, zeroW, bias *onnx.Tensor) (*onnx.Tensor, error) {
	if len(w.Dims) < 1 {
		return nil, fmt.Errorf("the weight is %v, want [maps, channels, kernel…]", w)
	}
	if zeroW != nil && zeroW.Len() > 1 { // along the maps
		view := &onnx.Tensor{Type: w.Type, Dims: []int64{w.Dims[0], int64(count(w.Dims[1:]))}, Data: w.Data}
		flat, err := centred(env, onnx.Double, view, zeroW, false)
		if err != nil {
			return nil, err
		}
		flat.Dims, w = w.Dims, flat
	} else {
		flat, err := centred(env, onnx.Double, w, zeroW, false)
		if err != nil {
			return nil, err
		}
		w = flat
	}
	x, err := centred(env, onnx.Double, x, zeroX, false)
	if err != nil {
		return nil, err
	}
	in := []onnx.Value{x, w}
	if bias != nil {
		b, err := env.New(onnx.Double, bias.Dims...)
		if err != nil {
			return nil, err
		}
		for i, v := range bias.Int32s() {
			b.Float64s()[i] = float64(v)
		}
		in = append(in, b)
	}
	out, err := c.Eval(env, in)
	if err != nil {
		return nil, err
	}
	sums := out[0].(*onnx.Tensor)
	y, err := env.New(onnx.Int32, sums.Dims...)
	if err != nil {
		return nil, err
	}
	for i, v := range sums.Float64s() {
		y.Int32s()[i] = int32(int64(v))
	}
	return y, nil
}
