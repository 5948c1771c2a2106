package rows

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/sbinet/npyio/npy"
	"gonum.org/v1/gonum/mat"

	"github.com/gonyx/gonyx/onnx"
)

// npyBytes lays out an NPY file of version 1.0 as NumPy's reference describes it.
func npyBytes(dict string, data ...byte) []byte {
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(dict)), byte(len(dict)>>8))
	return append(append(b, dict...), data...)
}

func everyType() []*onnx.Tensor {
	var list []*onnx.Tensor
	for _, n := range npyTypes {
		for _, dims := range [][]int64{{}, {1}, {5}, {2, 3}, {0, 3}, {2, 1, 3, 2}} {
			t := onnx.NewTensor(n.elem, dims...)
			for i := range t.Data {
				t.Data[i] = byte(i*37 + 11)
				if n.elem == onnx.Bool {
					t.Data[i] &= 1
				}
			}
			list = append(list, t)
		}
	}
	return list
}

func TestReadAfterWriteIsTheIdentity(t *testing.T) {
	for _, want := range everyType() {
		var file bytes.Buffer
		if err := WriteNPY(&file, want); err != nil {
			t.Fatalf("%v: %v", want, err)
		}
		if at := file.Len() - len(want.Data); at%64 != 0 {
			t.Errorf("%v: elements start at byte %d, want a multiple of 64", want, at)
		}
		got, err := ReadNPY(&file, 0)
		if err != nil {
			t.Fatalf("%v: %v", want, err)
		}
		if got.String() != want.String() || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("got %v %v, want %v %v", got, got.Data, want, want.Data)
		}
	}
}

func TestForeignReaderReadsOurs(t *testing.T) {
	var file bytes.Buffer
	if err := WriteNPY(&file, onnx.FromFloat32s([]float32{1.5, -2, float32(math.Inf(1)), 0, 4, 5}, 2, 3)); err != nil {
		t.Fatal(err)
	}
	r, err := npy.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.Header.Descr.Shape, []int{2, 3}; !reflect.DeepEqual(got, want) {
		t.Errorf("got shape %v, want %v", got, want)
	}
	var got []float32
	if err := r.Read(&got); err != nil {
		t.Fatal(err)
	}
	if want := []float32{1.5, -2, float32(math.Inf(1)), 0, 4, 5}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReadsWhatForeignWriterWrote(t *testing.T) {
	cases := map[string]struct {
		write any
		want  *onnx.Tensor
	}{
		"matrix of doubles": {mat.NewDense(2, 2, []float64{1, 2, 3, 4}),
			&onnx.Tensor{Type: onnx.Double, Dims: []int64{2, 2}, Data: onnx.BytesOf([]float64{1, 2, 3, 4})}},
		"scalar":         {float32(7), onnx.Scalar32(7)},
		"list of int64":  {[]int64{-1, 2}, onnx.FromInt64s([]int64{-1, 2})},
		"list of bool":   {[]bool{true, false}, &onnx.Tensor{Type: onnx.Bool, Dims: []int64{2}, Data: []byte{1, 0}}},
		"list of uint16": {[]uint16{258}, &onnx.Tensor{Type: onnx.Uint16, Dims: []int64{1}, Data: []byte{2, 1}}},
	}
	for name, c := range cases {
		var file bytes.Buffer
		if err := npy.Write(&file, c.write); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := ReadNPY(&file, 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.String() != c.want.String() || !bytes.Equal(got.Data, c.want.Data) {
			t.Errorf("%s: got %v %v, want %v %v", name, got, got.Data, c.want, c.want.Data)
		}
	}
}

func TestReadNPYOrders(t *testing.T) {
	cases := map[string]struct {
		file []byte
		want *onnx.Tensor
	}{
		"big-endian int16": {
			npyBytes("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }\n", 1, 2, 0xff, 0xfe),
			&onnx.Tensor{Type: onnx.Int16, Dims: []int64{2}, Data: onnx.BytesOf([]int16{258, -2})}},
		"big-endian complex64 turns its two parts alone": {
			npyBytes("{'descr': '>c8', 'fortran_order': False, 'shape': (), }\n", 1, 2, 3, 4, 5, 6, 7, 8),
			&onnx.Tensor{Type: onnx.Complex64, Dims: []int64{}, Data: []byte{4, 3, 2, 1, 8, 7, 6, 5}}},
		"Fortran order, 2 × 3": { // [[1 2 3] [4 5 6]]
			npyBytes("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", 1, 4, 2, 5, 3, 6),
			&onnx.Tensor{Type: onnx.Uint8, Dims: []int64{2, 3}, Data: []byte{1, 2, 3, 4, 5, 6}}},
		"Fortran order and big-endian, 1 × 2 × 2": { // [[[1 2] [3 4]]]
			npyBytes("{'descr': '>u2', 'fortran_order': True, 'shape': (1, 2, 2), }\n", 0, 1, 0, 3, 0, 2, 0, 4),
			&onnx.Tensor{Type: onnx.Uint16, Dims: []int64{1, 2, 2}, Data: onnx.BytesOf([]uint16{1, 2, 3, 4})}},
		"Fortran order of a scalar": {
			npyBytes("{'descr': '|b1', 'fortran_order': True, 'shape': ()}", 1),
			&onnx.Tensor{Type: onnx.Bool, Dims: []int64{}, Data: []byte{1}}},
		"Fortran order of nothing": {
			npyBytes("{'descr': '<f4', 'fortran_order': True, 'shape': (0, 3), }"),
			&onnx.Tensor{Type: onnx.Float, Dims: []int64{0, 3}, Data: []byte{}}},
		"keys in another order, other quotes, long integers": {
			npyBytes(`{"shape":(1L,2L,),"descr":"|i1","fortran_order":False}`, 1, 0xff),
			&onnx.Tensor{Type: onnx.Int8, Dims: []int64{1, 2}, Data: []byte{1, 0xff}}},
		"version 3 with a four-byte length": {
			append([]byte("\x93NUMPY\x03\x00\x36\x00\x00\x00{'descr': '|u1', 'fortran_order': False, 'shape': ()}\n"), 9),
			&onnx.Tensor{Type: onnx.Uint8, Dims: []int64{}, Data: []byte{9}}},
	}
	for name, c := range cases {
		got, err := ReadNPY(bytes.NewReader(c.file), 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.String() != c.want.String() || !bytes.Equal(got.Data, c.want.Data) {
			t.Errorf("%s: got %v %v, want %v %v", name, got, got.Data, c.want, c.want.Data)
		}
	}
}

func TestReadNPYRefuses(t *testing.T) {
	good := "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }"
	with := func(old, new string) []byte { return npyBytes(strings.Replace(good, old, new, 1), 1, 2) }
	long := append([]byte("\x93NUMPY\x02\x00"), binary.LittleEndian.AppendUint32(nil, math.MaxUint32)...)
	cases := map[string]struct {
		file []byte
		want string // in the message
	}{
		"nothing":                    {nil, "too short"},
		"another kind of file":       {[]byte("PK\x03\x04 and more"), "is it a .npy file?"},
		"an unknown version":         {[]byte("\x93NUMPY\x09\x00\x00\x00"), "version 9.0"},
		"a header of 4 GiB":          {long, "at most"},
		"a header cut short":         {npyBytes(good)[:20], "cut short"},
		"an empty header":            {npyBytes(""), `want "{"`},
		"a header that never closes": {npyBytes("{'descr': '|u1"), "closing"},
		"a missing key":              {npyBytes("{'descr': '|u1', 'shape': ()}", 1), "fortran_order"},
		"a key twice":                {with("'shape'", "'descr'"), "twice"},
		"an unknown key":             {with("'shape'", "'size'"), "size"},
		"text behind the brace":      {npyBytes(good+"x", 1, 2), "behind"},
		"a negative dimension":       {with("(2,)", "(-2,)"), "shape"},
		"a dimension beyond 64 bits": {with("(2,)", "(99999999999999999999,)"), "shape"},
		"elements beyond 64 bits":    {with("(2,)", "(9999999999, 9999999999)"), "64 bits"},
		"too many dimensions":        {with("(2,)", "("+strings.Repeat("1,", 65)+")"), "64 dimensions"},
		"more than the limit":        {with("(2,)", "(2000,)"), "limit is 1000"},
		"fewer elements than told":   {with("(2,)", "(3,)"), "ends after 2 of 3"},
		"more elements than told":    {with("(2,)", "(1,)"), "more follow"},
		"Python objects":             {with("|u1", "|O"), "Python objects"},
		"texts":                      {with("|u1", "<U3"), "texts"},
		"dates":                      {with("|u1", "<M8[s]"), "not one of NumPy's numbers"},
		"records":                    {with("'|u1'", "[('a', '<f4')]"), "records"},
		"an empty type":              {with("|u1", ""), "empty type"},
		"an unknown byte order":      {with("|u1", "=f4"), "byte order"},
		"a bool that is two":         {with("|u1", "|b1"), "element 1 is the byte 2"},
	}
	for name, c := range cases {
		_, err := ReadNPY(bytes.NewReader(c.file), 1000)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestWriteNPYRefusesWhatNumPyHasNot(t *testing.T) {
	cases := map[string]*onnx.Tensor{
		"bfloat16":         onnx.NewTensor(onnx.BFloat16, 2),
		"int4":             onnx.NewTensor(onnx.Int4, 2),
		"string":           onnx.NewTensor(onnx.String, 2),
		"without elements": {Name: "w", Type: onnx.Float, Dims: []int64{2}},
	}
	for name, c := range cases {
		var file bytes.Buffer
		if err := WriteNPY(&file, c); err == nil || file.Len() != 0 {
			t.Errorf("%s: got error %v after %d bytes, want an error and nothing written", name, err, file.Len())
		}
	}
}

func FuzzReadNPY(f *testing.F) {
	f.Add(npyBytes("{'descr': '>i2', 'fortran_order': True, 'shape': (1, 2), }\n", 1, 2, 0xff, 0xfe))
	f.Add(npyBytes("{'descr': '|b1', 'fortran_order': False, 'shape': (), }\n", 1))
	f.Fuzz(func(t *testing.T, file []byte) {
		first, err := ReadNPY(bytes.NewReader(file), 1<<20)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteNPY(&again, first); err != nil {
			t.Fatalf("%v: read but not written: %v", first, err)
		}
		second, err := ReadNPY(&again, 1<<20)
		if err != nil {
			t.Fatalf("%v: written but not read: %v", first, err)
		}
		if first.String() != second.String() || !bytes.Equal(first.Data, second.Data) {
			t.Errorf("got %v, want %v", second, first)
		}
	})
}
