package backend

import (
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// hardSwish: x·Clip(x+3, 0, 6)/6, however it is written, or x·HardSigmoid(x) with 1/6 and 1/2 → HardSwish(x).
func hardSwish(f *fusion, last *onnx.Node) bool {
	if is(last, "Mul") {
		for i := range 2 {
			x, gate := last.Inputs[i], f.only(last.Inputs[1-i])
			if is(gate, "HardSigmoid") && gate.Inputs[0] == x && near(number(gate, "alpha", 0.2), 1.0/6) && number(gate, "beta", 0.5) == 0.5 {
				f.become(last, &onnx.Node{Name: last.Name, OpType: "HardSwish", Inputs: []string{x}}, gate)
				return true
			}
			// x·(Clip(x+3, 0, 6)/6)
			if sixth(f, gate) {
				if away := clipped(f, f.only(varied(f, gate)), x); away != nil {
					f.become(last, &onnx.Node{Name: last.Name, OpType: "HardSwish", Inputs: []string{x}}, append(away, gate)...)
					return true
				}
			}
		}
	}
	// (x·Clip(x+3, 0, 6))/6
	product := f.only(varied(f, last))
	if !sixth(f, last) || !is(product, "Mul") {
		return false
	}
	for i := range 2 {
		x := product.Inputs[i]
		if away := clipped(f, f.only(product.Inputs[1-i]), x); away != nil {
			f.become(last, &onnx.Node{Name: last.Name, OpType: "HardSwish", Inputs: []string{x}}, append(away, product)...)
			return true
		}
	}
	return false
}

// sixth says whether a node divides by 6.
func sixth(f *fusion, n *onnx.Node) bool {
	if !is(n, "Mul") && !is(n, "Div") {
		return false
	}
	factor, _ := affine(f, n, 1, 1)
	return factor != nil && len(f.constant[other(f, n)].Dims) == 0 && near(float32(factor[0]), 1.0/6)
}

// clipped gives the nodes of Clip(x+3, 0, 6) where that is what a node makes of x.
func clipped(f *fusion, clip *onnx.Node, x string) []*onnx.Node {
	if !is(clip, "Clip") || !scalar(f, input(clip, 1), 0) || !scalar(f, input(clip, 2), 6) {
		return nil
	}
	add := f.only(clip.Inputs[0])
	if !is(add, "Add") || varied(f, add) != x || !scalar(f, other(f, add), 3) {
		return nil
	}
	return []*onnx.Node{clip, add}
}

// scalar says whether a value is a constant of no axes that is that number.
func scalar(f *fusion, name string, want float32) bool {
	t := f.constant[name]
	return t != nil && t.Type == onnx.Float && len(t.Dims) == 0 && t.Float32s()[0] == want
}

// near says whether a number is another one as it is written in float32.
func near(a float32, b float64) bool { return math.Abs(float64(a)-b) <= 1e-6*math.Abs(b) }

// swish: x·Sigmoid(x) → Swish(x).
func swish(f *fusion, last *onnx.Node) bool {
	if !is(last, "Mul") {
		return false
	}
	for i := range 2 {
		x, gate := last.Inputs[i], f.only(last.Inputs[1-i])
		if is(gate, "Sigmoid") && gate.Inputs[0] == x {
			f.become(last, &onnx.Node{Name: last.Name, OpType: "Swish", Inputs: []string{x}}, gate)
			return true
		}
	}
	return false
}
