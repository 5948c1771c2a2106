package ops

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// Softmax: eˣ / Σ eˣ along an axis. LogSoftmax: its logarithm. Hardmax: 1 at the first greatest element along the axis, 0 elsewhere.
// y has the shape of x.
// 1: along all axes from axis on as one, axis 1 by default · 11: a negative axis · 13: along one axis, the last by default.
// https://onnx.ai/onnx/operators/onnx__Softmax.html

func softmaxFamily() []Meaning {
	one := func(name string, class Class, line func(y, x []float64)) Meaning {
		return Meaning{
			Name: name, Class: class,
			New:       func(a *Attrs) Op { return softmax{name: name, axis: a.Int("axis"), line: line} },
			Upgrade:   map[int64]Rewrite{13: softmaxUp13},
			Downgrade: map[int64]Rewrite{13: softmaxDown13, 11: positiveAxis(1)},
		}
	}
	return []Meaning{
		one("Softmax", Rounds, softmaxLine),
		one("LogSoftmax", Rounds, logSoftmaxLine),
		one("Hardmax", Exact, hardmaxLine),
	}
}

type softmax struct {
	name string
	axis int64
	line func(y, x []float64)
}

func (s softmax) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if in[0].Ranked() {
		if _, err := Axis(s.axis, in[0].Rank()); err != nil {
			return nil, err
		}
	}
	return []Fact{{Type: in[0].Type}}, nil
}

func (s softmax) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	if isHalf(x.Type) {
		return throughFloat(env, s, in)
	}
	axis, err := Axis(s.axis, len(x.Dims))
	if err != nil {
		return nil, err
	}
	y, err := env.New(x.Type, x.Dims...)
	if err != nil {
		return nil, err
	}
	switch x.Type {
	case onnx.Float:
		alongAxis(y.Float32s(), x.Float32s(), x.Dims, axis, s.line)
	case onnx.Double:
		alongAxis(y.Float64s(), x.Float64s(), x.Dims, axis, s.line)
	default:
		return nil, unsupported(x.Type)
	}
	return []onnx.Value{y}, nil
}

// alongAxis hands every line of elements along an axis to f, as float64.
func alongAxis[T ~float32 | ~float64](y, x []T, dims []int64, axis int, f func(y, x []float64)) {
	n, inner := int(dims[axis]), count(dims[axis+1:])
	if n == 0 || inner == 0 {
		return
	}
	from, to := make([]float64, n), make([]float64, n)
	for outer := 0; outer < len(x); outer += n * inner {
		for i := range inner {
			for k := range n {
				from[k] = float64(x[outer+k*inner+i])
			}
			f(to, from)
			for k := range n {
				y[outer+k*inner+i] = T(to[k])
			}
		}
	}
}

func softmaxLine(y, x []float64) {
	greatest, sum := greatestOf(x), 0.0
	for i, v := range x {
		y[i] = math.Exp(v - greatest)
		sum += y[i]
	}
	for i := range y {
		y[i] /= sum
	}
}

func logSoftmaxLine(y, x []float64) {
	greatest, sum := greatestOf(x), 0.0
	for _, v := range x {
		sum += math.Exp(v - greatest)
	}
	for i, v := range x {
		y[i] = v - greatest - math.Log(sum)
	}
}

func hardmaxLine(y, x []float64) {
	first := 0
	for i, v := range x {
		y[i] = 0
		if v > x[first] {
			first = i
		}
	}
	y[first] = 1
}

// greatestOf is the greatest element, NaN where one is.
func greatestOf(x []float64) float64 {
	m := math.Inf(-1)
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

// Specialize runs the last axis of float inputs on the kernels.
func (s softmax) Specialize(t Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	sizes, ok := in[0].Sizes()
	if !ok || count(sizes) == 0 || in[0].Elem() != onnx.Float {
		return Step{}, false
	}
	axis, err := Axis(s.axis, len(sizes))
	if err != nil {
		return Step{}, false
	}
	if inner := count(sizes[axis+1:]); inner > 1 {
		if s.name != "Softmax" {
			return Step{}, false
		}
		n := int(sizes[axis])
		return Step{InPlace: true, Scratch: 4 * 2 * inner, Run: func(f *Frame) error {
			t.Set.SoftmaxColumns(t.Pool, f.Out[0].Float32s(), f.In[0].Float32s(), n, inner, f.ScratchFloats())
			return nil
		}}, true
	}
	cols := int(sizes[axis])
	switch s.name {
	case "Softmax":
		return Step{InPlace: true, Run: func(f *Frame) error {
			t.Set.Softmax(t.Pool, f.Out[0].Float32s(), f.In[0].Float32s(), cols)
			return nil
		}}, true
	case "LogSoftmax":
		return Step{Run: func(f *Frame) error {
			t.Set.LogSoftmax(t.Pool, f.Out[0].Float32s(), f.In[0].Float32s(), cols)
			return nil
		}}, true
	}
	return Step{}, false
}

// softmaxUp13 writes the older meaning: axis and all that follow are one axis, which is the same where axis is the last.
func softmaxUp13(r *Rewriter) error {
	axis := r.Take("axis")
	if axis == nil {
		axis = onnx.AttrInt("axis", 1)
	}
	x := r.Fact(0)
	if x.Ranked() {
		at, err := Axis(axis.Int, x.Rank())
		if err != nil && !(axis.Int == int64(x.Rank())) {
			return fmt.Errorf("attribute \"axis\": %w", err)
		}
		if err == nil && at == x.Rank()-1 {
			r.Set(axis)
			return r.Keep()
		}
	}
	flat := r.Emit("Flatten", []string{r.Input(0)}, axis)
	y := r.Emit(r.Node.OpType, []string{flat}, onnx.AttrInt("axis", -1))
	shape := r.Emit("Shape", []string{r.Input(0)})
	r.EmitTo(r.Node.Outputs[0], "Reshape", []string{y, shape})
	return nil
}

// softmaxDown13 brings the axis to the end where it is not there. That way back is not undone by lifting: the result is equal in
// numbers, not in structure.
func softmaxDown13(r *Rewriter) error {
	rank, err := r.Rank(0)
	if err != nil {
		return err
	}
	attr := r.Take("axis")
	if attr == nil {
		attr = onnx.AttrInt("axis", -1)
	}
	axis, err := Axis(attr.Int, rank)
	if err != nil {
		return fmt.Errorf("attribute \"axis\": %w", err)
	}
	if axis == rank-1 {
		r.Set(attr)
		return r.Keep()
	}
	perm := make([]int64, rank)
	for i := range perm {
		perm[i] = int64(i)
	}
	perm[axis], perm[rank-1] = perm[rank-1], perm[axis]
	x := r.Emit("Transpose", []string{r.Input(0)}, onnx.AttrInts("perm", perm...))
	y := r.Emit(r.Node.OpType, []string{x}, onnx.AttrInt("axis", int64(rank-1)))
	r.EmitTo(r.Node.Outputs[0], "Transpose", []string{y}, onnx.AttrInts("perm", perm...))
	return nil
}
