package backend

import (
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// What follows folds factors and addends into weights, once, in float64. Weights must be finite: 0·Inf would go missing, or come up.

// normIntoConv: BatchNormalization(Conv(x, w, b)) → Conv(x, w·s, (b-mean)·s + shift) with s = scale/√(var+epsilon) of each map.
func normIntoConv(f *fusion, last *onnx.Node) bool {
	factor, addend := affine(f, last)
	if factor == nil {
		return false
	}
	conv := f.only(last.Inputs[0])
	if !is(conv, "Conv") {
		return false
	}
	w := f.floats(conv, 1)
	if w == nil || len(w.Dims) < 3 || w.Dims[0] != int64(len(factor)) || w.Len() == 0 || !finite(w) {
		return false
	}
	bias, ok := biasOf(f, conv, len(factor))
	if !ok {
		return false
	}
	scaled := onnx.NewTensor(onnx.Float, w.Dims...)
	size := w.Len() / len(factor)
	for i, v := range w.Float32s() {
		scaled.Float32s()[i] = float32(float64(v) * factor[i/size])
	}
	f.become(last, alike(conv, conv.Inputs[0], f.add(conv.Inputs[1]+"/scaled", scaled), f.affineBias(conv, bias, factor, addend)), conv)
	return true
}

// normIntoGemm: BatchNormalization(Gemm(a, b, c)) → Gemm with the factors in the columns of b, as normIntoConv.
func normIntoGemm(f *fusion, last *onnx.Node) bool {
	factor, addend := affine(f, last)
	if factor == nil {
		return false
	}
	gemm := f.only(last.Inputs[0])
	if !is(gemm, "Gemm") || number(gemm, "beta", 1) != 1 {
		return false
	}
	b := f.floats(gemm, 1)
	if b == nil || len(b.Dims) != 2 || b.Len() == 0 || !finite(b) {
		return false
	}
	columns, trans := b.Dims[1], integer(gemm, "transB", 0) != 0
	if trans {
		columns = b.Dims[0]
	}
	bias, ok := biasOf(f, gemm, len(factor))
	if !ok || columns != int64(len(factor)) {
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

// affine gives factor and addend of each channel of a BatchNormalization that does not train, or nil.
func affine(f *fusion, n *onnx.Node) (factor, addend []float64) {
	if !is(n, "BatchNormalization") || len(n.Outputs) != 1 || integer(n, "training_mode", 0) != 0 {
		return nil, nil
	}
	var p [4][]float32 // scale, shift, mean, variance
	for i := range p {
		t := f.floats(n, i+1)
		if t == nil || len(t.Dims) != 1 || t.Len() == 0 || i > 0 && t.Len() != len(p[0]) {
			return nil, nil
		}
		p[i] = t.Float32s()
	}
	epsilon := float64(number(n, "epsilon", 1e-5))
	factor, addend = make([]float64, len(p[0])), make([]float64, len(p[0]))
	for i := range factor {
		factor[i] = float64(p[0][i]) / math.Sqrt(float64(p[3][i])+epsilon)
		addend[i] = float64(p[1][i]) - float64(p[2][i])*factor[i]
		if math.Abs(factor[i]) > math.MaxFloat32 || math.Abs(addend[i]) > math.MaxFloat32 || factor[i] != factor[i] || addend[i] != addend[i] {
			return nil, nil
		}
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

func finite(t *onnx.Tensor) bool {
	for _, v := range t.Float32s() {
		if math.IsInf(float64(v), 0) || v != v {
			return false
		}
	}
	return true
}

// biasIntoConv: Conv(x, w) + b with b one constant a map → Conv(x, w, b).
func biasIntoConv(f *fusion, last *onnx.Node) bool {
	conv, b := sum(f, last, "Conv")
	if conv == nil || input(conv, 2) != "" {
		return false
	}
	w := f.floats(conv, 1)
	if w == nil || len(w.Dims) < 3 {
		return false
	}
	// b is [maps, 1…] or [1, maps, 1…]
	dims := b.Dims
	if len(dims) == len(w.Dims) && dims[0] == 1 {
		dims = dims[1:]
	}
	if len(dims) != len(w.Dims)-1 || dims[0] != w.Dims[0] || int64(b.Len()) != dims[0] {
		return false
	}
	t := &onnx.Tensor{Type: b.Type, Dims: []int64{dims[0]}, Data: b.Data}
	f.become(last, alike(conv, conv.Inputs[0], conv.Inputs[1], f.add(b.Name+"/bias", t)), conv)
	return true
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
