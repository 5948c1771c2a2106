package backend

import (
	"bytes"
	"math"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Files of quantized networks have floats between quanta: DequantizeLinear before an operator, QuantizeLinear after it. These patterns put
// the operator of the quanta in their place, before constants are folded, which would make floats of the weights. Quanta are one value's
// with one scale and zero point, constants both; results differ by one quantum at most where a sum lies between two.
//
//	QuantizeLinear(Conv(DequantizeLinear(x), DequantizeLinear(w), DequantizeLinear(b)))  → QLinearConv
//	QuantizeLinear(MatMul(DequantizeLinear(a), DequantizeLinear(b)))                     → QLinearMatMul
//	QuantizeLinear(Gemm(DequantizeLinear(a), DequantizeLinear(b), DequantizeLinear(c)))  → FusedQLinearMatMul, which adds a bias
//	QuantizeLinear(move(DequantizeLinear(x))) with the quanta of x                       → move(x), such as Reshape or MaxPool
//
// A Relu before QuantizeLinear is left out where it only makes what lies below the zero point the zero point, as saturation does.
func joinQuanta(g *onnx.Graph) *onnx.Graph {
	f := newFusion(g)
	joined := false
	for _, n := range f.graph.Nodes {
		joined = joinQuantum(f, n) || joined
	}
	if !joined {
		return g
	}
	nodes := f.graph.Nodes
	f.graph.Nodes = nil
	for i := len(nodes) - 1; i >= 0; i-- { // backwards: what only unread nodes read is unread
		n := nodes[i]
		if f.gone[n] {
			continue
		}
		if is(n, "DequantizeLinear") && f.uses[n.Outputs[0]] == 0 && !f.pinned[n.Outputs[0]] {
			for _, name := range n.Inputs {
				f.uses[name]--
			}
			continue
		}
		f.graph.Nodes = append(f.graph.Nodes, n)
	}
	slices.Reverse(f.graph.Nodes)
	f.prune()
	return f.graph
}

// quanta is a value with its quantum: names of value, scale and zero point, and the last two.
type quanta struct {
	name, scale, zero string
	scales, zeros     *onnx.Tensor
	axis              int64
}

// one says whether there is one quantum for the whole value.
func (q *quanta) one() bool { return q.scales.Len() == 1 }

// quantaOf reads a QuantizeLinear or DequantizeLinear with a constant scale and zero point of bytes, or is nil.
func (f *fusion) quantaOf(n *onnx.Node, opType string) *quanta {
	if !is(n, opType) || integer(n, "block_size", 0) != 0 || integer(n, "precision", 0) > 1 || opType == "DequantizeLinear" && integer(n, "output_dtype", 0) > 1 {
		return nil
	}
	q := &quanta{name: n.Inputs[0], scale: input(n, 1), zero: input(n, 2), scales: f.floats(n, 1), zeros: f.constant[input(n, 2)], axis: integer(n, "axis", 1)}
	if q.scales == nil || q.zeros == nil || q.zeros.Type != onnx.Int8 && q.zeros.Type != onnx.Uint8 || q.scales.Len() != q.zeros.Len() ||
		!finite(q.scales) || slices.ContainsFunc(q.scales.Float32s(), func(s float32) bool { return s <= 0 }) {
		return nil
	}
	return q
}

func joinQuantum(f *fusion, last *onnx.Node) bool {
	y := f.quantaOf(last, "QuantizeLinear")
	if y == nil || !y.one() {
		return false
	}
	n := f.only(last.Inputs[0])
	var away []*onnx.Node
	if is(n, "Relu") && isLeast(y.zeros) {
		if before := f.only(n.Inputs[0]); is(before, "Conv") || is(before, "MatMul") || is(before, "Gemm") {
			n, away = before, []*onnx.Node{n}
		}
	}
	if n == nil || len(n.Inputs) == 0 {
		return false
	}
	x := f.quantaOf(f.producer[n.Inputs[0]], "DequantizeLinear")
	if x == nil || !x.one() {
		return false
	}
	if moves(n) {
		if x.zeros.Type != y.zeros.Type || !bytes.Equal(x.scales.Data, y.scales.Data) || !bytes.Equal(x.zeros.Data, y.zeros.Data) {
			return false
		}
		moved := alike(n, append([]string{x.name}, n.Inputs[1:]...)...)
		f.become(last, moved, n)
		return true
	}
	if len(n.Inputs) < 2 {
		return false
	}
	w := f.quantaOf(f.producer[n.Inputs[1]], "DequantizeLinear")
	if w == nil {
		return false
	}
	inputs := []string{x.name, x.scale, x.zero, w.name, w.scale, w.zero, y.scale, y.zero}
	var joined *onnx.Node
	switch {
	case is(n, "Conv"):
		if !w.one() && (w.axis != 0 || !w.perMap(f)) {
			return false
		}
		if name := input(n, 2); name != "" {
			bias := f.quantizedBias(f.producer[name], x, w)
			if bias == "" {
				return false
			}
			inputs = append(inputs, bias)
		}
		joined = alike(n, inputs...)
		joined.OpType = "QLinearConv"
	case is(n, "MatMul"):
		if !w.one() && !w.perColumn(f) {
			return false
		}
		joined = alike(n, inputs...)
		joined.OpType = "QLinearMatMul"
	case is(n, "Gemm"):
		if joined = f.quantizedGemm(n, x, w, inputs); joined == nil {
			return false
		}
	default:
		return false
	}
	f.become(last, joined, append(away, n)...)
	return true
}

// quantizedGemm is a Gemm of a constant matrix as a product of quanta with a bias, or nil.
func (f *fusion) quantizedGemm(n *onnx.Node, x, w *quanta, inputs []string) *onnx.Node {
	b := f.constant[w.name]
	if integer(n, "transA", 0) != 0 || number(n, "alpha", 1) != 1 || number(n, "beta", 1) != 1 || b == nil || len(b.Dims) != 2 {
		return nil
	}
	trans := integer(n, "transB", 0) != 0
	rows, columns := b.Dims[0], b.Dims[1]
	axis := int64(1)
	if trans {
		axis, columns = 0, rows
	}
	if !w.one() && (w.axis != axis || len(w.scales.Dims) != 1 || w.scales.Dims[0] != columns) {
		return nil
	}
	joined := &onnx.Node{Name: n.Name, Domain: onnx.DomainPrivate, OpType: ops.FusedPrefix + "QLinearMatMul"}
	if c := input(n, 2); c != "" {
		bias := f.quantizedBias(f.producer[c], x, w)
		if bias == "" || f.constant[bias].Dims[0] != columns {
			return nil
		}
		inputs = append(inputs, bias)
	}
	if trans {
		inputs[3] = f.add(w.name+"/transposed", transposedBytes(b))
	}
	joined.Inputs = inputs
	return joined
}

func transposedBytes(t *onnx.Tensor) *onnx.Tensor {
	rows, columns := int(t.Dims[0]), int(t.Dims[1])
	y := onnx.NewTensor(t.Type, t.Dims[1], t.Dims[0])
	for i := range rows {
		for j, v := range t.Data[i*columns : (i+1)*columns] {
			y.Data[j*rows+i] = v
		}
	}
	return y
}

// moves says whether an operator hands elements of its first input on as they are, and where its other inputs do not matter to that.
func moves(n *onnx.Node) bool {
	switch {
	case is(n, "MaxPool"):
		return len(n.Outputs) == 1
	case is(n, "Reshape"), is(n, "Flatten"), is(n, "Transpose"), is(n, "Squeeze"), is(n, "Unsqueeze"), is(n, "Slice"), is(n, "Gather"):
		return true
	case is(n, "Resize"):
		if mode := n.Attribute("mode"); mode != nil && string(mode.Str) != "nearest" {
			return false
		}
		at := n.Attribute("coordinate_transformation_mode")
		return at == nil || string(at.Str) != "tf_crop_and_resize"
	}
	return false
}

// isLeast says whether a zero point is the least of its type.
func isLeast(zero *onnx.Tensor) bool {
	return zero.Type == onnx.Uint8 && zero.Data[0] == 0 || zero.Type == onnx.Int8 && int8(zero.Data[0]) == math.MinInt8
}

// perMap says whether a constant weight has a quantum for each map, perColumn whether a constant matrix has one for each column.
func (q *quanta) perMap(f *fusion) bool {
	w := f.constant[q.name]
	return w != nil && len(w.Dims) > 0 && len(q.scales.Dims) == 1 && q.scales.Dims[0] == w.Dims[0]
}

func (q *quanta) perColumn(f *fusion) bool {
	w := f.constant[q.name]
	return w != nil && len(w.Dims) == 2 && (q.axis == 1 || q.axis == -1) && len(q.scales.Dims) == 1 && q.scales.Dims[0] == w.Dims[1]
}

// quantizedBias gives the name of a bias of sums, whose quantum is the product of those of both factors and whose zero point is 0, or "".
func (f *fusion) quantizedBias(n *onnx.Node, x, w *quanta) string {
	if !is(n, "DequantizeLinear") || integer(n, "block_size", 0) != 0 || integer(n, "output_dtype", 0) > 1 {
		return ""
	}
	bias, scales := f.constant[n.Inputs[0]], f.floats(n, 1)
	if bias == nil || scales == nil || bias.Type != onnx.Int32 || len(bias.Dims) != 1 || input(n, 2) != "" && !allZero(f.constant[input(n, 2)]) {
		return ""
	}
	for i := range bias.Dims[0] {
		got, want := element(scales, int(i)), element(x.scales, 0)*element(w.scales, int(i))
		if math.Abs(got-want) > 1e-6*math.Abs(want) {
			return ""
		}
	}
	return n.Inputs[0]
}

// element gives an element of a scale, the one that there is for all.
func element(t *onnx.Tensor, i int) float64 {
	v := t.Float32s()
	if len(v) == 1 {
		return float64(v[0])
	}
	if i >= len(v) {
		return math.NaN()
	}
	return float64(v[i])
}

func allZero(t *onnx.Tensor) bool {
	return t != nil && len(t.Data) > 0 && len(bytes.Trim(t.Data, "\x00")) == 0
}
