package datasets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx/features"
)

func table(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// readRows gives x and y of all rows.
func readRows(t *testing.T, d Dataset) (x, y [][]float32) {
	t.Helper()
	info := d.Info()
	for i := range info.Rows {
		batch := NewBatch(info, 1)
		if err := d.Read(0, []int{i}, batch); err != nil {
			t.Fatal(err)
		}
		x, y = append(x, batch[0].Float32s()), append(y, batch[1].Float32s())
	}
	return x, y
}

func TestTextsOfEveryFormatAreTheSame(t *testing.T) {
	want, err := Open(table(t, "a.csv", "the cat,10\n\"the, rat\",9\nrat,10\n"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got := want.Info().Recipe.Classes; !reflect.DeepEqual(got, []string{"9", "10"}) {
		t.Errorf("got classes %q, want 9 and 10", got)
	}
	wantX, wantY := readRows(t, want)
	if len(wantX[0]) != DefaultWords || !reflect.DeepEqual(wantY, [][]float32{{0, 1}, {1, 0}, {0, 1}}) {
		t.Errorf("got %d columns and targets %v, want %d columns and the rows' classes one-hot", len(wantX[0]), wantY, DefaultWords)
	}
	cases := map[string]struct {
		name, text string
		layout     features.Layout
	}{
		"tabs, label first":     {"b.tsv", "10\tthe cat\n9\tthe, rat\n10\trat\n", features.Layout{TextColumn: "1", LabelColumn: "0"}},
		"a header":              {"b.csv", "id,kind,words\n1,10,the cat\n2,9,\"the, rat\"\n3,10,rat\n", features.Layout{TextColumn: "words", LabelColumn: "kind", Header: true}},
		"another delimiter":     {"b.csv", "the cat|10\nthe, rat|9\nrat|10\n", features.Layout{Delimiter: "|"}},
		"an escape character":   {"b.csv", "the cat,10\nthe\\, rat,9\nrat,10\n", features.Layout{Escape: `\`}},
		"a tab as it is typed":  {"b.csv", "the cat\t10\nthe, rat\t9\nrat\t10\n", features.Layout{Delimiter: `\t`}},
		"JSON objects":          {"b.jsonl", "{\"text\":\"the cat\",\"label\":10}\n{\"label\":\"9\",\"text\":\"the, rat\"}\n{\"text\":\"rat\",\"label\":10}\n", features.Layout{}},
		"JSON lists":            {"b.jsonl", "[\"the cat\",10]\n[\"the, rat\",9]\n[\"rat\",10]\n", features.Layout{TextColumn: "0", LabelColumn: "1"}},
		"JSON of other keys":    {"b.jsonl", "{\"t\":\"the cat\",\"l\":10}\n{\"t\":\"the, rat\",\"l\":9}\n{\"t\":\"rat\",\"l\":10}\n", features.Layout{TextColumn: "t", LabelColumn: "l"}},
		"a byte order mark":     {"b.csv", "\ufeffthe cat,10\nthe. rat,9\nrat,10\n", features.Layout{}},
		"Windows' line breaks":  {"b.csv", "the cat,10\r\nthe rat,9\r\nrat,10\r\n", features.Layout{}},
		"columns beyond needed": {"b.csv", "the cat,10,x\nthe rat,9\nrat,10,y,z\n", features.Layout{}},
	}
	for name, c := range cases {
		got, err := Open(table(t, c.name, c.text), Config{Layout: c.layout})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if x, y := readRows(t, got); !reflect.DeepEqual(x, wantX) || !reflect.DeepEqual(y, wantY) {
			t.Errorf("%s: got other rows than of the plain table", name)
		}
	}
}

func TestTextsReportBadRows(t *testing.T) {
	text := "a,1\nshort\n\"b\"c,1\nd,2\ne\xff,2\nf,\n"
	path := table(t, "a.csv", text)
	if _, err := Open(path, Config{}); err == nil || !strings.Contains(err.Error(), "line 2") || !strings.Contains(err.Error(), "bad-rows=skip") {
		t.Errorf("got %v, want an error that names line 2 and the way out", err)
	}
	var warned []string
	d, err := Open(path, Config{Set: map[string]string{"bad-rows": "skip"}, Warn: func(text string) { warned = append(warned, text) }})
	if err != nil {
		t.Fatal(err)
	}
	if d.Info().Rows != 2 {
		t.Errorf("got %d rows, want 2", d.Info().Rows)
	}
	all := strings.Join(warned, "\n")
	for _, want := range []string{"line 2", "line 3", "line 5", "line 6", "4 of 6 rows"} {
		if !strings.Contains(all, want) {
			t.Errorf("got warnings %q, want one with %q", warned, want)
		}
	}
}

func TestTextsRefuse(t *testing.T) {
	option := new(*OptionError)
	cases := map[string]struct {
		text   string
		c      Config
		misuse bool
		want   string
	}{
		"no rows":                {"\n", Config{}, false, "no rows"},
		"a column by name":       {"a,1\n", Config{Layout: features.Layout{TextColumn: "text"}}, true, "--text-column"},
		"a label by name":        {"a,1\n", Config{Layout: features.Layout{LabelColumn: "kind"}}, true, "--label-column"},
		"a long delimiter":       {"a,1\n", Config{Layout: features.Layout{Delimiter: "::"}}, true, "delimiter"},
		"an escape of two":       {"a,1\n", Config{Layout: features.Layout{Escape: "ab"}}, true, "escape"},
		"an unknown option":      {"a,1\n", Config{Set: map[string]string{"size": "3"}}, true, "no option"},
		"one label alone":        {"a,1\nb,1\n", Config{}, false, `all 2 rows have the label "1"`},
		"an escape that parts":   {"a,1\n", Config{Layout: features.Layout{Escape: ","}}, true, "it is the delimiter"},
		"no words at all":        {"a,1\n", Config{Set: map[string]string{"words": "0"}}, true, "words=0"},
		"more than memory":       {strings.Repeat("a,1\n", 100), Config{MemoryLimit: 1000}, false, "--limit"},
		"a class unknown":        {"a,1\nb,3\n", Config{Features: fitted(t)}, false, `label "3"`},
		"features of other kind": {"a,1\n", Config{Features: &features.Recipe{}}, false, "not those of texts"},
	}
	for name, c := range cases {
		_, err := Open(table(t, "a.csv", c.text), c.c)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, option) != c.misuse {
			t.Errorf("%s: got %T %v, want an error with %q, misuse %v", name, err, err, c.want, c.misuse)
		}
	}
}

func fitted(t *testing.T) *features.Recipe {
	t.Helper()
	d, err := Open(table(t, "fit.csv", "a b,1\nb c,2\n"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	return d.Info().Recipe
}

func TestTextsOfAModelLearnNothing(t *testing.T) {
	recipe := fitted(t)
	d, err := Open(table(t, "new.csv", "x y z,2\nb b,2\n"), Config{Features: recipe})
	if err != nil {
		t.Fatal(err)
	}
	x, y := readRows(t, d)
	want := make([]float32, recipe.Text.Columns)
	if !reflect.DeepEqual(x[0], want) {
		t.Error("unknown words: got features, want none")
	}
	recipe.Text.Row("b b").Fill(want)
	if !reflect.DeepEqual(x[1], want) || !reflect.DeepEqual(y, [][]float32{{0, 1}, {0, 1}}) {
		t.Errorf("got targets %v, want the model's class 1 and its features", y)
	}
}

// Held-out rows must not be learnt from: whatever they say, the features of the others stay the same.
func TestVocabularyIsLearntFromTrainingRowsAlone(t *testing.T) {
	text := func(hold string) string {
		_, out := parted(20, 0.25, 7)
		held := fmt.Sprint(out)
		var b strings.Builder
		for i := range 20 {
			word := fmt.Sprintf("w%d same", i)
			if strings.Contains(" "+strings.Trim(held, "[]")+" ", fmt.Sprintf(" %d ", i)) {
				word = hold
			}
			fmt.Fprintf(&b, "%s,%d\n", word, i%2)
		}
		return b.String()
	}
	fit := func(hold string, set map[string]string) *features.Text {
		d, err := Open(table(t, "a.csv", text(hold)), Config{ValidationSplit: 0.25, Seed: 7, Set: set})
		if err != nil {
			t.Fatal(err)
		}
		train, held, err := Split(d, 0.25, 7)
		if err != nil || train.Info().Rows != 15 || held.Info().Rows != 5 {
			t.Fatalf("got %v, want 15 and 5 rows", err)
		}
		return d.Info().Recipe.Text
	}
	if one, two := fit("secret", nil), fit("other words", nil); !reflect.DeepEqual(one, two) {
		t.Errorf("got words %q and %q, want the same for the same training rows", one.Words, two.Words)
	}
	all := map[string]string{"vocabulary": "all"}
	if one, two := fit("secret", all), fit("other words", all); reflect.DeepEqual(one, two) {
		t.Error("vocabulary=all: got the same words, want those of held-out rows in it")
	}
}

func TestNewsCanBeToldApart(t *testing.T) {
	d, err := NewNews(Config{Limit: 400, Seed: 3, Set: map[string]string{"words": "500"}})
	if err != nil {
		t.Fatal(err)
	}
	// The nearest mean of the classes, learnt from one half, judges the other.
	x, y := readRows(t, d)
	means := make([][]float32, len(y[0]))
	for c := range means {
		means[c] = make([]float32, len(x[0]))
		for i := range 200 {
			for j, v := range x[i] {
				means[c][j] += v * y[i][c]
			}
		}
	}
	right := 0
	for i := 200; i < 400; i++ {
		scores := make([]float32, len(means))
		for c, m := range means {
			for j, v := range x[i] {
				scores[c] += v * m[j]
			}
		}
		if y[i][features.Best(scores, 1)[0].Class] == 1 {
			right++
		}
	}
	if right < 120 || right == 200 {
		t.Errorf("got %d of 200 right, want most of them, not all", right)
	}
}

func TestNewsWrittenIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "news.csv")
	if err := WriteNews(context.Background(), path, 5, 50); err != nil {
		t.Fatal(err)
	}
	d, err := Open(path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Info(); got.Rows != 50 || len(got.Recipe.Classes) != len(newsTopics) {
		t.Errorf("got %d rows of classes %q, want 50 of four classes", got.Rows, got.Recipe.Classes)
	}
}

func TestTextsOfAGNews(t *testing.T) {
	d, err := Open(shared(t, "data", "ag_news", "train.csv"), Config{Layout: features.Layout{TextColumn: "1", LabelColumn: "0"}, ValidationSplit: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Info(); got.Rows != 4000 || !reflect.DeepEqual(got.Recipe.Classes, []string{"0", "1", "2", "3"}) {
		t.Errorf("got %d rows of %q, want 4000 of four classes", got.Rows, got.Recipe.Classes)
	}
}

// shared finds data that stands beside the repository, or skips the test.
func shared(t *testing.T, path ...string) string {
	t.Helper()
	root := os.Getenv("GONYX_SHARED")
	for dir := ".."; root == "" && len(dir) < 40; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			root = filepath.Join(dir, "..", "shared")
		}
	}
	found := filepath.Join(append([]string{root}, path...)...)
	if _, err := os.Stat(found); err != nil {
		t.Skipf("needs %s beside the repository: set GONYX_SHARED", filepath.Join(path...))
	}
	return found
}
