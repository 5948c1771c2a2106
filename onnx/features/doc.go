// Package features turns raw rows into tensors and tensors into what people read: images, labels and boxes. It owns the
// [Recipe], which says how, and which travels in the model's metadata so that a model needs no flags to be fed.
//
// It must not know where rows come from (onnx/rows reads files), how a network is built, trained or run. Level 2: it
// may import onnx, onnx/ops and onnx/rows.
package features
