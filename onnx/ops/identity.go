package ops

// Identity: y = x. x any tensor, sequence or optional.
// 1: first · 14, 16: sequences, optionals · 13, 19, 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__Identity.html

func identityFamily() []Meaning {
	return []Meaning{{Name: "Identity", Class: Exact, New: func(*Attrs) Op { return identity{} }}}
}
