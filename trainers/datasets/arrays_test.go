package datasets

import (
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// TestNewArraysIsTheFile: arrays from memory are the data set that they are from a file.
func TestNewArraysIsTheFile(t *testing.T) {
	x := array("x", onnx.Float, []float32{1, 2, 3, 4}, 2, 2)
	y := array("y", onnx.Int64, []int64{1, 0}, 2)
	file, err := Open(npzFile(t, y, x), Config{})
	if err != nil {
		t.Fatal(err)
	}
	memory, err := NewArrays("data.npz", y, x)
	if err != nil {
		t.Fatal(err)
	}
	want, err := file.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := memory.Digest(); got != want || err != nil {
		t.Errorf("got digest %s, %v, want %s", got, err, want)
	}
	if got, want := memory.Info().Fields[1], file.Info().Fields[1]; got.Name != want.Name || got.Elem != want.Elem {
		t.Errorf("got field %v, want %v", got, want)
	}
}

func TestNewArraysRefuses(t *testing.T) {
	x := array("x", onnx.Float, []float32{1, 2}, 2)
	for name, c := range map[string]struct {
		arrays []*onnx.Tensor
		want   string
	}{
		"no x":          {[]*onnx.Tensor{array("y", onnx.Float, []float32{1}, 1)}, "there is no array x"},
		"x twice":       {[]*onnx.Tensor{x, x}, "it is there twice"},
		"another name":  {[]*onnx.Tensor{x, array("z", onnx.Float, []float32{1, 2}, 2)}, `array "z"`},
		"fewer rows":    {[]*onnx.Tensor{x, array("y", onnx.Float, []float32{1}, 1)}, "1 rows, x has 2"},
		"without data":  {[]*onnx.Tensor{{Name: "x", Type: onnx.Float, Dims: []int64{2}}}, "has no numbers"},
		"text":          {[]*onnx.Tensor{{Name: "x", Type: onnx.String, Dims: []int64{1}, Strings: []string{"a"}}}, "has no numbers"},
		"a lone number": {[]*onnx.Tensor{{Name: "x", Type: onnx.Float, Dims: []int64{}, Data: make([]byte, 4)}}, "one number"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewArrays("mine", c.arrays...); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "mine: ") {
				t.Errorf("got %v, want an error of mine with %q", err, c.want)
			}
		})
	}
}
