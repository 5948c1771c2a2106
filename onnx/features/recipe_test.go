package features

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

func wordRecipe() *Recipe {
	return &Recipe{
		Task:    TaskDetection,
		Classes: []string{"chat", "rat, \"quoted\""},
		Image: &Image{Width: 64, Height: 48, Channels: RGB, Scale: DefaultScale,
			Mean: []float32{0.485, 0.456, 0.406}, Deviation: []float32{0.229, 0.224, 0.225}},
		Detection: &Detection{Columns: 2, Rows: 3, BoxesPerCell: 1, BoxSizes: [][2]float64{{24, 10}, {18, 10}},
			ScoreThreshold: 0.3, IOUThreshold: 0.5},
	}
}

func textRecipe() *Recipe {
	c := NewCounter()
	c.Add("the cat, the rat")
	c.Add("größer; 猫 <b>")
	return &Recipe{Task: TaskClassification, Classes: []string{"0", "1"}, Text: c.Text(100),
		Layout: &Layout{TextColumn: "1", LabelColumn: "label", Header: true, Delimiter: "\t", Escape: "\\"}}
}

func tokensRecipe() *Recipe {
	return &Recipe{Task: TaskClassification, Classes: []string{"0", "1"}, Tokens: KerasTokenizer, Layout: &Layout{TextColumn: "1"}}
}

func TestRestoreAfterMetadataIsTheIdentity(t *testing.T) {
	bare := wordRecipe()
	bare.Image.Mean, bare.Image.Deviation, bare.Detection.BoxSizes = nil, nil, nil
	cases := map[string]*Recipe{
		"everything set":               wordRecipe(),
		"optional parts left out":      bare,
		"classification without image": {Task: TaskClassification, Classes: []string{"a", "b"}},
		"no classes":                   {Task: TaskReconstruction},
		"texts":                        textRecipe(),
		"tokens":                       tokensRecipe(),
		"texts without a known word":   {Task: TaskClassification, Text: NewCounter().Text(3)},
	}
	for name, want := range cases {
		metadata, err := want.Metadata()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		foreign := append([]onnx.Entry{{Key: "gonyx.seed", Value: "1"}, {Key: "author", Value: "x"}}, metadata...)
		got, ok, err := Restore(foreign)
		if err != nil || !ok {
			t.Fatalf("%s: got %v, %v, want a recipe", name, ok, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestRestoreOfForeignMetadata(t *testing.T) {
	if r, ok, err := Restore([]onnx.Entry{{Key: "author", Value: "x"}}); r != nil || ok || err != nil {
		t.Errorf("got %v, %v, %v, want nil, false, nil", r, ok, err)
	}
}

func TestRestoreNamesTheKey(t *testing.T) {
	cases := map[string]struct{ key, value string }{
		"a key of a later version":  {"gonyx.features.vocabulary", "[]"},
		"an unknown task":           {"gonyx.features.task", "divination"},
		"classes that are no list":  {"gonyx.features.classes", "chat,rat"},
		"a word twice":              {"gonyx.features.text.words", `["a","a","c","d","e","f"]`},
		"a word of capitals":        {"gonyx.features.text.words", `["A","b","c","d","e","f"]`},
		"two words in one":          {"gonyx.features.text.words", `["a b","c","d","e","f","g"]`},
		"a weight too few":          {"gonyx.features.text.idf", `[1]`},
		"a weight below zero":       {"gonyx.features.text.idf", `[1,1,1,1,1,-1]`},
		"a weight beyond float32":   {"gonyx.features.text.idf", `[1,1,1,1,1,1e99]`},
		"fewer columns than words":  {"gonyx.features.text.columns", "3"},
		"a long delimiter":          {"gonyx.features.text.delimiter", "::"},
		"a header that is a number": {"gonyx.features.text.header", "1"},
		"another tokenizer":         {"gonyx.features.text.tokenizer", "bert"},
		"tokens of another":         {"gonyx.features.tokens", "bert"},
		"tokens of none":            {"gonyx.features.tokens", ""},
		"tokens beside an image":    {"gonyx.features.tokens", "keras"},
		"classes that are null":     {"gonyx.features.classes", "null"},
		"classes of numbers":        {"gonyx.features.classes", "[1]"},
		"text behind the list":      {"gonyx.features.classes", `["chat","rat"] ["x"]`},
		"no classes":                {"gonyx.features.classes", `[]`},
		"a width that is no number": {"gonyx.features.image.width", "64px"},
		"a huge width":              {"gonyx.features.image.width", "99999999999"},
		"a width of zero":           {"gonyx.features.image.width", "0"},
		"a negative height":         {"gonyx.features.image.height", "-1"},
		"unknown channels":          {"gonyx.features.image.channels", "cmyk"},
		"a scale of zero":           {"gonyx.features.image.scale", "0"},
		"a scale of nan":            {"gonyx.features.image.scale", "NaN"},
		"two means":                 {"gonyx.features.image.mean", "[0,0]"},
		"a deviation of zero":       {"gonyx.features.image.deviation", "[1,0,1]"},
		"a grid of three":           {"gonyx.features.grid", "[2,2,2]"},
		"a grid of nothing":         {"gonyx.features.grid", "[0,2]"},
		"a huge grid":               {"gonyx.features.grid", "[100000,100000]"},
		"no boxes":                  {"gonyx.features.boxes_per_cell", "0"},
		"box sizes of one class":    {"gonyx.features.box_sizes", "[[24,10]]"},
		"a negative box size":       {"gonyx.features.box_sizes", "[[24,10],[-1,10]]"},
		"a threshold of two":        {"gonyx.features.score_threshold", "2"},
		"a threshold of nan":        {"gonyx.features.iou_threshold", "nan"},
	}
	for name, c := range cases {
		recipe := wordRecipe()
		if strings.HasPrefix(c.key, Prefix+"text.") {
			recipe = textRecipe()
		}
		metadata, err := recipe.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for i := range metadata {
			if metadata[i].Key == c.key {
				metadata[i].Value, found = c.value, true
			}
		}
		if !found {
			metadata = append(metadata, onnx.Entry{Key: c.key, Value: c.value})
		}
		if _, _, err := Restore(metadata); err == nil || !strings.Contains(err.Error(), c.key) {
			t.Errorf("%s: got error %v, want one that names %s", name, err, c.key)
		}
	}
}

func TestRestoreMissesEveryNeededKey(t *testing.T) {
	metadata, err := wordRecipe().Metadata()
	if err != nil {
		t.Fatal(err)
	}
	optional := map[string]bool{"image.mean": true, "image.deviation": true, "box_sizes": true,
		"score_threshold": true, "iou_threshold": true}
	for i, e := range metadata {
		rest := append(append([]onnx.Entry{}, metadata[:i]...), metadata[i+1:]...)
		_, _, err := Restore(rest)
		if want := !optional[strings.TrimPrefix(e.Key, Prefix)]; (err != nil) != want {
			t.Errorf("without %s: got error %v, want an error: %v", e.Key, err, want)
		}
	}
	if _, _, err := Restore(append(metadata, metadata[0])); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("task given twice: got error %v, want one", err)
	}
}
