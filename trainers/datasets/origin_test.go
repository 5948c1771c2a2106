package datasets

import "testing"

func TestRowsOfPartsKnowWhereTheyAreFrom(t *testing.T) {
	whole, err := NewNews(Config{Seed: 3, Limit: 40})
	if err != nil {
		t.Fatal(err)
	}
	train, held, err := Split(Still(First(whole, 30)), 0.3, 5)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[int]bool)
	for name, d := range map[string]Dataset{"training": train, "held out": held} {
		if !HasTexts(d) {
			t.Errorf("%s: got no texts, want those of the whole", name)
		}
		x, y := NewBatch(d.Info(), 1), NewBatch(d.Info(), 1)
		for i := range d.Info().Rows {
			at := Origin(d, i)
			if seen[at] || at >= 30 {
				t.Errorf("%s: row %d is row %d of the whole, want one of 30 that no other is", name, i, at)
			}
			seen[at] = true
			if got, want := Text(d, i), whole.Text(at); got != want {
				t.Errorf("%s: row %d: got text %q, want %q", name, i, got, want)
			}
			if err := d.Read(0, []int{i}, x); err != nil {
				t.Fatal(err)
			}
			if err := whole.Read(0, []int{at}, y); err != nil {
				t.Fatal(err)
			}
			if string(x[0].Data) != string(y[0].Data) {
				t.Errorf("%s: row %d is not row %d of the whole", name, i, at)
			}
		}
	}
	if len(seen) != 30 {
		t.Errorf("got %d rows, want 30", len(seen))
	}
}

func TestDataWithoutTextsSaysSo(t *testing.T) {
	d, err := NewDigits(Config{Limit: 4})
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]Dataset{"whole": d, "part": First(d, 2), "no rows": Subset(d, nil)} {
		if HasTexts(d) {
			t.Errorf("%s: got texts, want none", name)
		}
	}
	if got := Text(d, 1); got != "" {
		t.Errorf("got text %q, want none", got)
	}
}
