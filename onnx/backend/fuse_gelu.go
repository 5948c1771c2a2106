package backend

import (
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// gelu: x·(1 + Erf(x/√2))/2 in any order of its factors → Gelu(x); and with Tanh(√(2/π)·(x + 0.044715·x³)) for the Erf, Gelu by tanh.
func gelu(f *fusion, last *onnx.Node) bool {
	if !is(last, "Mul") && !is(last, "Div") {
		return false
	}
	// What is multiplied: x, the gate 1 + …, and a half, in one node or two around each other.
	var away []*onnx.Node
	var operands []string
	half := false
	take := func(n *onnx.Node) bool {
		if name := other(f, n); name != "" {
			factor, _ := affine(f, n, 1, 1)
			if half || factor == nil || factor[0] != 0.5 || len(f.constant[name].Dims) > 1 {
				return false
			}
			half = true
			operands = append(operands, varied(f, n))
			return true
		}
		operands = append(operands, n.Inputs...)
		return is(n, "Mul")
	}
	if !take(last) {
		return false
	}
	for i := 0; i < len(operands) && i < 4; i++ {
		if n := f.only(operands[i]); is(n, "Mul") || is(n, "Div") {
			operands = append(operands[:i:i], operands[i+1:]...)
			if away = append(away, n); len(away) > 2 || !take(n) {
				return false
			}
			i = -1
		}
	}
	if !half || len(operands) != 2 {
		return false
	}
	for i := range 2 {
		x, gate := operands[i], f.only(operands[1-i])
		if !is(gate, "Add") || !scalar(f, other(f, gate), 1) {
			continue
		}
		bent := f.only(varied(f, gate))
		n := &onnx.Node{Name: last.Name, OpType: "Gelu", Inputs: []string{x}}
		var inner []*onnx.Node
		switch {
		case is(bent, "Erf"):
			inner = f.scaled(bent.Inputs[0], x, math.Sqrt2/2)
		case is(bent, "Tanh"):
			inner = f.cubed(bent.Inputs[0], x)
			n.Attributes = []*onnx.Attribute{onnx.AttrString("approximate", "tanh")}
		}
		if inner == nil {
			continue
		}
		f.become(last, n, append(append(away, gate, bent), inner...)...)
		return true
	}
	return false
}

// scaled gives the node that makes a value as x times a number, or nil.
func (f *fusion) scaled(name, x string, by float64) []*onnx.Node {
	n := f.only(name)
	if !is(n, "Mul") && !is(n, "Div") || varied(f, n) != x || len(f.constant[other(f, n)].Dims) > 1 {
		return nil
	}
	if factor, _ := affine(f, n, 1, 1); factor == nil || !near(float32(factor[0]), by) {
		return nil
	}
	return []*onnx.Node{n}
}

// cubed gives the nodes that make a value as √(2/π)·(x + 0.044715·x³), or nil.
func (f *fusion) cubed(name, x string) []*onnx.Node {
	outer := f.only(name)
	if !is(outer, "Mul") {
		return nil
	}
	sum := f.only(varied(f, outer))
	if !is(sum, "Add") || f.scaled(name, varied(f, outer), math.Sqrt(2/math.Pi)) == nil {
		return nil
	}
	for i := range 2 {
		term := f.only(sum.Inputs[i])
		if sum.Inputs[1-i] != x || !is(term, "Mul") {
			continue
		}
		cube := f.only(varied(f, term))
		if cube == nil || f.scaled(sum.Inputs[i], varied(f, term), 0.044715) == nil {
			continue
		}
		if is(cube, "Pow") && cube.Inputs[0] == x && scalar(f, cube.Inputs[1], 3) {
			return []*onnx.Node{outer, sum, term, cube}
		}
		if is(cube, "Mul") { // x·(x·x)
			for k := range 2 {
				if square := f.only(cube.Inputs[1-k]); cube.Inputs[k] == x && is(square, "Mul") && square.Inputs[0] == x && square.Inputs[1] == x {
					return []*onnx.Node{outer, sum, term, cube, square}
				}
			}
		}
	}
	return nil
}
