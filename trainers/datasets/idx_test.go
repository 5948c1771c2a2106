package datasets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Two images of 1 × 2 pixels with their labels, and one more.
const (
	idxImages = "\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02\x00\xff\xff\x00"
	idxLabels = "\x00\x00\x08\x01\x00\x00\x00\x02\x07\x02"
	idxOne    = "\x00\x00\x08\x03\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x02\x00\xff"
)

func TestIDXFolders(t *testing.T) {
	cases := map[string]struct {
		files map[string]string
		path  string // below the folder
		set   map[string]string
	}{
		"MNIST's names":          {map[string]string{"train-images-idx3-ubyte": idxImages, "train-labels-idx1-ubyte": idxLabels, "t10k-images-idx3-ubyte": idxOne}, "", nil},
		"MNIST's names, packed":  {map[string]string{"train-images-idx3-ubyte.gz": zipped(t, idxImages), "train-labels-idx1-ubyte.gz": zipped(t, idxLabels)}, "", nil},
		"packed and not":         {map[string]string{"train-images-idx3-ubyte": idxImages, "train-images-idx3-ubyte.gz": zipped(t, idxImages), "train-labels-idx1-ubyte": idxLabels}, "", nil},
		"dots in the names":      {map[string]string{"train-images.idx3-ubyte": idxImages, "train-labels.idx1-ubyte": idxLabels}, "", nil},
		"the test part":          {map[string]string{"train-images-idx3-ubyte": idxOne, "t10k-images-idx3-ubyte": idxImages, "t10k-labels-idx1-ubyte": idxLabels}, "", map[string]string{"part": "test"}},
		"another set's names":    {map[string]string{"emnist-letters-train-images-idx3-ubyte": idxImages, "emnist-letters-train-labels-idx1-ubyte": idxLabels, "emnist-letters-test-images-idx3-ubyte": idxOne}, "", nil},
		"a pair without parts":   {map[string]string{"my-images-idx3-ubyte": idxImages, "my-labels-idx1-ubyte": idxLabels}, "", nil},
		"a file among several":   {map[string]string{"a-train-images-idx3-ubyte": idxImages, "a-train-labels-idx1-ubyte": idxLabels, "b-train-images-idx3-ubyte": idxOne}, "a-train-images-idx3-ubyte", nil},
		"types between features": {map[string]string{"train-images.idx": idxImages, "train-labels.idx": idxLabels}, "", nil},
	}
	for name, c := range cases {
		d, err := Open(filepath.Join(writeFiles(t, c.files), c.path), Config{Set: c.set})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		x, y := imagesOf(t, d, 0, 0, 2)
		got := fmt.Sprint(x, y, d.Info().Fields[0].Dims, len(d.Info().Recipe.Classes))
		if want := "[[0 1] [1 0]] [7 2] [1 1 2] 10"; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestIDXRefuses(t *testing.T) {
	cases := map[string]struct {
		files map[string]string
		want  string
	}{
		"several of one part":      {map[string]string{"a-train-images-idx3-ubyte": idxImages, "b-train-images-idx3-ubyte": idxOne}, "several files"},
		"none of the part":         {map[string]string{"a-t10k-images-idx3-ubyte": idxImages, "b-t10k-images-idx3-ubyte": idxOne}, `part "train"`},
		"labels of other images":   {map[string]string{"train-images-idx3-ubyte": idxOne, "train-labels-idx1-ubyte": idxLabels}, "uint8 [1]"},
		"images without a picture": {map[string]string{"train-images-idx3-ubyte": idxLabels}, "images are uint8"},
		"images cut short":         {map[string]string{"train-images-idx3-ubyte": idxImages[:18]}, "ends after 2 of 4"},
		"no images at all":         {map[string]string{"train-images-idx3-ubyte": "\x00\x00\x08\x03\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02"}, "no images"},
	}
	for name, c := range cases {
		if _, err := Open(writeFiles(t, c.files), Config{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

// testPublished is a data set of the two images above, on a server that counts what it is asked for.
func testPublished(t *testing.T) (p published, files map[string]string, asked map[string]int) {
	files = map[string]string{"/train-images-idx3-ubyte.gz": zipped(t, idxImages), "/train-labels-idx1-ubyte.gz": zipped(t, idxLabels)}
	asked = make(map[string]int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.Path]++
		if text, ok := files[r.URL.Path]; ok {
			fmt.Fprint(w, text)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	p = published{name: "tiny", title: "two images", classes: strings.Fields("a b c d e f g h"),
		mirrors: []string{server.URL + "/gone/", server.URL + "/"}}
	for name, text := range files {
		sum := sha256.Sum256([]byte(text))
		p.files = append(p.files, publishedFile{name[1:], int64(len(text)), hex.EncodeToString(sum[:])})
	}
	return p, files, asked
}

func TestPublishedDataIsFetchedOnceAndChecked(t *testing.T) {
	p, files, asked := testPublished(t)
	c := Config{Cache: t.TempDir()}
	for range 2 {
		d, err := p.open(c)
		if err != nil {
			t.Fatal(err)
		}
		if x, y := imagesOf(t, d, 0, 0, 2); fmt.Sprint(x, y) != "[[0 1] [1 0]] [7 2]" || d.Info().Recipe.Classes[7] != "h" {
			t.Errorf("got %v %v %q", x, y, d.Info().Recipe.Classes)
		}
	}
	for name := range files {
		if asked[name] != 1 {
			t.Errorf("%s: asked for %d times, want once", name, asked[name])
		}
	}
	// A damaged file is fetched again.
	if err := os.WriteFile(filepath.Join(c.Cache, "tiny", "train-labels-idx1-ubyte.gz"), []byte("damaged"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := p.open(c); err != nil || asked["/train-labels-idx1-ubyte.gz"] != 2 {
		t.Errorf("a damaged file: got %v after asking %d times, want it fetched again", err, asked["/train-labels-idx1-ubyte.gz"])
	}
}

func TestPublishedDataThatCannotBeFetched(t *testing.T) {
	cases := map[string]func(files map[string]string){
		"nothing there":  func(files map[string]string) { clear(files) },
		"other contents": func(files map[string]string) { files["/train-images-idx3-ubyte.gz"] = zipped(t, idxOne) },
		"too much":       func(files map[string]string) { files["/train-images-idx3-ubyte.gz"] += "more" },
	}
	for name, change := range cases {
		p, files, _ := testPublished(t)
		change(files)
		c := Config{Cache: t.TempDir()}
		_, err := p.open(c)
		if err == nil || !strings.Contains(err.Error(), "--data DIR") || !strings.Contains(err.Error(), "digits") {
			t.Errorf("%s: got %v, want an error that says what else there is", name, err)
		}
		if _, err := os.Stat(filepath.Join(c.Cache, "tiny", "train-images-idx3-ubyte.gz")); err == nil {
			t.Errorf("%s: a file that is not the right one was kept", name)
		}
	}
}
