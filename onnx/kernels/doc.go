// Package kernels owns the inner loops: matrix products, convolutions, pooling,
// elementwise functions, reductions and optimizer updates on float32 slices,
// products, convolutions and poolings of bytes, passes between bytes and floats, and
// the pool of goroutines that shares them out. It knows nothing of ONNX, graphs,
// shapes beyond its own arguments, or where memory comes from: callers pass every
// buffer, scratch included, and no kernel allocates. Level 0; it imports nothing
// of this module.
//
// A Set is one way to compute (portable Go, AVX2 with FMA, AVX-512). Every kernel
// is a method that takes the Pool it may use; a nil Pool means the calling
// goroutine alone. Work is divided over independent outputs, or over shares that
// the shape alone decides and whose sums are added up in order, so a result has the
// same bits for every number of threads. Sets may differ from each other
// in the last bits, because the fast ones fuse a multiplication with the addition
// that follows it.
//
// The assembly is written by the generator in _avo, a module of its own that uses
// avo, and is committed beside what calls it. To write it again:
//
//	cd onnx/kernels/_avo && go run .
//
// Slices must be long enough for the sizes given and a destination must not
// overlap a source unless the function says so. A broken promise is a
// programmer's mistake and panics.
package kernels
