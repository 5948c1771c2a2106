package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Gather: y[a…, i…, b…] = data[a…, indices[i…], b…], the index at axis. A negative index counts from the end.
// data any [A…, size, B…], indices int32 or int64 [I…] → [A…, I…, B…].
// 1: first · 11: negative indices · 13: types.
// https://onnx.ai/onnx/operators/onnx__Gather.html

func gatherFamily() []Meaning {
	return []Meaning{{
		Name: "Gather", Class: Exact,
		New:       func(a *Attrs) Op { return gather{axis: a.Int("axis")} },
		Downgrade: map[int64]Rewrite{11: gatherDown11},
	}}
}

type gather struct{ axis int64 }

func (g gather) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x, at := in[0], in[1]
	if !x.Ranked() {
		return []Fact{Unranked(x.Elem())}, nil
	}
	axis, err := Axis(g.axis, x.Rank())
	if err != nil {
		return nil, err
	}
	indices, known := at.KnownInts()
	if d := x.Dims()[axis]; known && d.Known() {
		for _, i := range indices {
			if i < -d.Value || i >= d.Value {
				return nil, indexError(i, axis, d.Value)
			}
		}
	}
	if !at.Ranked() {
		return []Fact{Unranked(x.Elem())}, nil
	}
	y := Tensor(x.Elem(), slices.Concat(x.Dims()[:axis], at.Dims(), x.Dims()[axis+1:])...)
	if elems, ok := elemsOf(x); ok && known && x.Rank() == 1 && at.Rank() < 2 && len(indices) <= maxElems && x.Dims()[0].Known() {
		taken := make([]onnx.Dim, len(indices))
		for k, i := range indices {
			if i < 0 {
				i += int64(len(elems))
			}
			taken[k] = elems[i]
		}
		y = withElems(y, taken)
	}
	return []Fact{y}, nil
}

func indexError(i int64, axis int, size int64) error {
	return fmt.Errorf("index %d is outside axis %d of size %d", i, axis, size)
}

func (g gather) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x, at := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor)
	axis, err := Axis(g.axis, len(x.Dims))
	if err != nil {
		return nil, err
	}
	dims := slices.Concat(x.Dims[:axis], at.Dims, x.Dims[axis+1:])
	y, err := env.newCells(x.Type, dims)
	if err != nil {
		return nil, err
	}
	if err := g.take(y, cellsOf(x), x.Dims, at); err != nil {
		return nil, err
	}
	return []onnx.Value{y.tensor(dims)}, nil
}

func (g gather) take(y, x cells, dims []int64, at *onnx.Tensor) error {
	axis, _ := Axis(g.axis, len(dims))
	size, block := dims[axis], count(dims[axis+1:])
	index := func(k int) int64 { return 0 }
	switch at.Type {
	case onnx.Int64:
		v := at.Int64s()
		index = func(k int) int64 { return v[k] }
	case onnx.Int32:
		v := at.Int32s()
		index = func(k int) int64 { return int64(v[k]) }
	}
	n, to := at.Len(), 0
	for outer := range count(dims[:axis]) {
		for k := range n {
			i := index(k)
			if i < 0 {
				i += size
			}
			if i < 0 || i >= size {
				return indexError(index(k), axis, size)
			}
			y.set(to, x, (outer*int(size)+int(i))*block, block)
			to += block
		}
	}
	return nil
}

func (g gather) Specialize(_ Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	if in[0].Elem().Bits() < 8 {
		return Step{}, false
	}
	return Step{Run: func(f *Frame) error {
		return g.take(cellsOf(f.Out[0]), cellsOf(f.In[0]), f.In[0].Dims, f.In[1])
	}}, true
}

// gatherDown11 makes constant indices positive. Those that are computed are taken to be positive.
func gatherDown11(r *Rewriter) error {
	indices, ok := r.Fact(1).KnownInts()
	if !ok || !slices.ContainsFunc(indices, func(n int64) bool { return n < 0 }) {
		return r.Keep()
	}
	rank, err := r.Rank(0)
	if err != nil {
		return err
	}
	axis := int64(0)
	if a := r.Node.Attribute("axis"); a != nil {
		axis = a.Int
	}
	k, err := Axis(axis, rank)
	if err != nil {
		return err
	}
	d := r.Fact(0).Dims()[k]
	if !d.Known() {
		return fmt.Errorf("negative indices are not there yet, and the size of axis %d is not known", k)
	}
	positive := make([]int64, len(indices))
	for i, n := range indices {
		positive[i] = n
		if n < 0 {
			positive[i] += d.Value
		}
	}
	r.SetInput(1, r.Const("indices", onnx.FromInt64s(positive, slices.Clone(r.Fact(1).Value.Dims)...)))
	return r.Keep()
}
