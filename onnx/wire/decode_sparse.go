package wire

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/gonyx/gonyx/onnx"
)

func (d *decoder) sparseTensor(b []byte) (*onnx.SparseTensor, error) {
	s := &onnx.SparseTensor{}
	if err := d.charge(unsafe.Sizeof(*s)); err != nil {
		return nil, err
	}
	var values, indices part
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			values.add(d, &r, "values")
		case 2:
			indices.add(d, &r, "indices")
		case 3:
			s.Dims = r.int64s("dims", s.Dims)
		default:
			s.Unknown = append(s.Unknown, r.raw...)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	var err error
	if !values.set {
		return nil, errors.New("no values")
	}
	if s.Values, err = d.tensor(values.bytes); err != nil {
		return nil, at(err, place("values", 0, nameIn(values.bytes, 8)))
	}
	if indices.set {
		if s.Indices, err = d.tensor(indices.bytes); err != nil {
			return nil, at(err, "indices")
		}
	}
	return s, checkSparse(s)
}

// checkSparse says where the indices do not fit the shape or the values, so that nobody who unpacks the tensor can be
// led outside it. Their order is not checked.
func checkSparse(s *onnx.SparseTensor) error {
	total, err := onnx.Elements(s.Dims)
	if err != nil {
		return err
	}
	if len(s.Values.Dims) != 1 {
		return fmt.Errorf("values are %v, they must have one dimension", s.Values)
	}
	count, rank := s.Values.Dims[0], int64(len(s.Dims))
	if s.Indices == nil {
		if count > 0 {
			return fmt.Errorf("no indices for %d values", count)
		}
		return nil
	}
	linear := len(s.Indices.Dims) == 1
	if s.Indices.Type != onnx.Int64 || !linear && (len(s.Indices.Dims) != 2 || s.Indices.Dims[1] != rank) || s.Indices.Dims[0] != count {
		return fmt.Errorf("indices are %v, %d values in shape %v need int64[%d] or int64[%d,%d]", s.Indices, count, s.Dims, count, count, rank)
	}
	if !s.Indices.Bound() {
		return nil // external and not loaded
	}
	for i, index := range s.Indices.Int64s() {
		bound := total
		if !linear {
			bound = s.Dims[i%len(s.Dims)]
		}
		if index < 0 || index >= bound {
			return fmt.Errorf("index %d is %d, outside shape %v", i, index, s.Dims)
		}
	}
	return nil
}
