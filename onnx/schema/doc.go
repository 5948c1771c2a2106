// Package schema holds the standard's operator schemas as generated data: for every version of every operator of ONNX
// 1.23 its inputs, outputs, attributes with defaults, and the types it takes. It owns what the standard tabulates and
// must not know what an operator means: shapes, results and the defaults that are stated only in prose are onnx/ops'.
// Level 0: it imports nothing of this module.
//
// It says what the standard's Changelog of 1.23.0 says, in which 17 versions at opset 28 are missing; scripts/generate's
// README names what they would change.
//
// The data is static: variables that the compiler lays out in the binary. Nothing is built when a program starts, a
// lookup is a binary search that allocates nothing, and equal lists are stored once. It is shared by all callers and
// must not be written to. scripts/generate makes it and says where it comes from.
package schema
