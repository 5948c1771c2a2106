package datasets

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx/features"
)

// vocText is an annotation of a picture of 20 × 10 pixels.
func vocText(objects ...string) string {
	var b strings.Builder
	b.WriteString("<annotation><size><width>20</width><height>10</height><depth>3</depth></size>")
	for _, o := range objects {
		var name string
		var x1, y1, x2, y2 int
		if _, err := fmt.Sscan(o, &name, &x1, &y1, &x2, &y2); err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "<object><name>%s</name><bndbox><xmin>%d</xmin><ymin>%d</ymin><xmax>%d</xmax><ymax>%d</ymax></bndbox></object>", name, x1, y1, x2, y2)
	}
	b.WriteString("</annotation>")
	return b.String()
}

// A cat in the upper left and a rat in the lower right of 2.png, a rat in 10.png, nothing in 11.png.
const (
	yoloTwo = "0 0.25 0.3 0.5 0.4\n1 0.8 0.75 0.1 0.5\n"
	yoloTen = "1 0.25 0.75 0.2 0.2\n"
)

func TestBoxLabelsOfEveryTool(t *testing.T) {
	pic := func() string { return picture(t, 255, 20, 10) }
	with := func(images string, more map[string]string) map[string]string {
		for _, name := range []string{"2", "10", "11"} {
			more[images+name+".png"] = pic()
		}
		return more
	}
	vocs := func(folder string, more map[string]string) map[string]string {
		more[folder+"2.xml"] = vocText("cat 0 1 10 5", "rat 15 5 17 10")
		more[folder+"10.xml"] = vocText("rat 3 6 7 9") // 0.15..0.35, 0.6..0.9
		return more
	}
	yolos := func(folder string, more map[string]string) map[string]string {
		more[folder+"2.txt"], more[folder+"10.txt"] = yoloTwo, yoloTen
		return more
	}
	cases := map[string]struct {
		files map[string]string
		voc   bool
	}{
		"LabelImg, YOLO":             {with("", yolos("", map[string]string{"classes.txt": "cat\nrat\n", "11.txt": ""})), false},
		"LabelImg, Pascal VOC":       {with("", vocs("", map[string]string{})), true},
		"Yolo Mark":                  {with("img/", yolos("img/", map[string]string{"obj.names": "cat\r\nrat\r\n", "train.txt": "data/img/2.png\n"})), false},
		"Yolo Mark, a folder above":  {with("data/img/", yolos("data/img/", map[string]string{"data/obj.names": "cat\nrat\n"})), false},
		"CVAT, YOLO 1.1":             {with("obj_train_data/", yolos("obj_train_data/", map[string]string{"obj.names": "cat\nrat\n", "obj.data": "classes = 2\n"})), false},
		"CVAT, Pascal VOC":           {with("JPEGImages/", vocs("Annotations/", map[string]string{"labelmap.txt": "# label:color_rgb:parts:actions\n"})), true},
		"images and labels":          {with("images/", yolos("labels/", map[string]string{"data.yaml": "path: .\nnames:\n  0: cat\n  1: rat\ntrain: images\n"})), false},
		"images/train, labels/train": {with("images/train/", yolos("labels/train/", map[string]string{"data.yaml": "nc: 2\nnames: ['cat', \"rat\"]\n"})), false},
		"train/images, train/labels": {with("train/images/", yolos("train/labels/", map[string]string{"data.yaml": "names:\n- cat\n- rat # tails\n"})), false},
		"the article's folders":      {with("Images/", yolos("Labels/", map[string]string{"classes.txt": "cat\nrat\n"})), false},
	}
	for name, c := range cases {
		var warned []string
		d, err := Open(writeFiles(t, c.files), Config{Warn: func(text string) { warned = append(warned, text) }})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		info := d.Info()
		r := info.Recipe
		if info.Rows != 3 || !reflect.DeepEqual(r.Classes, []string{"cat", "rat"}) || r.Detection.Columns != 2 || r.Image.Width != 20 || r.Image.Height != 10 {
			t.Errorf("%s: got %d rows of %q, grid %d, pictures %d × %d, want 3 of cat and rat, grid 2, 20 × 10", name, info.Rows, r.Classes, r.Detection.Columns,
				r.Image.Width, r.Image.Height)
			continue
		}
		batch := NewBatch(info, 3)
		if err := d.Read(0, []int{0, 1, 2}, batch); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g := r.Grid()
		n := info.Fields[1].Len()
		var got []string
		for i := range 3 {
			for _, b := range g.Objects(batch[1].Float32s()[i*n : (i+1)*n]) {
				got = append(got, fmt.Sprintf("%d: %s %.1f,%.1f %.1f×%.1f", i, r.Classes[b.Class], b.CX, b.CY, b.W, b.H))
			}
		}
		want := []string{"0: cat 5.0,3.0 10.0×4.0", "0: rat 16.0,7.5 2.0×5.0", "1: rat 5.0,7.5 4.0×2.0"}
		if c.voc {
			want[2] = "1: rat 5.0,7.5 4.0×3.0"
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		_, hasEmpty := c.files["11.txt"]
		if told := strings.Contains(strings.Join(warned, "\n"), "1 of 3 pictures have no label file"); told == hasEmpty {
			t.Errorf("%s: got warnings %q, want the picture without labels told of: %v", name, warned, !hasEmpty)
		}
	}
}

func TestObjectsThatShareACellAreReported(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"1.png": picture(t, 0, 20, 10), "1.txt": "0 0.1 0.1 0.1 0.1\n0 0.2 0.2 0.1 0.1\n1 0.9 0.9 0.1 0.1\n",
		"2.png": picture(t, 0, 20, 10), "2.txt": "1 0.9 0.9 0.1 0.1\n1 0.8 0.8 0.1 0.1\n0 0.9 0.8 0.1 0.1\n",
		"3.png": picture(t, 0, 20, 10), "3.txt": "1 0.5 0.5 0.1 0.1\n",
	})
	var warned []string
	warn := func(text string) { warned = append(warned, text) }
	if _, err := Open(dir, Config{Set: map[string]string{"grid": "2"}, Warn: warn}); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(warned, "\n")
	for _, want := range []string{"1.txt: 1 of 3", "2.txt: 2 of 3", "3 of 7 objects in 2 files", "2 × 2"} {
		if !strings.Contains(all, want) {
			t.Errorf("got warnings %q, want one with %q", warned, want)
		}
	}
	warned = nil
	d, err := Open(dir, Config{Warn: warn})
	if err != nil || warned != nil {
		t.Fatalf("got %v and warnings %q, want a grid that holds all objects", err, warned)
	}
	if got := d.Info().Recipe.Detection.Columns; got != 6 { // of 5 cells the last spans 0.8 to 1
		t.Errorf("got a grid of %d, want 6, the least that parts 0.1 from 0.2 and 0.8 from 0.9", got)
	}
}

func TestBoxLabelsRefuse(t *testing.T) {
	option := new(*OptionError)
	cases := map[string]struct {
		text, names string
		set         map[string]string
		misuse      bool
		want        string
	}{
		"a line of four":           {"0 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1\n", "", nil, false, "1.txt: line 2"},
		"fewer names than classes": {"2 0.5 0.5 0.1 0.1\n", "cat\nrat\n", nil, false, "class 2"},
		"fewer classes set":        {"2 0.5 0.5 0.1 0.1\n", "", map[string]string{"classes": "cat,rat"}, true, "class 2"},
		"a name twice":             {"0 0.5 0.5 0.1 0.1\n", "cat\ncat\n", nil, false, "twice"},
		"a huge class number":      {"1000000 0.5 0.5 0.1 0.1\n", "", nil, false, "at most"},
		"an unknown option":        {"0 0.5 0.5 0.1 0.1\n", "", map[string]string{"noise": "1"}, true, "no option"},
	}
	for name, c := range cases {
		files := map[string]string{"1.png": picture(t, 0, 20, 10), "1.txt": c.text}
		if c.names != "" {
			files["classes.txt"] = c.names
		}
		_, err := Open(writeFiles(t, files), Config{Set: c.set})
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, option) != c.misuse {
			t.Errorf("%s: got %v, want an error with %q, misuse %v", name, err, c.want, c.misuse)
		}
	}
	// Names that a VOC file has and the list has not.
	_, err := Open(writeFiles(t, map[string]string{"1.png": picture(t, 0, 20, 10), "1.xml": vocText("dog 1 1 5 5")}), Config{Set: map[string]string{"classes": "cat"}})
	if err == nil || !strings.Contains(err.Error(), `"dog"`) {
		t.Errorf("a name that is not listed: got %v, want an error that names it", err)
	}
}

func TestNamesOfYAML(t *testing.T) {
	cases := map[string]struct{ text, want string }{ // want empty: an error
		"brackets":                 {"names: [a, 'b c', \"d\"]\nnc: 3", "a|b c|d"},
		"brackets over lines":      {"names: [\n a,\n b\n]\n", "a|b"},
		"dashes":                   {"names:\n  - a\n  - b # the second\n", "a|b"},
		"numbers":                  {"names:\n  0: a\n\n  # a comment\n  1: 'b'\nnc: 2\n", "a|b"},
		"numbers with a gap":       {"names:\n  0: a\n  2: b\n", ""},
		"no names":                 {"nc: 2\n", ""},
		"brackets that stay open":  {"names: [a, b\nnc: 2\n", ""},
		"something else":           {"names: 7\n", ""},
		"a mapping that is deeper": {"names:\n  first: a\n", ""},
	}
	for name, c := range cases {
		got, err := yamlNames(c.text)
		if strings.Join(got, "|") != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}

var _ Dataset = (*BoxLabels)(nil)

func TestArticleLabelsAreStillRead(t *testing.T) {
	words, err := NewWords(Config{Set: map[string]string{"size": "32", "grid": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := WriteImageLabels(t.Context(), dir, words.ForFiles(3), nil); err != nil {
		t.Fatal(err)
	}
	d, err := Open(dir, Config{})
	if _, ok := d.(*ImageLabels); err != nil || !ok {
		t.Errorf("got %T, %v, want the article's labels", d, err)
	}
	if got := d.Info().Recipe.Task; got != features.TaskDetection {
		t.Errorf("got task %q", got)
	}
}
