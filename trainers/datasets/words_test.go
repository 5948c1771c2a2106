package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gonyx/gonyx/onnx/features"
)

func newWords(t testing.TB, set map[string]string) *Words {
	t.Helper()
	w, err := NewWords(Config{Seed: 7, Limit: 300, Set: set})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// read gives the rows' bytes, field after field.
func read(t testing.TB, d Dataset, epoch int, rows ...int) []byte {
	t.Helper()
	batch := NewBatch(d.Info(), len(rows))
	if err := d.Read(epoch, rows, batch); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, b := range batch {
		all = append(all, b.Data...)
	}
	return all
}

func TestAWordsRowIsTheSameAloneAndAmongOthers(t *testing.T) {
	for name, set := range map[string]map[string]string{
		"plain":      nil,
		"everything": {"noise": "0.2", "colours": "true", "font-size": "1-2", "grid": "3x2", "size": "72x50", "words": "cat,7-up"},
	} {
		w, same := newWords(t, set), newWords(t, set)
		info := w.Info()
		batch, one := NewBatch(info, 3), NewBatch(info, 1)
		if err := w.Read(2, []int{5, 299, 0}, batch); err != nil {
			t.Fatal(err)
		}
		for i, row := range []int{5, 299, 0} {
			if err := same.Read(2, []int{row}, one); err != nil {
				t.Fatal(err)
			}
			for f := range one {
				n := len(one[f].Data)
				if !slices.Equal(batch[f].Data[i*n:(i+1)*n], one[f].Data) {
					t.Errorf("%s: row %d, field %s: got other bytes alone than among others", name, row, info.Fields[f].Name)
				}
			}
		}
	}
}

func TestWordsAreReadByManyAtOnce(t *testing.T) {
	w := newWords(t, map[string]string{"noise": "0.1"})
	want := read(t, w, 0, 3, 4)
	got := make([][]byte, 8)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			batch := NewBatch(w.Info(), 2)
			if err := w.Read(0, []int{3, 4}, batch); err == nil {
				got[i] = append(got[i], batch[0].Data...)
				got[i] = append(got[i], batch[1].Data...)
			}
		})
	}
	all.Wait()
	for i := range got {
		if !slices.Equal(got[i], want) {
			t.Errorf("reader %d: got other bytes than alone", i)
		}
	}
}

func TestWordsDifferWhereTheyMust(t *testing.T) {
	fresh, fixed := newWords(t, nil), newWords(t, map[string]string{"fresh": "false"})
	other, err := NewWords(Config{Seed: 8, Limit: 300})
	if err != nil {
		t.Fatal(err)
	}
	rows := []int{0, 1, 2, 3}
	base := read(t, fresh, 0, rows...)
	cases := map[string]struct {
		got  []byte
		same bool
	}{
		"the next epoch":                  {read(t, fresh, 1, rows...), false},
		"other rows":                      {read(t, fresh, 0, 4, 5, 6, 7), false},
		"another seed":                    {read(t, other, 0, rows...), false},
		"held out":                        {read(t, fresh.HeldOut(4), 0, rows...), false},
		"for files":                       {read(t, fresh.ForFiles(4), 0, rows...), false},
		"the first epoch of fixed ones":   {read(t, fixed, 0, rows...), true},
		"the fourth epoch of fixed ones":  {read(t, fixed, 3, rows...), true},
		"the same again":                  {read(t, fresh, 0, rows...), true},
		"the same of fewer rows an epoch": {read(t, First(fresh, 4), 0, rows...), true},
	}
	for name, c := range cases {
		if got := slices.Equal(c.got, base); got != c.same {
			t.Errorf("%s: got the same bytes: %v, want %v", name, got, c.same)
		}
	}
	held := fresh.HeldOut(4)
	if !slices.Equal(read(t, held, 0, rows...), read(t, held, 9, rows...)) {
		t.Error("held-out rows: got others in another epoch, want the same")
	}
}

// The bytes that a seed gives are a promise: runs are resumed and figures are compared on them.
func TestWordsOfASeedAreFixed(t *testing.T) {
	cases := map[string]struct {
		set  map[string]string
		want string
	}{
		"plain":      {nil, "3413271c38197bec"},
		"everything": {map[string]string{"noise": "0.2", "colours": "true", "font-size": "1-2"}, "20e138ad54d96ae9"},
	}
	for name, c := range cases {
		sum := sha256.Sum256(read(t, newWords(t, c.set), 1, 0, 1, 2, 250))
		if got := hex.EncodeToString(sum[:8]); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestWordsAreAsTheTaskSays(t *testing.T) {
	w := newWords(t, nil)
	info, g := w.Info(), w.Info().Recipe.Grid()
	const n = 3000
	w.info.Rows = n
	batch := NewBatch(info, 1)
	counts := [4][3]int{}
	centres := map[[2]int]int{} // within the cell
	for row := range n {
		if err := w.Read(0, []int{row}, batch); err != nil {
			t.Fatal(err)
		}
		boxes := g.Objects(batch[1].Float32s())
		empty := [4]bool{true, true, true, true}
		covered := make([]bool, 64*64)
		for _, b := range boxes {
			cell := g.CellOf(b.CX, b.CY)
			empty[cell] = false
			counts[cell][b.Class]++
			centres[[2]int{int(b.CX) % 32, int(b.CY) % 32}]++
			if want := [][2]float64{{24, 10}, {18, 10}}[b.Class]; b.W != want[0] || b.H != want[1] {
				t.Fatalf("row %d: got a box of %v × %v, want %v", row, b.W, b.H, want)
			}
			if b.CX != math.Trunc(b.CX) || b.CY != math.Trunc(b.CY) {
				t.Fatalf("row %d: got the centre %v, %v, want whole pixels", row, b.CX, b.CY)
			}
			for y := max(0, b.CY-5); y < min(64, b.CY+5); y++ {
				for x := max(0, b.CX-b.W/2); x < min(64, b.CX+b.W/2); x++ {
					covered[int(y)*64+int(x)] = true
				}
			}
		}
		for cell, e := range empty {
			if e {
				counts[cell][2]++
			}
		}
		x := batch[0].Float32s()
		for i := range 64 * 64 {
			if r := x[i]; r != 0 && r != 1 || r != x[4096+i] || r != x[8192+i] || r == 1 && !covered[i] {
				t.Fatalf("row %d, pixel %d: got %v %v %v, covered by a box: %v; want white only in boxes, else black",
					row, i, r, x[4096+i], x[8192+i], covered[i])
			}
		}
	}
	for cell, c := range counts {
		for kind, got := range c { // a binomial of 1/3: five standard deviations are 129
			if got < n/3-129 || got > n/3+129 {
				t.Errorf("cell %d: got %d of %d times what %d stands for, want about a third", cell, got, n, kind)
			}
		}
	}
	if len(centres) < 1020 { // about 7.8 on each of 1024 places; none is missed with 0.4 of them expected
		t.Errorf("got centres on %d pixels of a cell, want nearly all of 1024", len(centres))
	}
}

func TestNewWordsRefuses(t *testing.T) {
	cases := map[string]struct{ key, value, want string }{
		"an option that is none":        {"sise", "64", `no option "sise"`},
		"a size of words":               {"size", "big", "option size=big"},
		"a negative size":               {"size", "-64", "option size=-64"},
		"a size beyond reason":          {"size", "99999999", "option size"},
		"a size that a word exceeds":    {"size", "20", `"chat" takes 24 × 10`},
		"letters that a picture is not": {"font-size", "7", `"chat" takes 168 × 70`},
		"font sizes turned round":       {"font-size", "2-1", "the smaller one"},
		"no cells":                      {"grid", "0", "option grid=0"},
		"cells below a pixel":           {"grid", "100", "a cell needs a pixel"},
		"a letter the font has not":     {"words", "chat,Ratte", `has no 'R'`},
		"a letter of two bytes":         {"words", "é", `has no 'é'`},
		"an empty word":                 {"words", "chat,", "not a word"},
		"a word twice":                  {"words", "rat,rat", "twice"},
		"the word that means nothing":   {"words", "none", "not a word"},
		"noise beyond one":              {"noise", "1.5", "option noise"},
		"noise that is no number":       {"noise", "NaN", "option noise"},
		"neither true nor false":        {"fresh", "maybe", "option fresh=maybe"},
	}
	for name, c := range cases {
		_, err := NewWords(Config{Set: map[string]string{c.key: c.value}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
		if option := new(OptionError); !errors.As(err, &option) {
			t.Errorf("%s: got a %T, want an OptionError", name, err)
		}
	}
}

func TestWordsRecipeIsComplete(t *testing.T) {
	w := newWords(t, map[string]string{"words": "cat,dog,cow", "size": "96x64", "grid": "3x2", "font-size": "1-2"})
	metadata, err := w.Info().Recipe.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	r, ok, err := features.Restore(metadata)
	if err != nil || !ok {
		t.Fatalf("got %v, %v, want a recipe", ok, err)
	}
	if got, want := r.Grid(), (features.Grid{Columns: 3, Rows: 2, Boxes: 1, Classes: 3, Width: 96, Height: 64}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := r.Detection.BoxSizes[0], [2]float64{27, 15}; got != want {
		t.Errorf("got the size %v, want %v", got, want)
	}
}

func TestEveryGlyphIsItsOwn(t *testing.T) {
	seen := map[glyph]rune{}
	letters := glyphs()
	for _, r := range "abcdefghijklmnopqrstuvwxyz0123456789-" {
		g, ok := letters[r]
		if !ok || g == (glyph{}) {
			t.Errorf("%q: got no ink, want some", r)
		}
		if other, twice := seen[g]; twice {
			t.Errorf("%q looks like %q", r, other)
		}
		seen[g] = r
	}
}

func BenchmarkWords(b *testing.B) {
	for name, set := range map[string]map[string]string{"plain": nil, "noise=0.2,colours": {"noise": "0.2", "colours": "true"}} {
		b.Run(name, func(b *testing.B) {
			w := newWords(b, set)
			batch := NewBatch(w.Info(), 16)
			rows := make([]int, 16)
			for b.Loop() {
				if err := w.Read(0, rows, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*16/b.Elapsed().Seconds(), "images/s")
		})
	}
}

var _ Dataset = (*Words)(nil)
var _ generated = (*Words)(nil)
