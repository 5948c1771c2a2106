package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// What every operator on elements with broadcasting shares: the loops over element types, the shapes, the rewrites from the
// versions that broadcast by an attribute, and the way to the kernels.

// pairFuncs is a function of two elements, one for each wide type; nil where the operator does not take it.
type pairFuncs struct {
	float func(a, b float64) float64
	int   func(a, b int64) int64
	uint  func(a, b uint64) uint64
}

func (f pairFuncs) takes(t onnx.ElemType) bool {
	return (t == onnx.Float || t == onnx.Double) && f.float != nil || isSigned(t) && f.int != nil || isUnsigned(t) && f.uint != nil
}

// reduceAll combines any number of tensors of one type, element by element from the first to the last, and divides the result.
func (f pairFuncs) reduceAll(y *onnx.Tensor, in []*onnx.Tensor, divisor int) {
	switch y.Type {
	case onnx.Float:
		combine(onnx.View[float32], y, in, f.float, float64(divisor))
	case onnx.Double:
		combine(onnx.View[float64], y, in, f.float, float64(divisor))
	case onnx.Int8:
		combine(onnx.View[int8], y, in, f.int, int64(divisor))
	case onnx.Int16:
		combine(onnx.View[int16], y, in, f.int, int64(divisor))
	case onnx.Int32:
		combine(onnx.View[int32], y, in, f.int, int64(divisor))
	case onnx.Int64:
		combine(onnx.View[int64], y, in, f.int, int64(divisor))
	case onnx.Uint8:
		combine(onnx.View[uint8], y, in, f.uint, uint64(divisor))
	case onnx.Uint16:
		combine(onnx.View[uint16], y, in, f.uint, uint64(divisor))
	case onnx.Uint32:
		combine(onnx.View[uint32], y, in, f.uint, uint64(divisor))
	case onnx.Uint64:
		combine(onnx.View[uint64], y, in, f.uint, uint64(divisor))
	}
}

func combine[T number, W wide](view func(*onnx.Tensor) []T, y *onnx.Tensor, in []*onnx.Tensor, f func(a, b W) W, divisor W) {
	out := view(y)
	data := make([][]T, len(in))
	strides := make([][]int, len(in))
	for k, t := range in {
		data[k], strides[k] = view(t), BroadcastStrides(t.Dims, y.Dims)
	}
	i := 0
	Walk(y.Dims, func(at []int) {
		acc := W(data[0][at[0]])
		for k := 1; k < len(data); k++ {
			acc = f(acc, W(data[k][at[k]]))
		}
		out[i] = T(acc / divisor)
		i++
	}, strides...)
}

// inferElementwise gives the fact of a result that inputs broadcast to. elem is its element type.
func inferElementwise(elem onnx.ElemType, in []Fact) (Fact, error) {
	shapes := make([][]onnx.Dim, len(in))
	for i, f := range in {
		if !f.Ranked() {
			return Unranked(elem), nil
		}
		shapes[i] = f.Dims()
	}
	dims, err := BroadcastDims(shapes...)
	if err != nil {
		return Fact{}, err
	}
	return Tensor(elem, dims...), nil
}

// elemOf is the element type of the first input of which it is known.
func elemOf(in []Fact) onnx.ElemType {
	for _, f := range in {
		if f.Elem() != onnx.Undefined {
			return f.Elem()
		}
	}
	return onnx.Undefined
}

// sameElems fails where inputs that must have one element type do not.
func sameElems(in []Fact) error {
	first := elemOf(in)
	for _, f := range in {
		if e := f.Elem(); e != onnx.Undefined && e != first {
			return fmt.Errorf("inputs are of types %v and %v, which must be the same", first, e)
		}
	}
	return nil
}

// tensorsOf sees values as tensors; an absent one is nil.
func tensorsOf(in []onnx.Value) []*onnx.Tensor {
	t := make([]*onnx.Tensor, len(in))
	for i, v := range in {
		if v != nil {
			t[i] = v.(*onnx.Tensor)
		}
	}
	return t
}

// broadcastNew makes the tensor that inputs broadcast to.
func broadcastNew(env *Env, elem onnx.ElemType, in []*onnx.Tensor) (*onnx.Tensor, error) {
	shapes := make([][]int64, len(in))
	for i, t := range in {
		shapes[i] = t.Dims
	}
	dims, err := BroadcastSizes(shapes...)
	if err != nil {
		return nil, err
	}
	return env.New(elem, dims...)
}

// dropConsumed is the step to opset 6, where the hint which inputs may be overwritten went away.
func dropConsumed(r *Rewriter) error {
	r.Take("consumed_inputs")
	return r.Keep()
}

// broadcastUp7 is the step from the limited broadcasting of opset 6, where B is a contiguous part of A's shape that starts at
// "axis" (its end by default), to NumPy's: B gets axes of 1 at its end.
func broadcastUp7(r *Rewriter) error {
	broadcast, axis := r.Take("broadcast"), r.Take("axis")
	if broadcast == nil || broadcast.Int == 0 || axis == nil {
		return r.Keep()
	}
	a, b := r.Fact(0), r.Fact(1)
	if !a.Ranked() || !b.Ranked() {
		return fmt.Errorf("attribute \"axis\": %w: the ranks of both inputs", errUnknown)
	}
	if a.Rank() == 0 {
		return r.Keep()
	}
	at, err := Axis(axis.Int, a.Rank())
	if err != nil {
		return fmt.Errorf("attribute \"axis\": %w", err)
	}
	after := a.Rank() - at - b.Rank()
	if after < 0 {
		return fmt.Errorf("attribute \"axis\": %d leaves no room for the %d axes of input 1 in the %d of input 0", axis.Int, b.Rank(), a.Rank())
	}
	if after > 0 {
		axes := make([]int64, after)
		for i := range axes {
			axes[i] = int64(b.Rank() + i)
		}
		r.SetInput(1, r.Emit("Unsqueeze", []string{r.Input(1)}, onnx.AttrInts("axes", axes...)))
	}
	return r.Keep()
}

// broadcastDown7 is the step back to limited broadcasting: input 0 must have the result's shape, and input 1 one element or a
// contiguous part of that shape. Its axes of 1 around that part are squeezed out.
func broadcastDown7(r *Rewriter) error {
	a, b := r.Fact(0), r.Fact(1)
	if !a.Ranked() || !b.Ranked() || slices.Contains(a.Dims(), onnx.UnknownDim()) || slices.Contains(b.Dims(), onnx.UnknownDim()) {
		return fmt.Errorf("the shapes of both inputs must be known there")
	}
	if slices.Equal(a.Dims(), b.Dims()) {
		return r.Keep()
	}
	shift := a.Rank() - b.Rank()
	first, last := 0, b.Rank() // the part of b that is not of size 1
	for first < last && isSize(b.Dims()[first], 1) {
		first++
	}
	for last > first && isSize(b.Dims()[last-1], 1) {
		last--
	}
	if shift < 0 || first < last && !slices.Equal(b.Dims()[first:last], a.Dims()[shift+first:shift+last]) {
		return fmt.Errorf("%s does not broadcast to %s there", onnx.ShapeString(b.Dims()), onnx.ShapeString(a.Dims()))
	}
	r.Set(onnx.AttrInt("broadcast", 1))
	if first == last || slices.Equal(b.Dims(), a.Dims()[shift:]) {
		return r.Keep()
	}
	var ones []int64
	for i := range b.Dims() {
		if i < first || i >= last {
			ones = append(ones, int64(i))
		}
	}
	if ones != nil {
		r.SetInput(1, r.Emit("Squeeze", []string{r.Input(1)}, onnx.AttrInts("axes", ones...)))
	}
	r.Set(onnx.AttrInt("axis", int64(shift+first)))
	return r.Keep()
}

// broadcastDown refuses to write a node at a version that does not broadcast unless all inputs have one known shape.
func broadcastDown(r *Rewriter) error {
	for _, f := range r.In {
		if !f.Ranked() || !slices.Equal(f.Dims(), r.Fact(0).Dims()) || slices.Contains(f.Dims(), onnx.UnknownDim()) {
			return fmt.Errorf("the inputs must be of one known shape there, it does not broadcast yet")
		}
	}
	return r.Keep()
}

// elementwiseUpgrades are the steps of the two-input operators that are as old as the standard.
func elementwiseUpgrades() map[int64]Rewrite {
	return map[int64]Rewrite{6: dropConsumed, 7: broadcastUp7}
}

// overlay says how a tensor b lies in a tensor a of the result's shape, for the kernels.
type overlay struct {
	kind overlayKind
	cols int // of a column: elements of a for each of b
}

type overlayKind uint8

const (
	overlayNone   overlayKind = iota
	overlaySame               // element by element
	overlayScalar             // one element for all
	overlayRow                // b repeats over the leading axes
	overlayColumn             // b also repeats over the trailing axes
)

func overlayOf(a, b []int64) overlay {
	if slices.Equal(a, b) {
		return overlay{kind: overlaySame}
	}
	if len(b) > len(a) {
		return overlay{}
	}
	if count(b) == 1 {
		return overlay{kind: overlayScalar}
	}
	// b without its leading and trailing axes of 1 must be a block of a's axes.
	shift := len(a) - len(b)
	first, last := 0, len(b)
	for first < last && b[first] == 1 {
		first++
	}
	for last > first && b[last-1] == 1 {
		last--
	}
	for i := first; i < last; i++ {
		if a[shift+i] != b[i] {
			return overlay{}
		}
	}
	if cols := count(a[shift+last:]); cols > 1 {
		return overlay{kind: overlayColumn, cols: cols}
	}
	return overlay{kind: overlayRow}
}

// specializeBinary runs an operation on two float inputs on the kernels, where one has the shape of the result and the other lies
// in it as the kernels know it.
func specializeBinary(op kernels.Operation, t Target, in []Fact) (Step, bool) {
	if len(in) != 2 || in[0].Elem() != onnx.Float || in[1].Elem() != onnx.Float {
		return Step{}, false
	}
	a, ok := in[0].Sizes()
	b, ok2 := in[1].Sizes()
	if !ok || !ok2 || count(a) == 0 || count(b) == 0 {
		return Step{}, false
	}
	big, small, swapped := 0, 1, false
	l := overlayOf(a, b)
	if l.kind == overlayNone {
		big, small, swapped = 1, 0, true
		l = overlayOf(b, a)
	}
	var run func(f *Frame) error
	switch l.kind {
	case overlaySame:
		run = func(f *Frame) error {
			t.Set.Binary(t.Pool, op, f.Out[0].Float32s(), f.In[0].Float32s(), f.In[1].Float32s())
			return nil
		}
	case overlayScalar:
		run = func(f *Frame) error {
			t.Set.BinaryScalar(t.Pool, op, f.Out[0].Float32s(), f.In[big].Float32s(), f.In[small].Float32s()[0], swapped)
			return nil
		}
	case overlayRow:
		run = func(f *Frame) error {
			t.Set.BinaryRow(t.Pool, op, f.Out[0].Float32s(), f.In[big].Float32s(), f.In[small].Float32s(), swapped)
			return nil
		}
	case overlayColumn:
		run = func(f *Frame) error {
			t.Set.BinaryColumn(t.Pool, op, f.Out[0].Float32s(), f.In[big].Float32s(), f.In[small].Float32s(), l.cols, swapped)
			return nil
		}
	default:
		return spreadBinary(op, t, in)
	}
	link := &Link{Link: kernels.Link{Op: op, Operand: l.operand(), Cols: l.cols, Swapped: swapped}, On: []int{big}, In: small}
	if l.kind == overlaySame {
		link.On = []int{0, 1}
	}
	return Step{InPlace: !swapped, Link: link, Run: run}, true
}

// operand is how a chain of the kernels knows the overlay.
func (l overlay) operand() kernels.Operand {
	switch l.kind {
	case overlaySame:
		return kernels.SameOperand
	case overlayScalar:
		return kernels.ScalarOperand
	case overlayRow:
		return kernels.RowOperand
	case overlayColumn:
		return kernels.ColumnOperand
	}
	return kernels.NoOperand
}
