package reports

import (
	"bytes"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/trainers"
)

// small is an autoencoder that a test can afford.
func small(network string, count int, set map[string]string) trainers.Spec {
	split := 0.5
	s := trainers.Spec{Network: network, Data: "digits", Limit: count, Epochs: 2, BatchSize: 8, Seed: 1, ValidationSplit: &split, Set: set}
	return s
}

// figure reads the first number of the row of a Markdown table that begins with a name.
func figure(t *testing.T, text, name string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(name) + ` \| ([^ ]+) \|`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no row %q in\n%s", name, text)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func decoded(t *testing.T, name string, data []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return img
}

// What the report measures on the file is what training measured with the same weights: the same rows, the same noise.
func TestReconstructionsAreThoseOfValidation(t *testing.T) {
	for name, c := range map[string]struct {
		network, row string
		set          map[string]string
		height       int
	}{
		"dense":            {"autoencoder", "reconstructions", map[string]string{"units1": "16", "units2": "8", "code": "4"}, 412},
		"convolutional":    {"conv-autoencoder", "reconstructions", map[string]string{"filters1": "2", "filters2": "2"}, 412},
		"with noise on it": {"conv-autoencoder", "restored", map[string]string{"filters1": "2", "filters2": "2", "noise": "0.3"}, 584},
	} {
		job := prepare(t, small(c.network, 48, c.set))
		result := trained(t, job)
		dir := save(t, job, result.Best)
		files := written(t, dir, job, result, "")
		text := string(files[trainers.ReportFile])
		got, want := figure(t, text, c.row), result.History[result.BestEpoch-1].Validation[0]
		if math.Abs(got-want) > 1e-4*want {
			t.Errorf("%s: got a cross-entropy of %g, validation had %g", name, got, want)
		}
		if size := decoded(t, name, files[ReconstructionsFile]).Bounds().Size(); size.X < 900 || size.X > 1000 || size.Y != c.height {
			t.Errorf("%s: got a picture of %v, want ten columns and a height of %d", name, size, c.height)
		}
		if !strings.Contains(text, "/model.onnx IMAGES --draw out/") || !strings.Contains(text, "](reconstructions.png)") {
			t.Errorf("%s: the report does not show or say how it is used:\n%s", name, text)
		}
		for file, again := range written(t, dir, job, result, "") {
			if !bytes.Equal(again, files[file]) {
				t.Errorf("%s: %s differs when it is written again", name, file)
			}
		}
		other := untrained(t, job, result.History)
		if b := written(t, save(t, job, other.Best), job, other, ""); bytes.Equal(b[ReconstructionsFile], files[ReconstructionsFile]) {
			t.Errorf("%s: two files have the same picture, want others: it is to show model.onnx", name)
		}
	}
}

// arrays writes a data set of numbers and gives a spec that trains on it.
func arrays(t *testing.T, network string, set map[string]string, x ...*onnx.Tensor) trainers.Spec {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.npz")
	if err := rows.WriteNPZFile(path, x); err != nil {
		t.Fatal(err)
	}
	s := small(network, 0, set)
	s.Data = path
	return s
}

func random(name string, dims ...int64) *onnx.Tensor {
	x := onnx.NewTensor(onnx.Float, dims...)
	x.Name = name
	r := rand.New(rand.NewPCG(1, 2))
	for i := range x.Float32s() {
		x.Float32s()[i] = r.Float32()
	}
	return x
}

func TestRowsThatAreNoPicturesAreSaidToBe(t *testing.T) {
	job := prepare(t, arrays(t, "vae", map[string]string{"units": "8"}, random("x", 24, 10)))
	result := untrained(t, job, nil)
	files := written(t, save(t, job, result.Best), job, result, "")
	text := string(files[trainers.ReportFile])
	if !strings.Contains(text, "are no pictures") || !strings.Contains(text, "with zeros for `epsilon`") || !strings.Contains(text, "--input x=FILE.npy -o OUT.npz") {
		t.Errorf("the report does not say that there are no pictures, or what epsilon was:\n%s", text)
	}
	for _, name := range []string{ReconstructionsFile, LatentWalkFile, LatentQuantilesFile, SamplesFile} {
		if files[name] != nil {
			t.Errorf("got %s of rows that are no pictures", name)
		}
	}
	if files[LatentScatterFile] == nil {
		t.Error("got no scatter, want one: points need no pictures")
	}
}

func TestFewRowsFillOneBand(t *testing.T) {
	job := prepare(t, small("autoencoder", 6, map[string]string{"units1": "4", "units2": "4", "code": "2"}))
	result := untrained(t, job, nil)
	files := written(t, save(t, job, result.Best), job, result, "")
	if size := decoded(t, "picture", files[ReconstructionsFile]).Bounds().Size(); size.Y > 240 {
		t.Errorf("got %v for three rows, want one band", size)
	}
}

func TestCrossEntropyOfWhatIsNoProbabilityIsNotSaid(t *testing.T) {
	var c closeness
	c.add([]float32{0.5, 1}, []float32{0, 3})
	if got := c.cells(); got[0] != "–" || got[1] != "2.125" {
		t.Errorf("got %q, want a dash and (0.5² + 2²) / 2", got)
	}
	c = closeness{}
	c.add([]float32{0.5, 1}, []float32{0, 1})
	// ln 2 and nearly nothing, over two numbers.
	if got := c.cells(); got[0] != "0.34657" || got[1] != "0.125" {
		t.Errorf("got %q, want 0.34657 and 0.125", got)
	}
}
