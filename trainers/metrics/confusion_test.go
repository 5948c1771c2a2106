package metrics

import (
	"math"
	"testing"
)

func TestConfusionFigures(t *testing.T) {
	c := NewConfusion([]string{"a", "b", "c"})
	for truth, row := range [][]int{{6, 2, 0}, {1, 3, 0}, {0, 0, 0}} {
		for predicted, n := range row {
			for range n {
				c.Add(truth, predicted)
			}
		}
	}
	nan := math.NaN()
	cases := map[string]struct{ got, want float64 }{
		"accuracy":                          {c.Accuracy(), 9. / 12},
		"precision of a":                    {c.Precision(0), 6. / 7},
		"precision of b":                    {c.Precision(1), 3. / 5},
		"precision of what never was":       {c.Precision(2), nan},
		"recall of a":                       {c.Recall(0), 6. / 8},
		"recall of b":                       {c.Recall(1), 3. / 4},
		"recall of what is not there":       {c.Recall(2), nan},
		"f1 of a":                           {c.F1(0), 2 * (6. / 7) * (6. / 8) / (6./7 + 6./8)},
		"f1 of what is nowhere":             {c.F1(2), nan},
		"macro f1, without what is nowhere": {c.MacroF1(), (2*6./15 + 2*3./9) / 2},
		"macro f1 of nothing":               {NewConfusion([]string{"a"}).MacroF1(), nan},
		"accuracy of nothing":               {NewConfusion([]string{"a"}).Accuracy(), nan},
		"the number of rows, as float":      {float64(c.Total()), 12},
	}
	for name, k := range cases {
		if math.IsNaN(k.got) != math.IsNaN(k.want) || math.Abs(k.got-k.want) > 1e-12 {
			t.Errorf("%s: got %v, want %v", name, k.got, k.want)
		}
	}
}
