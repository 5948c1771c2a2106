// Package metrics measures how good predictions are: average precision, precision and recall, confusion. It collects row
// by row what was predicted and what is true, and gives figures and the data of their pictures.
//
// It must not know how predictions come about, nor draw anything. Level 4: it may import onnx/features and what that may.
package metrics
