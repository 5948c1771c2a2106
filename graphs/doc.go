// Package graphs builds onnx.Graphs and decides when two of them are equal. The [Builder] records nodes of the newest
// opset, through single operators (methods of [Value]) or through layers: functions from value to value, which a stack
// ([Sequential]) or plain calls put together into the same nodes. The canonical form, [Diff] and [Digest] say what makes
// two graphs the same network, wherever they were written.
//
// It must not know files, training or running. Level 2: it imports onnx and onnx/ops.
package graphs
