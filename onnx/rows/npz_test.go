package rows

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sbinet/npyio/npz"

	"github.com/gonyx/gonyx/onnx"
)

func namedTensors() []*onnx.Tensor {
	list := everyType()
	names := []string{"conv1.weight", "a/b:0", "", "x.npy", "größe", "z"}
	for i, t := range list {
		t.Name = fmt.Sprintf("array %d", i)
		if i < len(names) {
			t.Name = names[i]
		}
	}
	return list
}

func TestNPZKeepsNamesOrderAndElements(t *testing.T) {
	want := namedTensors()
	path := filepath.Join(t.TempDir(), "w.npz")
	if err := WriteNPZFile(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadNPZFile(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("got %d arrays, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].Name != want[i].Name || got[i].String() != want[i].String() || !bytes.Equal(got[i].Data, want[i].Data) {
			t.Errorf("array %d: got %q %v, want %q %v", i, got[i].Name, got[i], want[i].Name, want[i])
		}
	}
	var first, second bytes.Buffer
	if err := errors.Join(WriteNPZ(&first, want), WriteNPZ(&second, got)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("got two different files for the same arrays, want the same bytes")
	}
}

func TestForeignReaderReadsOurNPZ(t *testing.T) {
	var file bytes.Buffer
	weight := onnx.FromFloat32s([]float32{1, 2, 3}, 3)
	weight.Name = "dense1.weight"
	if err := WriteNPZ(&file, []*onnx.Tensor{weight}); err != nil {
		t.Fatal(err)
	}
	var got []float32
	if err := npz.Read(bytes.NewReader(file.Bytes()), "dense1.weight.npy", &got); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "[1 2 3]" {
		t.Errorf("got %v, want [1 2 3]", got)
	}
}

// zipOf packs files, compressed, with their names at even places and contents at odd ones.
func zipOf(t *testing.T, parts ...string) []byte {
	t.Helper()
	var file bytes.Buffer
	w := zip.NewWriter(&file)
	for i := 0; i < len(parts); i += 2 {
		f, err := w.Create(parts[i])
		if err == nil {
			_, err = io.WriteString(f, parts[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestReadNPZRefuses(t *testing.T) {
	array := func(n int) string {
		dict := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }", n)
		return string(npyBytes(dict, bytes.Repeat([]byte{7}, n)...))
	}
	stored := func() []byte {
		x := onnx.NewTensor(onnx.Uint8, 100)
		x.Name = "x"
		var file bytes.Buffer
		if err := WriteNPZ(&file, []*onnx.Tensor{x}); err != nil {
			t.Fatal(err)
		}
		return file.Bytes()
	}
	broken := stored()
	broken[200] ^= 1 // an element
	cases := map[string]struct {
		file []byte
		want string
	}{
		"not an archive":               {[]byte("hello"), "is it a .npz file?"},
		"cut short":                    {stored()[:200], "is it a .npz file?"},
		"an entry that is no array":    {zipOf(t, "readme.txt", "hi"), `"readme.txt" is not an array`},
		"a key twice":                  {zipOf(t, "x.npy", array(2), "x.npy", array(2)), `"x" is there twice`},
		"an array that is none":        {zipOf(t, "x.npy", "hello there"), `array "x": npy: starts with`},
		"one array beyond the limit":   {zipOf(t, "x.npy", array(2000)), "limit is 1000"},
		"all arrays beyond the limit":  {zipOf(t, "x.npy", array(600), "y.npy", array(600)), `array "y": npy`},
		"an array after a full memory": {zipOf(t, "x.npy", array(1000), "y.npy", array(1)), "reached the memory limit"},
		"a flipped bit":                {broken, "checksum"},
	}
	for name, c := range cases {
		_, err := ReadNPZ(bytes.NewReader(c.file), int64(len(c.file)), 1000)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestWriteNPZRefusesANameTwice(t *testing.T) {
	a := onnx.NewTensor(onnx.Float, 1)
	if err := WriteNPZ(io.Discard, []*onnx.Tensor{a, a}); err == nil {
		t.Error("got no error, want one")
	}
}

func TestReadFileNamesThePath(t *testing.T) {
	dir := t.TempDir()
	for name, read := range map[string]func() error{
		"a folder as npy":  func() error { _, err := ReadNPYFile(dir, 0); return err },
		"a folder as npz":  func() error { _, err := ReadNPZFile(dir, 0); return err },
		"a file not there": func() error { _, err := ReadNPZFile(filepath.Join(dir, "x.npz"), 0); return err },
	} {
		if err := read(); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got error %v, want one that names %s", name, err, dir)
		}
	}
}

func TestWriteFileIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.txt")
	write := func(text string, fail error) error {
		return WriteFile(path, func(w io.Writer) error {
			if _, err := io.WriteString(w, text); err != nil {
				return err
			}
			return fail
		})
	}
	if err := write("first", nil); err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	if err := write("second", full); !errors.Is(err, full) || !strings.Contains(err.Error(), path) {
		t.Errorf("got error %v, want disk full with the path", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "first" {
		t.Errorf("after a failure: got %q, %v, want what was there before", got, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("got %d files in the folder, want 1", len(left))
	}
	if err := WriteFile(os.DevNull, func(io.Writer) error { return nil }); err == nil {
		t.Error("over a device: got no error, want one")
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("out.txt", link); err == nil {
		path = link
		if err := write("third", nil); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "out.txt")); err != nil || string(got) != "third" {
			t.Errorf("through a link: got %q, %v, want third in the file it names", got, err)
		}
	}
	if err := WriteFile(filepath.Join(dir, "no", "such", "folder"), func(io.Writer) error { return nil }); err == nil {
		t.Error("into a folder that is not there: got no error, want one")
	}
}

func FuzzReadNPZ(f *testing.F) {
	var file bytes.Buffer
	x := onnx.NewTensor(onnx.Float, 2, 2)
	x.Name = "x"
	if err := WriteNPZ(&file, []*onnx.Tensor{x}); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, file []byte) {
		tensors, err := ReadNPZ(bytes.NewReader(file), int64(len(file)), 1<<20)
		if err != nil {
			return
		}
		if err := WriteNPZ(io.Discard, tensors); err != nil {
			t.Errorf("read but not written: %v", err)
		}
	})
}
