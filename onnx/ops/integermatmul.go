package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/schema"
)

// MatMulInteger: Y = (A - a_zero_point)·(B - b_zero_point) in int32, which wraps, with the batch axes of MatMul.
// QLinearMatMul: y = saturate(round(that · (a_scale · b_scale / y_scale)) + y_zero_point), half to even, in float.
// What belongs to A has one element, one for each row, [M] or [batch…, M, 1]; what belongs to B one, or one for each column, [N] or
// [batch…, 1, N]; what belongs to y is as for A. Zero points that are left out are 0.
// FusedQLinearMatMul (domain com.github.gonyx) is QLinearMatMul with a ninth input, an int32 bias of [N] that is added to the sums; the
// compiler makes it.
// MatMulInteger 10: first. QLinearMatMul 10 · 21: scales of half precision, float8, which is not computed here.
// https://onnx.ai/onnx/operators/onnx__MatMulInteger.html

func integerMatMulFamily() []Meaning {
	return []Meaning{
		{Name: "MatMulInteger", Class: Exact, New: func(*Attrs) Op { return integerMatMul{} }},
		{Name: "QLinearMatMul", Class: Rounds, New: func(*Attrs) Op { return qlinearMatMul{} }},
		{Domain: onnx.DomainPrivate, Name: FusedPrefix + "QLinearMatMul", Class: Rounds, New: func(*Attrs) Op { return qlinearMatMul{} }},
	}
}

type integerMatMul struct{}

func (integerMatMul) Infer(env *Env, in []Fact) ([]Fact, error) {
	return inferProduct(env, onnx.Int32, in[0], in[1], []Fact{optionalFact(in, 2)}, []Fact{optionalFact(in, 3)}, nil)
}

func (o integerMatMul) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	y, err := integerProduct(env, in[0].(*onnx.Tensor), in[1].(*onnx.Tensor), tensorAt(in, 2), tensorAt(in, 3))
	if err != nil {
		return nil, err
	}
	return []onnx.Value{y}, nil
}

// Inputs of QLinearMatMul, which those of QLinearConv are too, up to the bias.
const (
	qA, qScaleA, qZeroA = 0, 1, 2
	qB, qScaleB, qZeroB = 3, 4, 5
	qScaleY, qZeroY     = 6, 7
	qBias               = 8
)

type qlinearMatMul struct{}

func (qlinearMatMul) Infer(env *Env, in []Fact) ([]Fact, error) {
	out, err := inferProduct(env, in[qZeroY].Elem(), in[qA], in[qB],
		[]Fact{in[qScaleA], in[qZeroA]}, []Fact{in[qScaleB], in[qZeroB]}, []Fact{in[qScaleY], in[qZeroY]})
	if bias := optionalFact(in, qBias); err == nil && !bias.Absent() && bias.Ranked() && out[0].Ranked() {
		if bias.Rank() != 1 || out[0].Rank() == 0 || in[qB].Ranked() && in[qB].Rank() < 2 {
			return nil, fmt.Errorf("bias must be a vector, one number a column")
		}
		if _, err := sameDim(bias.Dims()[0], out[0].Dims()[out[0].Rank()-1]); err != nil {
			return nil, fmt.Errorf("bias: %w", err)
		}
	}
	return out, err
}

// fusedProductSchema is the schema of QLinearMatMul with a bias.
func fusedProductSchema() (*schema.Op, bool) {
	base, ok := schema.Lookup(onnx.DomainDefault, "QLinearMatMul", schema.Newest(onnx.DomainDefault))
	if !ok {
		return nil, false
	}
	s := *base
	s.Domain, s.Name, s.Since = onnx.DomainPrivate, FusedPrefix+s.Name, 1
	s.Inputs.Max, s.Inputs.Params = qBias+1, append(slices.Clone(base.Inputs.Params), schema.Param{Name: "bias", Type: "tensor(int32)", Optional: true})
	return &s, true
}

func (o qlinearMatMul) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := make([]*onnx.Tensor, len(in))
	for i := range in {
		t[i] = tensorAt(in, i)
	}
	sums, err := integerProduct(env, t[qA], t[qB], t[qZeroA], t[qZeroB])
	if err != nil {
		return nil, err
	}
	if bias := tensorAt(in, qBias); bias != nil {
		b := bias.Int32s()
		for i := range sums.Int32s() {
			sums.Int32s()[i] += b[i%len(b)]
		}
	}
	y, err := env.New(t[qZeroY].Type, sums.Dims...)
	if err != nil {
		return nil, err
	}
	out := &scaled{y: y, zeros: t[qZeroY]}
	for i, side := range []struct {
		of, scale *onnx.Tensor
		columns   bool
	}{{t[qA], t[qScaleA], false}, {t[qB], t[qScaleB], true}, {y, t[qScaleY], false}, {y, t[qZeroY], false}} {
		dims, err := pointShape(side.scale.Dims, side.of.Dims, side.columns)
		if err != nil {
			return nil, err
		}
		out.strides[i] = BroadcastStrides(dims, y.Dims)
		if i < 3 {
			out.scales[i] = scaleReader(side.scale)
		}
	}
	return []onnx.Value{y}, out.write(sums)
}

// scaled is an integer tensor to be made of sums; strides of scales of the two factors and of scale and zero point of y.
type scaled struct {
	y, zeros *onnx.Tensor
	scales   [3]func(i int) float64
	strides  [4][]int
}

func (s *scaled) write(sums *onnx.Tensor) error {
	lo, hi, ok := integerRange(s.y.Type)
	write, zeros := quantaWriter(s.y, true), quantaReader(s.zeros)
	if !ok || write == nil {
		return unsupported(s.y.Type)
	}
	for _, read := range s.scales {
		if read == nil {
			return unsupported(onnx.Undefined)
		}
	}
	from, i := sums.Int32s(), 0
	Walk(s.y.Dims, func(at []int) {
		scale := requantScale(float32(s.scales[0](at[0])), float32(s.scales[1](at[1])), float32(s.scales[2](at[2])))
		write(i, quantum(float64(float32(from[i])*scale), zeros(at[3]), lo, hi))
		i++
	}, s.strides[:]...)
	return nil
}

// requantScale is what sums of products are multiplied with; the order of operations decides about halves.
func requantScale(a, b, y float32) float32 { return a * b / y }

// inferProduct gives the fact of a product of integers and checks what goes with its factors and with itself.
func inferProduct(env *Env, elem onnx.ElemType, a, b Fact, withA, withB, withY []Fact) ([]Fact, error) {
	plainA, plainB := a, b
	plainA.Type.Elem, plainB.Type.Elem = onnx.Int32, onnx.Int32
	out, err := matMul{}.Infer(env, []Fact{plainA, plainB})
	if err != nil {
		return nil, err
	}
	out[0].Type.Elem = elem
	for _, side := range []struct {
		of      Fact
		columns bool
		with    []Fact
		name    string
	}{{a, false, withA, "A"}, {b, true, withB, "B"}, {out[0], false, withY, "the result"}} {
		for _, f := range side.with {
			of, ok := side.of.Sizes()
			dims, ok2 := f.Sizes()
			if f.Absent() || !ok || !ok2 {
				continue
			}
			if _, err := pointShape(dims, of, side.columns); err != nil {
				return nil, fmt.Errorf("a scale or zero point of %s: %w", side.name, err)
			}
		}
	}
	return out, nil
}

// pointShape gives the shape in which a scale or zero point broadcasts over the matrices it belongs to.
func pointShape(dims, of []int64, columns bool) ([]int64, error) {
	if count(dims) == 1 {
		return nil, nil
	}
	n := len(of)
	along, across := n-2, n-1
	if columns {
		along, across = n-1, n-2
	}
	switch {
	case n >= 2 && len(dims) == 1 && dims[0] == of[along]:
		if columns {
			return dims, nil
		}
		return []int64{dims[0], 1}, nil
	case n >= 2 && len(dims) == n:
		want := slices.Clone(of)
		want[across] = 1
		if slices.Equal(dims, want) {
			return dims, nil
		}
	}
	return nil, fmt.Errorf("shape %v does not go with %v", dims, of)
}

// integerProduct multiplies with the zero points taken off.
func integerProduct(env *Env, a, b, zeroA, zeroB *onnx.Tensor) (*onnx.Tensor, error) {
	out, err := matMul{}.Infer(env, []Fact{Tensor(onnx.Int32, onnx.FixedDims(a.Dims...)...), Tensor(onnx.Int32, onnx.FixedDims(b.Dims...)...)})
	if err != nil {
		return nil, err
	}
	if a, err = centred(env, onnx.Int32, a, zeroA, false); err != nil {
		return nil, err
	}
	if b, err = centred(env, onnx.Int32, b, zeroB, true); err != nil {
		return nil, err
	}
	sizes, _ := out[0].Sizes()
	y, err := env.New(onnx.Int32, sizes...)
	if err != nil || y.Len() == 0 {
		return y, err
	}
	p, err := productsOf(a.Dims, b.Dims)
	if err != nil {
		return nil, err
	}
	multiply[int32, int64](p, y, a, b)
	return y, nil
}

// centred takes the zero point off and gives the rest in another type.
func centred(env *Env, elem onnx.ElemType, x, zero *onnx.Tensor, columns bool) (*onnx.Tensor, error) {
	if x.Type != onnx.Int8 && x.Type != onnx.Uint8 {
		return nil, unsupported(x.Type)
	}
	y, err := env.New(elem, x.Dims...)
	if err != nil {
		return nil, err
	}
	var dims []int64
	if zero != nil {
		if dims, err = pointShape(zero.Dims, x.Dims, columns); err != nil {
			return nil, err
		}
	}
	read, zeros, write, i := quantaReader(x), zeroReader(zero), floatWriter(y), 0
	Walk(x.Dims, func(at []int) {
		write(i, read(i)-zeros(at[0]))
		i++
	}, BroadcastStrides(dims, x.Dims))
	return y, nil
}
