package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// Tolerance is how far numbers may be apart: |got - want| ≤ Abs + Rel·|want|. NaN equals NaN, infinities equal themselves.
type Tolerance struct{ Rel, Abs float64 }

// Difference says how two values differ. The zero value says that they do not.
type Difference struct {
	Kind     string  // types, shapes or lengths that differ; the numbers were not compared then
	Count    int     // elements that are too far apart
	Elements int     // elements compared
	Largest  float64 // largest |got - want| of all elements, also of those near enough
	At       string  // the element that is furthest beyond the tolerance, "[0,3] got 1, want 2"
}

// Equal says whether the values agree.
func (d Difference) Equal() bool { return d.Kind == "" && d.Count == 0 }

// String is "" where the values agree.
func (d Difference) String() string {
	switch {
	case d.Kind != "":
		return d.Kind
	case d.Count > 0:
		return fmt.Sprintf("%d of %d elements differ, the most at %s", d.Count, d.Elements, d.At)
	}
	return ""
}

// Compare holds two values against each other: types and shapes must be equal, strings and whole numbers to the bit, other
// numbers within the tolerance.
func Compare(got, want onnx.Value, tol Tolerance) Difference {
	switch w := want.(type) {
	case *onnx.Tensor:
		g, ok := got.(*onnx.Tensor)
		if !ok || g == nil || g.Type != w.Type || !slices.Equal(g.Dims, w.Dims) {
			return Difference{Kind: fmt.Sprintf("got %v, want %v", describeValue(got), w)}
		}
		return compareTensors(g, w, tol)
	case *onnx.Sequence:
		g, ok := got.(*onnx.Sequence)
		if !ok || len(g.Values) != len(w.Values) {
			return Difference{Kind: fmt.Sprintf("got %v, want a sequence of %d", describeValue(got), len(w.Values))}
		}
		var all Difference
		for i := range w.Values {
			d := Compare(g.Values[i], w.Values[i], tol)
			if d.Kind != "" {
				d.Kind = fmt.Sprintf("element %d of the sequence: %s", i, d.Kind)
				return d
			}
			if d.Count > 0 && all.At == "" {
				all.At = fmt.Sprintf("element %d of the sequence, %s", i, d.At)
			}
			all.Count, all.Elements, all.Largest = all.Count+d.Count, all.Elements+d.Elements, math.Max(all.Largest, d.Largest)
		}
		return all
	case *onnx.Optional:
		g, ok := got.(*onnx.Optional)
		if !ok || (g.Value == nil) != (w.Value == nil) {
			return Difference{Kind: fmt.Sprintf("got %v, want %v", describeValue(got), describeValue(want))}
		}
		if w.Value == nil {
			return Difference{}
		}
		return Compare(g.Value, w.Value, tol)
	case nil:
		if got == nil {
			return Difference{}
		}
	}
	return Difference{Kind: fmt.Sprintf("got %v, want %v: such values cannot be compared", describeValue(got), describeValue(want))}
}

func describeValue(v onnx.Value) string {
	if v == nil {
		return "nothing"
	}
	return onnx.TypeOf(v).String()
}

func compareTensors(g, w *onnx.Tensor, tol Tolerance) Difference {
	d := Difference{Elements: w.Len()}
	worst := 0.0
	note := func(i int, excess float64, got, want any) {
		d.Count++
		if excess > worst || d.At == "" {
			worst = excess
			d.At = fmt.Sprintf("%v got %v, want %v", indexOf(i, w.Dims), got, want)
		}
	}
	switch w.Type {
	case onnx.Float:
		a, b := g.Float32s(), w.Float32s()
		for i := range b {
			d.number(i, float64(a[i]), float64(b[i]), tol, note)
		}
	case onnx.Double:
		a, b := g.Float64s(), w.Float64s()
		for i := range b {
			d.number(i, a[i], b[i], tol, note)
		}
	case onnx.Complex64:
		a, b := onnx.View[complex64](g), onnx.View[complex64](w)
		for i := range b {
			d.number(i, float64(real(a[i])), float64(real(b[i])), tol, note)
			d.number(i, float64(imag(a[i])), float64(imag(b[i])), tol, note)
		}
	case onnx.Complex128:
		a, b := onnx.View[complex128](g), onnx.View[complex128](w)
		for i := range b {
			d.number(i, real(a[i]), real(b[i]), tol, note)
			d.number(i, imag(a[i]), imag(b[i]), tol, note)
		}
	case onnx.Float16, onnx.BFloat16:
		a, b := onnx.View[uint16](g), onnx.View[uint16](w)
		wide := float16to64
		if w.Type == onnx.BFloat16 {
			wide = func(x uint16) float64 { return float64(math.Float32frombits(uint32(x) << 16)) }
		}
		for i := range b {
			d.number(i, wide(a[i]), wide(b[i]), tol, note)
		}
	case onnx.String:
		for i := range w.Strings {
			if g.Strings[i] != w.Strings[i] {
				note(i, 1, fmt.Sprintf("%q", g.Strings[i]), fmt.Sprintf("%q", w.Strings[i]))
			}
		}
	default:
		d.bits(g, w, note)
	}
	return d
}

func (d *Difference) number(i int, got, want float64, tol Tolerance, note func(int, float64, any, any)) {
	if got == want || got != got && want != want {
		return
	}
	apart := math.Abs(got - want)
	if !math.IsNaN(apart) {
		d.Largest = math.Max(d.Largest, apart)
	}
	if allowed := tol.Abs + tol.Rel*math.Abs(want); !(apart <= allowed) || math.IsInf(want, 0) {
		excess := apart - allowed
		if math.IsNaN(excess) {
			excess = math.Inf(1)
		}
		note(i, excess, got, want)
	}
}

// bits compares whole numbers, bools and packed elements. Those of less than a byte are compared byte by byte.
func (d *Difference) bits(g, w *onnx.Tensor, note func(int, float64, any, any)) {
	size := max(w.Type.Bits()/8, 1)
	for i := 0; i+size <= len(w.Data); i += size {
		a, b := g.Data[i:i+size], w.Data[i:i+size]
		if string(a) == string(b) {
			continue
		}
		x, y := whole(w.Type, a), whole(w.Type, b)
		apart := math.Abs(x - y)
		d.Largest = math.Max(d.Largest, apart)
		note(i/size, apart, x, y)
	}
}

// whole reads a whole number.
func whole(t onnx.ElemType, b []byte) float64 {
	var bits uint64
	for i, x := range b {
		bits |= uint64(x) << (8 * i)
	}
	shift := 64 - 8*len(b)
	switch t {
	case onnx.Int8, onnx.Int16, onnx.Int32, onnx.Int64:
		return float64(int64(bits<<shift) >> shift)
	}
	return float64(bits)
}

func float16to64(b uint16) float64 {
	sign, exp, frac := float64(1), int(b>>10&31), float64(b&1023)
	if b>>15 != 0 {
		sign = -1
	}
	switch exp {
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	case 0:
		return sign * math.Ldexp(frac, -24)
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

func indexOf(i int, dims []int64) []int64 {
	index := make([]int64, len(dims))
	rest := int64(i)
	for k := len(dims) - 1; k >= 0; k-- {
		if dims[k] > 0 {
			index[k], rest = rest%dims[k], rest/dims[k]
		}
	}
	return index
}
