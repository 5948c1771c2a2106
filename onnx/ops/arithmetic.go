package ops

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// Add, Sub, Mul, Div, Mod, Min, Max, Sum, Mean, BitShift, BitwiseAnd, BitwiseOr, BitwiseXor: y = a op b, element by element,
// over two inputs or any number of them. Inputs broadcast to the shape of y.
// Integers wrap; their division truncates, and by zero it is an error. Min and Max are NaN where an input is. Mod takes the sign
// of the divisor, with fmod=1 that of the dividend.
// Add, Sub, Mul, Div 1: limited broadcasting by attribute · 6: integers · 7: NumPy's broadcasting · 13, 14: types.
// Min, Max 1 · 6 · 8: broadcasting · 12, 13: types. Sum, Mean 1 · 6 · 8: broadcasting · 13: types. Mod 10 · 13 · 28: floats without
// fmod. BitShift 11 · 28: signed integers. Bitwise… 18.
// https://onnx.ai/onnx/operators/onnx__Add.html

func arithmeticFamily() []Meaning {
	binary := func(name string, a arithmetic) Meaning {
		return Meaning{Name: name, Class: Rounds, New: func(*Attrs) Op { return a }, Upgrade: elementwiseUpgrades(),
			Downgrade: map[int64]Rewrite{6: keep, 7: broadcastDown7}}
	}
	many := func(name string, class Class, a arithmetic) Meaning {
		return Meaning{Name: name, Class: class, New: func(*Attrs) Op { return a },
			Upgrade: map[int64]Rewrite{6: dropConsumed}, Downgrade: map[int64]Rewrite{6: keep, 8: broadcastDown}}
	}
	bitwise := func(name string, f func(a, b uint64) uint64) Meaning {
		return Meaning{Name: name, Class: Exact, New: func(*Attrs) Op {
			return arithmetic{pairFuncs: pairFuncs{
				int:  func(a, b int64) int64 { return int64(f(uint64(a), uint64(b))) },
				uint: f,
			}}
		}}
	}
	return []Meaning{
		binary("Add", arithmetic{pairFuncs: additions, fast: kernels.Add, hasFast: true, shapes: addShapes}),
		binary("Sub", arithmetic{pairFuncs: pairFuncs{
			float: func(a, b float64) float64 { return a - b },
			int:   func(a, b int64) int64 { return a - b },
			uint:  func(a, b uint64) uint64 { return a - b },
		}, fast: kernels.Sub, hasFast: true, shapes: subShapes}),
		binary("Mul", arithmetic{pairFuncs: pairFuncs{
			float: func(a, b float64) float64 { return a * b },
			int:   func(a, b int64) int64 { return a * b },
			uint:  func(a, b uint64) uint64 { return a * b },
		}, fast: kernels.Mul, hasFast: true, shapes: mulShapes}),
		binary("Div", arithmetic{pairFuncs: pairFuncs{
			float: func(a, b float64) float64 { return a / b },
			int:   func(a, b int64) int64 { return a / b },
			uint:  func(a, b uint64) uint64 { return a / b },
		}, fast: kernels.Div, hasFast: true, divides: true, shapes: divShapes}),
		{Name: "Mod", Class: Rounds, New: newMod, Downgrade: map[int64]Rewrite{28: modDown28}},
		many("Min", Exact, arithmetic{pairFuncs: pairFuncs{
			float: func(a, b float64) float64 { return min(a, b) },
			int:   func(a, b int64) int64 { return min(a, b) },
			uint:  func(a, b uint64) uint64 { return min(a, b) },
		}, fast: kernels.Min, hasFast: true}),
		many("Max", Exact, arithmetic{pairFuncs: pairFuncs{
			float: func(a, b float64) float64 { return max(a, b) },
			int:   func(a, b int64) int64 { return max(a, b) },
			uint:  func(a, b uint64) uint64 { return max(a, b) },
		}, fast: kernels.Max, hasFast: true}),
		many("Sum", Rounds, arithmetic{pairFuncs: additions, fast: kernels.Add, hasFast: true}),
		many("Mean", Rounds, arithmetic{pairFuncs: additions, mean: true}),
		{Name: "BitShift", Class: Exact, New: newBitShift},
		bitwise("BitwiseAnd", func(a, b uint64) uint64 { return a & b }),
		bitwise("BitwiseOr", func(a, b uint64) uint64 { return a | b }),
		bitwise("BitwiseXor", func(a, b uint64) uint64 { return a ^ b }),
	}
}

// additions is never written.
var additions = pairFuncs{
	float: func(a, b float64) float64 { return a + b },
	int:   func(a, b int64) int64 { return a + b },
	uint:  func(a, b uint64) uint64 { return a + b },
}

// arithmetic combines inputs of one type element by element.
type arithmetic struct {
	pairFuncs
	fast    kernels.Operation
	hasFast bool
	divides bool                                 // an integer zero among the second input's elements is an error
	mean    bool                                 // the sum is divided by how many inputs there are
	shapes  func(a, b onnx.Dim) (onnx.Dim, bool) // what it makes of elements of shape vectors, where not nil
}

func newMod(a *Attrs) Op {
	m := arithmetic{divides: true}
	if a.Bool("fmod") {
		m.pairFuncs = pairFuncs{
			float: math.Mod,
			int:   func(a, b int64) int64 { return a % b },
			uint:  func(a, b uint64) uint64 { return a % b },
		}
		return m
	}
	m.pairFuncs = pairFuncs{
		float: func(a, b float64) float64 {
			r := math.Mod(a, b)
			if r == 0 {
				return math.Copysign(0, b)
			}
			if (r < 0) != (b < 0) {
				r += b
			}
			return r
		},
		int: func(a, b int64) int64 {
			r := a % b
			if r != 0 && (r < 0) != (b < 0) {
				r += b
			}
			return r
		},
		uint: func(a, b uint64) uint64 { return a % b },
	}
	return m
}

// newBitShift keeps the sign when it shifts to the right. A count that is negative, or not less than the number of bits, shifts all
// bits out.
func newBitShift(a *Attrs) Op {
	if a.OneOf("direction", "LEFT", "RIGHT") == "LEFT" {
		return arithmetic{pairFuncs: pairFuncs{
			int:  func(a, b int64) int64 { return a << uint64(b) },
			uint: func(a, b uint64) uint64 { return a << b },
		}}
	}
	return arithmetic{pairFuncs: pairFuncs{
		int:  func(a, b int64) int64 { return a >> uint64(b) },
		uint: func(a, b uint64) uint64 { return a >> b },
	}}
}

// modDown28 refuses floats without fmod, which came with version 28.
func modDown28(r *Rewriter) error {
	if fmod := r.Node.Attribute("fmod"); isFloat(r.Fact(0).Elem()) && (fmod == nil || fmod.Int == 0) {
		return fmt.Errorf("Mod of floats must have fmod there")
	}
	return r.Keep()
}

func (a arithmetic) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := sameElems(in); err != nil {
		return nil, err
	}
	elem := elemOf(in)
	out, err := inferElementwise(elem, in)
	if err != nil {
		return nil, err
	}
	if a.shapes != nil && len(in) == 2 {
		out = withElems(out, pairElems(in[0], in[1], a.shapes))
	}
	return []Fact{out}, nil
}

func (a arithmetic) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	elem := t[0].Type
	if isHalf(elem) {
		return throughFloat(env, a, in)
	}
	if !a.takes(elem) {
		return nil, unsupported(elem)
	}
	y, err := broadcastNew(env, elem, t)
	if err != nil {
		return nil, err
	}
	if a.divides && isInteger(elem) && y.Len() > 0 {
		for i, set := range nonZeroElements(t[1]) {
			if !set {
				return nil, fmt.Errorf("division by zero: element %d of input 1", i)
			}
		}
	}
	divisor := 1
	if a.mean {
		divisor = len(t)
	}
	a.reduceAll(y, t, divisor)
	return []onnx.Value{y}, nil
}

// Specialize runs two float inputs on the kernels, and integers in a plain loop.
func (a arithmetic) Specialize(t Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	if step, ok := specializeWhole(a, in); ok {
		return step, true
	}
	if !a.hasFast {
		return Step{}, false
	}
	return specializeBinary(a.fast, t, in)
}

// pairElems gives the elements that an operation on two shape vectors has, as far as they are known, or nil. A scalar goes with
// every element of a vector.
func pairElems(x, y Fact, f func(a, b onnx.Dim) (onnx.Dim, bool)) []onnx.Dim {
	a, ok := elemsOf(x)
	b, ok2 := elemsOf(y)
	if !ok || !ok2 || len(a) != len(b) && len(a) != 1 && len(b) != 1 {
		return nil
	}
	n := max(len(a), len(b))
	if len(a) == 0 || len(b) == 0 {
		n = 0
	}
	out := make([]onnx.Dim, n)
	for i := range out {
		d, ok := f(a[min(i, len(a)-1)], b[min(i, len(b)-1)])
		if !ok || !d.Known() {
			d = symbolOf(d, ok)
		}
		out[i] = d
	}
	return out
}

// symbolOf keeps a symbol and forgets a number that is no size.
func symbolOf(d onnx.Dim, ok bool) onnx.Dim {
	if ok && d.Param != "" {
		return onnx.Symbol(d.Param)
	}
	return onnx.UnknownDim()
}

func isSize(d onnx.Dim, n int64) bool { return d.Known() && d.Value == n }

func addShapes(a, b onnx.Dim) (onnx.Dim, bool) {
	switch {
	case isSize(a, 0):
		return b, true
	case isSize(b, 0):
		return a, true
	case a.Known() && b.Known() && a.Value <= math.MaxInt64-b.Value:
		return onnx.Fixed(a.Value + b.Value), true
	}
	return a, false
}

func subShapes(a, b onnx.Dim) (onnx.Dim, bool) {
	switch {
	case isSize(b, 0):
		return a, true
	case a.Known() && b.Known():
		return onnx.Fixed(a.Value - b.Value), true
	}
	return a, false
}

func mulShapes(a, b onnx.Dim) (onnx.Dim, bool) {
	switch {
	case isSize(a, 1):
		return b, true
	case isSize(b, 1):
		return a, true
	case a.Known() && b.Known():
		hi, lo := bits.Mul64(uint64(a.Value), uint64(b.Value))
		return onnx.Fixed(int64(lo)), hi == 0 && lo <= math.MaxInt64
	}
	return a, false
}

func divShapes(a, b onnx.Dim) (onnx.Dim, bool) {
	switch {
	case isSize(b, 1):
		return a, true
	case a.Known() && b.Known() && b.Value > 0:
		return onnx.Fixed(a.Value / b.Value), true
	}
	return a, false
}
