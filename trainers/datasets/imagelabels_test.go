package datasets

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx/features"
)

func writtenWords(t *testing.T, n int, set map[string]string) (string, *Words) {
	t.Helper()
	w := newWords(t, set).ForFiles(n)
	dir := t.TempDir()
	if err := WriteImageLabels(context.Background(), dir, w, nil); err != nil {
		t.Fatal(err)
	}
	return dir, w
}

func TestImageLabelsAreWhatWasWritten(t *testing.T) {
	for name, set := range map[string]map[string]string{
		"plain":                       nil,
		"a grid that is not square":   {"grid": "3x2", "size": "80x48", "noise": "0.3", "colours": "true"},
		"cells of a pixel's fraction": {"grid": "3", "size": "64"},
	} {
		dir, w := writtenWords(t, 12, set) // twelve: 10.txt stands behind 9.txt
		open := map[string]string{}
		if set["grid"] == "3x2" {
			open["grid"] = "3x2"
		}
		d, err := Open(dir, Config{Set: open})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, want := d.Info().Recipe.Classes, []string{"chat", "rat"}; !slices.Equal(got, want) {
			t.Errorf("%s: got classes %v, want %v", name, got, want)
		}
		rows := []int{0, 11, 10, 9, 1}
		if !slices.Equal(read(t, d, 0, rows...), read(t, w, 0, rows...)) {
			t.Errorf("%s: got other pictures or boxes than were written", name)
		}
	}
}

func TestImageLabelsFiles(t *testing.T) {
	dir, _ := writtenWords(t, 2, nil)
	var files []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if !e.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	})
	if want := []string{"Images/0.PNG", "Images/1.PNG", "Labels/0.txt", "Labels/1.txt", "classes.txt"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("got %v, %v, want %v", files, err, want)
	}
	text, err := os.ReadFile(filepath.Join(dir, "Labels", "0.txt"))
	if err != nil || strings.Count(string(text), "\n") != 4*3+1 || !strings.HasSuffix(string(text), "\n---\n") {
		t.Errorf("got %q, %v, want three lines for each of four cells and ---", text, err)
	}
}

func TestImageLabelsResizePicturesWithTheirBoxes(t *testing.T) {
	dir, w := writtenWords(t, 3, nil)
	large := image.NewGray(image.Rect(0, 0, 128, 64))
	for y := 20; y < 40; y++ {
		for x := 20; x < 40; x++ {
			large.SetGray(x, y, color.Gray{255})
		}
	}
	put(t, dir, "Images/1.PNG", pngOf(t, large))
	put(t, dir, "Labels/1.txt", []byte("1 0 0\n30 30 20 20\n1\n0 0 1\n96 16 64 32\n0\n0 0 1\n32 48 64 32\n0\n0 0 1\n96 48 64 32\n0\n---\n"))
	d, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	batch := NewBatch(d.Info(), 1)
	if err := d.Read(0, []int{1}, batch); err != nil {
		t.Fatal(err)
	}
	got := d.Info().Recipe.Grid().Objects(batch[1].Float32s())
	if len(got) != 1 || got[0] != (features.Box{CX: 15, CY: 30, W: 10, H: 20, Score: 1}) {
		t.Errorf("got %v, want one box at 15, 30 of 10 × 20", got)
	}
	if x := batch[0].Float32s(); x[30*64+15] != 1 || x[30*64+32] != 0 {
		t.Errorf("got %v in the box and %v right of it, want 1 and 0", x[30*64+15], x[30*64+32])
	}
	if !slices.Equal(read(t, d, 0, 2), read(t, w, 0, 2)) {
		t.Error("the picture behind it: got another than was written")
	}
}

func pngOf(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestImageLabelsNameWhatIsWrong(t *testing.T) {
	remove := func(t *testing.T, dir, name string) {
		if err := os.RemoveAll(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
	one := []byte("1 0 0\n5 5 4 4\n1\n---\n")
	cases := map[string]struct {
		spoil func(t *testing.T, dir string)
		set   map[string]string
		want  string
	}{
		"a picture without label":     {func(t *testing.T, dir string) { remove(t, dir, "Labels/1.txt") }, nil, "1.PNG: it has no"},
		"a label without picture":     {func(t *testing.T, dir string) { remove(t, dir, "Images/1.PNG") }, nil, "1.txt: it has no picture"},
		"no labels at all":            {func(t *testing.T, dir string) { remove(t, dir, "Labels") }, nil, "Labels"},
		"a label cut short":           {func(t *testing.T, dir string) { put(t, dir, "Labels/1.txt", one[:14]) }, nil, "1.txt: line 2: the file ends"},
		"a label of other cells":      {func(t *testing.T, dir string) { put(t, dir, "Labels/1.txt", one) }, nil, "1.txt: 1 cells, the files before it have 4"},
		"an unreadable picture":       {func(t *testing.T, dir string) { put(t, dir, "Images/1.PNG", one) }, nil, "1.PNG: image:"},
		"an unreadable first picture": {func(t *testing.T, dir string) { put(t, dir, "Images/0.PNG", one) }, nil, "0.PNG: image:"},
		"names for other classes":     {func(t *testing.T, dir string) { put(t, dir, "classes.txt", []byte("a\n")) }, nil, "classes.txt: 1 names"},
		"too many names set":          {nil, map[string]string{"classes": "a,b,c"}, "option classes: 3 names"},
		"a grid that does not fit":    {nil, map[string]string{"grid": "3x2"}, "4 cells do not fill a grid of 3 × 2"},
		"an unknown option":           {nil, map[string]string{"noise": "1"}, `no option "noise"`},
		"two pictures for a label":    {func(t *testing.T, dir string) { put(t, dir, "Images/1.jpg", one) }, nil, "two pictures"},
		"a box in another cell": {func(t *testing.T, dir string) {
			put(t, dir, "Labels/1.txt", []byte(strings.Repeat("1 0 0\n5 5 4 4\n1\n", 4)+"---\n"))
		}, nil, "1.txt: cell 1: the centre 5, 5"},
	}
	for name, c := range cases {
		dir, _ := writtenWords(t, 2, nil)
		if c.spoil != nil {
			c.spoil(t, dir)
		}
		d, err := Open(dir, Config{Set: c.set})
		if err == nil {
			err = d.Read(0, []int{0, 1}, NewBatch(d.Info(), 2))
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestImageLabelsDigestIsOfTheDataAlone(t *testing.T) {
	digest := func(dir string) string {
		d, err := Open(dir, Config{})
		if err != nil {
			t.Fatal(err)
		}
		sum, err := d.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	first, _ := writtenWords(t, 2, nil)
	second, _ := writtenWords(t, 2, nil)
	if a, b := digest(first), digest(second); a != b {
		t.Errorf("the same data in two folders: got %s and %s", a, b)
	}
	put(t, second, "Images/1.PNG", pngOf(t, image.NewGray(image.Rect(0, 0, 64, 64))))
	if a, b := digest(first), digest(second); a == b {
		t.Errorf("another picture: got the same digest %s", a)
	}
}

func TestWriteImageLabelsStopsAndRefuses(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	err := WriteImageLabels(ctx, dir, newWords(t, nil), func(rows int) {
		if rows == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the context's error", err)
	}
	d, err := Open(dir, Config{})
	if err != nil || d.Info().Rows != 3 {
		t.Errorf("what was written before: got %v, %v, want 3 rows", d, err)
	}
	if err := WriteImageLabels(context.Background(), dir, numbered(3), nil); err == nil {
		t.Error("a data set without boxes: got no error, want one")
	}
}
