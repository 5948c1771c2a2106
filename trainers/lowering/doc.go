// Package lowering turns an onnx.Graph into a Gorgonia graph that trains, and runs it: one Gorgonia operator for each ONNX
// node or for neighbours that are joined, gradients by gorgonia.Grad, and a gorgonia.VM of its own that runs any batch size through one graph and keeps its
// memory from step to step. It owns the rules that differentiate operators. It must not know networks, losses, data sets,
// solvers or files. Level 3: it imports onnx, onnx/ops and onnx/kernels.
//
// A training graph is an ordinary graph: its inputs are the data (with a symbolic batch dimension), initializers with data
// are constants, initializers without data are parameters, one output is the loss. Gradients by inputs may be asked for besides,
// and a program may do without loss and gradients and only go forward. A result has the same bytes for any
// number of threads.
//
// What is joined has a file for each pattern: a convolution of one point with the next (fold.go), a product with its activation
// and pooling (layer.go), a cross-entropy (crossentropy.go). Options.Plain lowers without them; results are equal within rounding.
// Joined nodes stay in the graph unread, so that each of their values can still be asked for by name.
package lowering
