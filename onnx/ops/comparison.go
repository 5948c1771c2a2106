package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// Equal, Greater, Less, GreaterOrEqual, LessOrEqual: y = a op b, element by element. a and b broadcast and have one type; y bool.
// Nothing compares with NaN. Equal also takes bool and string.
// Equal, Greater, Less 1: limited broadcasting by attribute · 7: NumPy's broadcasting · 9: integers (Equal 11: floats) · 13, 19:
// types. GreaterOrEqual, LessOrEqual 12 · 16: types; before, they are written with Equal, Equal of floats with Less and Greater.
// https://onnx.ai/onnx/operators/onnx__Equal.html

func comparisonFamily() []Meaning {
	old := func(name string, c comparison) Meaning {
		return Meaning{Name: name, Class: Exact, New: func(*Attrs) Op { return c }, Upgrade: map[int64]Rewrite{7: broadcastUp7},
			Downgrade: map[int64]Rewrite{7: broadcastDown7}}
	}
	equal := old("Equal", comparison{equal: true})
	equal.Downgrade[11] = equalDown11
	return []Meaning{
		equal,
		old("Greater", comparison{greater: true}),
		old("Less", comparison{less: true}),
		{Name: "GreaterOrEqual", Class: Exact, New: func(*Attrs) Op { return comparison{greater: true, equal: true} },
			Downgrade: map[int64]Rewrite{12: orEqualDown("Greater")}},
		{Name: "LessOrEqual", Class: Exact, New: func(*Attrs) Op { return comparison{less: true, equal: true} },
			Downgrade: map[int64]Rewrite{12: orEqualDown("Less")}},
	}
}

// comparison is true where one of the relations it names holds.
type comparison struct{ less, equal, greater bool }

func (c comparison) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := sameElems(in); err != nil {
		return nil, err
	}
	out, err := inferElementwise(onnx.Bool, in)
	return []Fact{out}, err
}

func (c comparison) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	a, b := t[0], t[1]
	if isHalf(a.Type) {
		return throughFloat(env, c, in)
	}
	y, err := broadcastNew(env, onnx.Bool, t)
	if err != nil {
		return nil, err
	}
	switch a.Type {
	case onnx.Float:
		compare(c, y, a, b, onnx.View[float32])
	case onnx.Double:
		compare(c, y, a, b, onnx.View[float64])
	case onnx.Int8:
		compare(c, y, a, b, onnx.View[int8])
	case onnx.Int16:
		compare(c, y, a, b, onnx.View[int16])
	case onnx.Int32:
		compare(c, y, a, b, onnx.View[int32])
	case onnx.Int64:
		compare(c, y, a, b, onnx.View[int64])
	case onnx.Uint8, onnx.Bool:
		compare(c, y, a, b, onnx.View[uint8])
	case onnx.Uint16:
		compare(c, y, a, b, onnx.View[uint16])
	case onnx.Uint32:
		compare(c, y, a, b, onnx.View[uint32])
	case onnx.Uint64:
		compare(c, y, a, b, onnx.View[uint64])
	case onnx.String:
		compare(c, y, a, b, func(t *onnx.Tensor) []string { return t.Strings })
	default:
		return nil, unsupported(a.Type)
	}
	return []onnx.Value{y}, nil
}

func compare[T number | string](c comparison, y, at, bt *onnx.Tensor, view func(*onnx.Tensor) []T) {
	a, b, out := view(at), view(bt), y.Bools()
	i := 0
	Walk(y.Dims, func(at []int) {
		p, q := a[at[0]], b[at[1]]
		out[i] = c.less && p < q || c.equal && p == q || c.greater && p > q
		i++
	}, BroadcastStrides(at.Dims, y.Dims), BroadcastStrides(bt.Dims, y.Dims))
}

// orEqualDown writes a comparison that holds for equal elements, too, as the function that the standard defines it by.
func orEqualDown(strict string) Rewrite {
	return func(r *Rewriter) error {
		in := []string{r.Input(0), r.Input(1)}
		r.EmitTo(r.Node.Outputs[0], "Or", []string{r.Emit(strict, in), r.Emit("Equal", in)})
		return nil
	}
}

// equalDown11 writes Equal without floats: two numbers are equal where neither is less, greater or NaN.
func equalDown11(r *Rewriter) error {
	switch elem := r.Fact(0).Elem(); {
	case elem == onnx.Bool || elem == onnx.Int32 || elem == onnx.Int64:
		return r.Keep()
	case isFloat(elem) && elem != onnx.BFloat16:
		in := []string{r.Input(0), r.Input(1)}
		differ := r.Emit("Or", []string{r.Emit("Less", in), r.Emit("Greater", in)})
		nan := r.Emit("Or", []string{r.Emit("IsNaN", in[:1]), r.Emit("IsNaN", in[1:])})
		r.EmitTo(r.Node.Outputs[0], "Not", []string{r.Emit("Or", []string{differ, nan})})
		return nil
	default:
		return fmt.Errorf("Equal takes bool, int32 and int64 there, the inputs are of type %v", elem)
	}
}
