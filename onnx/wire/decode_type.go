package wire

import (
	"fmt"
	"unsafe"

	"github.com/gonyx/gonyx/onnx"
)

func (d *decoder) valueInfo(b []byte) (*onnx.ValueInfo, error) {
	v := &onnx.ValueInfo{}
	if err := d.charge(unsafe.Sizeof(*v)); err != nil {
		return nil, err
	}
	var typ part
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			v.Name = r.str("name")
		case 2:
			typ.add(d, &r, "type")
		case 3:
			v.Doc = r.str("doc_string")
		case 4:
			v.Metadata = list(&r, "metadata_props", 1, v.Metadata, d.entry)
		default:
			v.Unknown = append(v.Unknown, r.raw...)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if typ.set {
		t, err := d.typ(typ.bytes)
		if err != nil {
			return nil, at(err, "type")
		}
		v.Type = *t
	}
	return v, nil
}

// kindOf gives the kind that a field of TypeProto stands for, or KindUndefined.
func kindOf(r *reader) onnx.Kind {
	switch r.num {
	case 1:
		return onnx.KindTensor
	case 4:
		return onnx.KindSequence
	case 5:
		return onnx.KindMap
	case 7:
		return onnx.KindOpaque
	case 8:
		return onnx.KindSparseTensor
	case 9:
		return onnx.KindOptional
	}
	return onnx.KindUndefined
}

func (d *decoder) typ(b []byte) (*onnx.Type, error) {
	t := &onnx.Type{}
	if err := d.charge(unsafe.Sizeof(*t)); err != nil {
		return nil, err
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	var body part // of the kind that came last, which replaces those before
	r := reader{rest: b}
	for r.next() {
		switch kind := kindOf(&r); {
		case kind != onnx.KindUndefined:
			if kind != t.Kind {
				t.Kind, body = kind, part{}
			}
			body.add(d, &r, "type")
		case r.num == 6:
			t.Denotation = r.str("denotation")
		default:
			t.Unknown = append(t.Unknown, r.raw...)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return t, d.typeBody(t, body.bytes)
}

// typeBody reads the message of a type's kind.
func (d *decoder) typeBody(t *onnx.Type, b []byte) error {
	var inner part // the shape of a tensor, the type of elements or values
	r := reader{rest: b}
	for r.next() {
		switch tensor := t.Kind == onnx.KindTensor || t.Kind == onnx.KindSparseTensor; {
		case tensor && r.num == 1:
			t.Elem = onnx.ElemType(r.int32("elem_type"))
		case t.Kind == onnx.KindMap && r.num == 1:
			t.Key = onnx.ElemType(r.int32("key_type"))
		case t.Kind == onnx.KindOpaque && r.num == 1:
			t.Domain = r.str("domain")
		case t.Kind == onnx.KindOpaque && r.num == 2:
			t.Name = r.str("name")
		case tensor && r.num == 2:
			inner.add(d, &r, "shape")
		case t.Kind == onnx.KindMap && r.num == 2:
			inner.add(d, &r, "value_type")
		case (t.Kind == onnx.KindSequence || t.Kind == onnx.KindOptional) && r.num == 1:
			inner.add(d, &r, "elem_type")
		default:
			t.KindUnknown = append(t.KindUnknown, r.raw...)
		}
	}
	if r.err != nil || !inner.set {
		return r.err
	}
	if t.Kind == onnx.KindTensor || t.Kind == onnx.KindSparseTensor {
		return d.shape(t, inner.bytes)
	}
	of, err := d.typ(inner.bytes)
	if err != nil {
		return at(err, "type")
	}
	t.Of = of
	return nil
}

func (d *decoder) shape(t *onnx.Type, b []byte) error {
	t.Ranked = true
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			t.Dims = list(&r, "dimension", 0, t.Dims, d.dim)
		default:
			t.ShapeUnknown = append(t.ShapeUnknown, r.raw...)
		}
	}
	return r.err
}

func (d *decoder) dim(b []byte) (onnx.Dim, error) {
	dim := onnx.UnknownDim()
	if err := d.charge(unsafe.Sizeof(dim)); err != nil {
		return dim, err
	}
	denotation := ""
	var unknown []byte
	r := reader{rest: b}
	for r.next() {
		switch r.num {
		case 1:
			dim = readSize(&r)
		case 2:
			dim = onnx.Symbol(r.str("dim_param"))
		case 3:
			denotation = r.str("denotation")
		default:
			unknown = append(unknown, r.raw...)
		}
	}
	dim.Denotation, dim.Unknown = denotation, string(unknown)
	return dim, r.err
}

// readSize reads a dim_value. A negative one has no meaning in the format; a size that is not known is left out.
func readSize(r *reader) onnx.Dim {
	size := r.int64("dim_value")
	if size < 0 {
		r.fail(fmt.Errorf("negative dimension %d; one that is not known has no dim_value", size))
	}
	return onnx.Fixed(size)
}
