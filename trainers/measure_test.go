package trainers

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// smallNews is a classifier that trains in a moment.
func smallNews() Spec {
	return Spec{Network: "news", Limit: 120, Epochs: 2, BatchSize: 16, Set: map[string]string{"words": "60", "units": "8"}}
}

// fitted prepares a spec and fits it, with changes to the options.
func fitted(t *testing.T, s Spec, change func(*Options)) (*Job, *Result) {
	t.Helper()
	job, err := s.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	o := job.Options()
	o.Threads = 1
	if change != nil {
		change(&o)
	}
	result, err := Fit(t.Context(), job.Network, job.Data, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(result.Close)
	return job, result
}

// The metrics of a classifier are counted again from its predictions.
func TestClassifierIsMeasured(t *testing.T) {
	job, result := fitted(t, smallNews(), nil)
	var table strings.Builder
	if err := WriteResults(&table, job.Network, result.History); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.SplitN(table.String(), "\n", 2)[0], "epoch,loss,val_loss,val_accuracy,val_f1,learning_rate,seconds"; got != want {
		t.Errorf("got columns %s, want %s", got, want)
	}
	info := result.Validation.Info()
	batch := datasets.NewBatch(info, info.Rows)
	rows := make([]int, info.Rows)
	for i := range rows {
		rows[i] = i
	}
	if err := result.Validation.Read(0, rows, batch); err != nil {
		t.Fatal(err)
	}
	_, x := info.Field(datasets.FieldX)
	_, y := info.Field(datasets.FieldY)
	out, err := result.Predict(nil, []*onnx.Tensor{batch[x]})
	if err != nil {
		t.Fatal(err)
	}
	const classes = 4
	var right, there, taken [classes]float64
	all := 0.0
	for i := range rows {
		p, q := out.Float32s()[i*classes:(i+1)*classes], batch[y].Float32s()[i*classes:(i+1)*classes]
		guess, truth := slices.Index(p, slices.Max(p)), slices.Index(q, 1)
		there[truth]++
		taken[guess]++
		if guess == truth {
			right[truth]++
			all++
		}
	}
	f1, n := 0.0, 0.0
	for c := range classes {
		if there[c]+taken[c] > 0 {
			f1 += 2 * right[c] / (there[c] + taken[c])
			n++
		}
	}
	last := result.History[len(result.History)-1].Metrics
	for i, want := range []Metric{{"accuracy", all / float64(len(rows))}, {"f1", f1 / n}} {
		if got := last[i]; got.Name != want.Name || math.Abs(got.Value-want.Value) > 1e-12 {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	m, err := result.Measure(nil, result.Validation)
	if err != nil {
		t.Fatal(err)
	}
	if m.Confusion.Total() != info.Rows || m.Confusion.Accuracy() != last[0].Value {
		t.Errorf("got %d rows with accuracy %v, want %d with %v", m.Confusion.Total(), m.Confusion.Accuracy(), info.Rows, last[0].Value)
	}
}
