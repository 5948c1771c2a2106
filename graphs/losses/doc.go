// Package losses writes losses as ONNX nodes, so that they are evaluated, exported and differentiated like any network. A loss
// is a float scalar, the mean over the batch's rows; its terms are reported beside it, each with its weight.
//
// It must not know data or training. Level 3: it imports graphs.
package losses
