// Package wire turns bytes into models and models into bytes: a codec of its own for the whole of onnx.proto as of
// ONNX 1.23 (IR version 14), tensors kept in other files, and the limits that make a foreign file safe to open. It
// knows the encoding and nothing of meaning: which operators exist, which types they take and whether a graph is
// sound is for onnx/ops. Level 1: it imports onnx.
//
// Three promises hold. Decoding loses nothing that a reader of the format can see: what this version does not know is
// kept as it came and written again. Encoding is deterministic, byte for byte. And no file makes it panic, hang or
// take memory out of proportion to its size: what is wrong is an error that names the place.
//
// Decoding shares memory with its input: tensor data (where it lies at a multiple of its element's size), string
// attributes, training info and unknown fields point into it, so the input must not be changed afterwards.
package wire
