package ops

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// TopK: the k greatest (or smallest) elements along an axis, in order, and where they stand. Of equal ones the earlier comes first; NaN
// is greater than all numbers. sorted 0 leaves the order open; here it is the same.
// X numbers, K int64 of one element → Values and Indices int64, of size k along axis.
// 1: k is an attribute · 10: k is an input · 11: largest, sorted · 24: types.
// https://onnx.ai/onnx/operators/onnx__TopK.html

func topKFamily() []Meaning {
	return []Meaning{{
		Name: "TopK", Class: Exact, New: newTopK,
		Upgrade:   map[int64]Rewrite{10: topKUp10},
		Downgrade: map[int64]Rewrite{10: topKDown10, 11: topKDown11},
	}}
}

type topK struct {
	axis    int64
	largest bool
}

func newTopK(a *Attrs) Op {
	a.Int("sorted")
	return topK{axis: a.Int("axis"), largest: a.Bool("largest")}
}

func (t topK) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if err := wantOne(in[1], "K"); err != nil {
		return nil, err
	}
	y, at := Unranked(x.Elem()), Unranked(onnx.Int64)
	if !x.Ranked() {
		return []Fact{y, at}, nil
	}
	axis, err := Axis(t.axis, x.Rank())
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(x.Dims())
	d := dims[axis]
	dims[axis] = onnx.UnknownDim()
	if k, ok := in[1].KnownInts(); ok {
		if k[0] < 0 || d.Known() && k[0] > d.Value {
			return nil, fmt.Errorf("K is %d, axis %d has size %v", k[0], axis, d)
		}
		dims[axis] = onnx.Fixed(k[0])
	}
	return []Fact{Tensor(x.Elem(), dims...), Tensor(onnx.Int64, slices.Clone(dims)...)}, nil
}

func (t topK) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	if isHalf(x.Type) {
		return throughFloat(env, t, in)
	}
	k := in[1].(*onnx.Tensor).Int64s()[0]
	axis, err := Axis(t.axis, len(x.Dims))
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(x.Dims)
	dims[axis] = k
	at, err := env.New(onnx.Int64, dims...)
	if err != nil {
		return nil, err
	}
	values, err := env.newCells(x.Type, dims)
	if err != nil {
		return nil, err
	}
	less, err := lessOf(x)
	if err != nil {
		return nil, err
	}
	from, indices := cellsOf(x), at.Int64s()
	n, block := int(x.Dims[axis]), count(x.Dims[axis+1:])
	order := make([]int, n)
	for outer := range count(x.Dims[:axis]) {
		for inner := range block {
			base := outer*n*block + inner
			for i := range order {
				order[i] = i
			}
			slices.SortStableFunc(order, func(a, b int) int {
				if t.largest {
					a, b = b, a
				}
				return less(base+a*block, base+b*block)
			})
			for i := range int(k) {
				to := (outer*int(k)+i)*block + inner
				indices[to] = int64(order[i])
				values.set(to, from, base+order[i]*block, 1)
			}
		}
	}
	return []onnx.Value{values.tensor(dims), at}, nil
}

// lessOf compares two elements of a tensor by their places. NaN is greater than all numbers.
func lessOf(t *onnx.Tensor) (func(i, j int) int, error) {
	switch t.Type {
	case onnx.Float:
		return ordered[float32](t), nil
	case onnx.Double:
		return ordered[float64](t), nil
	case onnx.Int8:
		return ordered[int8](t), nil
	case onnx.Int16:
		return ordered[int16](t), nil
	case onnx.Int32:
		return ordered[int32](t), nil
	case onnx.Int64:
		return ordered[int64](t), nil
	case onnx.Uint8:
		return ordered[uint8](t), nil
	case onnx.Uint16:
		return ordered[uint16](t), nil
	case onnx.Uint32:
		return ordered[uint32](t), nil
	case onnx.Uint64:
		return ordered[uint64](t), nil
	}
	return nil, unsupported(t.Type)
}

func ordered[T float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](t *onnx.Tensor) func(i, j int) int {
	v := onnx.View[T](t)
	return func(i, j int) int {
		// cmp puts NaN first.
		if a, b := v[i] != v[i], v[j] != v[j]; a || b {
			switch {
			case a && b:
				return 0
			case a:
				return 1
			}
			return -1
		}
		return cmp.Compare(v[i], v[j])
	}
}

func topKUp10(r *Rewriter) error {
	k := r.Take("k")
	if k == nil {
		return fmt.Errorf("attribute \"k\" is required")
	}
	r.SetInput(1, r.Const("k", onnx.FromInt64s([]int64{k.Int})))
	return r.Keep()
}

func topKDown10(r *Rewriter) error {
	k, ok := r.Fact(1).KnownInts()
	if !ok || len(k) != 1 {
		return fmt.Errorf("K must be a constant there")
	}
	r.Set(onnx.AttrInt("k", k[0]))
	r.Node.Inputs = r.Node.Inputs[:1]
	return r.Keep()
}

// topKDown11 leaves out what could only be said later: the smallest, and that the order is open.
func topKDown11(r *Rewriter) error {
	if a := r.Take("largest"); a != nil && a.Int == 0 {
		return fmt.Errorf("largest 0 is not there yet")
	}
	if a := r.Take("sorted"); a != nil && a.Int == 0 {
		return fmt.Errorf("sorted 0 is not there yet")
	}
	return r.Keep()
}
