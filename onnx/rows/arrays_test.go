package rows

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// streamed reads an array row by row into a tensor.
func streamed(a *ArrayReader) (*onnx.Tensor, error) {
	t := &onnx.Tensor{Name: a.Name, Type: a.Elem, Dims: a.Dims}
	row := make([]byte, a.RowBytes())
	for {
		switch err := a.Next(row); err {
		case nil:
			t.Data = append(t.Data, row...)
		case io.EOF:
			return t, nil
		default:
			return nil, err
		}
	}
}

// What is read row by row is what is read at once.
func TestArraysRowByRow(t *testing.T) {
	var tensors []*onnx.Tensor
	for i, want := range everyType() {
		if len(want.Dims) == 0 || want.Len() == 0 {
			continue
		}
		want.Name = fmt.Sprint("array", i)
		tensors = append(tensors, want)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a.npz")
	if err := WriteNPZFile(path, tensors); err != nil {
		t.Fatal(err)
	}
	file, err := OpenArrays(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range file.Arrays {
		got, err := streamed(a)
		if err != nil || got.Name != tensors[i].Name || got.String() != tensors[i].String() || !bytes.Equal(got.Data, tensors[i].Data) {
			t.Errorf("got %v %v, want %v", got, err, tensors[i])
		}
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	single := filepath.Join(dir, "a.npy")
	if err := WriteNPYFile(single, tensors[0]); err != nil {
		t.Fatal(err)
	}
	if file, err = OpenArrays(single, 0); err != nil || len(file.Arrays) != 1 {
		t.Fatalf("got %v, %v, want one array", file, err)
	}
	if got, err := streamed(file.Arrays[0]); err != nil || !bytes.Equal(got.Data, tensors[0].Data) {
		t.Errorf("got %v, %v, want %v", got, err, tensors[0])
	}
	file.Close()
}

func TestArraysOfOtherOrders(t *testing.T) {
	for name, file := range map[string][]byte{
		"big-endian":    npyBytes("{'descr': '>u2', 'fortran_order': False, 'shape': (2, 2), }\n", 0, 1, 0, 2, 0, 3, 0, 4),
		"Fortran order": npyBytes("{'descr': '<u2', 'fortran_order': True, 'shape': (2, 2), }\n", 1, 0, 3, 0, 2, 0, 4, 0),
	} {
		a, err := NewArrayReader(bytes.NewReader(file), 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := streamed(a)
		if want := []byte{1, 0, 2, 0, 3, 0, 4, 0}; err != nil || !bytes.Equal(got.Data, want) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
		}
	}
}

func TestArraysRefuse(t *testing.T) {
	head := "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }\n"
	cases := map[string]struct {
		file []byte
		want string
	}{
		"a number":          {npyBytes("{'descr': '|u1', 'fortran_order': False, 'shape': (), }\n", 1), "want rows"},
		"cut short":         {npyBytes(head, 1, 2, 3), "ends in row 1 of 2"},
		"more than told":    {npyBytes(head, 1, 2, 3, 4, 5), "more follows"},
		"a row too long":    {npyBytes(strings.Replace(head, "2, 2", "2, 2000", 1)), "memory limit"},
		"rows of nothing":   {npyBytes(strings.Replace(head, "2, 2", "2, 0", 1)), "no elements"},
		"Fortran, too long": {npyBytes("{'descr': '|u1', 'fortran_order': True, 'shape': (2000, 2), }\n"), "C order"},
		"a bool that is 2":  {npyBytes("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }\n", 2), "not a bool"},
	}
	for name, c := range cases {
		a, err := NewArrayReader(bytes.NewReader(c.file), 1000)
		if err == nil {
			_, err = streamed(a)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestSpoolsWriteWhatTensorsWould(t *testing.T) {
	a := onnx.FromFloat32s([]float32{1, 2, 3, 4}, 2, 2)
	a.Name = "größe"
	b := onnx.FromInt64s([]int64{7, 8})
	b.Name = "b"
	var spools []*Spool
	for _, whole := range []*onnx.Tensor{a, b} {
		s, err := NewSpool(whole.Name, whole.Type, whole.Dims[1:])
		if err != nil {
			t.Fatal(err)
		}
		n := len(whole.Data) / 2
		for i := range 2 {
			dims := append([]int64{1}, whole.Dims[1:]...)
			if err := s.Add(&onnx.Tensor{Type: whole.Type, Dims: dims, Data: whole.Data[i*n : (i+1)*n]}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Add(onnx.NewTensor(onnx.Double, 1)); err == nil {
			t.Error("a row of another type: got no error")
		}
		spools = append(spools, s)
	}
	dir := t.TempDir()
	same := func(name string, write, want func(path string) error) {
		got, wanted := filepath.Join(dir, "got"+name), filepath.Join(dir, "want"+name)
		if err := write(got); err != nil {
			t.Fatal(err)
		}
		if err := want(wanted); err != nil {
			t.Fatal(err)
		}
		x, _ := os.ReadFile(got)
		if y, _ := os.ReadFile(wanted); len(x) == 0 || !bytes.Equal(x, y) {
			t.Errorf("%s: got other bytes than of the whole tensors", name)
		}
	}
	same(".npz", func(path string) error { return WriteSpooledNPZ(path, spools) },
		func(path string) error { return WriteNPZFile(path, []*onnx.Tensor{a, b}) })
	same(".npy", func(path string) error { return WriteSpooledNPY(path, spools[0]) },
		func(path string) error { return WriteNPYFile(path, a) })
	for _, s := range spools {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.file.Name()); err == nil {
			t.Error("a spool that is closed left its file")
		}
	}
}

func FuzzArrayReader(f *testing.F) {
	f.Add(npyBytes("{'descr': '>i2', 'fortran_order': True, 'shape': (1, 2), }\n", 1, 2, 0xff, 0xfe))
	f.Add(npyBytes("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }\n", 1, 0, 1))
	f.Fuzz(func(t *testing.T, file []byte) {
		a, err := NewArrayReader(bytes.NewReader(file), 1<<16)
		if err != nil {
			return
		}
		got, err := streamed(a)
		want, wrong := ReadNPY(bytes.NewReader(file), 1<<16)
		if wrong == nil && (err != nil || got.String() != want.String() || !bytes.Equal(got.Data, want.Data)) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	})
}
