package wire_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/wire"
)

// allocated gives the bytes that f allocates, those it frees again too.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A file of a megabyte, whatever is in it, takes no more memory than a fixed multiple of its size, and no more time
// than a moment. The multiple is 64 for structs, twice that for lists that grow, and some for what is copied.
func TestHostileFilesAreBounded(t *testing.T) {
	const size, multiple, patience = 1 << 20, 160, 5 * time.Second
	many := func(field []byte) []byte { return bytes.Repeat(field, size/len(field)) }
	halves := []byte{}
	for depth := 0; depth < 90; depth++ { // every level splits its graph in two, which a reader must join
		pad := text(10, string(make([]byte, size/90)))
		halves = message(1, message(5, number(20, 5), message(6, pad), message(6, halves)))
	}
	twoHundredGroups := join(bytes.Repeat([]byte{0xf3, 0x07}, 200), bytes.Repeat([]byte{0xf4, 0x07}, 200))
	files := map[string][]byte{
		"empty nodes":             graph(many(message(1))),
		"empty attributes":        graph(message(1, many(message(5)))),
		"empty initializers":      graph(many(message(5))),
		"scalar initializers":     graph(many(message(5, number(2, 1), message(9, make([]byte, 4))))),
		"empty inputs":            graph(many(message(11))),
		"empty names":             graph(message(1, many(message(1)))),
		"empty functions":         join(graph(), many(message(25))),
		"empty opsets":            join(graph(), many(message(8))),
		"empty metadata":          join(graph(), many(message(14))),
		"empty training info":     join(graph(), many(message(20))),
		"empty dimensions":        graph(message(11, message(2, message(1, message(2, many(message(1))))))),
		"a graph in many pieces":  many(graph(message(1))),
		"graphs split in two":     graph(halves),
		"a type in many pieces":   graph(message(11, many(message(2, message(4))))),
		"dims without end":        graph(message(5, message(1, many([]byte{1})))),
		"dims unpacked":           graph(message(5, many(number(1, 1)))),
		"ints packed":             attribute(number(20, 7), message(8, many([]byte{1}))),
		"ints one by one":         attribute(number(20, 7), many(number(8, 1))),
		"empty strings":           tensor(number(2, 8), number(1, size/2), many(message(6))),
		"uint64 of a byte each":   tensor(number(2, 13), number(1, size), message(11, many([]byte{1}))),
		"int32 one by one":        tensor(number(2, 6), number(1, size/2), many(number(5, 1))),
		"a huge shape":            tensor(number(2, 1), number(1, 1<<28), message(9, make([]byte, size))),
		"a huge shape, typed":     tensor(number(2, 11), number(1, 1<<27), many(number(5, 1))),
		"unknown fields":          join(graph(), many([]byte{0xf8, 0x07, 0x01})),
		"unknown groups":          join(graph(), many(twoHundredGroups)),
		"groups 5000 deep":        join(graph(), many(join(bytes.Repeat([]byte{0xf3, 0x07}, 5000), bytes.Repeat([]byte{0xf4, 0x07}, 5000)))),
		"external, many tensors":  graph(many(message(5, number(2, 1), number(1, 0), number(14, 1), entry("location", "x")))),
		"external, many entries":  graph(message(5, many(entry("", "")))),
		"segments, many":          graph(message(5, many(message(3, number(1, 1))))),
		"sparse, many":            graph(many(message(15, message(1, number(2, 1), number(1, 0))))),
		"devices, many":           graph(message(1, message(10, message(2, many(message(3)))))),
		"sharded dimensions":      graph(message(1, message(10, message(2, message(4, many(message(2))))))),
		"quantization parameters": graph(message(14, many(message(2)))),
	}
	for name, file := range files {
		begin := time.Now()
		got := allocated(func() { wire.Decode(file, wire.Options{}) })
		if got > multiple*uint64(len(file)) {
			t.Errorf("%s: got %d bytes allocated for %d, want at most %d times as many", name, got, len(file), multiple)
		}
		if took := time.Since(begin); took > patience {
			t.Errorf("%s: took %v", name, took)
		}
	}
	sequences := map[string][]byte{
		"tensors": many(message(3, number(2, 1), message(9, make([]byte, 4)))),
		"maps":    many(message(6, number(2, 7))),
		"nothing": many(message(7)),
	}
	for name, file := range sequences {
		typ := onnx.Type{Kind: onnx.KindSequence, Of: &onnx.Type{}}
		if got := allocated(func() { wire.DecodeValue(file, typ, wire.Options{}) }); got > multiple*uint64(len(file)) {
			t.Errorf("a sequence of %s: got %d bytes allocated for %d", name, got, len(file))
		}
	}
}

// A large tensor that is well aligned is not copied, and one that is not is copied once.
func TestDecodeSharesBytes(t *testing.T) {
	file := initializerOf(1 << 20)
	for shift := range 4 {
		moved := append(make([]byte, shift, len(file)+shift), file...)[shift:]
		got := allocated(func() {
			if _, err := wire.Decode(moved, wire.Options{}); err != nil {
				t.Fatal(err)
			}
		})
		aligned := (len(file)+shift-4<<20)%4 == 0
		if aligned && got > 64<<10 || !aligned && got > 4<<20+64<<10 {
			t.Errorf("shifted by %d: got %d bytes allocated, want none for the data when aligned, else one copy", shift, got)
		}
	}
}

// initializerOf gives a model with one float[n] at its end.
func initializerOf(n int64) []byte {
	return graph(message(5, number(1, n), number(2, 1), message(9, make([]byte, 4*n))))
}

// Encoding makes one copy of the weights, into the file it gives.
func TestEncodeCopiesOnce(t *testing.T) {
	m, err := wire.Decode(initializerOf(1<<20), wire.Options{})
	must(t, err)
	if got := allocated(func() { wire.Encode(m) }); got > 4<<20+64<<10 {
		t.Errorf("got %d bytes allocated for a file of 4 MiB", got)
	}
}

func BenchmarkDecode(b *testing.B) {
	file, err := wire.Encode(newMaker(5).model())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := wire.Decode(file, wire.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	m := newMaker(5).model()
	file, err := wire.Encode(m)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := wire.Encode(m); err != nil {
			b.Fatal(err)
		}
	}
}
