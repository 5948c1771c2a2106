package datasets

import "testing"

// TestNewsHoldsOutOtherTexts: held-out news are made, not taken from those that are trained on, and read by the words of these.
func TestNewsHoldsOutOtherTexts(t *testing.T) {
	d, err := Open("news", Config{Limit: 40, Seed: 7, ValidationSplit: 0.25})
	if err != nil {
		t.Fatal(err)
	}
	train, held, err := Split(d, 0.25, 7)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := [2]int{train.Info().Rows, held.Info().Rows}, [2]int{40, 10}; got != want {
		t.Errorf("got %v rows to train on and to hold out, want %v", got, want)
	}
	seen := make(map[string]bool)
	for i := range 40 {
		seen[Text(train, i)] = true
	}
	for i := range 10 {
		if seen[Text(held, i)] {
			t.Errorf("got held-out text %d among those of training", i)
		}
	}
	if held.Info().Recipe.Text != train.Info().Recipe.Text {
		t.Error("got words learnt from held-out rows")
	}
	for name, c := range map[string]Config{"few rows": {Limit: 2}, "another seed": {Limit: 2, Seed: 9}} {
		d, err := Open("news", c)
		if err != nil {
			t.Fatal(err)
		}
		if held, ok := HeldOut(d, 50); !ok || held.Info().Rows != 50 || len(held.Info().Recipe.Classes) != len(newsTopics) {
			t.Errorf("%s: got %v, want 50 held-out rows of %d classes", name, ok, len(newsTopics))
		}
	}
}
