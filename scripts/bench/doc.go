// Command bench holds this suite against ONNX Runtime, PyTorch and other Go engines, side by side on one machine.
//
// Two processes of one case take turns of some milliseconds; a ratio is theirs divided by ours in one round, and what is reported
// is the median of the rounds with the least and the greatest. Each process answers one JSON object a line (protocol.go); draw.go knows
// who plays what, targets.go what is to be reached, page.go what the page says. The run script beside it installs what is needed:
//
//	scripts/bench/run             everything, in about ten minutes; writes BENCHMARKS.md and scripts/bench/baseline.json
//	scripts/bench/run -only TEXT  the cases whose name, with a comma after it, contains this; writes nothing
//	scripts/bench/run -short      a few cases against ONNX Runtime; fails where a ratio stays 1.5 times worse than in baseline.json,
//	                              or 3 times where that is of another kind of processor
//
// Kernels alone are measured by go test -bench . ./onnx/kernels, as shares of what a core can do.
package main
