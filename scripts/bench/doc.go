// Command bench holds this suite against ONNX Runtime, PyTorch and other Go engines, side by side on one machine.
//
// Two processes of one case take turns of some milliseconds; a ratio is theirs divided by ours in one round, and what is reported
// is the median of the rounds with the least and the greatest. Each process answers one JSON object a line (protocol.go). The run
// script beside it installs what is needed:
//
//	scripts/bench/run            everything; writes BENCHMARKS.md and scripts/bench/baseline.json
//	scripts/bench/run -short     a few cases; fails where a ratio is 1.5 times worse than in baseline.json
package main
