package scoring

import (
	"fmt"
	"io"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

// Arrays reads rows of arrays: of a .npy file for the one input to fill, of a .npz file for the inputs of the arrays' names. Arrays that
// are no inputs are told of and left. The type must be the input's; float64 and int32 are brought to float32 and int64,
// and uint8 where floats are wanted are pixels, scaled as the model's pictures are or else by 1/255.
func (s *Scorer) Arrays(f *rows.ArrayFile, note func(string)) (*Source, error) {
	src := &Source{close: f.Close}
	var used []arrayInput
	for _, a := range f.Arrays {
		name := a.Name
		if len(f.Arrays) == 1 && !slices.ContainsFunc(s.model.Inputs(), func(v *onnx.ValueInfo) bool { return v.Name == name }) {
			v, _, err := s.rowInput()
			if err != nil {
				return nil, err
			}
			name = v.Name
		}
		if !slices.ContainsFunc(s.model.Inputs(), func(v *onnx.ValueInfo) bool { return v.Name == name }) {
			note(fmt.Sprintf("array %q is no input and is left", a.Name))
			continue
		}
		v, at, err := s.input(name)
		if err != nil {
			return nil, err
		}
		in := arrayInput{reader: a, row: make([]byte, a.RowBytes())}
		if in.convert, err = s.converter(v, a, note); err != nil {
			return nil, err
		}
		dims, err := rowDims(v, a.Dims[1:])
		if err != nil {
			return nil, err
		}
		if len(used) > 0 && a.Dims[0] != used[0].reader.Dims[0] {
			return nil, fmt.Errorf("array %q has %d rows, %q has %d", a.Name, a.Dims[0], used[0].reader.Name, used[0].reader.Dims[0])
		}
		used, src.inputs, src.dims = append(used, in), append(src.inputs, at), append(src.dims, dims)
	}
	for _, v := range s.model.Required() {
		if _, at, err := s.input(v.Name); err == nil && slices.Contains(src.inputs, at) {
			continue
		}
		return nil, &InputError{fmt.Sprintf("input %q is missing: the file has no array of that name; %s", v.Name, Describe(s.model))}
	}
	if len(used) == 0 {
		return nil, &InputError{"none of the file's arrays is an input; " + Describe(s.model)}
	}
	src.next = func(_ *Result, into []*onnx.Tensor) error {
		for k, in := range used {
			if err := in.reader.Next(in.row); err != nil {
				if err == io.EOF {
					return ended(used[k+1:])
				}
				return err
			}
			in.convert(into[k], in.row)
		}
		return nil
	}
	return src, nil
}

type arrayInput struct {
	reader  *rows.ArrayReader
	row     []byte
	convert func(dst *onnx.Tensor, row []byte)
}

// ended checks that the other arrays end, too, as they should.
func ended(others []arrayInput) error {
	for _, in := range others {
		if err := in.reader.Next(in.row); err != io.EOF {
			return err
		}
	}
	return io.EOF
}

// converter gives how an array's rows become an input's.
func (s *Scorer) converter(v *onnx.ValueInfo, a *rows.ArrayReader, note func(string)) (func(*onnx.Tensor, []byte), error) {
	want := v.Type.Elem
	switch {
	case a.Elem == want:
		return func(dst *onnx.Tensor, row []byte) { copy(dst.Data, row) }, nil
	case a.Elem == onnx.Double && want == onnx.Float:
		note(fmt.Sprintf("input %q: converted from float64 to float32", v.Name))
		return func(dst *onnx.Tensor, row []byte) {
			to := dst.Float32s()
			for i, x := range onnx.ElementsOf[float64](row) {
				to[i] = float32(x)
			}
		}, nil
	case a.Elem == onnx.Int32 && want == onnx.Int64:
		note(fmt.Sprintf("input %q: converted from int32 to int64", v.Name))
		return func(dst *onnx.Tensor, row []byte) {
			to := dst.Int64s()
			for i, x := range onnx.ElementsOf[int32](row) {
				to[i] = int64(x)
			}
		}, nil
	case a.Elem == onnx.Uint8 && want == onnx.Float:
		m := s.Recipe.Image
		if m == nil || m.Len() != a.RowBytes() {
			m = &features.Image{Width: a.RowBytes(), Height: 1, Channels: features.Gray, Scale: features.DefaultScale}
		}
		return func(dst *onnx.Tensor, row []byte) { m.Scaled(dst.Float32s(), row) }, nil
	}
	return nil, fmt.Errorf("input %q takes %v, the array has rows of %v%v; save it as %v, for example with numpy: array.astype(%q)",
		v.Name, v.Type, a.Elem, a.Dims[1:], want, numpyName(want))
}
