package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Trilu: a stack of matrices with zeros below (upper) or above (lower) diagonal k; k is 0 where absent, the main one, and
// counts to the right. input any [batch…, rows, columns], k int64 of one element.
// 14: first.
// https://onnx.ai/onnx/operators/onnx__Trilu.html
//
// EyeLike: ones on diagonal k, zeros elsewhere. input any [rows, columns] → the same shape, of type dtype or the input's.
// 9: first · 22: types.
// https://onnx.ai/onnx/operators/onnx__EyeLike.html

func triluFamily() []Meaning {
	return []Meaning{
		{Name: "Trilu", Class: Exact, New: func(a *Attrs) Op { return trilu{upper: a.Bool("upper")} }},
		{Name: "EyeLike", Class: Exact, New: func(a *Attrs) Op {
			return eyeLike{elem: a.Elem("dtype", onnx.Undefined), k: a.Int("k")}
		}},
	}
}

type trilu struct{ upper bool }

func (t trilu) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if len(in) > 1 && !in[1].Absent() {
		if err := wantOne(in[1], "k"); err != nil {
			return nil, err
		}
	}
	if in[0].Ranked() && in[0].Rank() < 2 {
		return nil, fmt.Errorf("the input has %d axes, want at least 2", in[0].Rank())
	}
	return []Fact{{Type: in[0].Type}}, nil
}

func (t trilu) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x, k := in[0].(*onnx.Tensor), int64(0)
	if len(in) > 1 && in[1] != nil {
		k = in[1].(*onnx.Tensor).Int64s()[0]
	}
	dims := slices.Clone(x.Dims)
	y, err := env.newCells(x.Type, dims)
	if err != nil {
		return nil, err
	}
	from := cellsOf(x)
	rows, cols := dims[len(dims)-2], dims[len(dims)-1]
	k = min(max(k, -rows-1), cols+1) // beyond these nothing changes
	for r := range count(dims[:len(dims)-1]) {
		// In row i, column i+k is on the diagonal.
		at := min(max(int64(r)%rows+k, 0), cols)
		lo, hi := at, cols
		if !t.upper {
			lo, hi = 0, min(max(int64(r)%rows+k+1, 0), cols)
		}
		start := r*int(cols) + int(lo)
		y.set(start, from, start, int(hi-lo))
	}
	return []onnx.Value{y.tensor(dims)}, nil
}

type eyeLike struct {
	elem onnx.ElemType
	k    int64
}

func (e eyeLike) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	elem := e.elem
	if elem == onnx.Undefined {
		elem = x.Elem()
	}
	if !x.Ranked() {
		return []Fact{Tensor(elem, unknownDims(2)...)}, nil
	}
	if x.Rank() != 2 {
		return nil, fmt.Errorf("the input has %d axes, want 2", x.Rank())
	}
	return []Fact{Tensor(elem, slices.Clone(x.Dims())...)}, nil
}

func (e eyeLike) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	elem := e.elem
	if elem == onnx.Undefined {
		elem = x.Type
	}
	one, err := oneOf(elem)
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(x.Dims)
	y, err := env.newCells(elem, dims)
	if err != nil {
		return nil, err
	}
	for r := range dims[0] {
		if c := r + e.k; c >= 0 && c < dims[1] {
			y.set(int(r*dims[1]+c), one, 0, 1)
		}
	}
	return []onnx.Value{y.tensor(dims)}, nil
}

// oneOf is the number 1 of an element type.
func oneOf(elem onnx.ElemType) (cells, error) {
	t := &onnx.Tensor{Type: elem, Dims: []int64{1}}
	switch {
	case elem == onnx.Float:
		t.Data = onnx.BytesOf([]float32{1})
	case elem == onnx.Double:
		t.Data = onnx.BytesOf([]float64{1})
	case isHalf(elem):
		t.Data = onnx.BytesOf([]uint16{narrowHalf(1, elem)})
	case isInteger(elem) || elem == onnx.Bool:
		t = onnx.NewTensor(elem, 1)
		t.Data[0] = 1 // little-endian
	default:
		return cells{}, unsupported(elem)
	}
	return cellsOf(t), nil
}
