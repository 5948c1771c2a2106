// Package backend runs graphs. [Compile] lifts, checks and folds a graph once; for each shape of inputs it makes a [Plan]: steps in order,
// fast ones where the operators have them and the plain Eval elsewhere, over one arena in which values whose lives do not
// overlap share memory. Backend (New) is the same behind the interface of stock onnx-go.
//
// It must not know features, rows or training. Level 2: it imports onnx, onnx/wire, onnx/ops and onnx/kernels; onnx-go and gonum's
// graph live in contract.go alone, Gorgonia's tensor there and in tensors.go.
package backend
