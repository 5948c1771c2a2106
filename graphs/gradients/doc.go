// Package gradients differentiates graphs: for each trainable operator it writes the gradient as ONNX nodes, and walks a graph
// from an output back to what it is differentiated by. The result is an ordinary graph of the newest opset, made of operators
// that the standard has, with the same meaning, since opset 18; so it runs wherever graphs run and can be exported and
// differentiated again.
//
// Which operators have a gradient, and what it is at corners and ties, is as in trainers/lowering; tests hold the two
// together. It must not know training or files. Level 3: it imports graphs.
package gradients
