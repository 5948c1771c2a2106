package ops

import (
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// mostOperands is how many tensors broadcast together at most.
const mostOperands = 3

// lines walks a result line by line with the operands that broadcast to it, for fast ways: along a line an operand goes on element by
// element or stays where it is.
type lines struct {
	dims  []int // of the result, neighbours joined where all operands lie alike
	steps [][mostOperands]int
}

// broadcastLines is the walk over a result of sizes out; its last axis is the line.
func broadcastLines(out []int64, operands ...[]int64) *lines {
	l := &lines{}
	var strides [mostOperands][]int
	for k, dims := range operands {
		strides[k] = BroadcastStrides(dims, out)
	}
	for i, d := range out {
		if d == 1 {
			continue
		}
		var step [mostOperands]int
		for k := range operands {
			step[k] = strides[k][i]
		}
		if last := len(l.dims) - 1; last >= 0 {
			joins := true
			for k := range operands {
				joins = joins && l.steps[last][k] == step[k]*int(d)
			}
			if joins {
				l.dims[last] *= int(d)
				l.steps[last] = step
				continue
			}
		}
		l.dims, l.steps = append(l.dims, int(d)), append(l.steps, step)
	}
	if len(l.dims) == 0 {
		l.dims, l.steps = []int{1}, [][mostOperands]int{{}}
	}
	return l
}

// mostLineAxes bounds the axes that lines go over.
const mostLineAxes = 12

// known says whether the walk is one that each can do.
func (l *lines) known() bool { return len(l.dims) <= mostLineAxes }

// each calls f for every line: n elements of the result from element y on, operands from at on by step.
func (l *lines) each(f func(y, n int, at, step [mostOperands]int)) {
	last := len(l.dims) - 1
	var index [mostLineAxes]int
	var at [mostOperands]int
	for y, n := 0, l.dims[last]; ; y += n {
		f(y, n, at, l.steps[last])
		k := last - 1
		for ; k >= 0; k-- {
			index[k]++
			for i := range at {
				at[i] += l.steps[k][i]
			}
			if index[k] < l.dims[k] {
				break
			}
			for i := range at {
				at[i] -= l.steps[k][i] * l.dims[k]
			}
			index[k] = 0
		}
		if k < 0 {
			return
		}
	}
}

// linesOf gives the walk over the result of facts whose sizes are known and that broadcast.
func linesOf(in []Fact) (*lines, bool) {
	shapes := make([][]int64, len(in))
	for i, f := range in {
		var ok bool
		if shapes[i], ok = f.Sizes(); !ok || count(shapes[i]) == 0 {
			return nil, false
		}
	}
	out, err := BroadcastSizes(shapes...)
	if err != nil || len(in) > mostOperands {
		return nil, false
	}
	l := broadcastLines(out, shapes...)
	return l, l.known()
}

// spreadBinary is an operation on two inputs of which neither has the shape of the result.
func spreadBinary(op kernels.Operation, t Target, in []Fact) (Step, bool) {
	l, ok := linesOf(in)
	if !ok {
		return Step{}, false
	}
	return Step{Run: func(f *Frame) error {
		a, b, y := f.In[0].Float32s(), f.In[1].Float32s(), f.Out[0].Float32s()
		l.each(func(i, n int, at, step [mostOperands]int) {
			z := y[i : i+n]
			switch {
			case step[0] > 0 && step[1] > 0:
				t.Set.Binary(nil, op, z, a[at[0]:][:n], b[at[1]:][:n])
			case step[0] > 0:
				t.Set.BinaryScalar(nil, op, z, a[at[0]:][:n], b[at[1]], false)
			default:
				t.Set.BinaryScalar(nil, op, z, b[at[1]:][:n], a[at[0]], true)
			}
		})
		return nil
	}}, true
}

// Specialize chooses line by line.
func (where) Specialize(_ Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	l, ok := linesOf(in)
	if !ok {
		return Step{}, false
	}
	switch in[1].Elem() {
	case onnx.Float, onnx.Int32:
		return chooseStep[uint32](l), true
	case onnx.Int64, onnx.Double:
		return chooseStep[uint64](l), true
	}
	return Step{}, false
}

func chooseStep[T uint32 | uint64](l *lines) Step {
	return Step{Run: func(f *Frame) error {
		cond, a, b, y := f.In[0].Bools(), onnx.ElementsOf[T](f.In[1].Data), onnx.ElementsOf[T](f.In[2].Data), onnx.ElementsOf[T](f.Out[0].Data)
		l.each(func(i, n int, at, step [mostOperands]int) {
			z := y[i : i+n]
			for k := range z {
				if cond[at[0]+k*step[0]] {
					z[k] = a[at[1]+k*step[1]]
				} else {
					z[k] = b[at[2]+k*step[2]]
				}
			}
		})
		return nil
	}}
}

// Specialize compares line by line.
func (c comparison) Specialize(_ Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	l, ok := linesOf(in)
	if !ok {
		return Step{}, false
	}
	switch in[0].Elem() {
	case onnx.Float:
		return compareStep[float32](c, l), true
	case onnx.Int32:
		return compareStep[int32](c, l), true
	case onnx.Int64:
		return compareStep[int64](c, l), true
	}
	return Step{}, false
}

func compareStep[T float32 | int32 | int64](c comparison, l *lines) Step {
	return Step{Run: func(f *Frame) error {
		a, b, y := onnx.ElementsOf[T](f.In[0].Data), onnx.ElementsOf[T](f.In[1].Data), f.Out[0].Bools()
		l.each(func(i, n int, at, step [mostOperands]int) {
			z := y[i : i+n]
			for k := range z {
				p, q := a[at[0]+k*step[0]], b[at[1]+k*step[1]]
				z[k] = c.less && p < q || c.equal && p == q || c.greater && p > q
			}
		})
		return nil
	}}
}

// Specialize joins line by line.
func (j logic) Specialize(_ Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	l, ok := linesOf(in)
	if !ok {
		return Step{}, false
	}
	return Step{Run: func(f *Frame) error {
		a, b, y := f.In[0].Bools(), f.In[1].Bools(), f.Out[0].Bools()
		l.each(func(i, n int, at, step [mostOperands]int) {
			for k := range n {
				y[i+k] = j.f(a[at[0]+k*step[0]], b[at[1]+k*step[1]])
			}
		})
		return nil
	}}, true
}

// Specialize turns round every element.
func (not) Specialize(_ Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	return Step{InPlace: true, Run: func(f *Frame) error {
		y := f.Out[0].Bools()
		for i, b := range f.In[0].Bools() {
			y[i] = !b
		}
		return nil
	}}, true
}
