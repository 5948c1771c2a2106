package wire_test

import (
	"reflect"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/wire"
)

// Whatever the bytes: no panic, and a model that is taken goes round.
func FuzzDecode(f *testing.F) {
	for seed := range uint64(200) {
		b, err := wire.Encode(newMaker(seed).model())
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 2000 { // larger ones take the fuzzer's time for themselves
			f.Add(b)
		}
	}
	f.Add(nested(3))
	f.Add(nestedType(3))
	f.Add(attribute(number(3, 1)))
	f.Add(initializer(message(9, make([]byte, 24))))
	f.Add(external("w.bin", entry("length", "24")))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := wire.Decode(data, wire.Options{MemoryLimit: 1 << 20})
		if err == nil {
			again(t, "fuzzed", m, nil)
		}
	})
}

func FuzzDecodeTensor(f *testing.F) {
	k := newMaker(3)
	for elem := onnx.Float; elem.Valid(); elem++ {
		for _, storage := range []onnx.Storage{onnx.StorageRaw, onnx.StorageTyped} {
			b, err := wire.EncodeValue(k.tensorOf(elem, storage, 3))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, err := wire.DecodeTensor(data, wire.Options{MemoryLimit: 1 << 20}); err == nil {
			valueAgain(t, v)
		}
	})
}

func FuzzDecodeValue(f *testing.F) {
	k := newMaker(4)
	tensor, err := wire.EncodeValue(k.tensorOf(onnx.Float, onnx.StorageRaw, 3))
	if err != nil {
		f.Fatal(err)
	}
	for kind := onnx.KindTensor; kind <= onnx.KindOptional; kind++ {
		f.Add(int32(kind), tensor)
		f.Add(int32(kind), join(number(2, 1), message(3, tensor)))
		f.Add(int32(kind), join(number(2, 7), number(3, -1), message(5, number(2, 1), message(3, tensor))))
		f.Add(int32(kind), join(number(2, 3), message(5, number(2, 1), message(3, tensor))))
	}
	f.Fuzz(func(t *testing.T, kind int32, data []byte) {
		typ := onnx.Type{Kind: onnx.Kind(kind)}
		if v, err := wire.DecodeValue(data, typ, wire.Options{MemoryLimit: 1 << 20}); err == nil {
			valueAgain(t, v)
		}
	})
}

// valueAgain holds a value to what comes back after a round.
func valueAgain(t *testing.T, v onnx.Value) {
	t.Helper()
	b, err := wire.EncodeValue(v)
	if err != nil {
		t.Fatalf("%v: %v", v, err)
	}
	w, err := wire.DecodeValue(b, onnx.Type{Kind: onnx.TypeOf(v).Kind}, wire.Options{})
	if err != nil {
		t.Fatalf("%v: after a round: %v", v, err)
	}
	if d := difference(reflect.ValueOf(w), reflect.ValueOf(v), "value"); d != "" {
		t.Fatal(d)
	}
}
