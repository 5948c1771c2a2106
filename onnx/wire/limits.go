package wire

import "fmt"

// DefaultMemoryLimit bounds any one tensor where [Options] does not, in bytes.
const DefaultMemoryLimit = 2 << 30

// maxDepth bounds how deep graphs, types and values may lie in one another. The outermost counts as 1.
const maxDepth = 100

// maxFile is the size at which a protobuf message ends, for every reader of the format.
const maxFile = 1<<31 - 1

// The Go values of a message may take this many times its bytes, and a fixed amount more. A node or an attribute of a
// real model takes up to 25 times; a file of empty messages would take 160 times, which is nothing but an attack.
const (
	growthFactor = 64
	growthFloor  = 1 << 20
)

// Options say how to decode. The zero value is useful.
type Options struct {
	// MemoryLimit bounds any one tensor, in bytes; 0 means [DefaultMemoryLimit].
	MemoryLimit int64
	// Dir is the folder that external data is read from and may not leave. Without it such tensors stay unbound,
	// see [onnx.Tensor.Bound]. [ReadFile] takes the model's folder where it is empty.
	Dir string
}

// decoder is what the messages of one file share while they are decoded.
type decoder struct {
	limit  int64 // bytes of any one tensor
	budget int64 // bytes of Go values that may still be made
	depth  int
	folder *folder // nil where external data is not loaded
}

func newDecoder(data []byte, opts Options) *decoder {
	d := &decoder{limit: opts.MemoryLimit, budget: int64(len(data))*growthFactor + growthFloor}
	if d.limit <= 0 {
		d.limit = DefaultMemoryLimit
	}
	if opts.Dir != "" {
		d.folder = &folder{path: opts.Dir}
	}
	return d
}

func (d *decoder) close() {
	if d.folder != nil {
		d.folder.close()
	}
}

// charge takes bytes from the budget.
func (d *decoder) charge(bytes uintptr) error {
	d.budget -= int64(bytes)
	if d.budget < 0 {
		return fmt.Errorf("the file unpacks to more than %d times its size; no real model does", growthFactor)
	}
	return nil
}

// enter goes one graph, type or value deeper; every call that succeeds is followed by one of leave.
func (d *decoder) enter() error {
	if d.depth >= maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	d.depth++
	return nil
}

func (d *decoder) leave() { d.depth-- }
