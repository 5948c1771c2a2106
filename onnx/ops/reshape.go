package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Reshape: the same elements in another shape. data any, shape int64 [rank].
// An element of shape is a size; 0 copies the input's dimension there (unless allowzero, where it is a size of 0); one may be
// -1 and is worked out from the rest.
// 1: shape is an attribute · 5: shape is an input · 14: allowzero · 13, 19, 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__Reshape.html

func reshapeFamily() []Meaning {
	return []Meaning{{
		Name: "Reshape", Class: Exact,
		New:       func(a *Attrs) Op { return reshape{allowZero: a.Bool("allowzero")} },
		Upgrade:   map[int64]Rewrite{5: reshapeUp5},
		Downgrade: map[int64]Rewrite{5: reshapeDown5},
	}}
}

type reshape struct{ allowZero bool }

func (r reshape) Infer(env *Env, in []Fact) ([]Fact, error) {
	data, shape := in[0], in[1]
	if shape.Ranked() && shape.Rank() != 1 {
		return nil, fmt.Errorf("shape must be a vector")
	}
	if want, ok := shape.KnownInts(); ok {
		dims, err := r.resolve(data, want)
		if err != nil {
			return nil, err
		}
		return []Fact{carryElems(data, Tensor(data.Elem(), dims...))}, nil
	}
	// The vector's elements may be symbols: Shape → Concat → Reshape keeps the batch's name.
	if elems, ok := shape.Ints(); ok {
		dims := slices.Clone(elems)
		for i, d := range dims {
			if d == onnx.Fixed(0) && !r.allowZero {
				dims[i] = onnx.UnknownDim()
				if data.Ranked() && i < data.Rank() {
					dims[i] = data.Dims()[i]
				}
			}
		}
		return []Fact{Tensor(data.Elem(), dims...)}, nil
	}
	return []Fact{Unranked(data.Elem())}, nil
}

// resolve gives the dimensions that a known shape vector asks for. A symbol that stands in both shapes cancels, so that
// [batch, 32] reshaped to [-1, 4, 8] has the dimension batch.
func (r reshape) resolve(data Fact, want []int64) ([]onnx.Dim, error) {
	dims := make([]onnx.Dim, len(want))
	open := -1
	for i, n := range want {
		switch {
		case n == -1 && open >= 0:
			return nil, fmt.Errorf("shape %v has more than one -1", want)
		case n == -1:
			open = i
			dims[i] = onnx.UnknownDim()
		case n < -1:
			return nil, fmt.Errorf("shape %v has a negative size", want)
		case n == 0 && !r.allowZero:
			if !data.Ranked() {
				dims[i] = onnx.UnknownDim()
			} else if i >= data.Rank() {
				return nil, fmt.Errorf("shape %v copies axis %d, which the input does not have", want, i)
			} else {
				dims[i] = data.Dims()[i]
			}
		default:
			dims[i] = onnx.Fixed(n)
		}
	}
	if r.allowZero && open >= 0 && slices.Contains(want, 0) {
		return nil, fmt.Errorf("shape %v has both 0 and -1, which allowzero forbids", want)
	}
	if !data.Ranked() {
		return dims, nil
	}
	have, haveOpen := product(data.Dims())
	need, needOpen := product(slices.DeleteFunc(slices.Clone(dims), func(d onnx.Dim) bool { return d == onnx.UnknownDim() }))
	for _, d := range needOpen {
		if k := slices.Index(haveOpen, d); k >= 0 {
			haveOpen = slices.Delete(haveOpen, k, k+1)
		} else if d != "" {
			return dims, nil // nothing cancels, nothing to say
		}
	}
	unknowns := 0
	for _, d := range dims {
		if d == onnx.UnknownDim() {
			unknowns++
		}
	}
	switch {
	case open < 0 && len(haveOpen) == 0 && unknowns == 0:
		if have != need {
			return nil, fmt.Errorf("%d elements do not fit shape %v", have, want)
		}
	case open >= 0 && unknowns == 1 && len(haveOpen) == 0:
		if need == 0 || have%need != 0 {
			return nil, fmt.Errorf("%d elements do not fit shape %v", have, want)
		}
		dims[open] = onnx.Fixed(have / need)
	case open >= 0 && unknowns == 1 && len(haveOpen) == 1 && haveOpen[0] != "" && have == need:
		dims[open] = onnx.Symbol(haveOpen[0])
	}
	return dims, nil
}

// product multiplies what is known and lists the symbols ("" for dimensions without one). Sizes have been checked to fit.
func product(dims []onnx.Dim) (int64, []string) {
	n := int64(1)
	var open []string
	for _, d := range dims {
		if d.Known() {
			n *= d.Value
		} else {
			open = append(open, d.Param)
		}
	}
	return n, open
}

func (r reshape) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	data, shape := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor)
	dims, err := r.resolve(FactOf(data), shape.Int64s())
	if err != nil {
		return nil, err
	}
	sizes, _ := Tensor(data.Type, dims...).Sizes()
	return []onnx.Value{withDims(data, sizes)}, nil
}

// withDims is the same elements under another shape.
func withDims(t *onnx.Tensor, dims []int64) *onnx.Tensor {
	return &onnx.Tensor{Type: t.Type, Dims: dims, Data: t.Data, Strings: t.Strings}
}

func reshapeUp5(r *Rewriter) error {
	r.Take("consumed_inputs")
	shape := r.Take("shape")
	if shape == nil {
		return fmt.Errorf("attribute \"shape\" is required")
	}
	r.SetInput(1, r.Const("shape", onnx.FromInt64s(shape.Ints)))
	return r.Keep()
}

func reshapeDown5(r *Rewriter) error {
	shape, ok := r.Fact(1).KnownInts()
	if !ok {
		return fmt.Errorf("shape must be a constant there")
	}
	r.Node.Inputs = r.Node.Inputs[:1]
	r.Set(onnx.AttrInts("shape", shape...))
	return r.Keep()
}
