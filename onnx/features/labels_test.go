package features

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const articleLabels = `; cell (0,0)
0 1 0 ; class of the box
14 22 18 10
1
1 0 0
35 23 24 10
1

0 0 1
16 48 32 32
0
1 0 0
52 35 24 10
1
---
`

func TestReadLabels(t *testing.T) {
	classes, cells, err := ReadLabels(strings.NewReader(articleLabels), "1.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := []LabelCell{{1, 14, 22, 18, 10}, {0, 35, 23, 24, 10}, {-1, 16, 48, 32, 32}, {0, 52, 35, 24, 10}}
	if classes != 2 || !reflect.DeepEqual(cells, want) {
		t.Errorf("got %d classes, %v, want 2, %v", classes, cells, want)
	}
	g, y := wordGrid(), make([]float32, 32)
	if err := g.EncodeLabels(cells, y); err != nil {
		t.Fatal(err)
	}
	boxes := g.Objects(y)
	again, lost := g.Labels(boxes)
	if lost != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("back from the target: got %v, want %v, %v lost", again, want, lost)
	}
	direct := make([]float32, 32)
	if g.Encode(boxes, direct); !slices.Equal(direct, y) {
		t.Errorf("through a file: got %v, want %v", y, direct)
	}
}

func TestWriteLabels(t *testing.T) {
	var file bytes.Buffer
	if err := WriteLabels(&file, 2, []LabelCell{{1, 14, 22, 18, 10}, {-1, 16, 48, 32, 32}}); err != nil {
		t.Fatal(err)
	}
	if got, want := file.String(), "0 1 0\n14 22 18 10\n1\n0 0 1\n16 48 32 32\n0\n---\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReadLabelsNamesFileAndLine(t *testing.T) {
	cases := map[string]struct{ file, want string }{
		"nothing":                      {"", "line 0: the file ends without ---"},
		"no cell":                      {"---\n", "line 1: no cell"},
		"a word":                       {"0 one 0\n", `line 1: "one" is not a whole number`},
		"a fraction of a pixel":        {"1 0\n1.5 2 3 4\n1\n---\n", `line 2: "1.5"`},
		"a number beyond 32 bits":      {"1 0\n99999999999 2 3 4\n1\n---\n", `line 2: "99999999999"`},
		"no class":                     {"1\n", "line 1: 1 numbers"},
		"two classes at once":          {"1 1 0\n", "line 1: [1 1 0]"},
		"no one":                       {"0 0 0\n", "line 1: [0 0 0]"},
		"half a class":                 {"2 0 0\n", "line 1: [2 0 0]"},
		"a box of three":               {"1 0\n1 2 3\n1\n---\n", "line 2: 3 numbers, want centre x"},
		"a cell without confidence":    {"1 0\n1 2 3 4\n---\n", "line 3: 0 numbers, want the confidence"},
		"a negative size":              {"1 0\n1 2 3 -4\n1\n---\n", "line 2: a size of 3 × -4"},
		"confidence two":               {"1 0\n1 2 3 4\n2\n---\n", "line 3: confidence 2"},
		"nothing with confidence":      {"0 1\n1 2 3 4\n1\n---\n", "line 3: confidence 1"},
		"cells of different classes":   {"1 0\n1 2 3 4\n1\n1 0 0\n1 2 3 4\n1\n---\n", "line 6: 2 classes"},
		"cut short":                    {"1 0\n1 2 3 4\n1\n", "line 3: the file ends without ---"},
		"text behind the end":          {"1 0\n1 2 3 4\n1\n---\n\n1 0\n", `line 6: "1 0" behind`},
		"a line longer than is read":   {strings.Repeat("0 ", 100_000) + "\n", "line 1: "},
		"not a text":                   {"\x89PNG\r\n\x1a\n", "line 1: "},
		"a confidence of more than it": {"1 0\n1 2 3 4\n1 1\n---\n", "line 3: 2 numbers"},
	}
	for name, c := range cases {
		_, _, err := ReadLabels(strings.NewReader(c.file), "Labels/7.txt")
		if err == nil || !strings.HasPrefix(err.Error(), "Labels/7.txt: "+c.want) {
			t.Errorf("%s: got error %v, want Labels/7.txt: %s…", name, err, c.want)
		}
	}
}

func TestEncodeLabelsRefuses(t *testing.T) {
	nothing := LabelCell{-1, 16, 16, 32, 32}
	cases := map[string]struct {
		cells []LabelCell
		want  string
	}{
		"too few cells":                {[]LabelCell{nothing}, "number of cells"},
		"a centre in another cell":     {[]LabelCell{{0, 40, 10, 4, 4}, nothing, nothing, nothing}, "cell 0: the centre 40, 10"},
		"a class that does not exist":  {[]LabelCell{nothing, {2, 40, 10, 4, 4}, nothing, nothing}, "cell 1: class 2 of 2"},
		"a centre outside the picture": {[]LabelCell{nothing, nothing, nothing, {0, 70, 70, 4, 4}}, "cell 3: the centre"},
	}
	for name, c := range cases {
		if err := wordGrid().EncodeLabels(c.cells, make([]float32, 32)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
	y := make([]float32, 32)
	if err := wordGrid().EncodeLabels([]LabelCell{{0, 32, 10, 4, 4}, nothing, nothing, nothing}, y); err != nil || y[3] != 1 {
		t.Errorf("a centre on the cell's right edge: got x %v, %v, want 1", y[3], err)
	}
}

func FuzzReadLabels(f *testing.F) {
	f.Add([]byte(articleLabels))
	f.Fuzz(func(t *testing.T, file []byte) {
		classes, want, err := ReadLabels(bytes.NewReader(file), "fuzz")
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteLabels(&again, classes, want); err != nil {
			t.Fatal(err)
		}
		n, got, err := ReadLabels(&again, "again")
		if err != nil || n != classes || !reflect.DeepEqual(got, want) {
			t.Errorf("got %d, %v, %v, want %d, %v", n, got, err, classes, want)
		}
	})
}
