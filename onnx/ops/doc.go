// Package ops says what each ONNX operator means: what it makes of shapes and known values (Infer), of values (Eval), how
// one version of it is written as its neighbour (Upgrade, Downgrade), and where there is a faster way (Specialize). One
// file holds one family. On top of these stand the graph walks that every other package needs: Sort, Check, Lift,
// Convert, InferGraph and the plain evaluator.
//
// Only the newest version of an operator has a meaning here. Older ones are lifted to it first, so there is one meaning to
// get right, and lifting is the opset converter. What the standard tabulates (versions, arity, types, attributes,
// defaults) is not repeated here: onnx/schema has it.
//
// Eval is the specification, the oracle for tests and the fallback: plain loops that read like the standard's formula. It
// knows nothing of plans, files or training. Level 1: it imports onnx, onnx/schema and onnx/kernels.
package ops
