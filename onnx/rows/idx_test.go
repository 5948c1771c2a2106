package rows

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

func packed(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadIDX(t *testing.T) {
	pixels := []byte{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6}
	cases := map[string]struct {
		file []byte
		want *onnx.Tensor
	}{
		"pixels":           {pixels, &onnx.Tensor{Type: onnx.Uint8, Dims: []int64{2, 1, 3}, Data: []byte{1, 2, 3, 4, 5, 6}}},
		"pixels in gzip":   {packed(t, pixels), &onnx.Tensor{Type: onnx.Uint8, Dims: []int64{2, 1, 3}, Data: []byte{1, 2, 3, 4, 5, 6}}},
		"signed bytes":     {[]byte{0, 0, 9, 1, 0, 0, 0, 1, 0xff}, &onnx.Tensor{Type: onnx.Int8, Dims: []int64{1}, Data: []byte{0xff}}},
		"big-endian short": {[]byte{0, 0, 11, 1, 0, 0, 0, 1, 1, 2}, &onnx.Tensor{Type: onnx.Int16, Dims: []int64{1}, Data: onnx.BytesOf([]int16{258})}},
		"big-endian int":   {[]byte{0, 0, 12, 1, 0, 0, 0, 1, 0, 0, 1, 2}, &onnx.Tensor{Type: onnx.Int32, Dims: []int64{1}, Data: onnx.BytesOf([]int32{258})}},
		"big-endian float": {[]byte{0, 0, 13, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0, 0}, onnx.FromFloat32s([]float32{1.5}, 1)},
		"a number alone":   {[]byte{0, 0, 8, 0, 7}, &onnx.Tensor{Type: onnx.Uint8, Dims: []int64{}, Data: []byte{7}}},
		"no rows":          {[]byte{0, 0, 8, 1, 0, 0, 0, 0}, &onnx.Tensor{Type: onnx.Uint8, Dims: []int64{0}}},
	}
	for name, c := range cases {
		got, err := ReadIDX(bytes.NewReader(c.file), 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.String() != c.want.String() || !bytes.Equal(got.Data, c.want.Data) {
			t.Errorf("%s: got %v %v, want %v %v", name, got, got.Data, c.want, c.want.Data)
		}
	}
}

func TestReadIDXRefuses(t *testing.T) {
	good := []byte{0, 0, 8, 1, 0, 0, 0, 2, 1, 2}
	flipped := packed(t, good)
	flipped[len(flipped)-6] ^= 1
	cases := map[string]struct {
		file []byte
		want string // in the message
	}{
		"nothing":               {nil, "too short"},
		"another kind of file":  {[]byte("PK\x03\x04"), "is it an IDX file?"},
		"an unknown type":       {[]byte{0, 0, 7, 1, 0, 0, 0, 1, 1}, "is it an IDX file?"},
		"a header cut short":    {good[:6], "header cut short"},
		"elements cut short":    {good[:9], "ends after 1 of 2"},
		"elements beyond":       {append(bytes.Clone(good), 3), "more follow"},
		"more than the limit":   {[]byte{0, 0, 8, 1, 0, 0, 0x10, 0}, "memory limit"},
		"beyond all memory":     {[]byte{0, 0, 14, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "64 bits"},
		"gzip with a wrong sum": {flipped, "checksum"},
		"gzip cut short":        {packed(t, good)[:20], "unexpected EOF"},
	}
	for name, c := range cases {
		if _, err := ReadIDX(bytes.NewReader(c.file), 1000); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

func FuzzReadIDX(f *testing.F) {
	f.Add([]byte{0, 0, 11, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4})
	f.Add(packed(f, []byte{0, 0, 8, 1, 0, 0, 0, 1, 5}))
	f.Fuzz(func(t *testing.T, file []byte) {
		first, err := ReadIDX(bytes.NewReader(file), 1<<16)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteIDX(&again, first); err != nil {
			t.Fatalf("%v: read but not written: %v", first, err)
		}
		second, err := ReadIDX(&again, 1<<16)
		if err != nil {
			t.Fatalf("%v: written but not read: %v", first, err)
		}
		if first.String() != second.String() || !bytes.Equal(first.Data, second.Data) {
			t.Errorf("got %v, want %v", second, first)
		}
	})
}
