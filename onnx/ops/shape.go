package ops

import (
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Shape: the dimensions of a tensor, or those of the axes start to end (not included); negative ones count from the end
// and both are cut to the axes there are. data any → int64 [end-start].
// 1: first · 15: start and end · 13, 19, 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__Shape.html
//
// Size: how many elements a tensor has. data any → int64 [].
// 1: first · 13, 19, 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__Size.html

func shapeFamily() []Meaning {
	return []Meaning{
		{Name: "Shape", Class: Exact, New: newShape, Downgrade: map[int64]Rewrite{15: shapeDown15}},
		{Name: "Size", Class: Exact, New: func(*Attrs) Op { return size{} }},
	}
}

type shape struct {
	start, end int64
	hasEnd     bool
}

func newShape(a *Attrs) Op {
	return shape{start: a.Int("start"), end: a.IntOr("end", 0), hasEnd: a.Has("end")}
}

func (s shape) cut(rank int) (start, end int) {
	at := func(n int64) int {
		if n < 0 {
			n += int64(rank)
		}
		return int(min(max(n, 0), int64(rank)))
	}
	start, end = at(s.start), rank
	if s.hasEnd {
		end = at(s.end)
	}
	return start, max(start, end)
}

func (s shape) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if !in[0].Ranked() {
		return []Fact{Tensor(onnx.Int64, onnx.UnknownDim())}, nil
	}
	start, end := s.cut(in[0].Rank())
	return []Fact{withElems(Tensor(onnx.Int64, onnx.Fixed(int64(end-start))), slices.Clone(in[0].Dims()[start:end]))}, nil
}

func (s shape) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	start, end := s.cut(len(x.Dims))
	return []onnx.Value{onnx.FromInt64s(slices.Clone(x.Dims[start:end]), int64(end-start))}, nil
}

// shapeDown15 writes a part of the shape as a slice of the whole.
func shapeDown15(r *Rewriter) error {
	start, end := r.Take("start"), r.Take("end")
	if (start == nil || start.Int == 0) && end == nil {
		return r.Keep()
	}
	from, to := int64(0), int64(1<<31-1)
	if start != nil {
		from = start.Int
	}
	if end != nil {
		to = end.Int
	}
	whole := r.Emit("Shape", r.Node.Inputs)
	r.EmitTo(r.Node.Outputs[0], "Slice", []string{whole, r.Const("starts", onnx.FromInt64s([]int64{from})),
		r.Const("ends", onnx.FromInt64s([]int64{to})), r.Const("axes", onnx.FromInt64s([]int64{0}))})
	return nil
}

type size struct{}

func (size) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if !in[0].Ranked() {
		return []Fact{Tensor(onnx.Int64)}, nil
	}
	return []Fact{withElems(Tensor(onnx.Int64), []onnx.Dim{productDim(in[0].Dims())})}, nil
}

func (size) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	return []onnx.Value{onnx.Scalar64(int64(in[0].(*onnx.Tensor).Len()))}, nil
}
