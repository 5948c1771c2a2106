// Package schema holds the standard's operator schemas as generated data: for every version of every operator of ONNX
// 1.23 its inputs, outputs, attributes with defaults, and the types it takes. It owns what the standard tabulates and
// must not know what an operator means: shapes, results and the defaults that are stated only in prose are onnx/ops'.
// Level 0: it imports nothing of this module.
//
// The data is static: variables that the compiler lays out in the binary. Nothing is built when a program starts, a
// lookup is a binary search that allocates nothing, and equal lists are stored once. It is shared by all callers and
// must not be written to. scripts/generate makes it and says where it comes from.
package schema
