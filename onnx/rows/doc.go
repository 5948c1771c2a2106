// Package rows reads rows and arrays from files and writes them: tables of delimited or JSON lines, NumPy's NPY and NPZ,
// the IDX of MNIST, and files that appear whole or not at all. What it reads may come from anyone: a malformed file is an
// error that names the place, and no more memory is taken than the caller allows.
//
// It must not know what the rows mean (onnx/features does) or which model they feed. Level 1: it may import onnx.
//
// NPY is read and written here over the format's description, numpy.lib.format in the NumPy reference: of
// github.com/sbinet/npyio the reader trusts the header's length and shape and the writer wants nested Go arrays in place of
// a shape. It serves as the second opinion in the tests. Package encoding/csv is the same for tables: it has no escape
// character, no bound on a row, and loses the rows behind a quote that stays open.
package rows
