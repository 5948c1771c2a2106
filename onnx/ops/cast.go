package ops

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/schema"
)

// Cast: the elements in another type, that of attribute to; CastLike: that of the second input. Same shape.
// Floats become integers by truncation (what is out of range: the nearest end, NaN: 0; the standard leaves both open), integers
// narrower ones by dropping high bits, everything bool by being not zero. Strings are read as numbers in decimal or scientific
// notation, INF and NaN; floats are written with the fewest digits that give them back.
// saturate and round_mode are about float8 only.
// Cast 1: to is a word · 6: a number · 9: strings · 19: saturate · 24: round_mode · 13, 21, 23, 25, 28: types. CastLike 15 ·
// 19 · 21 · 23 · 24 · 25 · 28.
// https://onnx.ai/onnx/operators/onnx__Cast.html

func castFamily() []Meaning {
	down := map[int64]Rewrite{6: castDown6}
	for _, v := range []int64{9, 13, 19, 21, 23, 24, 25, 28} {
		down[v] = castDown(v)
	}
	return []Meaning{
		{Name: "Cast", Class: Exact, New: newCast, Upgrade: map[int64]Rewrite{6: castUp6}, Downgrade: down},
		{Name: "CastLike", Class: Exact, New: func(a *Attrs) Op { readFloat8(a); return castLike{} },
			Downgrade: map[int64]Rewrite{15: castLikeDown15}},
	}
}

type cast struct{ to onnx.ElemType }

func newCast(a *Attrs) Op {
	to := onnx.ElemType(a.Int("to"))
	if !to.Valid() {
		a.Fail("attribute \"to\" is %d, which is no element type", a.Int("to"))
	}
	readFloat8(a)
	return cast{to: to}
}

// readFloat8 reads the attributes that matter to float8 only.
func readFloat8(a *Attrs) {
	a.Bool("saturate")
	a.OneOf("round_mode", "up", "down", "nearest")
}

func (c cast) Infer(_ *Env, in []Fact) ([]Fact, error) {
	out := Fact{Type: in[0].Type}
	out.Type.Elem = c.to
	if elems, ok := elemsOf(in[0]); ok {
		out = withElems(out, elems)
	}
	return []Fact{out}, nil
}

func (c cast) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	if x.Type == c.to {
		return in[:1], nil
	}
	y, err := env.New(c.to, x.Dims...)
	if err != nil {
		return nil, err
	}
	if x.Type == onnx.String {
		err = castStrings(y, x.Strings)
	} else {
		err = castNumbers(y, x)
	}
	if err != nil {
		return nil, err
	}
	return []onnx.Value{y}, nil
}

type castLike struct{}

func (castLike) Infer(env *Env, in []Fact) ([]Fact, error) {
	return cast{to: in[1].Elem()}.Infer(env, in[:1])
}

func (castLike) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	return cast{to: in[1].(*onnx.Tensor).Type}.Eval(env, in[:1])
}

// castNumbers reads every element as what it is (float64 holds float, float16 and bfloat16 exactly, 64-bit integers are read as
// such) and rounds once.
func castNumbers(y, x *onnx.Tensor) error {
	n := x.Len()
	switch {
	case isFloat(x.Type):
		read := floatReader(x)
		put := floatWriter(y)
		if put == nil {
			return unsupported(y.Type)
		}
		for i := range n {
			put(i, read(i))
		}
	case isInteger(x.Type) || x.Type == onnx.Bool:
		bits := x
		if x.Type == onnx.Bool {
			bits = &onnx.Tensor{Type: onnx.Uint8, Dims: x.Dims, Data: x.Data}
		}
		read := intReader(bits)
		put := intWriter(y, isSigned(x.Type))
		if put == nil || x.Type == onnx.Bool && y.Type == onnx.String {
			return fmt.Errorf("from %v to %v is %w", x.Type, y.Type, ErrUnsupported)
		}
		for i := range n {
			put(i, read(i))
		}
	default:
		return unsupported(x.Type)
	}
	if x.Type == onnx.Float && y.Type == onnx.String {
		for i, f := range x.Float32s() { // fewest digits as float32, not as float64
			y.Strings[i] = floatText(float64(f), 32)
		}
	}
	return nil
}

// floatWriter stores float64 values in a tensor's type, or is nil for a type it does not know.
func floatWriter(t *onnx.Tensor) func(i int, f float64) {
	bits := t.Type.Bits()
	switch t.Type {
	case onnx.Float:
		v := t.Float32s()
		return func(i int, f float64) { v[i] = float32(f) }
	case onnx.Double:
		v := t.Float64s()
		return func(i int, f float64) { v[i] = f }
	case onnx.Float16, onnx.BFloat16:
		v := onnx.View[uint16](t)
		return func(i int, f float64) { v[i] = narrowHalf(f, t.Type) }
	case onnx.Bool:
		v := t.Bools()
		return func(i int, f float64) { v[i] = f != 0 }
	case onnx.String:
		return func(i int, f float64) { t.Strings[i] = floatText(f, 64) }
	case onnx.Int8:
		v := onnx.View[int8](t)
		return func(i int, f float64) { v[i] = int8(toInt(f, bits)) }
	case onnx.Int16:
		v := onnx.View[int16](t)
		return func(i int, f float64) { v[i] = int16(toInt(f, bits)) }
	case onnx.Int32:
		v := t.Int32s()
		return func(i int, f float64) { v[i] = int32(toInt(f, bits)) }
	case onnx.Int64:
		v := t.Int64s()
		return func(i int, f float64) { v[i] = toInt(f, bits) }
	case onnx.Uint8:
		v := t.Uint8s()
		return func(i int, f float64) { v[i] = uint8(toUint(f, bits)) }
	case onnx.Uint16:
		v := onnx.View[uint16](t)
		return func(i int, f float64) { v[i] = uint16(toUint(f, bits)) }
	case onnx.Uint32:
		v := onnx.View[uint32](t)
		return func(i int, f float64) { v[i] = uint32(toUint(f, bits)) }
	case onnx.Uint64:
		v := onnx.View[uint64](t)
		return func(i int, f float64) { v[i] = toUint(f, bits) }
	}
	return nil
}

// intWriter stores integers, given as the 64 bits of an int64 or a uint64, in a tensor's type, or is nil for a type it does not
// know.
func intWriter(t *onnx.Tensor, signed bool) func(i int, bits int64) {
	switch t.Type {
	case onnx.Float:
		v := t.Float32s()
		return func(i int, n int64) { v[i] = floatOfInt[float32](n, signed) }
	case onnx.Double:
		v := t.Float64s()
		return func(i int, n int64) { v[i] = floatOfInt[float64](n, signed) }
	case onnx.Float16, onnx.BFloat16:
		v := onnx.View[uint16](t)
		return func(i int, n int64) { v[i] = narrowHalf(floatOfInt[float64](n, signed), t.Type) }
	case onnx.Bool:
		v := t.Bools()
		return func(i int, n int64) { v[i] = n != 0 }
	case onnx.String:
		return func(i int, n int64) {
			if signed {
				t.Strings[i] = strconv.FormatInt(n, 10)
			} else {
				t.Strings[i] = strconv.FormatUint(uint64(n), 10)
			}
		}
	case onnx.Int8:
		return wrapper[int8](t)
	case onnx.Int16:
		return wrapper[int16](t)
	case onnx.Int32:
		return wrapper[int32](t)
	case onnx.Int64:
		return wrapper[int64](t)
	case onnx.Uint8:
		return wrapper[uint8](t)
	case onnx.Uint16:
		return wrapper[uint16](t)
	case onnx.Uint32:
		return wrapper[uint32](t)
	case onnx.Uint64:
		return wrapper[uint64](t)
	}
	return nil
}

func floatOfInt[T float32 | float64](n int64, signed bool) T {
	if signed {
		return T(n)
	}
	return T(uint64(n))
}

func wrapper[T number](t *onnx.Tensor) func(i int, n int64) {
	v := onnx.View[T](t)
	return func(i int, n int64) { v[i] = T(n) }
}

func castStrings(y *onnx.Tensor, text []string) error {
	var whole func(i int, n int64)
	if isInteger(y.Type) {
		whole = intWriter(y, true)
	}
	put := floatWriter(y)
	if put == nil || y.Type == onnx.Bool {
		return fmt.Errorf("from string to %v is %w", y.Type, ErrUnsupported)
	}
	for i, s := range text {
		s = strings.TrimSpace(s)
		if whole != nil {
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				whole(i, n)
				continue
			}
			if n, err := strconv.ParseUint(s, 10, 64); err == nil {
				whole(i, int64(n))
				continue
			}
		}
		bits := 64
		if y.Type == onnx.Float {
			bits = 32 // rounds once
		}
		f, err := strconv.ParseFloat(s, bits)
		if err != nil && !math.IsInf(f, 0) || strings.ContainsAny(s, "xXpP_") {
			return fmt.Errorf("element %d: %q is not a number", i, s)
		}
		put(i, f)
	}
	return nil
}

// floatText writes the fewest digits that give the number back, in scientific notation where the exponent is large or small, with
// ".0" where it is whole: "0.5", "3.0", "1e-05", "inf", "nan".
func floatText(f float64, bits int) string {
	switch {
	case f != f:
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, bits)
	}
	s := strconv.FormatFloat(f, 'f', -1, bits)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// castUp6 turns the word that names the type into its number.
func castUp6(r *Rewriter) error {
	to := r.Take("to")
	if to == nil {
		return fmt.Errorf("attribute \"to\" is required")
	}
	elem, ok := onnx.ParseElemType(strings.ToLower(string(to.Str)))
	if !ok {
		return fmt.Errorf("attribute \"to\" is %q, which is no element type", to.Str)
	}
	r.Set(onnx.AttrInt("to", int64(elem)))
	return r.Keep()
}

func castDown6(r *Rewriter) error {
	to := r.Take("to")
	if to == nil {
		return fmt.Errorf("attribute \"to\" is required")
	}
	r.Set(onnx.AttrString("to", strings.ToUpper(onnx.ElemType(to.Int).String())))
	return r.Keep()
}

// castDown is the step below version v: the types it gave are those of the version before, the attributes, too.
func castDown(v int64) Rewrite {
	return func(r *Rewriter) error {
		older, ok := schema.Lookup("", "Cast", v-1)
		newer, ok2 := schema.Lookup("", "Cast", v)
		if !ok || !ok2 {
			return fmt.Errorf("Cast-%d has no version before it", v)
		}
		if to := r.Node.Attribute("to"); to != nil {
			elem := onnx.ElemType(to.Int)
			if types := older.Allowed(older.Output(0)); !types.Has("tensor(" + elem.String() + ")") {
				return fmt.Errorf("%v cannot be cast to there", elem)
			}
		}
		if err := fitDown(r.Node, older, newer); err != nil {
			return err
		}
		return r.Keep()
	}
}

// castLikeDown15 names the type that the second input has.
func castLikeDown15(r *Rewriter) error {
	to := r.Fact(1).Elem()
	if to == onnx.Undefined {
		return fmt.Errorf("the element type of input 1 is not known")
	}
	r.Take("saturate")
	r.Take("round_mode")
	r.EmitTo(r.Node.Outputs[0], "Cast", []string{r.Input(0)}, onnx.AttrInt("to", int64(to)))
	return nil
}
