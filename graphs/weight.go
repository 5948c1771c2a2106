package graphs

import (
	"crypto/sha256"
	"fmt"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// formWeight is a constant tensor: an initializer, a Constant or an attribute. Its sum is taken when something needs it.
type formWeight struct {
	name   string
	tensor *onnx.Tensor
	sparse *onnx.SparseTensor // written out on loading
	loaded bool
	sum    [32]byte // of type, shape and bits, or of the name of one without data
}

// maxDense bounds in bytes what the sparse tensors of one graph are written out to, so that a small file cannot ask for
// endless memory.
const maxDense = 256 << 20

// load writes a sparse tensor out and takes the sum.
func (w *formWeight) load(walk *formWalk) error {
	if w.loaded {
		return nil
	}
	if w.sparse != nil {
		if err := w.densify(walk); err != nil {
			return fmt.Errorf("sparse tensor %q: %w", w.name, err)
		}
	}
	t := w.tensor
	if t == nil {
		return fmt.Errorf("a tensor is missing")
	}
	if _, err := onnx.ByteSize(t.Type, t.Dims); err != nil {
		return fmt.Errorf("tensor %q: %w", w.name, err)
	}
	if t.External != nil && !t.Bound() {
		return fmt.Errorf("tensor %q: its data stands in %q and was not loaded", w.name, t.External.Location)
	}
	w.sum, w.loaded = sumOfTensor(t, w.name), true
	return nil
}

func (w *formWeight) densify(walk *formWalk) error {
	elem := onnx.Undefined
	if w.sparse.Values != nil {
		elem = w.sparse.Values.Type
	}
	size, err := onnx.ByteSize(elem, w.sparse.Dims)
	if err != nil {
		return err
	}
	if size > walk.dense {
		return fmt.Errorf("%v%v and the sparse tensors before it take more than %d bytes when written out", elem, w.sparse.Dims, int64(maxDense))
	}
	walk.dense -= size
	t, err := ops.Densify(w.sparse, size)
	if err != nil {
		return err
	}
	w.tensor, w.sparse = t, nil
	return nil
}

// sumOfTensor hashes what a tensor is: the word "tensor", its type, the number of its dimensions and these, the word "bits" and
// its data; numbers as 8 bytes, little-endian, words behind their length. Of strings each stands behind its length, of a
// tensor without data its name.
func sumOfTensor(t *onnx.Tensor, name string) [32]byte {
	var c code
	c.text("tensor")
	c.number(int64(t.Type))
	c.numbers(t.Dims)
	h := sha256.New()
	switch {
	case !t.Bound():
		c.text("unbound")
		c.text(name)
		h.Write(c)
	case t.Type == onnx.String:
		c.text("strings")
		h.Write(c)
		for _, s := range t.Strings {
			c = c[:0]
			c.text(s)
			h.Write(c)
		}
	default:
		c.text("bits")
		h.Write(c)
		h.Write(t.Data)
	}
	return [32]byte(h.Sum(nil))
}

// isFalse says whether the weight is one bool, and false.
func (w *formWeight) isFalse() bool {
	t := w.tensor
	return t != nil && t.Type == onnx.Bool && len(t.Data) == 1 && t.Data[0] == 0
}

// weightOf gives the tensor that a Constant node holds, in whichever of its attributes.
func weightOf(n *onnx.Node) (*formWeight, error) {
	if len(n.Attributes) != 1 {
		return nil, fmt.Errorf("it has %d attributes, want one that gives the value", len(n.Attributes))
	}
	w := &formWeight{name: n.Outputs[0]}
	a := n.Attributes[0]
	want := onnx.AttributeUndefined
	switch a.Name {
	case "value":
		want, w.tensor = onnx.AttributeTensor, a.Tensor
		if a.Tensor != nil && !a.Tensor.Bound() && a.Tensor.External == nil {
			return nil, fmt.Errorf("attribute %q is a tensor without data", a.Name)
		}
	case "sparse_value":
		want, w.sparse = onnx.AttributeSparseTensor, a.SparseTensor
	case "value_float":
		want, w.tensor = onnx.AttributeFloat, onnx.Scalar32(a.Float)
	case "value_floats":
		want, w.tensor = onnx.AttributeFloats, onnx.FromFloat32s(a.Floats, int64(len(a.Floats)))
	case "value_int":
		want, w.tensor = onnx.AttributeInt, onnx.Scalar64(a.Int)
	case "value_ints":
		want, w.tensor = onnx.AttributeInts, onnx.FromInt64s(a.Ints)
	case "value_string":
		want, w.tensor = onnx.AttributeString, onnx.FromStrings([]string{string(a.Str)}, []int64{}...)
	case "value_strings":
		list := make([]string, len(a.Strs))
		for i, s := range a.Strs {
			list[i] = string(s)
		}
		want, w.tensor = onnx.AttributeStrings, onnx.FromStrings(list, int64(len(list)))
	}
	if want == onnx.AttributeUndefined || a.Type != want {
		return nil, fmt.Errorf("attribute %q of type %v is none that gives the value", a.Name, a.Type)
	}
	if w.tensor == nil && w.sparse == nil {
		return nil, fmt.Errorf("attribute %q: the tensor is missing", a.Name)
	}
	return w, nil
}
