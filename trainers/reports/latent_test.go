package reports

import (
	"bytes"
	"image"
	"math"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/trainers"
)

func TestStepsOfTheWalks(t *testing.T) {
	for i, want := range []float64{-1, -0.8, -0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8} {
		if got := evenSteps()[i]; got != want {
			t.Errorf("step %d: got %g, want %g", i, got, want)
		}
	}
	for i, z := range quantiles() {
		if got, want := 0.5*math.Erfc(-z/math.Sqrt2), 0.05+0.1*float64(i); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %d: %g has %g of N(0, 1) below it, want %g", i, z, got, want)
		}
	}
}

// brightness gives the red of the middle of a mosaic's picture, counted from its lower right corner.
func brightness(img image.Image, up, left int) uint32 {
	b := img.Bounds()
	x := b.Max.X - sheetMargin - mosaicGap - mosaicSide/2 - left*(mosaicSide+mosaicGap)
	y := b.Max.Y - sheetMargin - mosaicSide/2 - up*(mosaicSide+mosaicGap)
	r, _, _, _ := img.At(x, y).RGBA()
	return r >> 8
}

func TestWalksGoDownTheFirstDimension(t *testing.T) {
	job := prepare(t, small("vae", 24, map[string]string{"units": "2"}))
	result := untrained(t, job, nil)
	for name, w := range result.Best {
		if strings.HasPrefix(name, "decoder.") {
			clear(w.Data)
		}
		switch name {
		case "decoder.dense1.weight": // [2, 2]: the first unit is z1 + 2
			w.Float32s()[0] = 1
		case "decoder.dense1.bias":
			w.Float32s()[0] = 2
		case "decoder.dense2.weight": // [2, 784]: all pixels are sigmoid of the first unit
			for i := range 784 {
				w.Float32s()[i] = 1
			}
		}
	}
	files := written(t, save(t, job, result.Best), job, result, "")
	for name, at := range map[string][]float64{LatentWalkFile: evenSteps(), LatentQuantilesFile: quantiles()} {
		img := decoded(t, name, files[name])
		for up := range walkSide {
			z := at[walkSide-1-up]
			want := uint32(math.Round(255 / (1 + math.Exp(-z-2))))
			for left := range walkSide {
				if got := brightness(img, up, left); max(got, want)-min(got, want) > 1 {
					t.Fatalf("%s: row %d from below, column %d from the right: got brightness %d, want %d of z1 = %g", name, up, left, got, want, z)
				}
			}
		}
	}
}

func TestReportOfAVAE(t *testing.T) {
	job := prepare(t, small("vae", 48, map[string]string{"units": "16"}))
	result := trained(t, job)
	dir := save(t, job, result.Best)
	files := written(t, dir, job, result, "")
	text := string(files[trainers.ReportFile])
	for _, name := range []string{ReconstructionsFile, LatentWalkFile, LatentQuantilesFile, LatentScatterFile, SamplesFile} {
		if size := decoded(t, name, files[name]).Bounds().Size(); size.X < 400 || size.Y < 100 || size.X > 1100 || size.Y > 1100 {
			t.Errorf("%s: got %v pixels", name, size)
		}
		if !strings.Contains(text, "]("+name+")") {
			t.Errorf("report.md does not show %s", name)
		}
	}
	for _, want := range []string{"| z1 | ", "| z2 | ", "coloured by label"} {
		if !strings.Contains(text, want) {
			t.Errorf("report.md has no %q:\n%s", want, text)
		}
	}
	for file, again := range written(t, dir, job, result, "") {
		if !bytes.Equal(again, files[file]) {
			t.Errorf("%s differs when it is written again", file)
		}
	}
}

func TestLatentSpacesThatAreNoPlane(t *testing.T) {
	for dims, want := range map[string]struct {
		text    string
		scatter bool
	}{
		"1": {"has 1 dimensions", false},
		"3": {"the first two of 3 dimensions", true},
	} {
		job := prepare(t, small("vae", 12, map[string]string{"units": "4", "latent": dims}))
		result := untrained(t, job, nil)
		files := written(t, save(t, job, result.Best), job, result, "")
		if text := string(files[trainers.ReportFile]); !strings.Contains(text, want.text) || !strings.Contains(text, "walks are drawn of planes alone") {
			t.Errorf("%s dimensions: report.md has no %q:\n%s", dims, want.text, text)
		}
		if files[LatentWalkFile] != nil || files[LatentQuantilesFile] != nil || files[SamplesFile] == nil {
			t.Errorf("%s dimensions: got %d files, want samples and no walk", dims, len(files))
		}
		if (files[LatentScatterFile] != nil) != want.scatter {
			t.Errorf("%s dimensions: got a scatter of %d bytes", dims, len(files[LatentScatterFile]))
		}
	}
}

func TestPointsAreColouredWhereThereAreLabels(t *testing.T) {
	numbers := func(of func(i int) int64) *onnx.Tensor {
		y := onnx.NewTensor(onnx.Int64, 100)
		y.Name = "y"
		for i := range y.Int64s() {
			y.Int64s()[i] = of(i)
		}
		return y
	}
	x := random("x", 100, 16)
	for name, c := range map[string]struct {
		arrays []*onnx.Tensor
		want   string
		not    string
	}{
		"no labels":       {[]*onnx.Tensor{x}, "puts held-out rows]", "coloured"},
		"strange numbers": {[]*onnx.Tensor{x, numbers(func(i int) int64 { return int64(i%3)*1e15 - 7 })}, "coloured by label", "have one colour"},
		"too many labels": {[]*onnx.Tensor{x, numbers(func(i int) int64 { return int64(i) })}, "50 different labels", "coloured by label"},
	} {
		job := prepare(t, arrays(t, "vae", map[string]string{"units": "4"}, c.arrays...))
		result := untrained(t, job, nil)
		text := string(written(t, save(t, job, result.Best), job, result, "")[trainers.ReportFile])
		if !strings.Contains(text, c.want) || strings.Contains(text, c.not) {
			t.Errorf("%s: want %q and no %q in\n%s", name, c.want, c.not, text)
		}
	}
}

// What is not finite has no place in a picture, and does not keep the rest from being drawn.
func TestScatterLeavesOutWhatIsNotFinite(t *testing.T) {
	p := &points{at: [][]float32{{1, 2}, {float32(math.NaN()), 0}, {0, float32(math.Inf(1))}, {3, 5}}}
	x0, x1, y0, y1 := cloud{p}.frame()
	if x0 > 0 || x1 < 3 || y0 > 0 || y1 < 5 || x1-x0 > 6 || y1-y0 > 6 || math.Abs((x1-x0)-(y1-y0)) > 1e-9 {
		t.Errorf("got %g to %g and %g to %g, want a square that just holds the finite numbers", x0, x1, y0, y1)
	}
	if x0, x1, y0, y1 := (cloud{&points{at: [][]float32{{2, 2}}}}).frame(); !(x0 < 2 && x1 > 2 && y0 < 2 && y1 > 2) {
		t.Errorf("one point: got %g to %g and %g to %g, want room around it", x0, x1, y0, y1)
	}
}
