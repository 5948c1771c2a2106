package backend

import (
	"github.com/gonyx/gonyx/onnx"
)

// layerNorm: (x-m)/√(mean((x-m)²)+e)·s with m = mean(x) over the last axis and s a vector → LayerNormalization(x, s), with + b behind it
// LayerNormalization(x, s, b). Square and quotient may each have an x-m of their own.
func layerNorm(f *fusion, last *onnx.Node) bool {
	if is(last, "Add") {
		norm := f.only(varied(f, last))
		if !is(norm, "LayerNormalization") || len(norm.Inputs) != 2 || !sameVectors(f, norm.Inputs[1], other(f, last)) {
			return false
		}
		f.become(last, alike(norm, norm.Inputs[0], norm.Inputs[1], other(f, last)), norm)
		return true
	}
	quotient := f.only(varied(f, last))
	if !is(last, "Mul") || !is(quotient, "Div") || !sameVectors(f, other(f, last), other(f, last)) {
		return false
	}
	root := f.only(quotient.Inputs[1])
	difference := f.producer[quotient.Inputs[0]]
	if !is(root, "Sqrt") || !is(difference, "Sub") {
		return false
	}
	sum := f.only(root.Inputs[0])
	if !is(sum, "Add") || other(f, sum) == "" || f.constant[other(f, sum)].Len() != 1 {
		return false
	}
	variance := f.only(varied(f, sum))
	if !lastMean(f, variance) {
		return false
	}
	square := f.only(variance.Inputs[0])
	var squared *onnx.Node // the difference that is squared
	reads := 1
	switch {
	case is(square, "Pow") && scalar(f, square.Inputs[1], 2):
		squared = f.producer[square.Inputs[0]]
	case is(square, "Mul") && square.Inputs[0] == square.Inputs[1]:
		squared, reads = f.producer[square.Inputs[0]], 2
	}
	if !is(squared, "Sub") || squared.Inputs[0] != difference.Inputs[0] || squared.Inputs[1] != difference.Inputs[1] {
		return false
	}
	x, mean := difference.Inputs[0], f.producer[difference.Inputs[1]]
	if !lastMean(f, mean) || mean.Inputs[0] != x {
		return false
	}
	if !f.lastAxis(x, f.constant[other(f, last)].Dims[0]) {
		return false // s would broadcast x
	}
	// Nobody else reads what goes away.
	away := []*onnx.Node{quotient, root, sum, variance, square, difference, mean}
	uses, means := reads+1, 1
	if squared != difference {
		away = append(away, squared)
		uses, means = 1, 2
		if f.uses[squared.Outputs[0]] != reads || f.pinned[squared.Outputs[0]] {
			return false
		}
	}
	if f.uses[difference.Outputs[0]] != uses || f.pinned[difference.Outputs[0]] || f.uses[mean.Outputs[0]] != means || f.pinned[mean.Outputs[0]] {
		return false
	}
	n := &onnx.Node{Name: last.Name, OpType: "LayerNormalization", Inputs: []string{x, other(f, last)},
		Attributes: []*onnx.Attribute{onnx.AttrInt("axis", -1), onnx.AttrFloat("epsilon", f.constant[other(f, sum)].Float32s()[0])}}
	f.become(last, n, away...)
	return true
}

// lastMean says whether a node is a mean over the last axis, which stays as one of 1.
func lastMean(f *fusion, n *onnx.Node) bool {
	if !is(n, "ReduceMean") || integer(n, "keepdims", 1) == 0 {
		return false
	}
	axes := f.constant[input(n, 1)]
	return axes != nil && axes.Type == onnx.Int64 && axes.Len() == 1 && axes.Int64s()[0] == -1
}

// lastAxis says whether the last axis of a value is known to be of a size.
func (f *fusion) lastAxis(name string, size int64) bool {
	fact := f.facts()[name]
	return fact.Ranked() && fact.Rank() > 0 && fact.Dims()[fact.Rank()-1].Value == size
}

// sameVectors says whether two values are constant vectors of one length, of more than one number.
func sameVectors(f *fusion, a, b string) bool {
	p, q := f.constant[a], f.constant[b]
	return p != nil && q != nil && p.Type == onnx.Float && q.Type == onnx.Float && len(p.Dims) == 1 && len(q.Dims) == 1 && p.Dims[0] == q.Dims[0] && p.Dims[0] > 1
}
