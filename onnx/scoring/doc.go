// Package scoring runs models in bulk: rows through features into batches, batches through a plan, outputs back to rows, in
// order. One bad row does not end a batch: its result says what was wrong with it.
//
// It must not know flags or how results are written. Level 3: it imports onnx/rows, onnx/features and onnx/backend.
package scoring
