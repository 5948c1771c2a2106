package backend

import (
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// dropIdentity: y = Identity(x), Dropout(x) that does not train, Pad(x) of nothing, or a Transpose that leaves every axis where it is →
// whoever read y reads x.
func dropIdentity(f *fusion, last *onnx.Node) bool {
	switch {
	case is(last, "Identity"):
	case is(last, "Dropout") && (len(last.Outputs) < 2 || last.Outputs[1] == ""):
		if name := input(last, 2); name != "" {
			t := f.constant[name]
			if t == nil || t.Type != onnx.Bool || t.Len() != 1 || t.Bools()[0] {
				return false
			}
		}
	case is(last, "Pad"):
		if t := f.constant[input(last, 1)]; t == nil || t.Type != onnx.Int64 || slices.ContainsFunc(t.Int64s(), func(n int64) bool { return n != 0 }) {
			return false
		}
	case is(last, "Transpose") && last.Attribute("perm") != nil:
		for i, axis := range ints(last, "perm") {
			if axis != int64(i) {
				return false
			}
		}
	default:
		return false
	}
	x, y := last.Inputs[0], last.Outputs[0]
	if f.pinned[y] {
		return false
	}
	f.alias[y] = x
	f.uses[x] += f.uses[y]
	for _, name := range last.Inputs {
		f.uses[name]--
	}
	delete(f.producer, y)
	f.gone[last] = true
	return true
}

// cancelTransposes: Transpose(Transpose(x)) → one Transpose, or nothing where the second turns the first back.
func cancelTransposes(f *fusion, last *onnx.Node) bool {
	if !is(last, "Transpose") || !is(f.producer[last.Inputs[0]], "Transpose") {
		return false
	}
	first := f.producer[last.Inputs[0]]
	p, q := ints(first, "perm"), ints(last, "perm")
	if p == nil || len(p) != len(q) {
		return false
	}
	perm, straight := make([]int64, len(q)), true
	for i, axis := range q {
		if axis < 0 || axis >= int64(len(p)) {
			return false
		}
		perm[i] = p[axis]
		straight = straight && perm[i] == int64(i)
	}
	n := alike(last, first.Inputs[0])
	n.Attributes = []*onnx.Attribute{onnx.AttrInts("perm", perm...)}
	var away []*onnx.Node
	if f.only(last.Inputs[0]) != nil {
		away = append(away, first)
	}
	if straight && f.pinned[last.Outputs[0]] {
		n.OpType, n.Attributes = "Identity", nil
		straight = false
	}
	f.become(last, n, away...)
	if straight {
		last.OpType, last.Attributes = "Identity", nil
		return dropIdentity(f, last)
	}
	return true
}

// padIntoConv: Conv(Pad(x)) → Conv with larger pads, where Pad puts zeros around the spatial axes.
func padIntoConv(f *fusion, last *onnx.Node) bool {
	if !is(last, "Conv") || autoPads(last) {
		return false
	}
	pad := f.only(last.Inputs[0])
	if !is(pad, "Pad") || input(pad, 3) != "" || !isZero(f, input(pad, 2)) {
		return false
	}
	if a := pad.Attribute("mode"); a != nil && string(a.Str) != "constant" {
		return false
	}
	t := f.constant[input(pad, 1)]
	if t == nil || t.Type != onnx.Int64 || len(t.Dims) != 1 || t.Len() < 6 || t.Len()%2 != 0 {
		return false
	}
	rank := t.Len() / 2
	have := ints(last, "pads", make([]int64, 2*(rank-2))...)
	if len(have) != 2*(rank-2) || slices.Min(t.Int64s()) < 0 {
		return false
	}
	pads := slices.Clone(have)
	for side := range 2 {
		p := t.Int64s()[side*rank:][:rank]
		if p[0] != 0 || p[1] != 0 {
			return false
		}
		for i, n := range p[2:] {
			pads[side*(rank-2)+i] += n
		}
	}
	if slices.Min(pads) < 0 { // the sum is too large
		return false
	}
	n := alike(last, append([]string{pad.Inputs[0]}, last.Inputs[1:]...)...)
	n.Attributes = slices.DeleteFunc(n.Attributes, func(a *onnx.Attribute) bool { return a.Name == "pads" })
	n.Attributes = append(n.Attributes, onnx.AttrInts("pads", pads...))
	f.become(last, n, pad)
	return true
}

// autoPads says whether a window works out its padding from its input.
func autoPads(n *onnx.Node) bool {
	a := n.Attribute("auto_pad")
	return a != nil && string(a.Str) != "NOTSET" && string(a.Str) != ""
}

// isZero says whether an operand is a constant of zeros, or absent.
func isZero(f *fusion, name string) bool {
	if name == "" {
		return true
	}
	t := f.constant[name]
	if t == nil || t.Type != onnx.Float {
		return false
	}
	return !slices.ContainsFunc(t.Float32s(), func(v float32) bool { return v != 0 })
}
