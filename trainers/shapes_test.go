package trainers_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/trainers"
)

// arraysFile writes arrays by their names and gives the file.
func arraysFile(t *testing.T, arrays map[string]*onnx.Tensor) string {
	t.Helper()
	var list []*onnx.Tensor
	for name, a := range arrays {
		a.Name = name
		list = append(list, a)
	}
	path := filepath.Join(t.TempDir(), "rows.npz")
	if err := rows.WriteNPZFile(path, list); err != nil {
		t.Fatal(err)
	}
	return path
}

func floats(f func(i int) float32, dims ...int64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Float, dims...)
	for i := range t.Float32s() {
		t.Float32s()[i] = f(i)
	}
	return t
}

// TestClassNumbersAreOneHotRows: a y of class numbers trains a classifier as the same classes one-hot do, bit by bit.
func TestClassNumbersAreOneHotRows(t *testing.T) {
	x := func() *onnx.Tensor { return floats(func(i int) float32 { return float32(i*i%17)/8 - 1 }, 22, 5) }
	numbers, oneHot := onnx.NewTensor(onnx.Uint8, 22), onnx.NewTensor(onnx.Float, 22, 3)
	for i := range 22 {
		class := i * 5 % 7 % 3
		numbers.Uint8s()[i], oneHot.Float32s()[3*i+class] = uint8(class), 1
	}
	var got []map[string]*onnx.Tensor
	var figures []trainers.Epoch
	for _, y := range []*onnx.Tensor{numbers, oneHot} {
		job, err := trainers.Spec{Network: "news", Data: arraysFile(t, map[string]*onnx.Tensor{"x": x(), "y": y}), Epochs: 3, BatchSize: 4,
			Set: map[string]string{"units": "6"}}.Prepare()
		if err != nil {
			t.Fatal(err)
		}
		r, err := trainers.Fit(context.Background(), job.Network, job.Data, job.Options())
		if err != nil {
			t.Fatal(err)
		}
		got, figures = append(got, r.Last), append(figures, r.History[2])
		r.Close()
	}
	for name, w := range got[1] {
		if !bytes.Equal(w.Data, got[0][name].Data) {
			t.Errorf("%s: got other weights by class numbers than by one-hot rows", name)
		}
	}
	for i, m := range figures[1].Metrics {
		if figures[0].Metrics[i] != m {
			t.Errorf("got %v by class numbers, want %v as by one-hot rows", figures[0].Metrics[i], m)
		}
	}
}

// TestNoiseSaysTheLatentSize: noise that the data brings along has as many numbers a row as the latent space has dimensions.
func TestNoiseSaysTheLatentSize(t *testing.T) {
	spec := func(set map[string]string) trainers.Spec {
		return trainers.Spec{Network: "vae", Set: set, Data: arraysFile(t, map[string]*onnx.Tensor{
			"x": floats(func(i int) float32 { return float32(i % 2) }, 6, 9), "epsilon": floats(func(i int) float32 { return float32(i%5) - 2 }, 6, 3)})}
	}
	job, err := spec(map[string]string{"units": "4"}).Prepare()
	if err != nil {
		t.Fatal(err)
	}
	if got := job.Network.Draws[0].Dims; len(got) != 1 || got[0] != 3 {
		t.Errorf("got noise of %v a row, want 3 numbers", got)
	}
	_, err = spec(map[string]string{"latent": "2"}).Prepare()
	if wrong := new(trainers.MisuseError); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "latent=2 contradicts the data, which has 3") {
		t.Errorf("got %v, want the contradiction refused", err)
	}
}

// TestPicturesWithBoxesAreReconstructed: an autoencoder takes pictures from data that knows of boxes, and its features say nothing of them.
func TestPicturesWithBoxesAreReconstructed(t *testing.T) {
	for _, network := range []string{"autoencoder", "vae"} {
		job, err := trainers.Spec{Network: network, Data: "words", Limit: 2}.Prepare()
		if err != nil {
			t.Fatal(err)
		}
		if f := job.Network.Features; f.Detection != nil || f.Check() != nil {
			t.Errorf("%s: got features %+v, want those of pictures alone: %v", network, f, f.Check())
		}
	}
}
