package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// The Reduce family: elements combined along axes. data [d…], axes int64 [count] → [d… with 1 on those axes, or without them where
// keepdims is 0]. Without axes, or where there are none in it, all are reduced; with noop_with_empty_axes none, so that every
// element is a set of its own.
// Sum Σx · Mean Σx/n · Prod Πx · Max · Min · L1 Σ|x| · L2 √Σx² · SumSquare Σx² · LogSum ln Σx · LogSumExp ln Σeˣ.
// Sums of nothing are 0, products 1, the greatest of nothing is -Inf or the least integer, the least the opposite. Max and Min are
// NaN where an element is. Sums of integers wrap; means, roots and logarithms of integers are computed in float64 and truncated.
// 1: axes are an attribute · 11: negative ones · 13 (Sum), 18 (others): axes are an input · 12, 13, 20: types · 28 (LogSum, LogSumExp):
// no integers.
// https://onnx.ai/onnx/operators/onnx__ReduceSum.html

func reduceFamily() []Meaning {
	one := func(kind reduction, name string, class Class, since int64) Meaning {
		m := Meaning{
			Name: name, Class: class,
			New: func(a *Attrs) Op {
				return reduce{kind: kind, keep: a.Bool("keepdims"), noop: a.Bool("noop_with_empty_axes")}
			},
			Upgrade:   map[int64]Rewrite{since: reduceUp},
			Downgrade: map[int64]Rewrite{since: reduceDown(kind), 11: positiveAxes(func(rank, _ int) int { return rank })},
		}
		if kind == reduceLogSum || kind == reduceLogSumExp {
			m.Upgrade[28], m.Downgrade[28] = throughDouble, keep
		}
		return m
	}
	return []Meaning{
		one(reduceSum, "ReduceSum", Rounds, 13),
		one(reduceMean, "ReduceMean", Rounds, 18),
		one(reduceProd, "ReduceProd", Rounds, 18),
		one(reduceMax, "ReduceMax", Exact, 18),
		one(reduceMin, "ReduceMin", Exact, 18),
		one(reduceL1, "ReduceL1", Rounds, 18),
		one(reduceL2, "ReduceL2", Rounds, 18),
		one(reduceSumSquare, "ReduceSumSquare", Rounds, 18),
		one(reduceLogSum, "ReduceLogSum", Rounds, 18),
		one(reduceLogSumExp, "ReduceLogSumExp", Rounds, 18),
	}
}

type reduction uint8

const (
	reduceSum reduction = iota
	reduceMean
	reduceProd
	reduceMax
	reduceMin
	reduceL1
	reduceL2
	reduceSumSquare
	reduceLogSum
	reduceLogSumExp
)

type reduce struct {
	kind       reduction
	keep, noop bool
}

func (r reduce) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	var axes []int64
	known := len(in) < 2 || in[1].Absent()
	if !known {
		if err := wantVector(in[1], "axes"); err != nil {
			return nil, err
		}
		axes, known = in[1].KnownInts()
	}
	switch {
	case !x.Ranked():
		return []Fact{Unranked(x.Elem())}, nil
	case known:
		set, err := r.axes(axes, x.Rank())
		if err != nil {
			return nil, err
		}
		return []Fact{Tensor(x.Elem(), r.dims(x.Dims(), set)...)}, nil
	case r.keep:
		return []Fact{Tensor(x.Elem(), unknownDims(x.Rank())...)}, nil
	}
	if n, ok := in[1].Sizes(); ok && n[0] > 0 && n[0] <= int64(x.Rank()) {
		return []Fact{Tensor(x.Elem(), unknownDims(x.Rank()-int(n[0]))...)}, nil
	}
	return []Fact{Unranked(x.Elem())}, nil
}

// axes says of every axis whether it is reduced.
func (r reduce) axes(list []int64, rank int) ([]bool, error) {
	set := make([]bool, rank)
	if len(list) == 0 {
		for i := range set {
			set[i] = !r.noop
		}
		return set, nil
	}
	axes, err := axesOf(list, rank)
	if err != nil {
		return nil, err
	}
	for _, a := range axes {
		set[a] = true
	}
	return set, nil
}

func (r reduce) dims(dims []onnx.Dim, set []bool) []onnx.Dim {
	out := []onnx.Dim{}
	for i, d := range dims {
		switch {
		case !set[i]:
			out = append(out, d)
		case r.keep:
			out = append(out, onnx.Fixed(1))
		}
	}
	return out
}

func (r reduce) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	x := t[0]
	if isHalf(x.Type) {
		return throughFloat(env, r, in)
	}
	var list []int64
	if len(t) > 1 && t[1] != nil {
		list, _ = IntsOf(t[1])
	}
	set, err := r.axes(list, len(x.Dims))
	if err != nil {
		return nil, err
	}
	fact := Tensor(x.Type, r.dims(onnx.FixedDims(x.Dims...), set)...)
	sizes, _ := fact.Sizes()
	y, err := env.New(x.Type, sizes...)
	if err != nil {
		return nil, err
	}
	strides, _ := reducedStrides(x.Dims, set)
	if err := r.accumulate(env, y, x, strides); err != nil {
		return nil, err
	}
	return []onnx.Value{y}, nil
}

// Specialize runs sums, those of squares, means and maxima axis by axis, which are rows to the kernels.
func (r reduce) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	x, ok := in[0].Sizes()
	squares := r.kind == reduceSumSquare
	if !ok || count(x) == 0 || in[0].Elem() != onnx.Float || r.kind != reduceSum && r.kind != reduceMean && r.kind != reduceMax && !squares {
		return Step{}, false
	}
	var list []int64
	if len(in) > 1 && !in[1].Absent() {
		if consts[1] == nil {
			return Step{}, false
		}
		list, _ = IntsOf(consts[1])
	}
	set, err := r.axes(list, len(x))
	if err != nil {
		return Step{}, false
	}
	passes, most := reducePasses(x, set)
	if len(passes) == 0 {
		return Step{}, false
	}
	n, results := 1, count(x)
	for _, p := range passes {
		n, results = n*p.n, results/p.n
	}
	block := 0
	if squares && passes[0].inner > 1 {
		block = passes[0].n * passes[0].inner
	}
	return Step{Scratch: 4 * (2*most + block), Run: func(f *Frame) error {
		from, y := f.In[0].Float32s(), f.Out[0].Float32s()
		for i, p := range passes {
			to := y
			if i < len(passes)-1 {
				to = f.ScratchFloats()[i%2*most:][:p.outer*p.inner]
			}
			if i == 0 && squares {
				p.squares(t.Set, to, from, f.ScratchFloats()[2*most:][:block])
			} else {
				p.run(t.Set, r.kind, to, from)
			}
			from = to
		}
		if r.kind == reduceMean {
			t.Set.BinaryScalar(nil, kernels.Div, y, y, float32(n), false)
		}
		return nil
	}}, true
}

// reducePass takes away the middle one of three axes.
type reducePass struct{ outer, n, inner int }

// reducePasses takes away the axes that are set, those that stand together at once, from the last to the first; most is the length of
// what the passes hand on.
func reducePasses(dims []int64, set []bool) (passes []reducePass, most int) {
	inner := 1
	for i := len(dims); i > 0; {
		last := i
		for i > 0 && set[i-1] == set[last-1] {
			i--
		}
		n := count(dims[i:last])
		if !set[last-1] {
			inner *= n
			continue
		}
		p := reducePass{outer: count(dims[:i]), n: n, inner: inner}
		if len(passes) == 0 || n > 1 {
			passes = append(passes, p)
			most = max(most, (p.outer*p.inner+15)&^15)
		}
	}
	if len(passes) < 2 {
		most = 0
	}
	return passes, most
}

func (p reducePass) run(s kernels.Set, kind reduction, y, x []float32) {
	for o := range p.outer {
		x := x[o*p.n*p.inner:][:p.n*p.inner]
		switch {
		case p.inner > 1 && kind == reduceMax:
			s.ColumnMaxima(y[o*p.inner:][:p.inner], x)
		case p.inner > 1:
			s.ColumnSums(y[o*p.inner:][:p.inner], x, false)
		case kind == reduceMax:
			y[o] = s.Max(x)
		default:
			y[o] = float32(s.Sum(x))
		}
	}
}

// squares adds squares; block has memory for those of one outer index where inner is more than 1.
func (p reducePass) squares(s kernels.Set, y, x, block []float32) {
	for o := range p.outer {
		x := x[o*p.n*p.inner:][:p.n*p.inner]
		if p.inner == 1 {
			y[o] = float32(s.SumSquares(x))
			continue
		}
		s.Binary(nil, kernels.Mul, block, x, x)
		s.ColumnSums(y[o*p.inner:][:p.inner], block, false)
	}
}

// reducedStrides gives the strides that walk a tensor from result to result of a reduction over the axes that are set, 0 along those,
// and how many results there are.
func reducedStrides(dims []int64, set []bool) (strides []int, results int) {
	strides, results = make([]int, len(dims)), 1
	for i := len(dims) - 1; i >= 0; i-- {
		if !set[i] {
			strides[i] = results
			results *= int(dims[i])
		}
	}
	return strides, results
}

func (r reduce) accumulate(env *Env, y, x *onnx.Tensor, strides []int) error {
	if err := env.Fits(onnx.Double, y.Dims); err != nil { // the sums
		return err
	}
	switch {
	case isFloat(x.Type) || isInteger(x.Type) && r.real():
		read, put := floatReader(x), floatWriter(y)
		sums := reduceFloats(r.kind, y.Len(), x, strides, read)
		n := 0
		if y.Len() > 0 {
			n = x.Len() / y.Len()
		}
		for i, s := range sums {
			if n == 0 && r.kind == reduceMean && isInteger(y.Type) {
				return fmt.Errorf("the mean of no integers is not defined")
			}
			put(i, r.finish(s, n))
		}
	case isInteger(x.Type):
		signed := isSigned(x.Type)
		read, put := intReader(x), intWriter(y, signed)
		sums := make([]int64, y.Len())
		first := r.firstInt(x.Type)
		for i := range sums {
			sums[i] = first
		}
		i := 0
		Walk(x.Dims, func(at []int) {
			sums[at[0]] = r.stepInt(sums[at[0]], read(i), signed)
			i++
		}, strides)
		for i, s := range sums {
			put(i, s)
		}
	case x.Type == onnx.Bool && (r.kind == reduceMax || r.kind == reduceMin):
		out, v, i := y.Bools(), x.Bools(), 0
		for k := range out {
			out[k] = r.kind == reduceMin
		}
		Walk(x.Dims, func(at []int) {
			if r.kind == reduceMax {
				out[at[0]] = out[at[0]] || v[i]
			} else {
				out[at[0]] = out[at[0]] && v[i]
			}
			i++
		}, strides)
	default:
		return unsupported(x.Type)
	}
	return nil
}

// real says whether the result of integers is that of real numbers.
func (r reduce) real() bool {
	switch r.kind {
	case reduceMean, reduceL2, reduceLogSum, reduceLogSumExp:
		return true
	}
	return false
}

func reduceFloats(kind reduction, n int, x *onnx.Tensor, strides []int, read func(int) float64) []float64 {
	fold := func(first float64, step func(i, at int, acc float64) float64) []float64 {
		acc := make([]float64, n)
		for i := range acc {
			acc[i] = first
		}
		i := 0
		Walk(x.Dims, func(at []int) {
			acc[at[0]] = step(i, at[0], acc[at[0]])
			i++
		}, strides)
		return acc
	}
	switch kind {
	case reduceProd:
		return fold(1, func(i, _ int, acc float64) float64 { return acc * read(i) })
	case reduceMax:
		return fold(math.Inf(-1), func(i, _ int, acc float64) float64 { return max(acc, read(i)) })
	case reduceMin:
		return fold(math.Inf(1), func(i, _ int, acc float64) float64 { return min(acc, read(i)) })
	case reduceL1:
		return fold(0, func(i, _ int, acc float64) float64 { return acc + math.Abs(read(i)) })
	case reduceL2, reduceSumSquare:
		return fold(0, func(i, _ int, acc float64) float64 { return acc + read(i)*read(i) })
	case reduceLogSumExp:
		// ln Σeˣ = m + ln Σe^(x-m), with m the greatest that is finite, so that nothing overflows.
		greatest := reduceFloats(reduceMax, n, x, strides, read)
		for i, m := range greatest {
			if math.IsInf(m, 0) {
				greatest[i] = 0
			}
		}
		sums := fold(0, func(i, at int, acc float64) float64 { return acc + math.Exp(read(i)-greatest[at]) })
		for i, s := range sums {
			sums[i] = greatest[i] + math.Log(s)
		}
		return sums
	}
	return fold(0, func(i, _ int, acc float64) float64 { return acc + read(i) })
}

// finish makes the result of a sum over n elements.
func (r reduce) finish(s float64, n int) float64 {
	switch r.kind {
	case reduceMean:
		return s / float64(n)
	case reduceL2:
		return math.Sqrt(s)
	case reduceLogSum:
		return math.Log(s)
	}
	return s
}

// firstInt is the result of no integers; uint64 as its bits.
func (r reduce) firstInt(t onnx.ElemType) int64 {
	bits := t.Bits()
	switch {
	case r.kind == reduceProd:
		return 1
	case r.kind == reduceMax && isSigned(t):
		return -1 << (bits - 1)
	case r.kind == reduceMin && isSigned(t):
		return int64(uint64(1)<<(bits-1) - 1)
	case r.kind == reduceMin:
		return int64(^uint64(0) >> (64 - bits))
	}
	return 0
}

func (r reduce) stepInt(acc, v int64, signed bool) int64 {
	switch r.kind {
	case reduceProd:
		return acc * v
	case reduceMax:
		if less(acc, v, signed) {
			return v
		}
		return acc
	case reduceMin:
		if less(v, acc, signed) {
			return v
		}
		return acc
	case reduceL1:
		if signed && v < 0 {
			return acc - v
		}
		return acc + v
	case reduceSumSquare:
		return acc + v*v
	}
	return acc + v
}

// less compares integers given as the bits of an int64 or a uint64.
func less(a, b int64, signed bool) bool {
	if signed {
		return a < b
	}
	return uint64(a) < uint64(b)
}

// reduceUp makes the attribute axes an input.
func reduceUp(r *Rewriter) error {
	if axes := r.Take("axes"); axes != nil && len(axes.Ints) > 0 {
		r.SetInput(1, r.Const("axes", onnx.FromInt64s(slices.Clone(axes.Ints))))
	}
	return r.Keep()
}

// reduceDown makes the input axes an attribute. A reduction over no axis becomes what it does to each element.
func reduceDown(kind reduction) Rewrite {
	return func(r *Rewriter) error {
		noop := r.Take("noop_with_empty_axes")
		axes := []int64{}
		if r.Input(1) != "" {
			var ok bool
			if axes, ok = r.Fact(1).KnownInts(); !ok {
				return fmt.Errorf("axes must be a constant there")
			}
		}
		r.Node.Inputs = r.Node.Inputs[:1]
		if len(axes) > 0 {
			r.Set(onnx.AttrInts("axes", axes...))
			return r.Keep()
		}
		if noop == nil || noop.Int == 0 {
			return r.Keep()
		}
		in, out := r.Node.Inputs, r.Node.Outputs[0]
		switch kind {
		case reduceL1, reduceL2:
			r.EmitTo(out, "Abs", in)
		case reduceSumSquare:
			r.EmitTo(out, "Mul", []string{in[0], in[0]})
		case reduceLogSum:
			r.EmitTo(out, "Log", in)
		default:
			r.EmitTo(out, "Identity", in)
		}
		return nil
	}
}
