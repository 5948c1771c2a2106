package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// QuantizeLinear: y = saturate(round(x / y_scale) + y_zero_point), half to even; the division is in the type of the scale or in that of
// attribute precision. The type of y is that of the zero point, else output_dtype, else uint8. To floats of 4 and 8 bits it rounds once.
// DequantizeLinear: y = (x - x_zero_point) · x_scale in float, in the type of the scale or output_dtype.
// Scale and zero point (0 where left out) have one shape: one element for the whole tensor; [size of axis]; or, with block_size b, the
// shape of x with ceil(size / b) along axis. NaN has no quantum and gives the zero point.
// QuantizeLinear 10: one scale · 13: axis · 19: the scale has the type of x, saturate, float8 · 21: output_dtype, block_size, 4 and 16
// bits · 23: the scale has a type of its own, precision · 24, 25, 28: types. DequantizeLinear 10 · 13 · 19 · 21 · 23: output_dtype ·
// 24 · 25 · 28.
// DynamicQuantizeLinear: y_scale = (max(x, 0) - min(x, 0)) / 255, y_zero_point = round(-min(x, 0) / y_scale), y as above in uint8, all of
// it in float. Where all of x is zero, y_scale is 1, which the standard leaves open; NaN is left out of max and min.
// https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html

func quantizeFamily() []Meaning {
	return []Meaning{
		// From 19 to 22 integers have no scale that is a float: what takes none of them is seen where the node is written.
		{
			Name: "QuantizeLinear", Class: Rounds, New: newQuantize,
			Upgrade:   map[int64]Rewrite{19: keep},
			Downgrade: map[int64]Rewrite{19: quantizeDown19},
		},
		{Name: "DequantizeLinear", Class: Rounds, New: newDequantize},
		{Name: "DynamicQuantizeLinear", Class: Rounds, New: func(*Attrs) Op { return dynamicQuantize{} }},
	}
}

func quantizeDown19(r *Rewriter) error {
	if a := r.Take("saturate"); a != nil && a.Int == 0 {
		return fmt.Errorf("attribute \"saturate\" is not there yet")
	}
	return r.Keep()
}

// grain is how scales and zero points spread over a tensor.
type grain struct{ axis, block int64 }

func readGrain(a *Attrs) grain {
	g := grain{axis: a.Int("axis"), block: a.Int("block_size")}
	if g.block < 0 {
		a.Fail("attribute \"block_size\" is %d, want 0 or more", g.block)
	}
	return g
}

// check fails where a scale and a zero point do not go with x, as far as is known.
func (g grain) check(x, scale, zero Fact) error {
	if !zero.Absent() && zero.Ranked() && scale.Ranked() {
		one, known := isOne(scale)
		same, known2 := isOne(zero)
		if known && known2 && one != same {
			return fmt.Errorf("the zero point is %v, the scale %v", zero.Type, scale.Type)
		}
		if !one && known && known2 {
			if scale.Rank() != zero.Rank() {
				return fmt.Errorf("the zero point is %v, the scale %v", zero.Type, scale.Type)
			}
			for i, d := range scale.Dims() {
				if _, err := sameDim(d, zero.Dims()[i]); err != nil {
					return fmt.Errorf("the zero point is %v, the scale %v", zero.Type, scale.Type)
				}
			}
		}
	}
	sizes, ok := x.Sizes()
	scales, ok2 := scale.Sizes()
	if ok && ok2 {
		_, err := g.over(sizes, scales)
		return err
	}
	return nil
}

// isOne says whether a tensor has one element, and whether that is known.
func isOne(f Fact) (one, known bool) {
	sizes, ok := f.Sizes()
	return ok && count(sizes) == 1, ok
}

// grains says which element of a scale belongs to which of a tensor.
type grains struct {
	inner, size int // elements of a step along the axis, steps
	block       int // steps that share a scale; 0: one scale a step, for all of inner
	blocks      int
}

// over spreads scales of a shape over x.
func (g grain) over(x, scale []int64) (grains, error) {
	if count(scale) == 1 && (g.block == 0 || len(scale) != len(x)) {
		return grains{inner: max(count(x), 1), size: 1}, nil
	}
	k, err := Axis(g.axis, len(x))
	if err != nil {
		return grains{}, err
	}
	s := grains{inner: count(x[k+1:]), size: int(x[k])}
	if g.block == 0 {
		if len(scale) != 1 || scale[0] != x[k] {
			return s, fmt.Errorf("the scale has shape %v, want one element or [%d] for axis %d of %v", scale, x[k], k, x)
		}
		return s, nil
	}
	want := slices.Clone(x)
	want[k] = x[k] / g.block
	if x[k]%g.block != 0 {
		want[k]++
	}
	if !slices.Equal(want, scale) {
		return s, fmt.Errorf("the scale has shape %v, want %v for blocks of %d along axis %d of %v", scale, want, g.block, k, x)
	}
	s.block, s.blocks = int(min(g.block, max(x[k], 1))), int(want[k])
	return s, nil
}

// at gives the scale of element i.
func (s grains) at(i int) int {
	step := i / s.inner % s.size
	if s.block == 0 {
		return step
	}
	return (i/(s.inner*s.size)*s.blocks+step/s.block)*s.inner + i%s.inner
}

type quantize struct {
	grain
	to        onnx.ElemType // Undefined: not given
	precision onnx.ElemType
	saturate  bool
}

func newQuantize(a *Attrs) Op {
	q := quantize{grain: readGrain(a), to: a.Elem("output_dtype", 0), precision: a.Elem("precision", 0), saturate: a.Bool("saturate")}
	if _, _, ok := integerRange(q.to); q.to != 0 && (!ok || q.to == onnx.Int32) {
		if _, ok := smallFloatOf(q.to); !ok {
			a.Fail("attribute \"output_dtype\" is %v, which nothing is quantized to", q.to)
		}
	}
	if q.precision != 0 && !isFloat(q.precision) {
		a.Fail("attribute \"precision\" is %v, want a float", q.precision)
	}
	return q
}

func (q quantize) Infer(_ *Env, in []Fact) ([]Fact, error) {
	zero := optionalFact(in, 2)
	if err := q.check(in[0], in[1], zero); err != nil {
		return nil, err
	}
	elem := q.to
	switch {
	case !zero.Absent() && zero.Elem() != onnx.Undefined:
		if elem != 0 && elem != zero.Elem() {
			return nil, fmt.Errorf("output_dtype is %v, the zero point is of %v", elem, zero.Elem())
		}
		elem = zero.Elem()
	case elem == 0 && zero.Absent():
		elem = onnx.Uint8
	}
	out := Fact{Type: in[0].Type}
	out.Type.Elem = elem
	return []Fact{out}, nil
}

// optionalFact gives an input's fact, the absent one where it is not there.
func optionalFact(in []Fact, i int) Fact {
	if i < len(in) {
		return in[i]
	}
	return Absent
}

// tensorAt gives an optional input, or nil.
func tensorAt(in []onnx.Value, i int) *onnx.Tensor {
	if i < len(in) && in[i] != nil {
		return in[i].(*onnx.Tensor)
	}
	return nil
}

func (q quantize) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x, scale, zero := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor), tensorAt(in, 2)
	facts := []Fact{FactOf(x), FactOf(scale)}
	if zero != nil {
		facts = append(facts, FactOf(zero))
	}
	out, err := q.Infer(env, facts)
	if err != nil {
		return nil, err
	}
	y, err := env.New(out[0].Elem(), x.Dims...)
	if err != nil {
		return nil, err
	}
	over, err := q.over(x.Dims, scale.Dims)
	if err != nil {
		return nil, err
	}
	precision := q.precision
	if precision == 0 {
		if precision = scale.Type; !isFloat(precision) {
			precision = onnx.Float
		}
	}
	readX, readScale, write, zeros := scaleReader(x), scaleReader(scale), quantaWriter(y, q.saturate), zeroReader(zero)
	if readX == nil || readScale == nil || zeros == nil {
		return nil, unsupported(x.Type)
	}
	if write == nil {
		return nil, unsupported(y.Type)
	}
	lo, hi, whole := integerRange(y.Type)
	for i := range x.Len() {
		k := over.at(i)
		v := roundAs(roundAs(readX(i), precision)/roundAs(readScale(k), precision), precision)
		if whole {
			v = quantum(v, zeros(k), lo, hi)
		} else {
			v += zeros(k)
		}
		write(i, v)
	}
	return []onnx.Value{y}, nil
}

// quantum rounds to the nearest whole number, half to even, adds the zero point and saturates.
func quantum(v, zero float64, lo, hi int64) float64 {
	if v != v {
		v = 0
	}
	return min(max(math.RoundToEven(v)+zero, float64(lo)), float64(hi))
}

// zeroReader reads zero points: all 0 where there are none.
func zeroReader(zero *onnx.Tensor) func(i int) float64 {
	if zero == nil {
		return func(int) float64 { return 0 }
	}
	read := quantaReader(zero)
	if read != nil && zero.Len() == 1 {
		one := read(0)
		return func(int) float64 { return one }
	}
	return read
}

type dequantize struct {
	grain
	to onnx.ElemType // Undefined: that of the scale
}

func newDequantize(a *Attrs) Op {
	d := dequantize{grain: readGrain(a), to: a.Elem("output_dtype", 0)}
	if d.to != 0 && (!isFloat(d.to) || d.to == onnx.Double) {
		a.Fail("attribute \"output_dtype\" is %v, want float, float16 or bfloat16", d.to)
	}
	return d
}

func (d dequantize) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := d.check(in[0], in[1], optionalFact(in, 2)); err != nil {
		return nil, err
	}
	out := Fact{Type: in[0].Type}
	switch out.Type.Elem = d.to; {
	case d.to != 0:
	case in[1].Elem() == onnx.Float8E8M0:
		out.Type.Elem = onnx.Float
	default:
		out.Type.Elem = in[1].Elem()
	}
	return []Fact{out}, nil
}

func (d dequantize) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x, scale, zero := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor), tensorAt(in, 2)
	facts := []Fact{FactOf(x), FactOf(scale)}
	if zero != nil {
		facts = append(facts, FactOf(zero))
	}
	out, err := d.Infer(env, facts)
	if err != nil {
		return nil, err
	}
	y, err := env.New(out[0].Elem(), x.Dims...)
	if err != nil {
		return nil, err
	}
	over, err := d.over(x.Dims, scale.Dims)
	if err != nil {
		return nil, err
	}
	readX, readScale, write, zeros := quantaReader(x), scaleReader(scale), floatWriter(y), zeroReader(zero)
	if readX == nil || readScale == nil || zeros == nil {
		return nil, unsupported(x.Type)
	}
	if !isFloat(y.Type) {
		return nil, unsupported(y.Type)
	}
	for i := range x.Len() {
		k := over.at(i)
		write(i, float64(float32(readX(i)-zeros(k))*float32(readScale(k))))
	}
	return []onnx.Value{y}, nil
}

type dynamicQuantize struct{}

func (dynamicQuantize) Infer(_ *Env, in []Fact) ([]Fact, error) {
	y := Fact{Type: in[0].Type}
	y.Type.Elem = onnx.Uint8
	return []Fact{y, Tensor(onnx.Float), Tensor(onnx.Uint8)}, nil
}

func (dynamicQuantize) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	if x.Type != onnx.Float {
		return nil, unsupported(x.Type)
	}
	y, err := env.New(onnx.Uint8, x.Dims...)
	if err != nil {
		return nil, err
	}
	var lo, hi float32
	for _, v := range x.Float32s() {
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
	}
	scale, zero := dynamicScale(lo, hi)
	for i, v := range x.Float32s() {
		y.Data[i] = uint8(quantum(float64(v/scale), float64(zero), 0, 255))
	}
	return []onnx.Value{y, onnx.Scalar32(scale), &onnx.Tensor{Type: onnx.Uint8, Dims: []int64{}, Data: []byte{zero}}}, nil
}

// dynamicScale gives scale and zero point for numbers from lo, at most 0, to hi, at least 0.
func dynamicScale(lo, hi float32) (scale float32, zero uint8) {
	scale = (hi - lo) / 255
	if scale == 0 {
		scale = 1
	}
	return scale, uint8(quantum(float64(-lo/scale), 0, 0, 255))
}
