// Package exporters writes models: a graph and its weights become one ONNX file that has proven, before it appears under its
// name, that what comes back is what went in. It also holds any file against itself, see [Verify].
//
// It must not know training: the trainer's own outputs come in as a function. Level 5: it imports onnx/wire, graphs,
// onnx/features and onnx/backend.
package exporters
