package backend

import (
	"errors"
	"fmt"
	"sort"

	"gorgonia.org/tensor"

	"github.com/gonyx/gonyx/onnx"
)

// fromAttributes reads the attributes of an operation, sorted by name. One that the file gives no type is of type undefined.
func fromAttributes(given map[string]any) ([]*onnx.Attribute, error) {
	names := make([]string, 0, len(given))
	for name := range given {
		names = append(names, name)
	}
	sort.Strings(names)
	list := make([]*onnx.Attribute, len(names))
	for i, name := range names {
		a := &onnx.Attribute{Name: name}
		switch v := given[name].(type) {
		case struct{}:
			a.Type = onnx.AttributeUndefined
		case float32:
			a.Type, a.Float = onnx.AttributeFloat, v
		case int64:
			a.Type, a.Int = onnx.AttributeInt, v
		case string:
			a.Type, a.Str = onnx.AttributeString, []byte(v)
		case []float32:
			a.Type, a.Floats = onnx.AttributeFloats, v
		case []int64:
			a.Type, a.Ints = onnx.AttributeInts, v
		case []string:
			a.Type, a.Strs = onnx.AttributeStrings, make([][]byte, len(v))
			for k, s := range v {
				a.Strs[k] = []byte(s)
			}
		case tensor.Tensor:
			t, err := fromTensor(v)
			if err != nil {
				return nil, fmt.Errorf("attribute %q: %w", name, err)
			}
			a.Type, a.Tensor = onnx.AttributeTensor, t
		default:
			return nil, fmt.Errorf("attribute %q is of Go type %T, which is none of ONNX's", name, v)
		}
		list[i] = a
	}
	return list, nil
}

// fromTensor sees a tensor of Gorgonia's as one of ours, without copying where its elements lie in row-major order.
func fromTensor(t tensor.Tensor) (*onnx.Tensor, error) {
	d, ok := t.(*tensor.Dense)
	if !ok || d == nil {
		return nil, fmt.Errorf("a tensor of Go type %T, want *tensor.Dense", t)
	}
	if d.Size() > 0 && d.IsMasked() { // one without elements says it is
		return nil, errors.New("a masked tensor, which ONNX does not have")
	}
	if d.Size() > 0 && (d.DataOrder().IsColMajor() || d.RequiresIterator()) {
		var err error
		if d, err = rowMajor(d); err != nil {
			return nil, err
		}
	}
	dims := make([]int64, d.Dims())
	for i, n := range d.Shape() {
		dims[i] = int64(n)
	}
	if d.Size() == 0 { // whose Data cannot be asked for
		one, err := fromTensor(tensor.New(tensor.Of(d.Dtype()), tensor.WithShape(1)))
		if err != nil {
			return nil, err
		}
		return &onnx.Tensor{Type: one.Type, Dims: dims, Data: []byte{}}, nil
	}
	if d.IsScalar() { // whose Data is no slice
		d = d.Clone().(*tensor.Dense)
		if err := d.Reshape(1); err != nil {
			return nil, err
		}
	}
	out := &onnx.Tensor{Dims: dims}
	switch v := d.Data().(type) {
	case []float32:
		out.Type, out.Data = onnx.Float, onnx.BytesOf(v)
	case []float64:
		out.Type, out.Data = onnx.Double, onnx.BytesOf(v)
	case []int8:
		out.Type, out.Data = onnx.Int8, onnx.BytesOf(v)
	case []int16:
		out.Type, out.Data = onnx.Int16, onnx.BytesOf(v)
	case []int32:
		out.Type, out.Data = onnx.Int32, onnx.BytesOf(v)
	case []int64:
		out.Type, out.Data = onnx.Int64, onnx.BytesOf(v)
	case []uint8:
		out.Type, out.Data = onnx.Uint8, v
	case []uint16:
		out.Type, out.Data = onnx.Uint16, onnx.BytesOf(v)
	case []uint32:
		out.Type, out.Data = onnx.Uint32, onnx.BytesOf(v)
	case []uint64:
		out.Type, out.Data = onnx.Uint64, onnx.BytesOf(v)
	case []bool:
		out.Type, out.Data = onnx.Bool, onnx.BytesOf(v)
	case []complex64:
		out.Type, out.Data = onnx.Complex64, onnx.BytesOf(v)
	case []complex128:
		out.Type, out.Data = onnx.Complex128, onnx.BytesOf(v)
	case []string:
		out.Type, out.Strings = onnx.String, v
	default:
		return nil, fmt.Errorf("elements of Go type %v, which ONNX does not have", d.Dtype())
	}
	if !out.Bound() {
		return nil, fmt.Errorf("%v with data for another number of elements", out)
	}
	return out, nil
}

// rowMajor copies a tensor whose elements lie in another order.
func rowMajor(d *tensor.Dense) (*tensor.Dense, error) {
	shape := d.Shape().Clone()
	out := tensor.New(tensor.Of(d.Dtype()), tensor.WithShape(shape...))
	index := make([]int, len(shape))
	for k := range out.Size() {
		rest := k
		for axis := len(shape) - 1; axis >= 0; axis-- {
			index[axis], rest = rest%shape[axis], rest/shape[axis]
		}
		v, err := d.At(index...)
		if err != nil {
			return nil, err
		}
		out.Set(k, v)
	}
	return out, nil
}

// toTensor sees a value as a tensor of Gorgonia's over the same memory.
func toTensor(v onnx.Value) (tensor.Tensor, error) {
	t, ok := v.(*onnx.Tensor)
	if !ok {
		return nil, fmt.Errorf("a value of type %v, which onnx-go has no tensor for: use Compile", onnx.TypeOf(v))
	}
	shape := make([]int, len(t.Dims))
	for i, n := range t.Dims {
		shape[i] = int(n)
	}
	var backing any
	switch t.Type {
	case onnx.Float:
		backing = onnx.View[float32](t)
	case onnx.Double:
		backing = onnx.View[float64](t)
	case onnx.Int8:
		backing = onnx.View[int8](t)
	case onnx.Int16:
		backing = onnx.View[int16](t)
	case onnx.Int32:
		backing = onnx.View[int32](t)
	case onnx.Int64:
		backing = onnx.View[int64](t)
	case onnx.Uint8:
		backing = t.Data
	case onnx.Uint16:
		backing = onnx.View[uint16](t)
	case onnx.Uint32:
		backing = onnx.View[uint32](t)
	case onnx.Uint64:
		backing = onnx.View[uint64](t)
	case onnx.Bool:
		backing = onnx.View[bool](t)
	case onnx.Complex64:
		backing = onnx.View[complex64](t)
	case onnx.Complex128:
		backing = onnx.View[complex128](t)
	case onnx.String:
		backing = t.Strings
	default:
		return nil, fmt.Errorf("elements of type %v, which Gorgonia does not have: use Compile", t.Type)
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(backing)), nil
}
