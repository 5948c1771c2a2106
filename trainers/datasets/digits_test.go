package datasets

import (
	"bytes"
	"context"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
)

func newDigits(t *testing.T, c Config) *Digits {
	t.Helper()
	d, err := NewDigits(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// imagesOf gives rows first to last-1 and their classes.
func imagesOf(t *testing.T, d Dataset, epoch, first, last int) (x [][]float32, y []int64) {
	t.Helper()
	rows := make([]int, last-first)
	for i := range rows {
		rows[i] = first + i
	}
	batch := NewBatch(d.Info(), len(rows))
	if err := d.Read(epoch, rows, batch); err != nil {
		t.Fatal(err)
	}
	n := d.Info().Fields[0].Len()
	for i := range rows {
		x = append(x, batch[0].Float32s()[i*n:(i+1)*n])
	}
	return x, batch[1].Int64s()
}

func sameImages(a, b [][]float32) bool {
	for i := range a {
		if !bytes.Equal(onnx.BytesOf(a[i]), onnx.BytesOf(b[i])) {
			return false
		}
	}
	return len(a) == len(b)
}

func TestDigitsAreDecidedBySeedEpochAndRow(t *testing.T) {
	d := newDigits(t, Config{Seed: 1, Limit: 20})
	want, labels := imagesOf(t, d, 2, 0, 20)
	again, labelsAgain := imagesOf(t, newDigits(t, Config{Seed: 1, Limit: 100}), 2, 5, 20)
	if !sameImages(want[5:], again) || !bytes.Equal(onnx.BytesOf(labels[5:]), onnx.BytesOf(labelsAgain)) {
		t.Error("the same seed, epoch and rows: got other images")
	}
	others := map[string][][]float32{}
	others["another seed"], _ = imagesOf(t, newDigits(t, Config{Seed: 2, Limit: 20}), 2, 0, 20)
	others["another epoch"], _ = imagesOf(t, d, 3, 0, 20)
	others["held out"], _ = imagesOf(t, d.HeldOut(20), 2, 0, 20)
	others["for files"], _ = imagesOf(t, d.ForFiles(20), 2, 0, 20)
	for name, x := range others {
		if sameImages(want, x) {
			t.Errorf("%s: got the same images", name)
		}
	}
	same := newDigits(t, Config{Seed: 1, Limit: 20, Set: map[string]string{"fresh": "false"}})
	first, _ := imagesOf(t, same, 0, 0, 20)
	if later, _ := imagesOf(t, same, 4, 0, 20); !sameImages(first, later) {
		t.Error("fresh=false: got other images in another epoch")
	}
}

// A classifier that only compares with the classes' means finds most digits, so they look like their labels, and not all, so they vary.
func TestDigitsLookLikeTheirLabels(t *testing.T) {
	const learn, judge = 1000, 300
	x, y := imagesOf(t, newDigits(t, Config{Seed: 4, Limit: learn + judge}), 0, 0, learn+judge)
	var means [10][784]float64
	var count [10]float64
	for i := range learn {
		count[y[i]]++
		for p, v := range x[i] {
			means[y[i]][p] += float64(v)
		}
	}
	right := 0
	for i := learn; i < learn+judge; i++ {
		scores := make([]float32, 10)
		for c := range scores {
			if count[c] < learn/10/2 {
				t.Fatalf("digit %d: got %v of %d images, want about a tenth", c, count[c], learn)
			}
			for p, v := range x[i] {
				d := means[c][p]/count[c] - float64(v)
				scores[c] -= float32(d * d)
			}
		}
		if int64(features.Best(scores, 1)[0].Class) == y[i] {
			right++
		}
	}
	if right < judge*55/100 || right == judge {
		t.Errorf("got %d of %d right by the nearest mean, want most and not all", right, judge)
	}
}

func TestDigitsStayWithinTheImage(t *testing.T) {
	x, _ := imagesOf(t, newDigits(t, Config{Seed: 9, Limit: 500}), 0, 0, 500)
	cut := 0
	for _, img := range x {
		ink, edge := float32(0), float32(0)
		for p, v := range img {
			ink += v
			if r, c := p/28, p%28; r == 0 || r == 27 || c == 0 || c == 27 {
				edge += v
			}
		}
		if ink < 15 || ink > 300 {
			t.Errorf("got ink of %v pixels, want that of a stroke", ink)
		}
		if edge > ink/10 {
			cut++
		}
	}
	if cut > 5 {
		t.Errorf("got %d of 500 digits cut off by the border, want next to none", cut)
	}
}

func TestDigitsWrittenAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	d := newDigits(t, Config{Seed: 3}).ForFiles(30)
	for part, rows := range map[string]int{"train": 30, "test": 10} {
		if err := WriteIDX(context.Background(), dir, part, First(d, rows)); err != nil {
			t.Fatal(err)
		}
	}
	want, labels := imagesOf(t, d, 0, 0, 30)
	got, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	x, y := imagesOf(t, got, 0, 0, 30)
	if got.Info().Rows != 30 || !sameImages(x, want) || !bytes.Equal(onnx.BytesOf(y), onnx.BytesOf(labels)) {
		t.Error("got other images or labels than were written")
	}
	test, err := Open(dir, Config{Set: map[string]string{"part": "test"}, Limit: 5})
	if err != nil {
		t.Fatal(err)
	}
	if x, _ := imagesOf(t, test, 0, 0, 5); test.Info().Rows != 5 || !sameImages(x, want[:5]) {
		t.Error("part=test: got other images than the first five")
	}
}
