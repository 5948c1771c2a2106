package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// Concat: tensors one behind the other along an axis. inputs any, equal in every other dimension.
// 1: axis is 1 by default · 4: axis is required · 11: a negative axis · 13: types.
// https://onnx.ai/onnx/operators/onnx__Concat.html

func concatFamily() []Meaning {
	return []Meaning{{
		Name: "Concat", Class: Exact,
		New:       func(a *Attrs) Op { return concat{axis: a.Int("axis")} },
		Upgrade:   map[int64]Rewrite{4: concatUp4},
		Downgrade: map[int64]Rewrite{4: (*Rewriter).Keep, 11: positiveAxis(0)},
	}}
}

func concatUp4(r *Rewriter) error {
	if r.Node.Attribute("axis") == nil {
		r.Set(onnx.AttrInt("axis", 1))
	}
	return r.Keep()
}

type concat struct{ axis int64 }

func (c concat) Infer(_ *Env, in []Fact) ([]Fact, error) {
	var dims []onnx.Dim
	axis, unranked := -1, false
	elem := in[0].Elem()
	var elems []onnx.Dim
	follow := true
	for i, f := range in {
		if elem == onnx.Undefined {
			elem = f.Elem()
		}
		if e, ok := elemsOf(f); ok && follow {
			elems = append(elems, e...)
		} else {
			follow = false
		}
		if !f.Ranked() {
			unranked = true
			continue
		}
		if axis < 0 {
			var err error
			if axis, err = Axis(c.axis, f.Rank()); err != nil {
				return nil, err
			}
			dims = append([]onnx.Dim{}, f.Dims()...)
			continue
		}
		if f.Rank() != len(dims) {
			return nil, fmt.Errorf("input %d has %d axes, those before it %d", i, f.Rank(), len(dims))
		}
		for k, d := range f.Dims() {
			if k == axis {
				dims[k] = addDims(dims[k], d)
				continue
			}
			merged, err := sameDim(dims[k], d)
			if err != nil {
				return nil, fmt.Errorf("input %d: axis %d: %w", i, k, err)
			}
			dims[k] = merged
		}
	}
	if dims == nil {
		return []Fact{Unranked(elem)}, nil
	}
	if unranked {
		dims[axis] = onnx.UnknownDim()
	}
	y := Tensor(elem, dims...)
	if follow {
		y = withElems(y, elems)
	}
	return []Fact{y}, nil
}

// addDims adds dimensions as far as they are known.
func addDims(a, b onnx.Dim) onnx.Dim {
	switch {
	case a.Known() && b.Known() && a.Value <= 1<<62 && b.Value <= 1<<62:
		return onnx.Fixed(a.Value + b.Value)
	case a.Known() && a.Value == 0:
		return b
	case b.Known() && b.Value == 0:
		return a
	}
	return onnx.UnknownDim()
}

func (c concat) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	parts := make([]cells, len(in))
	facts := make([]Fact, len(in))
	for i, v := range in {
		parts[i], facts[i] = cellsOf(v.(*onnx.Tensor)), FactOf(v)
	}
	out, err := c.Infer(env, facts)
	if err != nil {
		return nil, err
	}
	dims, _ := out[0].Sizes()
	y, err := env.newCells(out[0].Elem(), dims)
	if err != nil {
		return nil, err
	}
	outer, blocks := c.blocks(facts)
	interleave(y, parts, outer, blocks)
	return []onnx.Value{y.tensor(dims)}, nil
}

// blocks says how the result is put together: outer times one block of each input after the other, with their lengths.
func (c concat) blocks(in []Fact) (outer int, blocks []int) {
	blocks = make([]int, len(in))
	for i, f := range in {
		sizes, _ := f.Sizes()
		axis, _ := Axis(c.axis, len(sizes))
		outer, blocks[i] = count(sizes[:axis]), count(sizes[axis:])
	}
	return outer, blocks
}

func interleave(y cells, parts []cells, outer int, blocks []int) {
	at := 0
	for o := range outer {
		for i, n := range blocks {
			y.set(at, parts[i], o*n, n)
			at += n
		}
	}
}

func (c concat) Specialize(_ Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	if in[0].Elem().Bits() < 8 {
		return Step{}, false
	}
	outer, blocks := c.blocks(in)
	return Step{Run: func(f *Frame) error {
		y, at := cellsOf(f.Out[0]), 0
		for o := range outer {
			for i, n := range blocks {
				y.set(at, cellsOf(f.In[i]), o*n, n)
				at += n
			}
		}
		return nil
	}}, true
}
