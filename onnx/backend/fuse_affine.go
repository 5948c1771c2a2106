package backend

import (
	"math"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// What follows folds factors and addends into weights, once, in float64. Weights must be finite: 0·Inf would go missing, or come up.

// affineIntoConv: s·Conv(x, w, b) + t → Conv(x, w·s, b·s + t), s and t constants for each map: a BatchNormalization, or a Mul, Add,
// Sub or Div with a constant; and ConvTranspose likewise.
func affineIntoConv(f *fusion, last *onnx.Node) bool {
	conv := f.only(varied(f, last))
	if !is(conv, "Conv") && !is(conv, "ConvTranspose") {
		return false
	}
	w := f.floats(conv, 1)
	if w == nil || len(w.Dims) < 3 || w.Len() == 0 {
		return false
	}
	maps, run, of := mapsOf(conv, w)
	if of == nil {
		return false
	}
	factor, addend := affine(f, last, len(w.Dims), maps)
	bias, ok := biasOf(f, conv, maps)
	if factor == nil || !ok || !finite(w) {
		return false
	}
	scaled := onnx.NewTensor(onnx.Float, w.Dims...)
	for i := 0; i < w.Len(); i += run {
		scale(scaled.Float32s()[i:i+run], w.Float32s()[i:i+run], factor[of(i)])
	}
	if !finite(scaled) {
		return false
	}
	f.become(last, alike(conv, conv.Inputs[0], f.add(conv.Inputs[1]+"/scaled", scaled), f.affineBias(conv, bias, factor, addend)), conv)
	return true
}

// scale writes x times a factor to dst.
func scale(dst, x []float32, factor float64) {
	for i, v := range x {
		dst[i] = float32(float64(v) * factor)
	}
}

// mapsOf gives the number of maps that a Conv or ConvTranspose makes, to which of them each number of its weight belongs, and how many
// numbers of one stand side by side; nil where its groups are not sound.
func mapsOf(conv *onnx.Node, w *onnx.Tensor) (maps, run int, of func(i int) int) {
	first, second := int(w.Dims[0]), int(w.Dims[1])
	if conv.OpType == "Conv" { // [maps, channels/group, kernel…]
		size := w.Len() / first
		return first, size, func(i int) int { return i / size }
	}
	group := integer(conv, "group", 1) // [channels, maps/group, kernel…]
	if group < 1 || w.Dims[0]%group != 0 {
		return 0, 0, nil
	}
	channels, size := first/int(group), w.Len()/(first*second)
	return second * int(group), size, func(i int) int { return i/(size*second)/channels*second + i/size%second }
}

// convAfterAffine: Conv(s·x + t, w, b) → Conv(x, w·s, b + Σ w·t), s and t constants for each channel; t must be zero where the
// convolution pads.
func convAfterAffine(f *fusion, last *onnx.Node) bool {
	if !is(last, "Conv") {
		return false
	}
	before := f.only(last.Inputs[0])
	w := f.floats(last, 1)
	if before == nil || w == nil || len(w.Dims) < 3 || w.Len() == 0 {
		return false
	}
	group := integer(last, "group", 1)
	maps, channels := int(w.Dims[0]), int(w.Dims[1])
	if group < 1 || w.Dims[0]%group != 0 || group > w.Dims[0] {
		return false
	}
	factor, addend := affine(f, before, len(w.Dims), channels*int(group))
	bias, ok := biasOf(f, last, maps)
	if factor == nil || !ok || !plainPads(last) && slices.ContainsFunc(addend, func(t float64) bool { return t != 0 }) || !finite(w) {
		return false
	}
	scaled, moved := onnx.NewTensor(onnx.Float, w.Dims...), onnx.NewTensor(onnx.Float, int64(maps))
	taps, perGroup := w.Len()/(maps*channels), maps/int(group)
	from, to := w.Float32s(), scaled.Float32s()
	for m := range maps {
		first := m / perGroup * channels
		sum := bias[m]
		for c := range channels {
			k, t := factor[first+c], addend[first+c]
			at := (m*channels + c) * taps
			for i, v := range from[at : at+taps] {
				to[at+i] = float32(float64(v) * k)
				sum += float64(v) * t
			}
		}
		bias[m] = sum
	}
	for m, v := range bias {
		moved.Float32s()[m] = float32(v)
	}
	if !finite(scaled) || !finite(moved) {
		return false
	}
	n := alike(last, varied(f, before), f.add(last.Inputs[1]+"/scaled", scaled), f.add(last.Inputs[1]+"/moved", moved))
	f.become(last, n, before)
	return true
}

// factorsIntoOne: a·(b·x) → (a·b)·x, a and b constants of one element.
func factorsIntoOne(f *fusion, last *onnx.Node) bool {
	if !is(last, "Mul") && !is(last, "Div") {
		return false
	}
	first := f.only(varied(f, last))
	if !is(first, "Mul") && !is(first, "Div") {
		return false
	}
	// One element of no axis or one leaves the shape alone, whatever it is.
	a, _ := affine(f, last, 1, 1)
	b, _ := affine(f, first, 1, 1)
	if a == nil || b == nil || math.Abs(a[0]*b[0]) > math.MaxFloat32 {
		return false
	}
	dims := max(len(f.constant[other(f, last)].Dims), len(f.constant[other(f, first)].Dims))
	c := onnx.NewTensor(onnx.Float, []int64{1}[:dims]...)
	c.Float32s()[0] = float32(a[0] * b[0])
	n := &onnx.Node{Name: last.Name, OpType: "Mul", Inputs: []string{varied(f, first), f.add(last.Outputs[0]+"/factor", c)}}
	f.become(last, n, first)
	return true
}

// normIntoGemm: BatchNormalization(Gemm(a, b, c)) → Gemm with the factors in the columns of b, as affineIntoConv.
func normIntoGemm(f *fusion, last *onnx.Node) bool {
	if !is(last, "BatchNormalization") {
		return false
	}
	gemm := f.only(last.Inputs[0])
	if !is(gemm, "Gemm") || number(gemm, "beta", 1) != 1 {
		return false
	}
	b := f.floats(gemm, 1)
	if b == nil || len(b.Dims) != 2 || b.Len() == 0 {
		return false
	}
	columns, trans := b.Dims[1], integer(gemm, "transB", 0) != 0
	if trans {
		columns = b.Dims[0]
	}
	factor, addend := affine(f, last, 2, int(columns))
	bias, ok := biasOf(f, gemm, int(columns))
	if factor == nil || !ok || !finite(b) {
		return false
	}
	scaled := onnx.NewTensor(onnx.Float, b.Dims...)
	for i, v := range b.Float32s() {
		column := i % int(columns)
		if trans {
			column = i / int(b.Dims[1])
		}
		scaled.Float32s()[i] = float32(float64(v) * factor[column])
	}
	f.become(last, alike(gemm, gemm.Inputs[0], f.add(gemm.Inputs[1]+"/scaled", scaled), f.affineBias(gemm, bias, factor, addend)), gemm)
	return true
}

// affineBias adds the constant bias·factor + addend.
func (f *fusion) affineBias(n *onnx.Node, bias, factor, addend []float64) string {
	t := onnx.NewTensor(onnx.Float, int64(len(factor)))
	for i := range factor {
		t.Float32s()[i] = float32(bias[i]*factor[i] + addend[i])
	}
	stem := input(n, 2)
	if stem == "" {
		stem = n.Inputs[1] + "/bias"
	}
	return f.add(stem+"/scaled", t)
}

// affine gives factor and addend of each channel of a node that multiplies and adds constants to a value of that rank, which varied
// names; nil where it does not, or they are not finite.
func affine(f *fusion, n *onnx.Node, rank, channels int) (factor, addend []float64) {
	if is(n, "BatchNormalization") {
		factor, addend = normalization(f, n, channels)
	} else if name := other(f, n); name != "" {
		factor, addend = arithmetic(n, eachChannel(f.constant[name], rank, channels), n.Inputs[0] == name)
	}
	for i := range factor {
		if !(math.Abs(factor[i]) <= math.MaxFloat32 && math.Abs(addend[i]) <= math.MaxFloat32) {
			return nil, nil
		}
	}
	return factor, addend
}

// varied names the value that an affine node changes, "" where it is none.
func varied(f *fusion, n *onnx.Node) string {
	if is(n, "BatchNormalization") {
		return n.Inputs[0]
	}
	switch other(f, n) {
	case "":
		return ""
	case n.Inputs[0]:
		return n.Inputs[1]
	}
	return n.Inputs[0]
}

// other names the constant operand of a Mul, Add, Sub or Div, "" where there is none.
func other(f *fusion, n *onnx.Node) string {
	if !is(n, "Mul") && !is(n, "Add") && !is(n, "Sub") && !is(n, "Div") {
		return ""
	}
	for i := range 2 {
		if f.floats(n, i) != nil && f.constant[n.Inputs[1-i]] == nil {
			return n.Inputs[i]
		}
	}
	return ""
}

// arithmetic gives what a Mul, Add, Sub or Div does with constants; first says that the constant is the first operand.
func arithmetic(n *onnx.Node, c []float64, first bool) (factor, addend []float64) {
	if c == nil || n.OpType == "Div" && first {
		return nil, nil
	}
	factor, addend = make([]float64, len(c)), make([]float64, len(c))
	for i, v := range c {
		switch n.OpType {
		case "Mul":
			factor[i] = v
		case "Div":
			factor[i] = 1 / v
		case "Add":
			factor[i], addend[i] = 1, v
		case "Sub":
			if factor[i], addend[i] = 1, -v; first {
				factor[i], addend[i] = -1, v
			}
		}
	}
	return factor, addend
}

// eachChannel reads a constant that broadcasts to [batch, channels, …] without changing its shape as a number a channel, or gives nil.
func eachChannel(t *onnx.Tensor, rank, channels int) []float64 {
	dims := t.Dims
	if len(dims) == rank && rank > 1 && dims[0] == 1 {
		dims = dims[1:]
	}
	single := t.Len() == 1 && len(t.Dims) <= rank
	if !single && !(len(dims) == rank-1 && rank > 1 && dims[0] == int64(channels) && t.Len() == channels) {
		return nil
	}
	values := make([]float64, channels)
	for i := range values {
		k := i
		if single {
			k = 0
		}
		values[i] = float64(t.Float32s()[k])
	}
	return values
}

// normalization gives factor and addend of each channel of a BatchNormalization that does not train, or nil.
func normalization(f *fusion, n *onnx.Node, channels int) (factor, addend []float64) {
	if len(n.Outputs) != 1 || integer(n, "training_mode", 0) != 0 {
		return nil, nil
	}
	var p [4][]float32 // scale, shift, mean, variance
	for i := range p {
		t := f.floats(n, i+1)
		if t == nil || len(t.Dims) != 1 || t.Len() != channels {
			return nil, nil
		}
		p[i] = t.Float32s()
	}
	epsilon := float64(number(n, "epsilon", 1e-5))
	factor, addend = make([]float64, channels), make([]float64, channels)
	for i := range factor {
		factor[i] = float64(p[0][i]) / math.Sqrt(float64(p[3][i])+epsilon)
		addend[i] = float64(p[1][i]) - float64(p[2][i])*factor[i]
	}
	return factor, addend
}

// biasOf gives the constant bias of a node, zeros where it has none, and whether it is a vector of that length and finite.
func biasOf(f *fusion, n *onnx.Node, length int) ([]float64, bool) {
	bias := make([]float64, length)
	if input(n, 2) == "" {
		return bias, true
	}
	t := f.floats(n, 2)
	if t == nil || len(t.Dims) != 1 || t.Len() != length || !finite(t) {
		return nil, false
	}
	for i, v := range t.Float32s() {
		bias[i] = float64(v)
	}
	return bias, true
}

// finite says whether all numbers are.
func finite(t *onnx.Tensor) bool {
	x := t.Float32s()
	if sum := kernels.Best().Sum(x); sum-sum == 0 { // NaN and Inf do not get lost in it
		return true
	}
	return !slices.ContainsFunc(x, func(v float32) bool { return v-v != 0 })
}

// biasIntoMatMul: MatMul(a, b) + c with constants b, a matrix, and c, a row → FusedMatMul(a, b, c).
func biasIntoMatMul(f *fusion, last *onnx.Node) bool {
	product, c := sum(f, last, "MatMul")
	if product == nil {
		return false
	}
	b := f.floats(product, 1)
	if b == nil || len(b.Dims) != 2 || len(c.Dims) != 1 || c.Dims[0] != b.Dims[1] {
		return false
	}
	f.become(last, fusedForm(alike(product, product.Inputs[0], product.Inputs[1], c.Name)), product)
	return true
}

// sum gives the only node of that operator and the constant that an Add has on either side, or nil.
func sum(f *fusion, last *onnx.Node, opType string) (*onnx.Node, *onnx.Tensor) {
	if !is(last, "Add") {
		return nil, nil
	}
	for i := range 2 {
		n, c := f.only(last.Inputs[i]), f.floats(last, 1-i)
		if is(n, opType) && c != nil {
			return n, c
		}
	}
	return nil, nil
}
