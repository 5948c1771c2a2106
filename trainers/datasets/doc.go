// Package datasets holds what networks are trained on, one file a data set, and the one interface through which all are
// read: [Dataset]. Rows are addressed by epoch and number, so that order, shuffling, batching and resuming are the
// trainer's business alone.
//
// It must not know networks, losses or training. Level 4: it may import onnx/rows and onnx/features and what these may.
package datasets
