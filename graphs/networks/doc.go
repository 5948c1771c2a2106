// Package networks is the catalogue: one file a network, with its layers, its loss and the recipe it is trained by.
//
// It must not know Gorgonia, files or data sets; what it needs of the data it is told ([Data]). Level 4: it imports
// graphs, graphs/losses and onnx/features.
package networks
