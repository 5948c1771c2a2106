package datasets

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

// picture is a PNG of one grey, so wide and high.
func picture(t *testing.T, grey byte, width, height int) string {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = grey
	}
	img.SetGray(0, 0, color.Gray{grey})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestImagesInFoldersAreClasses(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"cat/10.png": picture(t, 255, 2, 1), "cat/2.png": picture(t, 0, 2, 1), "cat/notes.txt": "no picture",
		"dog/a.PNG": picture(t, 255, 4, 2), "empty/none.txt": "", ".hidden/1.png": picture(t, 9, 2, 1),
	})
	d, err := Open(dir, Config{Set: map[string]string{"channels": "gray"}})
	if err != nil {
		t.Fatal(err)
	}
	x, y := imagesOf(t, d, 0, 0, 3)
	got := fmt.Sprint(x, y, d.Info().Recipe.Classes, d.Info().Fields[0].Dims)
	if want := "[[0 0] [1 1] [1 1]] [0 0 1] [cat dog] [1 1 2]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	one, err := d.Digest()
	if err != nil {
		t.Fatal(err)
	}
	rgb, err := Open(dir, Config{Set: map[string]string{"size": "4x2"}})
	if err != nil {
		t.Fatal(err)
	}
	if two, err := rgb.Digest(); err != nil || one == two || fmt.Sprint(rgb.Info().Fields[0].Dims) != "[3 2 4]" {
		t.Errorf("other size and channels: got %v, %v, digest equal %v, want another data set of [3 2 4]", rgb.Info().Fields[0].Dims, err, one == two)
	}
}

func TestImagesOfOneFolder(t *testing.T) {
	d, err := Open(writeFiles(t, map[string]string{"b.png": picture(t, 255, 1, 1), "a.png": picture(t, 0, 1, 1)}), Config{})
	if err != nil {
		t.Fatal(err)
	}
	batch := NewBatch(d.Info(), 2)
	if err := d.Read(0, []int{0, 1}, batch); err != nil || len(batch) != 1 || fmt.Sprint(batch[0].Float32s()) != "[0 0 0 1 1 1]" {
		t.Errorf("got %v fields, %v, %v, want x alone, a.png before b.png", len(batch), batch[0].Float32s(), err)
	}
}

func TestImagesRefuse(t *testing.T) {
	cases := map[string]struct {
		files map[string]string
		want  string
	}{
		"pictures beside classes": {map[string]string{"0.png": picture(t, 0, 1, 1), "cat/1.png": picture(t, 0, 1, 1)}, "which class"},
		"a picture that is none":  {map[string]string{"a.png": "text"}, "a.png"},
	}
	for name, c := range cases {
		if _, err := Open(writeFiles(t, c.files), Config{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}
