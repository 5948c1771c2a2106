package ops

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// Clip: y = min(max(x, min), max), element by element; y has the shape of x. min and max have one element each and the type of
// x; left out they are the least and the greatest finite number of the type. Where min > max, y is max. NaN stays.
// 1, 6: min and max are attributes · 11: inputs · 12: integers · 13: types.
// https://onnx.ai/onnx/operators/onnx__Clip.html

func clipFamily() []Meaning {
	return []Meaning{{
		Name: "Clip", Class: Exact, New: func(*Attrs) Op { return clip{} },
		Upgrade:   map[int64]Rewrite{6: dropConsumed, 11: clipUp11},
		Downgrade: map[int64]Rewrite{6: keep, 11: clipDown11},
	}}
}

type clip struct{}

func (clip) Infer(_ *Env, in []Fact) ([]Fact, error) {
	for i, f := range in[1:] {
		if f.Absent() {
			continue
		}
		if err := wantOne(f, [...]string{"min", "max"}[i]); err != nil {
			return nil, err
		}
	}
	return []Fact{{Type: in[0].Type}}, nil
}

func (c clip) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	x := t[0]
	if isHalf(x.Type) {
		return clipHalf(env, c, in, x.Type)
	}
	y, err := env.New(x.Type, x.Dims...)
	if err != nil {
		return nil, err
	}
	for len(t) < 3 {
		t = append(t, nil)
	}
	switch x.Type {
	case onnx.Float:
		clamp(y, t, onnx.View[float32], -math.MaxFloat32, math.MaxFloat32)
	case onnx.Double:
		clamp(y, t, onnx.View[float64], -math.MaxFloat64, math.MaxFloat64)
	case onnx.Int8:
		clamp(y, t, onnx.View[int8], math.MinInt8, math.MaxInt8)
	case onnx.Int16:
		clamp(y, t, onnx.View[int16], math.MinInt16, math.MaxInt16)
	case onnx.Int32:
		clamp(y, t, onnx.View[int32], math.MinInt32, math.MaxInt32)
	case onnx.Int64:
		clamp(y, t, onnx.View[int64], math.MinInt64, math.MaxInt64)
	case onnx.Uint8:
		clamp(y, t, onnx.View[uint8], 0, math.MaxUint8)
	case onnx.Uint16:
		clamp(y, t, onnx.View[uint16], 0, math.MaxUint16)
	case onnx.Uint32:
		clamp(y, t, onnx.View[uint32], 0, math.MaxUint32)
	case onnx.Uint64:
		clamp(y, t, onnx.View[uint64], 0, math.MaxUint64)
	default:
		return nil, unsupported(x.Type)
	}
	return []onnx.Value{y}, nil
}

func clamp[T number](y *onnx.Tensor, in []*onnx.Tensor, view func(*onnx.Tensor) []T, lo, hi T) {
	if in[1] != nil {
		lo = view(in[1])[0]
	}
	if in[2] != nil {
		hi = view(in[2])[0]
	}
	out := view(y)
	for i, v := range view(in[0]) {
		out[i] = min(max(v, lo), hi)
	}
}

// Specialize runs floats on the kernels.
func (clip) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	if sizes, ok := in[0].Sizes(); !ok || count(sizes) == 0 || in[0].Elem() != onnx.Float {
		return Step{}, false
	}
	step := Step{InPlace: true, Run: func(f *Frame) error {
		t.Set.Unary(t.Pool, clipTo(f.In), f.Out[0].Float32s(), f.In[0].Float32s())
		return nil
	}}
	settled := true
	for i, b := range in[1:] {
		settled = settled && (b.Absent() || consts[i+1] != nil)
	}
	if settled {
		step.Link = &Link{Link: kernels.Link{Act: clipTo(consts)}, On: []int{0}, In: -1}
	}
	return step, true
}

// clipTo is the function for inputs of which those behind the first may be left out.
func clipTo(in []*onnx.Tensor) kernels.Activation {
	act := kernels.Activation{Function: kernels.Clip, Slope: -math.MaxFloat32, Shift: math.MaxFloat32}
	if len(in) > 1 && in[1] != nil {
		act.Slope = in[1].Float32s()[0]
	}
	if len(in) > 2 && in[2] != nil {
		act.Shift = in[2].Float32s()[0]
	}
	return act
}

// clipHalf gives bounds that are left out the type's own limits, not those of the float it is computed in.
func clipHalf(env *Env, c clip, in []onnx.Value, elem onnx.ElemType) ([]onnx.Value, error) {
	fraction, bias := halfLayout(elem)
	most := uint16(2*bias+1)<<fraction - 1
	bounds := []onnx.Value{in[0], halfScalar(elem, most|0x8000), halfScalar(elem, most)}
	for i, v := range in {
		if v != nil {
			bounds[i] = v
		}
	}
	return throughFloat(env, c, bounds)
}

func halfScalar(elem onnx.ElemType, bits uint16) *onnx.Tensor {
	return &onnx.Tensor{Type: elem, Dims: []int64{}, Data: onnx.BytesOf([]uint16{bits})}
}

// scalarOf makes a tensor of rank 0 of a float type.
func scalarOf(elem onnx.ElemType, v float32) (*onnx.Tensor, error) {
	switch elem {
	case onnx.Float:
		return onnx.Scalar32(v), nil
	case onnx.Double:
		return &onnx.Tensor{Type: elem, Dims: []int64{}, Data: onnx.BytesOf([]float64{float64(v)})}, nil
	case onnx.Float16, onnx.BFloat16:
		return halfScalar(elem, narrowHalf(float64(v), elem)), nil
	}
	return nil, fmt.Errorf("the element type: %w", errUnknown)
}

// attrToScalar moves a float attribute to an input of the element type of input 0.
func attrToScalar(r *Rewriter, name string, input int) error {
	a := r.Take(name)
	if a == nil {
		return nil
	}
	t, err := scalarOf(r.Fact(0).Elem(), a.Float)
	if err != nil {
		return err
	}
	r.SetInput(input, r.Const(name, t))
	return nil
}

// scalarToAttr moves an input of one element, which must be known, to a float attribute.
func scalarToAttr(r *Rewriter, name string, input int) error {
	if r.Input(input) == "" {
		return nil
	}
	t := r.Fact(input).Value
	if t == nil || t.Len() != 1 || !isFloat(t.Type) {
		return fmt.Errorf("%s must be a float constant there", name)
	}
	v := floatReader(t)(0)
	if f := float32(v); float64(f) == v || v != v {
		r.Set(onnx.AttrFloat(name, f))
		r.SetInput(input, "")
		return nil
	}
	return fmt.Errorf("%s is %v, which is not exact in the float attribute there", name, v)
}

func clipUp11(r *Rewriter) error {
	if err := attrToScalar(r, "min", 1); err != nil {
		return err
	}
	if err := attrToScalar(r, "max", 2); err != nil {
		return err
	}
	return r.Keep()
}

func clipDown11(r *Rewriter) error {
	if elem := r.Fact(0).Elem(); elem == onnx.Double && (r.Input(1) == "" || r.Input(2) == "") {
		return fmt.Errorf("min and max of doubles must be given: their defaults are those of float there")
	}
	if err := scalarToAttr(r, "min", 1); err != nil {
		return err
	}
	if err := scalarToAttr(r, "max", 2); err != nil {
		return err
	}
	r.TrimInputs()
	return r.Keep()
}
