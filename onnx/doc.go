// Package onnx holds the ONNX format as Go values: models, graphs, nodes, attributes, types and tensors of every
// element type, as of ONNX 1.23 (IR version 14, opset 28).
//
// It owns data and nothing else: it reads no bytes (onnx/wire does), knows no operator (onnx/ops does) and runs
// nothing (onnx/backend does). Level 0: it imports nothing of this module.
//
// There is one graph type, [Graph]. It is built by graphs.Builder, decoded by wire.Decode or collected from stock
// onnx-go, and it is what is trained, exported, compared and run.
//
// The tensor bytes are little-endian, as the format stores them; the package therefore supports little-endian
// processors, which is every platform Go's amd64, arm64, riscv64, loong64 and wasm ports run on.
package onnx
