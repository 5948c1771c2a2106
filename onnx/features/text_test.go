package features

import (
	"encoding/csv"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx/rows"
)

func TestWords(t *testing.T) {
	cases := map[string]struct {
		text string
		want []string
	}{
		"punctuation parts words":            {"Oil-price: $70 (up)!", []string{"oil", "price", "70", "up"}},
		"an apostrophe stays":                {"Iraq's", []string{"iraq's"}},
		"tab and newline part, no-break not": {"a\tb\nc\u00a0d", []string{"a", "b", "c\u00a0d"}},
		"a carriage return stays":            {"a\rb", []string{"a\rb"}},
		"nothing but blanks":                 {"  ,. ", []string{}},
		"nothing":                            {"", []string{}},
		"a dotted capital I":                 {"İstanbul", []string{"i̇stanbul"}},
		"a sigma at a word's end":            {"ΟΔΟΣ ΣΟΦΟΣ", []string{"οδος", "σοφος"}},
		"a lone sigma":                       {"Σ", []string{"σ"}},
		"other scripts":                      {"猫 ЁЖ", []string{"猫", "ёж"}},
	}
	for name, c := range cases {
		if got := Words(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: Words(%q) = %q, want %q", name, c.text, got, c.want)
		}
	}
}

func TestVocabularyRanksByCountThenByAppearance(t *testing.T) {
	c := NewCounter()
	for _, text := range []string{"b a b", "c a", "d"} {
		c.Add(text)
	}
	got := c.Text(4)
	if want := []string{"b", "a", "c"}; !slices.Equal(got.Words, want) {
		t.Errorf("got words %q, want %q: b and a twice, c before d, and three fit beside column 0", got.Words, want)
	}
	idf := func(with float64) float32 { return float32(math.Log(1 + 3/(1+with))) } // of three texts
	if want := []float32{idf(1), idf(2), idf(1)}; !slices.Equal(got.IDF, want) {
		t.Errorf("got weights %v, want %v", got.IDF, want)
	}
	row := got.Row("c b, b d nothing")
	want := Sparse{[]int32{1, 3}, []float32{float32(1+math.Ln2) * idf(1), idf(1)}}
	if !reflect.DeepEqual(row, want) {
		t.Errorf("got row %v, want %v", row, want)
	}
	dense := []float32{9, 9, 9, 9}
	if row.Fill(dense); dense[0] != 0 || dense[1] != want.Values[0] || dense[2] != 0 || dense[3] != want.Values[1] {
		t.Errorf("got %v, want %v laid out in columns", dense, want)
	}
}

func TestTextFeaturesAreThoseOfTheReference(t *testing.T) {
	file, err := os.Open(shared(t, "data", "ag_news", "train.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := rows.ReadNPZFile(shared(t, "parity", "tfidf.npz"), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := arrays[0] // [64, 1000]
	counter := NewCounter()
	for _, r := range records {
		counter.Add(r[1])
	}
	text := counter.Text(int(want.Dims[1]))
	row, worst := make([]float32, text.Columns), 0.0
	for i := range want.Dims[0] {
		text.Row(records[i][1]).Fill(row)
		for j, got := range row {
			w := want.Float32s()[int(i)*text.Columns+j]
			if (got == 0) != (w == 0) {
				t.Fatalf("row %d column %d: got %v, want %v", i, j, got, w)
			}
			if w != 0 {
				worst = max(worst, math.Abs(float64(got)/float64(w)-1))
			}
		}
	}
	if t.Logf("largest relative difference %.3g", worst); worst > 1e-6 {
		t.Errorf("got a relative difference of %g, want at most 1e-6", worst)
	}
}

func TestTextRestoredGivesTheSameBits(t *testing.T) {
	r := textRecipe()
	metadata, err := r.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := Restore(metadata)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"The rat, the größer 猫", "", "b b b unknown"} {
		if got, want := again.Text.Row(text), r.Text.Row(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestClassNames(t *testing.T) {
	cases := map[string]struct{ labels, want string }{
		"words by their characters":       {"sport world sport Art", "Art sport world"},
		"numbers by value":                {"10 9 -1 10", "-1 9 10"},
		"numbers with zeros before":       {"10 09 1", "09 1 10"},
		"numbers and a word by character": {"10 9 a", "10 9 a"},
	}
	for name, c := range cases {
		if got := ClassNames(strings.Fields(c.labels)); !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestBest(t *testing.T) {
	nan := float32(math.NaN())
	got := Best([]float32{0.1, nan, 0.6, 0.1, 0.2}, 4)
	if want := []Scored{{2, 0.6}, {4, 0.2}, {0, 0.1}, {3, 0.1}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Best([]float32{1}, 3); len(got) != 1 {
		t.Errorf("got %v, want one class, for there are no more", got)
	}
}

func FuzzWords(f *testing.F) {
	f.Add("Oil-price: $70 İΣ\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, w := range Words(text) {
			if again := Words(w); len(again) != 1 || again[0] != w {
				t.Errorf("%q: its word %q falls into %q", text, w, again)
			}
		}
	})
}
