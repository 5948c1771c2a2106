package main

import (
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
)

// A model that gives pictures again writes them: of picture files and of rows of numbers, each pixel its output.
func TestRunDrawsWhatAModelRestores(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	must(t, 0, "train", "vae", "--data", "digits", "--limit", "40", "--epochs", "1", "--batch-size", "8", "--threads", "1", "--quiet",
		"--set", "units=8", "--out", run)
	model := filepath.Join(run, "model.onnx")
	for _, name := range []string{"encoder.onnx", "decoder.onnx", "reconstructions.png", "latent_walk.png", "latent_quantiles.png", "latent_scatter.png", "samples.png"} {
		if _, err := os.Stat(filepath.Join(run, name)); err != nil {
			t.Error(err)
		}
	}

	images := filepath.Join(dir, "images")
	for _, sub := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(images, sub), 0o777); err != nil {
			t.Fatal(err)
		}
		picture(t, filepath.Join(images, sub, "one.png"), 28)
	}
	x := onnx.NewTensor(onnx.Float, 2, 1, 28, 28)
	x.Name = "x"
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(i%7) / 7
	}
	arrays := filepath.Join(dir, "x.npz")
	if err := rows.WriteNPZFile(arrays, []*onnx.Tensor{x}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ inputs, want []string }{
		"picture files": {[]string{filepath.Join(images, "a"), filepath.Join(images, "b")}, []string{"one.png", "one-2.png"}},
		"arrays":        {[]string{arrays}, []string{"row-0.png", "row-1.png"}},
	} {
		drawn, raw := filepath.Join(t.TempDir(), "drawn"), filepath.Join(t.TempDir(), "y.npz")
		must(t, 0, append(append([]string{"run", model}, c.inputs...), "--draw", drawn, "-o", raw)...)
		list, err := rows.ReadNPZFile(raw, 0)
		if err != nil {
			t.Fatal(err)
		}
		for k, file := range c.want {
			f, err := os.Open(filepath.Join(drawn, file))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			img, err := png.Decode(f)
			f.Close()
			if err != nil {
				t.Fatal(err)
			}
			if b := img.Bounds(); b.Dx() != 28 || b.Dy() != 28 {
				t.Fatalf("%s: %s: got %v, want 28×28", name, file, b)
			}
			for i, y := range list[0].Float32s()[k*784 : (k+1)*784] {
				got, _, _, _ := img.At(i%28, i/28).RGBA()
				if want := uint32(math.Round(float64(y) * 255)); got>>8 != want {
					t.Fatalf("%s: %s: pixel %d is %d, want %d of output %g", name, file, i, got>>8, want, y)
				}
			}
		}
	}
}
