package wire_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gonyx/gonyx/onnx"
)

// maker makes sound models with every field set sooner or later. What it makes is in the form that decoding gives: an
// empty list is nil.
type maker struct {
	*rand.Rand
	depth int // of graphs and types
}

func newMaker(seed uint64) *maker { return &maker{Rand: rand.New(rand.NewPCG(seed, 1))} }

func (k *maker) model() *onnx.Model {
	m := &onnx.Model{}
	k.fill(reflect.ValueOf(m).Elem())
	return m
}

func (k *maker) odds(percent int) bool { return k.IntN(100) < percent }

// fill sets a struct field by field. Types whose fields depend on each other have a method of their own.
func (k *maker) fill(v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *onnx.Tensor:
		*p = *k.tensor()
		return
	case *onnx.SparseTensor:
		*p = *k.sparse()
		return
	case *onnx.Attribute:
		k.attribute(p)
		return
	case *onnx.Type:
		*p = *k.typ()
		return
	case *onnx.SimpleShardedDim:
		p.NumShards, p.Unknown = k.Int64(), k.unknown()
		p.Extent = k.dim()
		p.Extent.Denotation, p.Extent.Unknown = "", ""
		return
	case *onnx.NodeDevice:
		if p.HasStage = k.odds(50); p.HasStage {
			p.PipelineStage = int32(k.Uint32())
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[onnx.Graph]() {
			k.depth++
			defer func() { k.depth-- }()
		}
		for i := range v.NumField() {
			k.field(v, i)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		k.fill(v.Elem())
	case reflect.Slice:
		for range k.IntN(3) {
			elem := reflect.New(v.Type().Elem()).Elem()
			k.fill(elem)
			v.Set(reflect.Append(v, elem))
		}
	case reflect.String:
		v.SetString(k.word())
	case reflect.Int64, reflect.Int32:
		v.SetInt(int64(int32(k.Uint32())))
	case reflect.Uint8:
		v.SetUint(uint64(k.Uint32()) & 0xff)
	case reflect.Bool:
	default:
		panic("maker: " + v.Type().String())
	}
}

func (k *maker) field(v reflect.Value, i int) {
	name, owner := v.Type().Field(i).Name, v.Type()
	f := v.Field(i)
	switch {
	case name == "Unknown":
		f.SetBytes(k.unknown())
	case owner == reflect.TypeFor[onnx.NodeDevice]() && name == "PipelineStage":
	case owner == reflect.TypeFor[onnx.Graph]() && k.depth > 1 && (name == "Opsets" || name == "Functions"):
	case owner == reflect.TypeFor[onnx.Model]() && name == "TrainingInfo":
		for range k.IntN(3) {
			f.Set(reflect.Append(f, reflect.ValueOf([]byte(k.word()))))
		}
	default:
		k.fill(f)
	}
}

// word gives a string, now and then empty or not UTF-8, which must survive all the same.
func (k *maker) word() string {
	words := []string{"", "x", "conv2", "größe", "a\xffb", "ai.onnx.ml", strings.Repeat("long", 50)}
	return words[k.IntN(len(words))]
}

// unknown gives fields that no message has, one of each wire type at times.
func (k *maker) unknown() []byte {
	if k.odds(70) {
		return nil
	}
	b := protowire.AppendTag(nil, 1000, protowire.VarintType)
	b = protowire.AppendVarint(b, k.Uint64())
	b = protowire.AppendTag(b, 1001, protowire.StartGroupType)
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendString(b, k.word())
	b = protowire.AppendTag(b, 1001, protowire.EndGroupType)
	b = protowire.AppendTag(b, protowire.MaxValidNumber, protowire.Fixed32Type)
	b = protowire.AppendFixed32(b, k.Uint32())
	b = protowire.AppendTag(b, 999, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, k.Uint64())
	b = protowire.AppendTag(b, 1000, protowire.BytesType)
	return protowire.AppendString(b, k.word())
}

func (k *maker) entries() []onnx.Entry {
	var list []onnx.Entry
	k.fill(reflect.ValueOf(&list).Elem())
	return list
}

func (k *maker) dim() onnx.Dim {
	d := onnx.UnknownDim()
	switch k.IntN(3) {
	case 0:
		d = onnx.Fixed(k.Int64N(5))
	case 1:
		d = onnx.Symbol("batch")
	}
	d.Denotation, d.Unknown = k.word(), string(k.unknown())
	return d
}

func (k *maker) typ() *onnx.Type {
	k.depth++
	defer func() { k.depth-- }()
	t := &onnx.Type{Denotation: k.word(), Unknown: k.unknown()}
	kinds := []onnx.Kind{onnx.KindTensor, onnx.KindSparseTensor, onnx.KindOpaque, onnx.KindUndefined, onnx.KindSequence,
		onnx.KindMap, onnx.KindOptional}
	if k.depth > 6 {
		kinds = kinds[:4]
	}
	t.Kind = kinds[k.IntN(len(kinds))]
	if t.Kind != onnx.KindUndefined {
		t.KindUnknown = k.unknown()
	}
	switch t.Kind {
	case onnx.KindTensor, onnx.KindSparseTensor:
		t.Elem = onnx.ElemType(k.IntN(40)) // a type may name an element type that is newer than this version
		if t.Ranked = k.odds(70); t.Ranked {
			t.ShapeUnknown = k.unknown()
			for range k.IntN(4) {
				t.Dims = append(t.Dims, k.dim())
			}
		}
	case onnx.KindMap:
		t.Key = onnx.Int64
		t.Of = k.typ()
	case onnx.KindSequence, onnx.KindOptional:
		if k.odds(90) {
			t.Of = k.typ()
		}
	case onnx.KindOpaque:
		t.Domain, t.Name = k.word(), k.word()
	}
	return t
}

// tensorOf makes a tensor of this type, shape and storage with random elements.
func (k *maker) tensorOf(elem onnx.ElemType, storage onnx.Storage, dims ...int64) *onnx.Tensor {
	t := onnx.NewTensor(elem, dims...)
	t.Name, t.Doc, t.Metadata, t.Unknown, t.Storage = k.word(), k.word(), k.entries(), k.unknown(), storage
	if k.odds(20) {
		t.Segment = &onnx.Segment{Begin: k.Int64(), End: k.Int64(), Unknown: k.unknown()}
	}
	if elem == onnx.String {
		t.Storage = onnx.StorageTyped
		for i := range t.Strings {
			t.Strings[i] = k.word()
		}
	}
	for i := range t.Data {
		t.Data[i] = byte(k.Uint32())
		if elem == onnx.Bool {
			t.Data[i] &= 1
		}
	}
	if used := t.Len() * elem.Bits() % 8; used > 0 {
		t.Data[len(t.Data)-1] &= 1<<used - 1
	}
	return t
}

func (k *maker) tensor() *onnx.Tensor {
	elem := onnx.ElemType(1 + k.IntN(28))
	var dims []int64
	for range k.IntN(4) {
		dims = append(dims, k.Int64N(5))
	}
	t := k.tensorOf(elem, onnx.Storage(k.IntN(2)), dims...)
	if elem != onnx.String && k.odds(15) {
		size := int64(len(t.Data))
		t.Storage, t.Data = onnx.StorageExternal, nil
		t.External = &onnx.External{Location: "w.data", Checksum: k.word(), Other: k.entries()}
		if t.External.HasOffset = k.odds(50); t.External.HasOffset {
			t.External.Offset = k.Int64N(1 << 50)
		}
		if t.External.HasLength = k.odds(50); t.External.HasLength {
			t.External.Length = size
		}
	}
	return t
}

func (k *maker) sparse() *onnx.SparseTensor {
	s := &onnx.SparseTensor{Values: k.tensorOf(onnx.Float, onnx.StorageRaw, 2), Dims: []int64{3, 4}, Unknown: k.unknown()}
	s.Indices = onnx.FromInt64s([]int64{1, 11})
	if k.odds(50) {
		s.Indices = onnx.FromInt64s([]int64{0, 3, 2, 0}, 2, 2)
	}
	return s
}

// attribute sets the value of some type and others beside it, which the format allows and nobody should write.
func (k *maker) attribute(a *onnx.Attribute) {
	a.Name, a.Doc, a.Unknown = k.word(), k.word(), k.unknown()
	a.Type = onnx.AttributeType(1 + k.IntN(14))
	if k.depth > 2 && (a.Type == onnx.AttributeGraph || a.Type == onnx.AttributeGraphs) {
		a.Type = onnx.AttributeInt
	}
	if k.odds(20) {
		a.RefName = "alpha"
		return
	}
	values := []string{"Float", "Int", "Str", "Tensor", "Graph", "Floats", "Ints", "Strs", "Tensors", "Graphs",
		"SparseTensor", "SparseTensors", "TypeProto", "TypeProtos"}
	for i, name := range values {
		f := reflect.ValueOf(a).Elem().FieldByName(name)
		if t := onnx.AttributeType(i + 1); t != a.Type && !(k.odds(10) && k.depth < 2) {
			continue
		}
		switch name {
		case "Float":
			f.SetFloat(float64(k.Float32()))
		case "Floats":
			f.Set(reflect.ValueOf([]float32{k.Float32(), float32(math.Copysign(0, -1)), 1}))
		case "Str":
			f.SetBytes([]byte(k.word()))
		case "Strs":
			f.Set(reflect.ValueOf([][]byte{[]byte(k.word()), {}}))
		default:
			k.fill(f)
		}
	}
}
