package datasets

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

func array[T onnx.Element](name string, elem onnx.ElemType, v []T, dims ...int64) *onnx.Tensor {
	return &onnx.Tensor{Name: name, Type: elem, Dims: dims, Data: onnx.BytesOf(v)}
}

func npzFile(t *testing.T, tensors ...*onnx.Tensor) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.npz")
	if err := rows.WriteNPZFile(path, tensors); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNPZReadsRowsByNumber(t *testing.T) {
	path := npzFile(t,
		array("epsilon", onnx.Double, []float64{1, 2, 3, 4, 5, 6}, 3, 2),
		array("y", onnx.Int32, []int32{7, 8, 9}, 3),
		array("x", onnx.Uint8, []uint8{0, 255, 51, 102, 153, 204}, 3, 1, 1, 2))
	d, err := Open(path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	info := d.Info()
	var names []string
	for _, f := range info.Fields {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"x", "y", "epsilon"}) || info.Rows != 3 || info.Fresh {
		t.Fatalf("got fields %v, %d rows, fresh: %v, want x y epsilon, 3, false", names, info.Rows, info.Fresh)
	}
	batch := NewBatch(info, 2)
	if err := d.Read(0, []int{2, 0}, batch); err != nil {
		t.Fatal(err)
	}
	scale := features.DefaultScale
	if got, want := batch[0].Float32s(), []float32{153 * scale, 204 * scale, 0, 255 * scale}; !slices.Equal(got, want) {
		t.Errorf("x: got %v, want %v", got, want)
	}
	if got, want := batch[1].Int64s(), []int64{9, 7}; !slices.Equal(got, want) {
		t.Errorf("y: got %v, want %v", got, want)
	}
	if got, want := batch[2].Float32s(), []float32{5, 6, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("epsilon: got %v, want %v", got, want)
	}
	if r := info.Recipe; r == nil || r.Image.Width != 2 || r.Image.Height != 1 || r.Image.Channels != features.Gray {
		t.Errorf("got recipe %+v, want gray images of 2 × 1", r)
	}
	first, err := Open(path, Config{Limit: 2})
	if err != nil || first.Info().Rows != 2 {
		t.Errorf("with a limit of 2: got %v, %v, want 2 rows", first, err)
	}
}

func TestNPZConvertsEveryType(t *testing.T) {
	cases := map[string]*onnx.Tensor{
		"float":  array("x", onnx.Float, []float32{3}, 1, 1),
		"double": array("x", onnx.Double, []float64{3}, 1, 1),
		"int8":   array("x", onnx.Int8, []int8{3}, 1, 1),
		"int16":  array("x", onnx.Int16, []int16{3}, 1, 1),
		"uint16": array("x", onnx.Uint16, []uint16{3}, 1, 1),
		"int32":  array("x", onnx.Int32, []int32{3}, 1, 1),
		"uint32": array("x", onnx.Uint32, []uint32{3}, 1, 1),
		"int64":  array("x", onnx.Int64, []int64{3}, 1, 1),
		"uint64": array("x", onnx.Uint64, []uint64{3}, 1, 1),
	}
	for name, x := range cases {
		d, err := Open(npzFile(t, x), Config{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		batch := NewBatch(d.Info(), 1)
		if err := d.Read(0, []int{0}, batch); err != nil || batch[0].Float32s()[0] != 3 {
			t.Errorf("%s: got %v, %v, want 3", name, batch[0].Float32s(), err)
		}
	}
}

func TestNPZRefuses(t *testing.T) {
	x := array("x", onnx.Float, []float32{1, 2}, 2, 1)
	cases := map[string]struct {
		path string
		set  map[string]string
		want string
	}{
		"no x":                   {npzFile(t, array("y", onnx.Float, []float32{1}, 1, 1)), nil, "no array x"},
		"an array beyond those":  {npzFile(t, x, array("z", onnx.Float, []float32{1, 2}, 2, 1)), nil, `array "z"`},
		"rows that do not agree": {npzFile(t, x, array("y", onnx.Float, []float32{1}, 1, 1)), nil, "1 rows, x has 2"},
		"a number alone":         {npzFile(t, array("x", onnx.Float, []float32{1})), nil, "one number"},
		"no rows":                {npzFile(t, array("x", onnx.Float, []float32{}, 0, 3)), nil, "no rows"},
		"rows of nothing":        {npzFile(t, array("x", onnx.Float, []float32{}, 3, 0)), nil, "no elements"},
		"complex numbers":        {npzFile(t, array("x", onnx.Complex64, []complex64{1}, 1, 1)), nil, "cannot be trained on"},
		"an option":              {npzFile(t, x), map[string]string{"size": "3"}, `no option "size"`},
		"a file that is none":    {filepath.Join(t.TempDir(), "none.npz"), nil, "none.npz"},
	}
	for name, c := range cases {
		if _, err := Open(c.path, Config{Set: c.set}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
	if _, err := Open(npzFile(t, x), Config{MemoryLimit: 4}); err == nil || !strings.Contains(err.Error(), "memory limit") {
		t.Errorf("beyond the memory limit: got error %v, want one", err)
	}
}

func TestFindNamesWhatThereIs(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.md")
	if err := os.WriteFile(text, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"wrods", dir, text} {
		_, err := Find(name)
		if err == nil || !strings.Contains(err.Error(), "words") || !strings.Contains(err.Error(), "NPZ") {
			t.Errorf("%s: got error %v, want one that lists what there is", name, err)
		}
	}
	for _, s := range Sources() {
		if s.Accepts != nil {
			continue
		}
		if found, err := Find(s.Name); err != nil || found.Name != s.Name {
			t.Errorf("%s: got %v, %v", s.Name, found.Name, err)
		}
		if !s.Generated {
			continue // to open it would fetch it
		}
		set := map[string]string{}
		for _, o := range s.Options {
			set[o.Name] = o.Default
		}
		if _, err := s.Open(Config{Set: set}); err != nil {
			t.Errorf("%s: its defaults as options: %v", s.Name, err)
		}
	}
}
