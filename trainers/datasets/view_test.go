package datasets

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// numbered is a data set whose rows hold their own numbers.
type numbered int

func (n numbered) Info() Info {
	return Info{Name: "numbered", Rows: int(n), Fields: []Field{{FieldX, onnx.Float, []int64{1}}}}
}

func (n numbered) Read(_ int, rows []int, into []*onnx.Tensor) error {
	mustFit(n.Info(), rows, into)
	for i, r := range rows {
		into[0].Float32s()[i] = float32(r)
	}
	return nil
}

func (n numbered) Digest() (string, error) { return "numbered", nil }

// numbersOf reads all rows.
func numbersOf(t *testing.T, d Dataset) []int {
	t.Helper()
	n := d.Info().Rows
	rows, batch := make([]int, n), NewBatch(d.Info(), n)
	for i := range rows {
		rows[i] = i
	}
	if err := d.Read(0, rows, batch); err != nil {
		t.Fatal(err)
	}
	numbers := make([]int, n)
	for i, v := range batch[0].Float32s() {
		numbers[i] = int(v)
	}
	return numbers
}

func TestSplitPartsEveryRowOnce(t *testing.T) {
	cases := map[string]struct {
		rows     int
		fraction float64
		held     int
	}{
		"a tenth":                   {100, 0.1, 10},
		"a tenth rounded":           {27, 0.1, 3},
		"at least one":              {3, 0.1, 1},
		"all but one":               {3, 0.99, 2},
		"two rows":                  {2, 0.5, 1},
		"nine tenths of very many":  {10_000, 0.9, 9000},
		"of one row none with zero": {1, 0, 0},
	}
	for name, c := range cases {
		train, held, err := Split(numbered(c.rows), c.fraction, 3)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		in, out := numbersOf(t, train), []int{}
		if held != nil {
			out = numbersOf(t, held)
		}
		if len(out) != c.held || !slices.IsSorted(in) || !slices.IsSorted(out) {
			t.Errorf("%s: got %d held out, sorted: %v and %v, want %d and sorted", name, len(out), slices.IsSorted(in),
				slices.IsSorted(out), c.held)
		}
		all := slices.Sorted(slices.Values(append(in, out...)))
		if !slices.Equal(all, numbersOf(t, numbered(c.rows))) {
			t.Errorf("%s: got the rows %v, want each once", name, all)
		}
	}
	if _, held, _ := Split(numbered(10), 0, 3); held != nil {
		t.Errorf("at 0: got %v held out, want nil", held)
	}
	for name, f := range map[string]float64{"all": 1, "below none": -0.1, "nan": math.NaN()} {
		if _, _, err := Split(numbered(10), f, 3); err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
	if _, _, err := Split(numbered(1), 0.1, 3); err == nil {
		t.Error("a tenth of one row: got no error, want one")
	}
}

func TestSplitDependsOnTheSeedAlone(t *testing.T) {
	held := func(seed uint64) []int {
		_, d, err := Split(numbered(1000), 0.1, seed)
		if err != nil {
			t.Fatal(err)
		}
		return numbersOf(t, d)
	}
	if a, b := held(1), held(1); !slices.Equal(a, b) {
		t.Errorf("the same seed: got %v and %v", a, b)
	}
	if a, b := held(1), held(2); slices.Equal(a, b) {
		t.Errorf("another seed: got the same rows %v", a)
	}
}

func TestSplitOfWordsKeepsEveryRowForTraining(t *testing.T) {
	w := newWords(t, nil)
	train, held, err := Split(w, 0.1, 3)
	if err != nil {
		t.Fatal(err)
	}
	if train != Dataset(w) || held.Info().Rows != 30 || held.Info().Fresh {
		t.Errorf("got %d rows for training, %d held out, fresh: %v; want 300, 30, the same every epoch",
			train.Info().Rows, held.Info().Rows, held.Info().Fresh)
	}
}

func TestDigestsTellDataApart(t *testing.T) {
	w := newWords(t, nil)
	sets := map[string]Dataset{
		"words":         w,
		"words, noisy":  newWords(t, map[string]string{"noise": "0.1"}),
		"words, others": newWords(t, map[string]string{"words": "rat,chat"}),
		"held out":      w.HeldOut(300),
		"first ten":     First(w, 10),
		"last ten":      Subset(w, []int{290, 291, 292, 293, 294, 295, 296, 297, 298, 299}),
	}
	seen := map[string]string{}
	for name, d := range sets {
		first, err := d.Digest()
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := d.Digest(); again != first || len(first) != 64 {
			t.Errorf("%s: got %s, then %s, want 64 digits twice", name, first, again)
		}
		if other, twice := seen[first]; twice {
			t.Errorf("%s and %s: got the same digest", name, other)
		}
		seen[first] = name
	}
}

func TestFirstAndSubset(t *testing.T) {
	if got := numbersOf(t, First(numbered(9), 3)); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("got %v, want [0 1 2]", got)
	}
	for _, n := range []int{0, 9, 12} {
		if got := First(numbered(9), n); got != Dataset(numbered(9)) {
			t.Errorf("first %d of 9: got %v, want the whole", n, got)
		}
	}
	if got := numbersOf(t, Subset(Subset(numbered(9), []int{8, 3, 5}), []int{2, 0})); !slices.Equal(got, []int{5, 8}) {
		t.Errorf("got %v, want [5 8]", got)
	}
}

func TestReadPanicsOnProgrammerMistakes(t *testing.T) {
	w := newWords(t, nil)
	short := NewBatch(w.Info(), 1)
	cases := map[string]func(){
		"a row too far":     func() { _ = w.Read(0, []int{300}, NewBatch(w.Info(), 1)) },
		"a negative row":    func() { _ = w.Read(0, []int{-1}, NewBatch(w.Info(), 1)) },
		"too small a batch": func() { _ = w.Read(0, []int{1, 2}, short) },
		"a field missing":   func() { _ = w.Read(0, []int{1}, short[:1]) },
		"another type":      func() { _ = w.Read(0, []int{1}, []*onnx.Tensor{short[0], onnx.NewTensor(onnx.Int32, 1, 4, 8)}) },
	}
	for name, f := range cases {
		func() {
			defer func() {
				if r := recover(); r == nil {
					t.Errorf("%s: got no panic, want one", name)
				} else if text, ok := r.(string); !ok || !strings.HasPrefix(text, "datasets: words: ") {
					t.Errorf("%s: got the panic %v, want one that says what is wrong", name, r)
				}
			}()
			f()
		}()
	}
}
