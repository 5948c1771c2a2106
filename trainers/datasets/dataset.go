package datasets

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
)

// The fields' usual names, which networks ask for.
const (
	FieldX       = "x"       // what goes into the network
	FieldY       = "y"       // what should come out, where that is not x
	FieldEpsilon = "epsilon" // noise in place of drawn noise
)

// Dataset gives rows for training. It is safe for many goroutines, and the same (epoch, row) always gives the same
// bytes, whoever reads it, alone or with others.
type Dataset interface {
	// Info describes the rows. It is cheap, and always the same; the caller does not change it.
	Info() Info

	// Read makes the rows of an epoch, both counted from 0. There is one tensor a field: into[i] is of type
	// Fields[i].Elem and shape [len(rows), Fields[i].Dims...] and is overwritten whole. A row number out of range and
	// tensors of other types or shapes are programmer mistakes and panic; an error is a row that cannot be made.
	Read(epoch int, rows []int, into []*onnx.Tensor) error

	// Digest gives the SHA-256 of the data in hexadecimal: equal for equal rows, independent of folder and time. It may
	// read everything once.
	Digest() (string, error)
}

// Info describes a data set.
type Info struct {
	Name   string  // "words", or the path's last element
	Rows   int     // in an epoch
	Fresh  bool    // whether every epoch has rows of its own
	Fields []Field // at least one
	// Recipe is what the data knows of how its rows are made and read: class names, image size, grid. Nil where rows are
	// nothing but numbers. A network completes a copy of it.
	Recipe *features.Recipe
}

// Field is one tensor of a batch.
type Field struct {
	Name string
	Elem onnx.ElemType
	Dims []int64 // of one row
}

// Len counts the elements of one row.
func (f Field) Len() int {
	n := 1
	for _, d := range f.Dims {
		n *= int(d)
	}
	return n
}

// Field gives the field of that name and its number, or -1.
func (i Info) Field(name string) (Field, int) {
	for n, f := range i.Fields {
		if f.Name == name {
			return f, n
		}
	}
	return Field{}, -1
}

// NewBatch makes tensors for n rows, as [Dataset] wants them: names are the fields'.
func NewBatch(info Info, n int) []*onnx.Tensor {
	batch := make([]*onnx.Tensor, len(info.Fields))
	for i, f := range info.Fields {
		batch[i] = onnx.NewTensor(f.Elem, append([]int64{int64(n)}, f.Dims...)...)
		batch[i].Name = f.Name
	}
	return batch
}

// mustFit panics where the tensors are not what [Dataset] asks for.
func mustFit(info Info, rows []int, into []*onnx.Tensor) {
	if len(into) != len(info.Fields) {
		panic(fmt.Sprintf("datasets: %s: %d tensors for %d fields", info.Name, len(into), len(info.Fields)))
	}
	for i, f := range info.Fields {
		t := into[i]
		if t.Type != f.Elem || !t.Bound() || t.Len() != len(rows)*f.Len() {
			panic(fmt.Sprintf("datasets: %s: %v for %d rows of %s, %v%v", info.Name, t, len(rows), f.Name, f.Elem, f.Dims))
		}
	}
	for _, r := range rows {
		if r < 0 || r >= info.Rows {
			panic(fmt.Sprintf("datasets: %s: row %d of %d", info.Name, r, info.Rows))
		}
	}
}
