// Package tensorfn is for tensors as functions: a tensor is a computation that waits for values. Placeholders stand for what will be
// given, operators make tensors of tensors, gradients of one by another are tensors, too, and a function evaluates as many of them as it
// likes in one call, in Gorgonia. A function is also a graph: it can be exported to ONNX, gradients included, and run wherever
// ONNX runs.
//
// It must not know networks, data or how training goes. Level 6: it imports graphs, graphs/gradients, trainers/lowering and
// exporters.
package tensorfn
