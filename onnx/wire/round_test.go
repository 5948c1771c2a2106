package wire_test

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/wire"
)

// Decode after Encode is the identity, and Encode after Decode is on what Encode wrote. Every field of every struct of
// the format takes part.
func TestModelsGoRound(t *testing.T) {
	seen := map[string]bool{}
	fields(reflect.TypeFor[onnx.Model](), seen)
	for seed := range uint64(300) {
		m := newMaker(seed).model()
		b, err := wire.Encode(m)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got, err := wire.Decode(b, wire.Options{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if where := difference(reflect.ValueOf(got), reflect.ValueOf(m), "model"); where != "" {
			t.Fatalf("seed %d: %s", seed, where)
		}
		twice, err := wire.Encode(got)
		if err != nil || !bytes.Equal(twice, b) {
			t.Fatalf("seed %d: got other bytes from the same model, error %v", seed, err)
		}
		note(reflect.ValueOf(m), seen)
	}
	for field, set := range seen {
		if !set {
			t.Errorf("%s was never set, so nothing is known about it", field)
		}
	}
}

// fields enters every field of a struct type and of those it holds as not set.
func fields(t reflect.Type, seen map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		fields(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			name := t.Name() + "." + t.Field(i).Name
			if _, known := seen[name]; known {
				return
			}
			seen[name] = false
			fields(t.Field(i).Type, seen)
		}
	}
}

// note marks the fields that are set.
func note(v reflect.Value, seen map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			note(v.Elem(), seen)
		}
	case reflect.Slice:
		for i := range v.Len() {
			note(v.Index(i), seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Name() + "." + v.Type().Field(i).Name
			seen[name] = seen[name] || !v.Field(i).IsZero()
			note(v.Field(i), seen)
		}
	}
}

// difference says where two values differ; "" where they are deeply equal.
func difference(got, want reflect.Value, path string) string {
	if reflect.DeepEqual(got.Interface(), want.Interface()) {
		return ""
	}
	switch got.Kind() {
	case reflect.Interface:
		if !got.IsNil() && !want.IsNil() && got.Elem().Type() == want.Elem().Type() {
			return difference(got.Elem(), want.Elem(), path)
		}
	case reflect.Pointer:
		if !got.IsNil() && !want.IsNil() {
			return difference(got.Elem(), want.Elem(), path)
		}
	case reflect.Struct:
		for i := range got.NumField() {
			if d := difference(got.Field(i), want.Field(i), path+"."+got.Type().Field(i).Name); d != "" {
				return d
			}
		}
		return ""
	case reflect.Float32:
		if math.Float32bits(got.Interface().(float32)) == math.Float32bits(want.Interface().(float32)) {
			return "" // the same NaN
		}
	case reflect.Slice:
		if got.Len() == want.Len() && got.IsNil() == want.IsNil() {
			for i := range got.Len() {
				if d := difference(got.Index(i), want.Index(i), fmt.Sprintf("%s[%d]", path, i)); d != "" {
					return d
				}
			}
			return ""
		}
	}
	return fmt.Sprintf("%s: got %#v, want %#v", path, got.Interface(), want.Interface())
}

// Every element type goes round in both storages at every length around a packed byte, and the data that comes back
// can be seen as elements.
func TestTensorsGoRound(t *testing.T) {
	k := newMaker(1)
	for elem := onnx.Float; elem.Valid(); elem++ {
		for _, storage := range []onnx.Storage{onnx.StorageRaw, onnx.StorageTyped} {
			for n := range int64(19) {
				want := k.tensorOf(elem, storage, n)
				b, err := wire.EncodeValue(want)
				if err != nil {
					t.Fatalf("%v: %v", want, err)
				}
				for shift := range 8 { // the same file at every alignment
					moved := append(make([]byte, shift, shift+len(b)), b...)[shift:]
					got, err := wire.DecodeTensor(moved, wire.Options{})
					if err != nil || !reflect.DeepEqual(got, want) {
						t.Fatalf("%v, storage %d: got %v, %v", want, storage, got, err)
					}
					if n > 0 && elem.Bits() == 32 && &onnx.BytesOf(onnx.View[uint32](got))[0] != &got.Data[0] {
						t.Fatalf("%v: data is not aligned for its elements", want)
					}
				}
			}
		}
	}
}

func TestValuesGoRound(t *testing.T) {
	k := newMaker(2)
	float := func() *onnx.Tensor { return k.tensorOf(onnx.Float, onnx.StorageRaw, 2, 3) }
	tensor := onnx.UnrankedTensorType(onnx.Float)
	sequence := &onnx.Sequence{Name: "s", Elem: tensor, Values: []onnx.Value{float(), float()}, Unknown: []byte("\xc0\x3e\x01")}
	values := map[string]onnx.Value{
		"a tensor":                  float(),
		"a sparse tensor":           k.sparse(),
		"a sequence of tensors":     sequence,
		"an empty sequence":         &onnx.Sequence{Elem: tensor},
		"a sequence of sparse ones": &onnx.Sequence{Elem: onnx.Type{Kind: onnx.KindSparseTensor, Elem: onnx.Float}, Values: []onnx.Value{k.sparse()}},
		"a sequence of sequences":   &onnx.Sequence{Elem: onnx.TypeOf(sequence), Values: []onnx.Value{sequence}},
		"a sequence of optionals": &onnx.Sequence{Elem: onnx.Type{Kind: onnx.KindOptional, Of: &tensor},
			Values: []onnx.Value{&onnx.Optional{Elem: tensor, Value: float()}, &onnx.Optional{Elem: tensor}}},
		"an optional tensor":      &onnx.Optional{Name: "o", Elem: tensor, Value: float(), Unknown: []byte("\xc0\x3e\x01")},
		"an empty optional":       &onnx.Optional{Elem: tensor},
		"an optional sequence":    &onnx.Optional{Elem: onnx.TypeOf(sequence), Value: sequence},
		"an optional of nothing":  &onnx.Optional{},
		"an optional of optional": &onnx.Optional{Elem: onnx.Type{Kind: onnx.KindOptional}, Value: &onnx.Optional{}},
		"a map from strings": &onnx.Map{Name: "m", Unknown: []byte("\xc0\x3e\x01"), Values: sequence,
			Keys: &onnx.Tensor{Type: onnx.String, Dims: []int64{2}, Strings: []string{"a", ""}, Storage: onnx.StorageTyped}},
		"a map without keys": &onnx.Map{Keys: onnx.NewTensor(onnx.Int64, 0), Values: &onnx.Sequence{Elem: tensor}},
		"an optional map":    &onnx.Optional{Elem: onnx.Type{Kind: onnx.KindMap, Key: onnx.Int8, Of: &tensor}, Value: &onnx.Map{Keys: k.tensorOf(onnx.Int8, 0, 2), Values: sequence}},
	}
	for _, elem := range []onnx.ElemType{onnx.Int8, onnx.Int16, onnx.Int32, onnx.Int64, onnx.Uint8, onnx.Uint16, onnx.Uint32, onnx.Uint64} {
		keys := onnx.NewTensor(elem, 2)
		for i := range keys.Data {
			keys.Data[i] = byte(0xf0 + i)
		}
		values["a map from "+elem.String()] = &onnx.Map{Keys: keys, Values: sequence}
	}
	values["an optional map"].(*onnx.Optional).Value.(*onnx.Map).Keys = values["a map from int8"].(*onnx.Map).Keys
	for name, want := range values {
		b, err := wire.EncodeValue(want)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := wire.DecodeValue(b, onnx.TypeOf(want), wire.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if d := difference(reflect.ValueOf(got), reflect.ValueOf(want), name); d != "" {
			t.Error(d)
		}
	}
}

// What cannot be written says where it lies.
func TestEncodeRefuses(t *testing.T) {
	within := func(n *onnx.Node) *onnx.Model { return &onnx.Model{Graph: &onnx.Graph{Nodes: []*onnx.Node{n}}} }
	attribute := func(a *onnx.Attribute) *onnx.Model {
		return within(&onnx.Node{Name: "conv2", Attributes: []*onnx.Attribute{a}})
	}
	initializer := func(t *onnx.Tensor) *onnx.Model {
		t.Name = "w"
		return &onnx.Model{Graph: &onnx.Graph{Initializers: []*onnx.Tensor{t}}}
	}
	ring := &onnx.Graph{}
	ring.Nodes = []*onnx.Node{{Attributes: []*onnx.Attribute{onnx.AttrGraph("body", ring), onnx.AttrGraph("more", ring)}}}
	cases := map[string]struct {
		model *onnx.Model
		want  string
	}{
		"no graph":             {&onnx.Model{}, "wire: no graph"},
		"an unbound parameter": {initializer(&onnx.Tensor{Type: onnx.Float, Dims: []int64{2, 3}}), `wire: graph: initializer "w": float[2,3] has no data`},
		"data of another shape": {initializer(&onnx.Tensor{Type: onnx.Float, Dims: []int64{2}, Data: make([]byte, 12)}),
			`wire: graph: initializer "w": float[2] has 12 bytes`},
		"a negative dimension":    {initializer(&onnx.Tensor{Type: onnx.Float, Dims: []int64{-1}}), `"w": negative dimension -1`},
		"an element type unknown": {initializer(&onnx.Tensor{Type: 99}), `"w": unknown element type 99`},
		"an attribute untyped":    {attribute(&onnx.Attribute{Name: "pads"}), `wire: graph: node 0 "conv2": attribute "pads": no type`},
		"an attribute without its value": {attribute(&onnx.Attribute{Name: "value", Type: onnx.AttributeTensor}),
			`attribute "value": its type says tensor, but it holds none`},
		"an attribute type unknown":     {attribute(&onnx.Attribute{Name: "x", Type: 15}), `unknown attribute type 15`},
		"a graph that holds itself":     {&onnx.Model{Graph: ring}, "nested deeper than 100"},
		"a place outside that is empty": {initializer(&onnx.Tensor{Type: onnx.Float, Storage: onnx.StorageExternal}), "without a location"},
	}
	for name, c := range cases {
		_, err := wire.Encode(c.model)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

func TestEncodeValueRefuses(t *testing.T) {
	float := onnx.UnrankedTensorType(onnx.Float)
	one := onnx.Scalar32(1)
	cases := map[string]struct {
		value onnx.Value
		want  string
	}{
		"nothing":                      {nil, "wire: value: nothing there"},
		"a sequence of another kind":   {&onnx.Sequence{Elem: float, Values: []onnx.Value{&onnx.Sequence{}}}, "value 0: sequence, where tensor is wanted"},
		"a sequence of no kind":        {&onnx.Sequence{Values: []onnx.Value{one}}, "values of type undefined have no encoding"},
		"a sequence of opaque values":  {&onnx.Sequence{Elem: onnx.Type{Kind: onnx.KindOpaque}}, "have no encoding"},
		"a sequence with a gap":        {&onnx.Sequence{Elem: float, Values: []onnx.Value{one, nil}}, "value 1: nothing, where tensor is wanted"},
		"an optional without data":     {&onnx.Optional{Elem: float, Value: &onnx.Tensor{Type: onnx.Float}}, "value 0: float[] has no data"},
		"a map of float keys":          {&onnx.Map{Keys: onnx.FromFloat32s(nil, 0), Values: &onnx.Sequence{}}, "keys are float[0], they must be integers or strings"},
		"a map with a key too many":    {&onnx.Map{Keys: onnx.FromInt64s([]int64{1}), Values: &onnx.Sequence{}}, "with a value for each"},
		"a sparse tensor of no values": {&onnx.SparseTensor{}, "no values"},
		"a sparse index outside":       {&onnx.SparseTensor{Values: onnx.FromFloat32s([]float32{1}, 1), Indices: onnx.FromInt64s([]int64{9}), Dims: []int64{9}}, "index 0 is 9, outside shape [9]"},
		"a sparse row index outside":   {&onnx.SparseTensor{Values: onnx.FromFloat32s([]float32{1}, 1), Indices: onnx.FromInt64s([]int64{0, 3}, 1, 2), Dims: []int64{4, 3}}, "index 1 is 3, outside shape [4 3]"},
		"sparse indices too few":       {&onnx.SparseTensor{Values: onnx.FromFloat32s([]float32{1}, 1), Indices: onnx.FromInt64s(nil, 0), Dims: []int64{4}}, "indices are int64[0], 1 values"},
		"sparse indices missing":       {&onnx.SparseTensor{Values: onnx.FromFloat32s([]float32{1}, 1), Dims: []int64{4}}, "no indices for 1 values"},
		"sparse values of rank 0":      {&onnx.SparseTensor{Values: one}, "values are float[], they must have one dimension"},
		"a sparse shape below 0":       {&onnx.SparseTensor{Values: onnx.FromFloat32s(nil, 0), Dims: []int64{-4}}, "negative dimension -4"},
		"strings in a float tensor":    {&onnx.Tensor{Type: onnx.Float, Data: make([]byte, 4), Strings: []string{"x"}}, "a tensor of float has strings"},
		"external strings":             {&onnx.Tensor{Type: onnx.String, Storage: onnx.StorageExternal}, "strings cannot be external data"},
		"external of another length":   {&onnx.Tensor{Type: onnx.Float, Storage: onnx.StorageExternal, External: &onnx.External{Location: "w", HasLength: true}}, `external data "w" has 0 bytes, float[] needs 4`},
	}
	for name, c := range cases {
		_, err := wire.EncodeValue(c.value)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}
