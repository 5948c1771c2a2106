package lowering

import (
	"fmt"
	"unsafe"

	"github.com/chewxy/hm"
	"github.com/gonyx/gonyx/onnx"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// dtypeOf gives the type under which Gorgonia keeps elements. Elements that Gorgonia has no type for go by their bits; only
// this package's own operators see them.
func dtypeOf(elem onnx.ElemType) (tensor.Dtype, error) {
	switch elem {
	case onnx.Float:
		return tensor.Float32, nil
	case onnx.Double:
		return tensor.Float64, nil
	case onnx.Int64:
		return tensor.Int64, nil
	case onnx.Int32:
		return tensor.Int32, nil
	case onnx.Bool:
		return tensor.Bool, nil
	case onnx.Uint8:
		return tensor.Uint8, nil
	case onnx.Int8:
		return tensor.Int8, nil
	case onnx.Int16:
		return tensor.Int16, nil
	case onnx.Uint16, onnx.Float16, onnx.BFloat16:
		return tensor.Uint16, nil
	case onnx.Uint32:
		return tensor.Uint32, nil
	case onnx.Uint64:
		return tensor.Uint64, nil
	case onnx.String:
		return tensor.String, nil
	}
	return tensor.Dtype{}, fmt.Errorf("element type %v has no counterpart in Gorgonia", elem)
}

// typeOf gives the type of a Gorgonia node: the element type for a scalar, else a tensor of a rank.
func typeOf(elem onnx.ElemType, rank int) (hm.Type, error) {
	dt, err := dtypeOf(elem)
	if err != nil {
		return nil, err
	}
	if rank == 0 {
		return dt, nil
	}
	return gorgonia.TensorType{Dims: rank, Of: dt}, nil
}

// shapeOf gives a shape as Gorgonia has it.
func shapeOf(dims []int64) tensor.Shape {
	s := make(tensor.Shape, len(dims))
	for i, d := range dims {
		s[i] = int(d)
	}
	return s
}

// valueOf gives a tensor as a Gorgonia value over the same memory.
func valueOf(t *onnx.Tensor) (gorgonia.Value, error) {
	scalar := len(t.Dims) == 0
	switch t.Type {
	case onnx.Float:
		if scalar {
			return (*gorgonia.F32)(&t.Float32s()[0]), nil
		}
		return dense(t, t.Float32s()), nil
	case onnx.Double:
		if scalar {
			return (*gorgonia.F64)(&t.Float64s()[0]), nil
		}
		return dense(t, t.Float64s()), nil
	case onnx.Int64:
		if scalar {
			return (*gorgonia.I64)(&t.Int64s()[0]), nil
		}
		return dense(t, t.Int64s()), nil
	case onnx.Int32:
		if scalar {
			return (*gorgonia.I32)(&t.Int32s()[0]), nil
		}
		return dense(t, t.Int32s()), nil
	case onnx.Bool:
		if scalar {
			return (*gorgonia.B)(&t.Bools()[0]), nil
		}
		return dense(t, t.Bools()), nil
	case onnx.Uint8:
		if scalar {
			return (*gorgonia.U8)(&t.Uint8s()[0]), nil
		}
		return dense(t, t.Uint8s()), nil
	}
	return nil, fmt.Errorf("%v has no counterpart among Gorgonia's values", t)
}

func dense[T any](t *onnx.Tensor, backing []T) *tensor.Dense {
	return tensor.New(tensor.WithShape(shapeOf(t.Dims)...), tensor.WithBacking(backing))
}

// tensorOf gives a Gorgonia value as a tensor over the same memory.
func tensorOf(v gorgonia.Value) (*onnx.Tensor, error) {
	switch v := v.(type) {
	case *gorgonia.F32:
		return scalarOf(onnx.Float, (*float32)(v)), nil
	case *gorgonia.F64:
		return scalarOf(onnx.Double, (*float64)(v)), nil
	case *gorgonia.I64:
		return scalarOf(onnx.Int64, (*int64)(v)), nil
	case *gorgonia.I32:
		return scalarOf(onnx.Int32, (*int32)(v)), nil
	case *gorgonia.B:
		return scalarOf(onnx.Bool, (*bool)(v)), nil
	case *gorgonia.U8:
		return scalarOf(onnx.Uint8, (*uint8)(v)), nil
	case *tensor.Dense:
		if v.RequiresIterator() || !v.DataOrder().IsRowMajor() {
			return nil, fmt.Errorf("a value of shape %v is not contiguous", v.Shape())
		}
		t := &onnx.Tensor{Dims: make([]int64, len(v.Shape()))}
		for i, d := range v.Shape() {
			t.Dims[i] = int64(d)
		}
		switch v.Dtype() {
		case tensor.Float32:
			t.Type, t.Data = onnx.Float, onnx.BytesOf(v.Float32s())
		case tensor.Float64:
			t.Type, t.Data = onnx.Double, onnx.BytesOf(v.Float64s())
		case tensor.Int64:
			t.Type, t.Data = onnx.Int64, onnx.BytesOf(v.Int64s())
		case tensor.Int32:
			t.Type, t.Data = onnx.Int32, onnx.BytesOf(v.Int32s())
		case tensor.Bool:
			t.Type, t.Data = onnx.Bool, onnx.BytesOf(v.Bools())
		case tensor.Uint8:
			t.Type, t.Data = onnx.Uint8, v.Uint8s()
		default:
			return nil, fmt.Errorf("a value of type %v has no counterpart here", v.Dtype())
		}
		return t, nil
	}
	return nil, fmt.Errorf("a value of type %T has no counterpart here", v)
}

func scalarOf[T onnx.Element](elem onnx.ElemType, v *T) *onnx.Tensor {
	return &onnx.Tensor{Type: elem, Dims: []int64{}, Data: onnx.BytesOf(unsafe.Slice(v, 1))}
}
